"""Each command ends with the line to type next, and that line works as it is printed."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from data.errors import PROGRAM
from pipeline.cli import app
from synthetic.tiny_jigsaws import make_jigsaws
from synthetic.tiny_published import make_lists
from tests.pipeline.cli.test_commands import COMMANDS

FAST = ["--set", "train.epochs=2", "--set", "train.networks=1", "--set", "combined=false", "--set", "work.workers=0"]
SET = ["--config", "jigsaws", "--set", "dataset.root=my set"]


def last_line(*words: str, code: int = 0) -> list[str]:
    """The words of the command in the last line on standard error; the program takes them."""
    done = CliRunner().invoke(app, [*words])
    assert done.exit_code == code, done.output
    what_for, _, command = done.stderr.splitlines()[-1].partition(f": {PROGRAM} ")
    assert what_for, done.stderr
    line = shlex.split(command)
    group, rest = typer.main.get_command(app), line
    while hasattr(group, "commands"):
        group, rest = group.commands[rest[0]], rest[1:]
    group.make_context(group.name, [*rest])  # raises for an unknown option or a missing argument
    return line


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The working folder has a data set without videos, `my set`, with a model and an evaluation of it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("next"))
        patch.setenv("XDG_CACHE_HOME", str(Path("home").absolute()))
        make_jigsaws(Path("my set"), trials=4, tasks=["Suturing"], rows=45, videos=False)
        SAID["extract"] = last_line("extract", *SET, *FAST)
        SAID["train"] = last_line("train", *SET, *FAST, "--folds", "0", "--out", "runs/my model")
        SAID["evaluate"] = last_line("evaluate", *SET, *FAST, "--quick", "--out", "runs/evaluation")
        yield


SAID: dict[str, list[str]] = {}
"""The lines of the commands that made the folder."""


def test_a_newcomer_is_led_from_videos_to_a_report(folder: None) -> None:
    assert SAID["extract"] == ["train", *SET, *FAST]
    assert SAID["train"] == ["score", "NEW_VIDEOS", "--model", "runs/my model"]
    assert SAID["evaluate"] == ["plot", "runs/evaluation"]
    line = last_line(*["my set" if word == "NEW_VIDEOS" else word for word in SAID["train"]])
    assert line == ["report", "runs/my model", "my set"]
    compare = ["compare", "VIDEO_A", "VIDEO_B", "--model", "runs/my model"]
    assert last_line(*line) == compare
    assert last_line(*line, "--cache", "cache/jigsaws") == [*compare, "--cache", "cache/jigsaws"]


MODEL = "runs/my model"
CASES: dict[str, tuple[list[str], list[str]]] = {
    "status": (["status", *SET, *FAST], ["train", *SET, *FAST]),
    "leaderboard": (["leaderboard", *SET, *FAST, "--quick", "--systems", "AIM"], ["plot", "runs/leaderboard"]),
    "plot": (["plot", "runs/evaluation", "--formats", "svg"], ["report", "runs/evaluation"]),
    "report": (["report", "runs/evaluation"], ["plot", "runs/evaluation"]),
    "score": (["score", "--model", MODEL, *SET], ["report", MODEL, *SET]),
    "push": (["push", MODEL, "there"], ["score", "NEW_VIDEOS", "--model", "there"]),
    "pack": (["pack", *SET, "--out", "all.h5"], ["evaluate", "--pack", "all.h5", *SET]),
    "settings": (["settings", "pose.stride"], ["extract", "NEW_VIDEOS", "--dry-run", "--set", "pose.stride=VALUE"]),
    "data_check": (["data", "check", "my set"], ["data", "check", "my set"]),
    "weights_list": (["weights", "list"], ["weights", "fetch"]),
    "cache_ls": (["cache", "ls", *SET[:2]], ["cache", "verify", *SET[:2]]),
    "cache_verify": (["cache", "verify", *SET[:2]], ["cache", "ls", *SET[:2]]),
    "cache_prune": (["cache", "prune", *SET], ["cache", "prune", *SET, "--yes"]),
    "cache_gc": (["cache", "gc", "-c", "jigsaws", "--yes"], ["cache", "ls", *SET[:2]]),
    "cache_rm": (["cache", "rm", *SET[:2]], ["cache", "rm", *SET[:2], "--yes"]),
}
"""What is typed, and the line that follows."""

INCOMPLETE = ("data_check",)
"""Commands of `CASES` that end with code 1: four trials are not the published set."""


@pytest.mark.parametrize("name", CASES)
def test_a_command_ends_with_the_line_to_type_next(folder: None, name: str) -> None:
    typed, following = CASES[name]
    assert last_line(*typed, code=int(name in INCOMPLETE)) == following


def test_a_complete_copy_has_features_made_or_is_evaluated_on_those_it_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    make_lists("fs1000", Path("FS"), count=4, frames=2)
    for side in ("train", "val"):
        path = Path(f"FS/{side}_fs800.txt")
        path.write_text("".join(path.read_text().splitlines(keepends=True)[:3]))
    made = ["--config", "fs1000", "--set", "dataset.root=FS"]
    assert last_line("data", "check", "FS") == last_line("data", "check", "FS", *made[:2]) == ["extract", *made]
    chosen = [*made[:2], "--set", "dataset.score=pcs"]
    assert last_line("data", "check", "FS", *chosen) == ["extract", *chosen, *made[2:]]
    np.savez("vst.npz", **{path.stem: np.ones((5, 3)) for path in Path("FS/videos").iterdir()})
    typed = ["FS", *made[:2], "--features", "vst.npz"]
    assert last_line("data", "check", *typed) == ["evaluate", *typed]


def test_two_trials_are_compared_and_each_is_seen_by_itself(folder: None) -> None:
    rows = json.loads(CliRunner().invoke(app, ["status", *SET, "--json"]).stdout)["rows"]
    a, b, *_ = dict.fromkeys(row["video"] for row in rows)
    assert last_line("compare", a, b, "--model", MODEL, *SET) == ["report", MODEL, *SET]


def test_videos_are_judged_before_a_model_is_trained(
    make_video: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a.mp4", "b.mp4"):
        make_video(Path("clips", name))
    assert last_line("label", "clips", "--pairs", "--summary") == ["label", "clips", "--pairs"]
    following = ["extract", "clips", "--config", "person"]
    assert last_line("extract", "clips", "--config", "person", "--dry-run") == following
    assert last_line("status", "clips", "--config", "person") == following
    monkeypatch.setattr("pipeline.run.run_extract", lambda *_, **__: done)
    done = SimpleNamespace(results=[], fresh=2, failed=[], cancelled=False, videos=2, ok=True, outputs={})
    assert last_line("extract", "clips") == ["label", "clips", "--pairs"]
    Path("clips/scores.csv").write_text("video,score\na.mp4,1\n")
    assert last_line("extract", "clips") == ["train", "clips"]
    done.cancelled, done.ok = True, False
    assert last_line("extract", "clips", code=1) == ["extract", "clips"]


def test_a_folder_whose_name_looks_like_an_option_is_none_in_the_next_line(
    make_video: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    make_video(Path("-clips", "a.mp4"))
    done = SimpleNamespace(results=[], fresh=1, failed=[], cancelled=False, videos=1, ok=True, outputs={})
    monkeypatch.setattr("pipeline.run.run_extract", lambda *_, **__: done)
    assert last_line("extract", "./-clips") == ["label", "./-clips", "--pairs"]
    assert last_line("extract", "--dry-run", "--", "-clips") == ["extract", "--", "-clips"]
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    Path("-clips/a.mp4").write_bytes(b"no video")
    flow = ["extract", "--stages", "camera_flow", "--set", "work.workers=0"]
    assert last_line(*flow, "--", "-clips", code=1) == [*flow, "--retry-failed", "--", "-clips"]
    make_video(Path("-clips", "b.mp4"))
    on = last_line(*flow, "--", "-clips", code=1)
    assert on == ["label", "./-clips", "--pairs"], "one broken video of two stops nobody"


def test_commands_that_need_the_network_or_minutes(
    folder: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their work is replaced; what they print is under test."""
    done = SimpleNamespace(tables=list, leaks=SimpleNamespace(lines=()), page="demo/report.html")
    monkeypatch.setattr("pipeline.demo.demo_run.run_demo", lambda *_, **__: done)
    monkeypatch.setattr("pipeline.serve.run_server", lambda *_: None)
    monkeypatch.setattr("data.weights.fetch", lambda *_: tmp_path)
    monkeypatch.setattr("data.weights.locate", lambda *_: tmp_path)
    assert last_line("demo") == ["label", "NEW_VIDEOS", "--pairs"]
    monkeypatch.setattr("pipeline.score.export_onnx", lambda *_: SimpleNamespace(text=lambda: "written"))
    assert last_line("export", MODEL, "--out", "m.onnx") == ["push", MODEL, "ADDRESS"]
    assert last_line("serve", "-m", MODEL, "--port", "0") == ["serve", "-m", MODEL, "--port", "0"]
    assert last_line("weights", "fetch") == ["extract", "NEW_VIDEOS"]
    assert last_line("weights", "path", "i3d-kinetics400") == ["weights", "list"]
    assert last_line("weights", "rm", "--all", "--yes") == ["weights", "fetch"]
    assert CliRunner().invoke(app, ["doctor"]).stderr.splitlines()[-1].endswith((f"{PROGRAM} demo", "doctor"))


def test_no_command_is_without_a_line() -> None:
    from pipeline.cli.next_lines import NEXT

    assert NEXT.keys() == COMMANDS.keys()
    further = "extract train evaluate compare label demo serve export doctor weights_fetch weights_path weights_rm"
    assert {*CASES, *further.split()} == COMMANDS.keys(), "each one is read by a test"
