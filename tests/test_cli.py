"""The command line as a person uses it: exit codes, messages, JSON, bad input beside good."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent
FLOW = ["--set", "stages=[camera_flow]", "--workers", "0"]


def run(*arguments: object, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "run_pipeline.py"), *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, cwd=cwd, env={**os.environ, "COLUMNS": "200"}, check=False
    )


@pytest.mark.parametrize("command", ["", "extract", "status", "train", "score", "pack", "demo", "doctor", "weights"])
def test_help_names_an_example(command: str) -> None:
    done = run(*command.split(), "--help")
    assert done.returncode == 0
    assert "Usage:" in done.stdout
    if command not in ("", "weights"):
        assert "Example: python run_pipeline.py" in done.stdout


def test_help_loads_no_heavy_library() -> None:
    heavy = ("torch", "cv2", "numpy", "h5py", "pydantic")
    program = f"import sys, run_pipeline; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "[]"


def test_extract_twice_and_status(make_video, tmp_path: Path) -> None:
    make_video(tmp_path / "in/a.mp4", size=(128, 96))
    first = run("extract", tmp_path / "in", "--cache", tmp_path / "cache", *FLOW)
    assert (first.returncode, "1 extracted" in first.stderr) == (0, True), first.stderr
    again = run("extract", tmp_path / "in", "--cache", tmp_path / "cache", *FLOW)
    assert (again.returncode, "nothing to do: all 1 videos are fresh" in again.stderr) == (0, True)
    status = run("status", tmp_path / "in", "--cache", tmp_path / "cache", "--json", *FLOW[:2])
    rows = json.loads(status.stdout)["rows"]
    assert [(row["video"], row["stage"], row["state"]) for row in rows] == [("a.mp4", "camera_flow", "fresh")]


def test_bad_videos_beside_good_ones(make_video, tmp_path: Path) -> None:
    good = make_video(tmp_path / "in/good.mp4", size=(128, 96), frames=40)
    make_video(tmp_path / "in/one_frame.mp4", size=(128, 96), frames=1)
    make_video(tmp_path / "in/ten_frames.mp4", size=(128, 96), frames=10)
    (tmp_path / "in/truncated.mp4").write_bytes(good.read_bytes()[:-800])
    (tmp_path / "in/empty.mp4").touch()
    (tmp_path / "in/text.mp4").write_text("a text file\n" * 100)
    with av.open(str(tmp_path / "in/sound.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=16000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 16000), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 16000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    done = run("extract", tmp_path / "in", "--cache", tmp_path / "cache", "--json", *FLOW)
    assert done.returncode == 1
    results = {row["video"]: row for row in json.loads(done.stdout)["results"]}
    failed = {name: row["failed"]["camera_flow"] for name, row in results.items() if row["failed"]}
    assert set(failed) == {"truncated.mp4", "empty.mp4", "text.mp4", "sound.mp4"}
    assert all("\n" not in reason for reason in failed.values())
    assert "empty" in failed["empty.mp4"]
    assert "audio" in failed["sound.mp4"]
    again = run("extract", tmp_path / "in", "--cache", tmp_path / "cache", *FLOW)
    assert (again.returncode, "4 failed" in again.stderr) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["extract"], "dataset.root"),
        (["extract", "/nowhere"], "no such file or folder"),
        (["extract", "{tmp}"], "no video in this folder"),
        (["extract", "{tmp}", "--config", "configs/fodler.yaml"], "no such configuration file"),
        (["extract", "{tmp}", "--set", "pose.strid=2"], "did you mean 'stride'?"),
        (["extract", "{tmp}", "--set", "nonsense"], "section.key=value"),
        (["status", "{tmp}/a.mp4", "--stages", "poze"], "did you mean 'pose'?"),
        (["extract", "{tmp}/a.mp4", "--shard", "3/2"], "the part must be from 1 to 2"),
        (["score", "{tmp}/a.mp4", "--model", "{tmp}"], "no trained model here"),
        (["weights", "path", "i3d"], "known: i3d-kinetics400"),
        (["train", "--pack", "{tmp}/none.h5"], "no such file"),
    ],
)
def test_wrong_use_is_one_message_and_exit_code_2(tmp_path: Path, arguments: list[str], said: str) -> None:
    if "{tmp}/a.mp4" in arguments:
        (tmp_path / "a.mp4").touch()
    done = run(*[argument.replace("{tmp}", str(tmp_path)) for argument in arguments])
    assert done.returncode == 2, done.stderr
    assert said in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_a_package_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/__init__.py").touch()
    program = f"import sys; sys.path.insert(1, {str(ROOT)!r}); import pipeline.environment as e; e.check_checkout()"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert "not from this checkout" in done.stderr or "No module named 'data.errors'" in done.stderr


def test_hostile_names_stay_names(make_video, tmp_path: Path) -> None:
    names = [
        "<script>alert(1)</script>.mp4".replace("/", "_"),
        "a'b\"c;$(touch x).mp4",
        "line\nbreak.mp4",
        "[red]x.mp4",
    ]
    for name in names:
        make_video(tmp_path / "in" / name, size=(128, 96), frames=3)
    raw = os.fsdecode(os.fsencode(tmp_path / "in") + b"/not-utf8-\xff.mp4")
    os.rename(make_video(tmp_path / "plain.mp4", size=(128, 96), frames=3), raw)
    done = run("extract", tmp_path / "in", "--cache", tmp_path / "cache", "--json", *FLOW)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["videos"] == 5
    status = run("status", tmp_path / "in", "--cache", tmp_path / "cache", *FLOW[:2])
    assert (status.returncode, status.stdout.count("fresh")) == (0, 5)
