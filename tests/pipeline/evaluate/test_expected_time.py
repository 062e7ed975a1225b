"""The expected time of an evaluation: it follows the trainings, and nothing is written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from data.splits import kfold
from models.aim_config import AimConfig
from pipeline import api
from pipeline.evaluate.cross_validation import fold_jobs, make_parts
from pipeline.evaluate.expected_time import expected_time
from pipeline.features import FeatureSet
from pipeline.pack import write_pack
from pipeline.recipes import fast
from pipeline.systems import AimSystem, ChosenEpoch, watching
from tests.helpers.made_features import made_features


@pytest.fixture(scope="module")
def features() -> FeatureSet:
    return made_features(40, channels=5, scene=6)


def test_the_cost_is_that_of_the_trainings(features: FeatureSet) -> None:
    parts = make_parts(features, kfold(features.records, k=4))
    passes, seconds = [], []
    for epochs in (50, 500):
        system = AimSystem("AIM", AimConfig(width=8, regression_width=4), fast(runs=2, epochs=epochs))
        expected = expected_time(features, fold_jobs(parts, [system]))
        passes.append(expected.row_passes)
        seconds.append(expected.seconds)
        assert expected.trainings == 4
    assert passes == [4 * 30 * 2 * 50, 4 * 30 * 2 * 500]
    assert 0 < seconds[0] < seconds[1]
    network = watching(system)
    more = expected_time(features, fold_jobs(parts, [network, ChosenEpoch(network)]))
    assert more.trainings == 4 * (1 + 3)
    assert more.row_passes == passes[1] + 3 * 4 * 20 * 2 * 500


def test_a_dry_run_writes_no_result(features: FeatureSet, tmp_path: Path) -> None:
    write_pack(tmp_path / "set.h5", features)
    overrides = {"protocol": "kfold", "train": {"runs": 1, "epochs": 20}, "model": {"width": 8}}
    done = api.evaluate(
        config="folder", pack=tmp_path / "set.h5", out=tmp_path / "out", overrides=overrides, dry_run=True
    )
    assert done.expected is not None
    assert np.isfinite(done.expected.seconds)
    assert done.notes() == [str(done.expected)]
    assert done.tables() == []
    assert not list(tmp_path.glob("out/*"))
