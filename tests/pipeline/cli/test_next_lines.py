"""Each command ends with the line to type next, and that line works as it is printed."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from data.errors import PROGRAM
from pipeline.cli import app
from synthetic.tiny_jigsaws import make_jigsaws

FAST = ["--set", "train.epochs=2", "--set", "train.runs=1", "--set", "model.system=aim", "--set", "run.workers=0"]


def last_line(*words: str) -> list[str]:
    """The words of the command in the last line on standard error."""
    done = CliRunner().invoke(app, [*words])
    assert done.exit_code == 0, done.output
    line = done.stderr.splitlines()[-1].partition(f": {PROGRAM} ")[2]
    return shlex.split(line)


def test_train_names_score_and_score_names_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make_jigsaws(Path("my set"), trials=4, tasks=["Suturing"], rows=45, videos=False)
    common = ["--config", "jigsaws", "--set", "dataset.root=my set", *FAST]
    assert CliRunner().invoke(app, ["extract", *common]).exit_code == 0
    line = last_line("train", *common, "--folds", "0", "--out", "runs/my model")
    assert line == ["score", "NEW_VIDEOS", "--model", "runs/my model"]
    line = last_line(*["my set" if word == "NEW_VIDEOS" else word for word in line])
    assert line == ["report", "runs/my model", "my set"]
    assert CliRunner().invoke(app, line).exit_code == 0
