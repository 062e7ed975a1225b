"""Presets of published data sets: `extract`, `evaluate --quick`, `leaderboard` on synthetic sets, by command line."""

import re
from dataclasses import replace
from functools import partial

import pytest
from typer.testing import CliRunner

from pipeline.cache import Cache
from pipeline.evaluate import read_results
from pipeline.evaluate.paper_tables import TABLES
from pipeline.run import Planner, dataset_records
from pipeline.settings import stages
from pipeline.settings.config import load_config
from pipeline.settings.environment import CHECKOUT
from run_pipeline import app
from synthetic.tiny_datasets import make_aqa7, make_tasd2
from synthetic.tiny_jigsaws import make_jigsaws
from synthetic.tiny_published import PUBLISHED, make_finediving

TASKS = {
    "mtl-aqa": ["diving"],
    "finediving": ["diving"],
    "fis-v": ["skating"],
    "fs1000": ["skating"],
    "rhythmic-gymnastics": ["Ball", "Hoop"],
    "unlv": ["diving", "vault"],
    "logo": ["swimming"],
    "finefs": ["free", "short"],
    "lasana": ["CircleCutting", "PegTransfer"],
    "ui-prmd": ["m01"],
    "kimore": ["Es1", "Es2"],
}
SMALL = ["train.networks=1", "train.epochs=1", "model.width=4", "work.workers=0", "split.folds=2", "timesteps.steps=4"]


def command(*arguments):
    """What the command line prints; it must return 0."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 0, f"{result.output}\n{result.exception!r}"
    return result.output


MADE = {
    "JIGSAWS": partial(make_jigsaws, trials=6, rows=45),
    "TASD-2": partial(make_tasd2, count=16),
    "AQA-7": make_aqa7,
}
LINES = re.findall(r"\| `aqa (leaderboard \S+ .* --table \d .*)` \|", (CHECKOUT / "docs/evaluation.md").read_text())
UNFED = {"DCT+DFT+ApEn", "Pose+DCT", "w/o transformation", "TSN ranking"}
"""Rows that brightness alone cannot feed."""


@pytest.mark.parametrize("number", TABLES)
def test_the_command_for_a_table_of_the_paper_runs(number, tmp_path, monkeypatch):
    """As in the docs, but for the size of the training, and a stage of brightness in place of the extractors."""
    monkeypatch.setattr(stages, "STAGES", {**stages.STAGES, "timesteps": "tests.helpers.toy_timesteps:ToyTimesteps"})
    monkeypatch.chdir(tmp_path)
    (line,), table = (one for one in LINES if f"--table {number} " in one), TABLES[number]
    name, data, *options = line.split()
    small = [*SMALL, "stages=[timesteps]", f"cache={tmp_path / 'cache'}"]
    command(name, MADE[data](tmp_path / "set"), *options, *(x for one in small for x in ("--set", one)))
    results = read_results(options[-1] + "/results.json")
    assert (results.protocol, results.tasks) == (table.protocol, tuple(sorted(table.tasks)))
    assert len(results.paper) == len(table.rows)
    assert set(table.systems) - results.systems.keys() <= UNFED


@pytest.mark.parametrize("kind", PUBLISHED)
def test_preset_runs_on_its_synthetic_set(kind, tmp_path, monkeypatch):
    """A stage of brightness replaces the extractors, since this tests layouts, labels and splits."""
    settings = [f"dataset.root={PUBLISHED[kind](tmp_path / 'set')}", *SMALL]
    if kind not in ("ui-prmd", "kimore"):
        table = {**stages.STAGES, "timesteps": "tests.helpers.toy_timesteps:ToyTimesteps"}
        monkeypatch.setattr(stages, "STAGES", table)
        settings.append("stages=[timesteps]")
    else:
        settings.append("timesteps.statistics=mean")
    options = ["--config", kind, "--cache", tmp_path / "cache", *(x for one in settings for x in ("--set", one))]
    assert "0 failed" in command("extract", *options)
    first = TASKS[kind][:1]
    one_task = ["--set", f"dataset.tasks={first}"]
    if kind != "mtl-aqa":  # every system on this one, to save time
        one_task += ["--systems", "aim,usdl,st-gcn,jr-gcn" if kind == "ui-prmd" else "aim,usdl"]
    for name, more, tasks in (("evaluate", ["--quick"], TASKS[kind]), ("leaderboard", one_task, first)):
        command(name, *options, *more, "--out", tmp_path / name)
        results = read_results(tmp_path / name / "results.json")
        assert list(results.tasks) == list(tasks)
        assert results.audit is not None
        assert results.audit.ok


def test_phases_are_part_of_the_key_of_timesteps_alone(tmp_path):
    """FineDiving's phases reach the planner's keys, so that a corrected annotation makes outputs stale."""
    root = make_finediving(tmp_path / "set", count=4, frames=8)
    for bounds, differs in (("equal", False), (["take-off", "flight", "entry"], True)):
        config = load_config("finediving", {"dataset.root": root, "timesteps.bounds": bounds, "cache": tmp_path / "c"})
        record = dataset_records(config).records[0]
        planner = Planner(config, Cache(config.machine.cache))
        keys = [
            {planned.name: planned.parts.key for planned in planner.plan(one).stages}
            for one in (record, replace(record, phases=record.phases[:1]))
        ]
        assert {name for name in keys[0] if keys[0][name] != keys[1][name]} == ({"timesteps"} if differs else set())
