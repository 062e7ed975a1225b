"""The learning curve: nested subsets that never include the held-out part, and no forecast."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from data.errors import DataError
from data.store.arrays import Floats
from pipeline import api
from pipeline.evaluate.learning_curve import FOLDS, curve_lines, curve_system, learning_curve
from pipeline.folds import last_epoch
from pipeline.pack.pack_file import write_pack
from pipeline.settings.config import load_config
from pipeline.systems import SimpleSystem
from pipeline.systems.system import Score
from pipeline.train.feature_set import FeatureSet
from tests.helpers.made_features import made_features
from tests.helpers.watching import Watching

SEEN: list[tuple[tuple[str, ...], tuple[str, ...]]] = []


def noted(train: FeatureSet) -> Score:
    """A system that notes its rows, and whose predictions fall with the root of the number of training rows."""

    def scores(test: FeatureSet, _: int) -> Floats:
        SEEN.append((train.ids, test.ids))
        assert all(record.labels is None or record.labels.score is None for record in test.records)
        return np.arange(len(test)) / 1e3 + 10 / np.sqrt(len(train))

    return scores


def test_subsets_are_nested_and_apart_from_the_held_out_part() -> None:
    features = made_features(30)
    SEEN.clear()
    made = learning_curve(features, load_config("folder").method, system=last_epoch(SimpleSystem("noted", noted)))
    assert [point.trained_on for point in made] == pytest.approx([10, 14, 19, 24], abs=1)
    errors = [point.mae for point in made]
    assert all(error.low <= error.value <= error.high for error in errors)
    assert errors[-1].low == errors[-1].high, "all repeats have the same whole training part"
    assert len(set(SEEN)) == FOLDS * (3 * 2 + 1), "the whole training part is trained on once"
    for train, test in SEEN:
        assert not set(train) & set(test)
        larger = [other for other, same in SEEN if same == test and len(other) > len(train)]
        assert len(train) == 24 or sum(set(train) < set(other) for other in larger) >= 1


def test_views_of_one_performance_are_never_divided() -> None:
    features = made_features(40)
    records = tuple(replace(r, groups={"original": str(i // 2)}) for i, r in enumerate(features.records))
    SEEN.clear()
    made = learning_curve(
        replace(features, records=records),
        load_config("folder").method,
        system=last_epoch(SimpleSystem("noted", noted)),
    )
    assert made[-1].trained_on == 16
    for train, test in SEEN:
        originals = [{int(name[5:8]) // 2 for name in part} for part in (train, test)]
        assert not originals[0] & originals[1]
        assert len(train) == 2 * len(originals[0]), "both views of each"


def test_the_system_of_the_configuration_runs_on_the_smallest_subset() -> None:
    method = load_config("folder", ["train.epochs=3", "train.networks=1"]).method
    features = made_features(12, trial=4)
    assert curve_system(method, features).name == "combined"
    made = learning_curve(features, method)
    assert len(made) == len(curve_lines(made)) == 4
    assert np.isfinite([point.mae.value for point in made]).all()


def test_too_few_and_several_tasks_are_refused() -> None:
    with pytest.raises(DataError, match="9 independent performances, and it needs 10"):
        learning_curve(made_features(9), load_config("folder").method)
    features = made_features(20)
    records = tuple(replace(r, task=str(i % 2)) for i, r in enumerate(features.records))
    with pytest.raises(DataError, match="one task"):
        learning_curve(replace(features, records=records), load_config("folder").method)


def test_train_leaves_it_out_where_there_are_too_few_performances(tmp_path: Path) -> None:
    features = made_features(9, trial=4)
    records = tuple(replace(record, task="") for record in features.records)
    write_pack(tmp_path / "pack.h5", replace(features, records=records))
    quick = ["train.epochs=3", "train.networks=1", "combined=false"]
    seen = Watching()
    api.train(pack=tmp_path / "pack.h5", out=tmp_path / "run", overrides=quick, folds=0, curve=True, observer=seen)
    assert "note: no learning curve: 9 independent performances, and it needs 10" in seen.lines
    assert (tmp_path / "run/model.json").exists()
    assert not (tmp_path / "run/curve.json").exists()


def test_train_writes_it_into_the_run_folder(tmp_path: Path) -> None:
    features = made_features(12, trial=4)
    records = tuple(replace(record, task="") for record in features.records)
    write_pack(tmp_path / "pack.h5", replace(features, records=records))
    quick = ["train.epochs=3", "train.networks=1", "combined=false"]
    api.train(
        pack=tmp_path / "pack.h5", out=tmp_path / "run", overrides=quick, curve=True, observer=(seen := Watching())
    )
    written = json.loads((tmp_path / "run/curve.json").read_text())
    assert sum(line.startswith("trained on") for line in seen.lines) == len(written) == 4
    assert not (tmp_path / "run/checkpoints/curve").exists(), "its trainings are kept until it is written"
    last = written[-1]
    assert seen.lines[-1].startswith(f"trained on {last['trained_on']:.3g}: error {last['mae']['value']:.3f} (")
    assert "would" not in " ".join(seen.lines), "nothing is forecast"
    api.train(pack=tmp_path / "pack.h5", out=tmp_path / "run", overrides=quick, folds=0)
    assert not (tmp_path / "run/curve.json").exists(), "it would be that of another model"
