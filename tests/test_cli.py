"""The command line as a person uses it: exit codes, messages, JSON, bad input beside good."""

from __future__ import annotations

import json
import os
import resource
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from data.errors import AimError, UsageError
from pipeline.cli import app
from pipeline.settings.destinations import check_file, check_folder
from pipeline.train.checkpoint import read_checkpoint, write_checkpoint
from tests.helpers.program_server import Aqa, Done

ROOT = Path(__file__).resolve().parent.parent
FLOW = ["--set", "stages=[camera_flow]", "--workers", "0"]


def test_extract_twice_and_status(aqa: Aqa, make_video, tmp_path: Path) -> None:
    make_video(tmp_path / "in/a.mp4", size=(128, 96))
    first = aqa("extract", tmp_path / "in", "--cache", tmp_path / "cache", *FLOW)
    assert (first.returncode, "1 extracted" in first.stderr) == (0, True), first.stderr
    again = aqa("extract", tmp_path / "in", "--cache", tmp_path / "cache", *FLOW)
    assert (again.returncode, "nothing to do: 1 video fresh in" in again.stderr) == (0, True)
    status = aqa("status", tmp_path / "in", "--cache", tmp_path / "cache", "--json", *FLOW[:2])
    rows = json.loads(status.stdout)["rows"]
    assert [(row["video"], row["stage"], row["state"]) for row in rows] == [("a.mp4", "camera_flow", "fresh")]


def test_bad_videos_beside_good_ones(aqa: Aqa, make_video, tmp_path: Path) -> None:
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
    done = aqa("extract", tmp_path / "in", "--cache", tmp_path / "cache", "--json", *FLOW)
    assert done.returncode == 1
    results = {row["video"]: row for row in json.loads(done.stdout)["results"]}
    failed = {name: row["failed"]["camera_flow"]["cause"] for name, row in results.items() if row["failed"]}
    assert set(failed) == {"truncated.mp4", "empty.mp4", "text.mp4", "sound.mp4"}
    assert all("\n" not in reason for reason in failed.values())
    assert "empty" in failed["empty.mp4"]
    assert "audio" in failed["sound.mp4"]
    again = aqa("extract", tmp_path / "in", "--cache", tmp_path / "cache", *FLOW)
    assert (again.returncode, "4 failed" in again.stderr) == (1, True)
    status = aqa("status", tmp_path / "in", "--cache", tmp_path / "cache", "--json", *FLOW[:2])
    reasons = {row["video"]: row["reason"] for row in json.loads(status.stdout)["rows"] if row["state"] == "failed"}
    assert {reason["kind"] for reason in reasons.values()} == {"video"}
    failures = {name: row["failed"]["camera_flow"] for name, row in results.items() if row["failed"]}
    assert reasons == {name: {"stage": "camera_flow", **failure} for name, failure in failures.items()}
    printed = aqa("status", tmp_path / "in", "--cache", tmp_path / "cache", *FLOW[:2]).stderr
    fixes = {failure["fix"] for failure in failures.values()}
    assert fixes == {line.removeprefix("  -> ") for line in printed.splitlines() if line.startswith("  -> ")}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["extract"], "dataset.root"),
        (["extract", "/nowhere"], "no such file or folder"),
        (["extract", "{tmp}"], "no video in this folder"),
        (["extract", "{tmp}", "--config", "configs/fodler.yaml"], "no such configuration file"),
        (["extract", "{tmp}", "--config", "fodler"], "did you mean 'folder'? Presets: aqa7, demo, finediving"),
        (["extract", "{tmp}", "-c", "folder", "--set", "pose.strid=2"], "error: --set pose.strid=2: unknown key"),
        (["extract", "{tmp}", "--set", "nonsense"], "section.key=value"),
        (["status", "{tmp}/a.mp4", "--stages", "poze"], "did you mean 'pose'?"),
        (["extract", "{tmp}/a.mp4", "--shard", "3/2"], "the part must be from 1 to 2"),
        (["score", "{tmp}/a.mp4", "--model", "{tmp}"], "no trained model here"),
        (["weights", "path", "i3d"], "known: i3d-kinetics400"),
        (["train", "--pack", "{tmp}/none.h5"], "no such file"),
        (["extract", "-config", "folder", "{tmp}"], "Type: --config"),
        (["preview", "{tmp}", "--set", "pose.stride=2"], "extract VIDEOS --preview"),
        (["evaluate", "{tmp}", "--protocol", "louo", "--quick"], "evaluate {tmp} --set protocol=louo --quick"),
        (["train", "{tmp}", "--protocol=fixed"], "train {tmp} --set protocol=fixed"),
        (["extract", "{tmp}", "--stride", "2"], "Type --set camera_flow.stride=2 or --set pose.stride=2"),
        (["help"], "COMMAND --help"),
        (["extract", "{tmp}/pipe"], "pipe: not a regular file"),
        (["score", "--kinematics", "{tmp}/pipe", "--model", "{tmp}"], "pipe: not a regular file"),
        (["report", "{tmp}/a.mp4"], "a file, and a model is a folder -> Name its folder: {tmp}"),
        (["score", "{tmp}/a.mp4", "--model", "{tmp}/demo"], "Did you mean {tmp}/demo/model?"),
        (["report", "{tmp}/demo"], "Did you mean {tmp}/demo/model?"),
        (["cache", "ls", "--cache", "{tmp}/typo"], "error: {tmp}/typo: no cache here -> "),
        (["cache", "verify", "--cache", "{tmp}/a.mp4"], "error: {tmp}/a.mp4: no cache here -> "),
        (["cache", "prune", "{tmp}/demo", "--cache", "{tmp}/typo"], "error: {tmp}/typo: no cache here -> "),
        (["cache", "gc", "--cache", "{tmp}/typo"], "error: {tmp}/typo: no cache here -> "),
        (["cache", "gc", "--cache", "{tmp}", "--max-gb", "inf"], "error: '--max-gb "),
        (["cache", "gc", "--cache", "{tmp}", "--max-gb", "1e300"], "error: '--max-gb "),
    ],
)
def test_wrong_use_is_one_message_and_exit_code_2(aqa: Aqa, tmp_path: Path, arguments: list[str], said: str) -> None:
    if "{tmp}/a.mp4" in arguments:
        (tmp_path / "a.mp4").touch()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "demo/model").mkdir(parents=True)
    (tmp_path / "demo/model/model.json").touch()
    done = aqa(*[argument.replace("{tmp}", str(tmp_path)) for argument in arguments])
    assert done.returncode == 2, done.stderr
    assert said.replace("{tmp}", str(tmp_path)) in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert {path.name for path in tmp_path.iterdir()} <= {"a.mp4", "pipe", "demo"}


HOSTILE_LINES = r"""
extract '.' --shard '\u00b2/4'
extract '.' --cache ''
extract /dev/zero
extract '\u001b[2J'
extract . --set =1
extract . --set a.b.c.d=1
extract . --set 'pose.stride=[[['
extract . --set 'pose.stride=!!python/name:os.system'
extract . --stages ../x
extract . --workers -1
extract . --engine x
extract s3://
extract . --config ../../etc/passwd
score . --model ''
score . --model /dev/zero
report ''
cache gc --cache '' --max-gb 0 --yes
cache gc --cache / --max-gb 0 --yes
cache gc --cache nowhere --max-gb nan --yes
train --set dataset.root=/dev/zero
train --out /dev/null
evaluate --grid x=1
evaluate --grid '[[['
leaderboard --table '\u00b2'
plot . --formats exe
weights path ../../etc/passwd
status . --stages 'pose,\u001b[2J'
--nothing
"""


@pytest.mark.parametrize("line", HOSTILE_LINES.split("\n")[1:-1])
def test_a_hostile_command_line_is_one_printable_message_and_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    (tmp_path / "a.mp4").touch()
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, [json.loads(f'"{word}"') for word in shlex.split(line)])
    assert isinstance(result.exception, AimError) or result.exit_code == 2, result
    said = str(result.exception) if isinstance(result.exception, AimError) else ""
    assert said.isprintable()
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


def python(code: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run Python code with this checkout's modules."""
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False, **options
    )


def assert_refused(done: Done | subprocess.CompletedProcess[str], *said: str) -> None:
    """One error and what to do, exit code 2."""
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("error: ") == 1
    assert "\n  -> " in done.stderr
    assert all(text in done.stderr for text in said), done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["score", "{tmp}/file", "--model", "{tmp}/none", "--out", "{tmp}/file/x.csv"],
        ["train", "--out", "{tmp}/file/x"],
        ["pack", "--out", "{tmp}/file/x"],
        ["serve", "--model", "{tmp}/none", "--folder", "{tmp}/file"],
        ["export", "{tmp}/none", "--out", "/proc/x.onnx"],
        ["report", "{tmp}/none", "--out", "{tmp}"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_an_output_that_cannot_be_written_is_refused_before_the_work(
    aqa: Aqa, tmp_path: Path, arguments: list[str]
) -> None:
    (tmp_path / "file").touch()
    given = [argument.replace("{tmp}", str(tmp_path)) for argument in arguments]
    assert_refused(aqa(*given), f"error: {given[-1]}: cannot be written")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_the_check_of_an_output_leaves_nothing_and_refuses_no_good_place(tmp_path: Path) -> None:
    (tmp_path / "old.csv").write_text("old")
    for place in ("new.csv", "old.csv", "a/b/new.csv"):
        check_file(tmp_path / place)
    for place in (".", "a/b"):
        check_folder(tmp_path / place)
    assert [path.name for path in tmp_path.iterdir()] == ["old.csv"]
    with (tmp_path / "old.csv").open() as shown:  # as /dev/stdout while output goes into a file
        (tmp_path / "stdout").symlink_to(f"/proc/self/fd/{shown.fileno()}")
        with pytest.raises(UsageError, match="it is no file"):
            check_file(tmp_path / "stdout")
    for place in (tmp_path, Path("/dev/full"), Path("s3://bucket/x.csv")):
        with pytest.raises(UsageError):
            check_file(place)


@contextmanager
def full_disk(most_bytes: int = 4096) -> Iterator[None]:
    """No file of this process can grow larger."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_checkpoint_on_a_full_disk_is_reported_and_leaves_nothing(tmp_path: Path) -> None:
    place = tmp_path / "a.safetensors"
    write_checkpoint(place, "x", 1, {"w": torch.zeros(2)})
    with full_disk(), pytest.raises(UsageError) as caught:
        write_checkpoint(place, "x", 2, {"w": torch.zeros(100_000)})
    assert str(place) in str(caught.value)
    assert caught.value.fix
    assert [path.name for path in tmp_path.iterdir()] == [place.name]
    kept = read_checkpoint(place, "x")
    assert kept is not None
    assert kept[0] == 1


@pytest.mark.parametrize("arguments", [["weights", "list", "--json"], ["weights", "list"]], ids=" ".join)
def test_a_full_standard_output_is_reported(arguments: list[str]) -> None:
    command = [sys.executable, str(ROOT / "run_pipeline.py"), *arguments]
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, cwd=ROOT, check=False)
    assert_refused(done, "standard output: cannot be written")


def test_no_folder_for_temporary_files_takes_anything() -> None:
    code = """
import resource, sys, tempfile, typer
from pipeline.cli import cli_main
app = typer.Typer()
@app.command()
def command():
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    tempfile.gettempdir()
cli_main.app = app
sys.argv = ["aqa"]
cli_main.main()
"""
    done = python(code)
    assert done.returncode == 2
    assert done.stderr.startswith("error: No usable temporary directory found in [")
    assert "TMPDIR=FOLDER" in done.stderr
    assert len(done.stderr.splitlines()) == 2


def test_help_names_an_example_and_flags_take_no_value(aqa: Aqa) -> None:
    shown = aqa("extract", "--help").stdout
    assert "Usage:" in shown
    assert "Example: python run_pipeline.py" in shown
    assert "<bool>" not in shown


def test_the_second_interrupt_ends_at_once(tmp_path: Path) -> None:
    code = """
import os, signal, sys, threading, time
from pipeline.cli.interrupts import stop_on_interrupt
stop = stop_on_interrupt(sys.stderr.write, sys.stderr.flush)
threading.Thread(target=time.sleep, args=(600,)).start()
sys.stdout.write("half a line")
os.kill(os.getpid(), signal.SIGINT)
assert stop.is_set()
os.kill(os.getpid(), signal.SIGINT)
"""
    done = python(code, timeout=120)
    assert (done.returncode, done.stdout) == (130, "half a line"), done.stderr


def test_text_that_the_encoding_lacks_is_escaped(make_video, tmp_path: Path) -> None:
    video = make_video(tmp_path / "é日.mp4", size=(128, 96), frames=3)
    options = ["--cache", tmp_path / "cache", *FLOW[:2]]
    for arguments in (["extract", "--help"], ["status", video, *options], ["extract", video, "--dry-run", *options]):
        command = [sys.executable, str(ROOT / "run_pipeline.py"), *map(str, arguments)]
        environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment, check=False)
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr
        if arguments[0] == "status":
            assert "\\xe9\\u65e5.mp4" in done.stdout


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_closed_streams_swallow_what_they_get(tmp_path: Path, closed: str) -> None:
    for arguments in ("weights list", "weights list --json", f"cache ls --cache '{tmp_path}'"):
        line = f"exec '{sys.executable}' '{ROOT / 'run_pipeline.py'}' {arguments} {closed}"
        done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, cwd=ROOT, check=False)
        assert done.returncode == 0, done.stderr
        assert all("run_pipeline.py" in line for line in done.stderr.splitlines()), "the line to type next alone"


@pytest.mark.parametrize("name", ["../../etc/passwd", "[bold]a[/x]", "a\n\x1b[31mb", "-", "\udcff.tflite"])
def test_hostile_names_are_refused_in_plain_text(aqa: Aqa, name: str, tmp_path: Path) -> None:
    kept = tmp_path / "weights" / "mine.tflite"
    kept.parent.mkdir()
    kept.touch()
    removed = aqa("weights", "rm", "--yes", name, AIM_WEIGHTS_DIR=str(kept.parent))
    compared = aqa("compare", name, name, "--model", tmp_path)
    for done in (removed, compared):
        assert done.returncode == 2
        assert done.stderr.startswith("error: ")
        assert "Traceback" not in done.stderr
        assert "\x1b" not in done.stderr
        assert len(done.stderr.splitlines()) == 2
    assert kept.exists()
