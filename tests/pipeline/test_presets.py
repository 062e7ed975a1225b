"""Presets of published data sets: `extract`, `evaluate --quick` and `leaderboard` on made sets, by command line."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipeline import stages
from pipeline.evaluate.cross_validation import read_results
from run_pipeline import app
from synthetic.tiny_published import PUBLISHED

TASKS = {
    "mtl-aqa": ["diving"],
    "finediving": ["diving"],
    "fis-v": ["skating"],
    "fs1000": ["skating"],
    "rhythmic-gymnastics": ["Ball", "Hoop"],
    "unlv": ["diving", "vault"],
    "ui-prmd": ["m01"],
    "kimore": ["Es1", "Es2"],
}
SMALL = ["train.runs=1", "train.epochs=2", "model.width=4", "run.workers=0"]


def command(*arguments: object) -> str:
    """Run the command line; what it printed."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 0, f"{result.output}\n{result.exception!r}"
    return result.output


@pytest.mark.parametrize("kind", PUBLISHED)
def test_preset_runs_on_its_made_set(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Videos are replaced by their brightness, since this is about layouts, labels and splits."""
    settings = [f"dataset.root={PUBLISHED[kind](tmp_path / 'set')}", *SMALL]
    if kind not in ("ui-prmd", "kimore"):
        table = {**stages.STAGES, "timesteps": "tests.helpers.toy_timesteps:PresetTimesteps"}
        monkeypatch.setattr(stages, "STAGES", table)
        settings.append("stages=[timesteps]")
    options = ["--config", kind, "--cache", tmp_path / "cache", *(x for one in settings for x in ("--set", one))]
    assert "0 failed" in command("extract", *options)
    for name, more in (("evaluate", ["--quick"]), ("leaderboard", [])):
        command(name, *options, *more, "--out", tmp_path / name)
        results = read_results(tmp_path / name / "results.json")
        assert results["tasks"] == TASKS[kind]
        assert results["audit"]["ok"]
