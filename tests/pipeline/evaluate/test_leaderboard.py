"""`leaderboard`, all of it and one table, on synthetic sets in the official layouts, through the command line."""

from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from data.datasets.listing import list_records
from data.video import Labels
from models.aim_config import AimConfig
from pipeline.evaluate import read_results
from pipeline.evaluate.leaderboard import OURS, all_systems, table_systems
from pipeline.evaluate.paper_tables import TABLES
from pipeline.folds import COMBINED
from pipeline.folds.rows import CHOSEN, ORACLE
from pipeline.pack.pack_file import write_pack
from pipeline.settings.train_config import TrainConfig
from run_pipeline import app
from synthetic.tiny_datasets import make_tasd2
from synthetic.tiny_jigsaws import make_jigsaws
from tests.helpers.made_features import made_features, with_records

QUICK = ["--set", "train.networks=1", "--set", "train.epochs=2", "--set", "model.width=8", "--set", "work.workers=0"]


def command(*arguments):
    """Run the command line; returns its output."""
    name, *rest = arguments
    result = CliRunner().invoke(app, [name, *QUICK, *rest])
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture(scope="module")
def jigsaws(tmp_path_factory):
    """Options for a kinematics-only copy."""
    root = tmp_path_factory.mktemp("jigsaws")
    make_jigsaws(root / "set", trials=6, rows=45, videos=False)
    return ["--config", "jigsaws", "--cache", str(root / "cache"), "--set", f"dataset.root={root / 'set'}"]


@pytest.fixture(scope="module")
def tasd2(tmp_path_factory):
    """Options for a packed copy: records, labels, splits and mirrored copies of the layout, planted time steps."""
    root = tmp_path_factory.mktemp("tasd2")
    records = list_records("tasd2", make_tasd2(root / "set", count=16, frames=2)).records
    names = tuple(
        f"body.{side}_{joint}.{axis}.mean" for side in ("left", "right") for joint in ("hip", "knee") for axis in "xy"
    )
    made = made_features(len(records), channels=len(names), scene=12)
    features = replace(made, records=records, names={"primary": names, "secondary": names})
    write_pack(root / "tasd2.h5", features)
    return ["--config", "configs/tasd2.yaml", "--pack", str(root / "tasd2.h5")]


def test_without_part_scores_there_is_no_row_of_the_multi_task_network():
    features = made_features(12, channels=6, scene=4)

    def named(**parts):
        labelled = with_records(features, lambda *_: {"labels": Labels(score=1.0, **parts)})
        possible = all_systems(labelled, AimConfig(width=4), TrainConfig())
        return {system.name for system in table_systems("4", possible)}

    assert named(execution=2.0) - named() == {"multi-task"}
    assert set(TABLES["4"].systems) - named() == {"multi-task"}


def test_leaderboard_of_a_made_jigsaws(jigsaws, tmp_path):
    two_folds = ["--set", "protocol=kfold", "--set", "split.folds=2"]
    printed = " ".join(command("leaderboard", *jigsaws, *two_folds, "--out", str(tmp_path), "--oracle").split())
    results = read_results(tmp_path / "results.json")
    expected = {OURS, f"{OURS}, {CHOSEN}", f"{OURS}, {ORACLE}", "w/o AIM", "ST-GCN", "JR-GCN", "DCT+DFT+ApEn"}
    assert expected | {"subject mean"} <= set(results.systems)
    assert "no leak" in printed
    assert "too few performances for intervals" in printed
    assert (tmp_path / "report.html").exists()


def test_quick_evaluation_makes_no_choice(jigsaws, tmp_path):
    printed = command("evaluate", *jigsaws, "--quick", "--set", "train.networks=5", "--out", str(tmp_path))
    results = read_results(tmp_path / "results.json")
    systems = results.systems
    assert len(systems[OURS].tasks["Suturing"].networks) == 2
    assert not any("inner validation" in name for name in systems)
    assert not any(choice.tests for choice in systems[COMBINED].chosen)
    assert "no inner validation (--quick)" in " ".join(printed.split())


def test_leaderboard_of_a_made_tasd2(tasd2, tmp_path):
    command("leaderboard", *tasd2, "--out", str(tmp_path))
    results = read_results(tmp_path / "results.json")
    rows = {row for table in TABLES.values() for row in table.systems}
    assert rows <= set(results.systems)
    assert results.systems["multi-task"].execution is not None
    for name in ("I3D-SVR-L", "multi-task", OURS):
        metrics = results.systems[name].tasks["SyncDiving-3m"].metrics
        assert np.isfinite([metrics.mae, metrics.mse]).all()
