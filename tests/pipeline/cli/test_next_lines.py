"""Each command ends with the line to type next, and that line works as it is printed."""

import shlex
from pathlib import Path
from types import SimpleNamespace

import pytest
import typer
from typer.testing import CliRunner

from data.errors import PROGRAM
from pipeline.cli import app
from pipeline.evaluate.results_file import read_results
from pipeline.run import ExtractRun
from synthetic.tiny_jigsaws import make_jigsaws
from tests.pipeline.cli.test_commands import COMMANDS

SHORT = {
    "SET": "--config jigsaws --set 'dataset.root=my set'",
    "FAST": "--set train.epochs=2 --set train.networks=1 --set combined=false --set work.workers=0",
    "MODEL": "'runs/my model'",
    "TRIALS": " ".join(f"Suturing/kinematics/AllGestures/Suturing_B00{number}.txt" for number in (1, 2)),
}
"""What stands for words of the lines below."""

MADE = """
extract SET FAST                                => train SET FAST --out runs/mine
train SET FAST --folds 0 --out MODEL            => score NEW_VIDEOS --model MODEL
train SET FAST --folds 2 --out runs/guess       => train SET FAST --folds 2 --out runs/guess --curve
train SET FAST --folds 2 --out runs/guess --curve => report runs/guess NEW_VIDEOS
evaluate SET FAST --quick --out runs/evaluation => plot runs/evaluation
"""
FOLLOWING = """
score 'my set' --model MODEL                    => report MODEL 'my set'
compare TRIALS --model MODEL SET                => report MODEL SET
report MODEL 'my set'                           => compare VIDEO_A VIDEO_B --model MODEL
report MODEL 'my set' --cache cache/jigsaws     => compare VIDEO_A VIDEO_B --model MODEL --cache cache/jigsaws
status SET FAST                                 => train SET FAST --out runs/mine
status SET FAST --stages kinematics             => extract SET FAST
status 'my set' -c jigsaws FAST                 => train 'my set' --config jigsaws FAST --out runs/mine
leaderboard SET FAST --quick --systems AIM      => plot runs/leaderboard
plot runs/evaluation --formats svg              => report runs/evaluation
report runs/evaluation                          => plot runs/evaluation
score --model MODEL SET                         => report MODEL SET
push MODEL there                                => score NEW_VIDEOS --model there
pack SET --out all.h5                           => evaluate --pack all.h5 SET
settings pose.stride                            => extract NEW_VIDEOS --dry-run --set pose.stride=VALUE
data check 'my set'                             => data check 'my set'
weights list                                    => weights fetch
cache ls -c jigsaws                             => cache verify --config jigsaws
cache verify -c jigsaws                         => cache ls --config jigsaws
cache prune SET                                 => cache prune SET --yes
cache gc -c jigsaws --yes                       => cache ls --config jigsaws
cache rm -c jigsaws                             => cache rm -c jigsaws --yes
demo                                            => label NEW_VIDEOS --pairs
export MODEL --out m.onnx                       => push MODEL ADDRESS
serve -m MODEL --port 0                         => serve -m MODEL --port 0
weights fetch                                   => extract NEW_VIDEOS
weights path i3d-kinetics400                    => weights list
weights rm --all --yes                          => weights fetch
doctor                                          => demo
"""


def split(line):
    """A line of the tables: what is typed, and what follows."""
    for name, words in SHORT.items():
        line = line.replace(name, words)
    return tuple(part.strip() for part in line.split("=>"))


MADE_LINES, LINES = (list(map(split, table.strip().splitlines())) for table in (MADE, FOLLOWING))


def after(command, code=0):
    """The command in the last line on standard error; the program takes it."""
    done = CliRunner().invoke(app, shlex.split(command))
    assert code in (None, done.exit_code), done.output
    what_for, _, following = done.stderr.splitlines()[-1].partition(f": {PROGRAM} ")
    assert what_for, done.stderr
    group, rest = typer.main.get_command(app), shlex.split(following)
    while hasattr(group, "commands"):
        group, rest = group.commands[rest[0]], rest[1:]
    group.make_context(group.name, [*rest])  # raises for an unknown option or a missing argument
    return following


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The working folder has a data set without videos, `my set`, with a model and an evaluation of it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("next"))
        patch.setenv("XDG_CACHE_HOME", str(Path("home").absolute()))
        make_jigsaws(Path("my set"), trials=4, tasks=["Suturing"], rows=45, videos=False)
        for typed, following in MADE_LINES:
            assert after(typed) == following
        yield


@pytest.fixture
def replaced(tmp_path, monkeypatch):
    """Work that needs the network or minutes; what commands print is under test."""
    results = read_results("runs/evaluation/results.json")
    demo = SimpleNamespace(summary="A demo.", tables=list, results=results, page="demo/report.html")
    for place, answer in (
        ("demo.demo_run.run_demo", demo),
        ("serve.run_server", None),
        ("score.export_onnx", SimpleNamespace(text=lambda: "written")),
        ("settings.setup_checks.setup_checks", ()),
    ):
        monkeypatch.setattr(f"pipeline.{place}", lambda *_, answer=answer, **__: answer)
    for place in ("fetch", "locate"):
        monkeypatch.setattr(f"data.weights.{place}", lambda *_: tmp_path)


@pytest.mark.parametrize(("typed", "following"), LINES)
def test_a_command_ends_with_the_line_to_type_next(folder, replaced, typed, following):
    assert after(typed, None if typed.startswith("data") else 0) == following


def test_every_command_is_tested():
    typed = " ".join([*(line for line, _ in (*MADE_LINES, *LINES)), "label"])
    assert [name for name in COMMANDS if name.replace("_", " ") not in typed] == []


def test_videos_are_judged_before_a_model_is_trained(make_video, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for folder in ("clips", "-clips"):
        for name in ("a.mp4", "b.mp4"):
            make_video(Path(folder, name))
    assert after("label clips --pairs --summary") == "label clips --pairs"
    assert after("extract clips --config person --dry-run") == "extract clips --config person"
    assert after("status clips --config person") == "extract clips --config person"
    assert after("extract --dry-run -- -clips") == "extract -- -clips"
    done = ExtractRun("cache/folder", fresh=2)
    with monkeypatch.context() as patch:
        patch.setattr("pipeline.run.run_extract", lambda *_, **__: done)
        assert after("extract clips") == "label clips --pairs"
        assert after("extract ./-clips") == "label ./-clips --pairs"
        Path("clips/scores.csv").write_text("video,score\na.mp4,1\n")
        assert after("extract clips") == "train clips --out runs/mine"
        Path("clips/scores.csv").write_text("video,score\na.mp4,1,5\n")
        assert "semicolons; then train on its labels" in CliRunner().invoke(app, ["extract", "clips"]).stderr
        done.cancelled = True
        assert after("extract clips", 1) == "extract clips"
    Path("-clips/a.mp4").write_bytes(b"no video")
    flow = "extract --stages camera_flow --set work.workers=0"
    assert after(f"{flow} -- -clips", 1) == "label ./-clips --pairs", "one broken video of two stops nobody"
    Path("-clips/b.mp4").unlink()
    assert after(f"{flow} -- -clips", 1) == f"{flow} --retry-failed -- -clips"
