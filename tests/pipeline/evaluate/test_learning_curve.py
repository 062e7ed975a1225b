"""The learning curve: nested subsets that never include the held-out part, and no forecast."""

import json

import numpy as np
import pytest

from pipeline import api
from pipeline.evaluate.learning_curve import FOLDS, learning_curve, no_curve
from pipeline.folds import last_epoch
from pipeline.pack.pack_file import write_pack
from pipeline.settings.config import load_config
from pipeline.systems import SimpleSystem
from tests.helpers.made_features import made_features, with_records
from tests.helpers.watching import Watching


@pytest.fixture
def seen(monkeypatch):
    """The ids of each training and test part; the errors of the method fall with the root of the training rows."""
    seen = []

    def noted(train):
        def scores(test, _):
            seen.append((train.ids, test.ids))
            assert all(record.labels is None for record in test.records)
            return np.arange(len(test)) / 1e3 + 10 / np.sqrt(len(train))

        return scores

    rows = [last_epoch(SimpleSystem("noted", noted))]
    monkeypatch.setattr("pipeline.evaluate.learning_curve.protocol_systems", lambda *_, **__: rows)
    return seen


def test_subsets_are_nested_and_apart_from_the_held_out_part(seen):
    features = made_features(30)
    made = learning_curve(features, load_config("folder").method)
    assert [point.trained_on for point in made] == pytest.approx([10, 14, 19, 24], abs=1)
    errors = [point.mae for point in made]
    assert all(error.low <= error.value <= error.high for error in errors if error.interval)
    assert errors[-1].interval is None, "all repeats have the same whole training part"
    assert len(set(seen)) == FOLDS * (3 * 2 + 1), "the whole training part is trained on once"
    for train, test in seen:
        assert not set(train) & set(test)
        larger = [other for other, same in seen if same == test and len(other) > len(train)]
        assert len(train) == 24 or sum(set(train) < set(other) for other in larger) >= 1


def test_views_of_one_performance_are_never_divided(seen):
    features = made_features(40)
    views = with_records(features, lambda _, i: {"groups": {"original": str(i // 2)}})
    made = learning_curve(views, load_config("folder").method)
    assert made[-1].trained_on == 16
    for train, test in seen:
        originals = [{int(name[5:8]) // 2 for name in part} for part in (train, test)]
        assert not originals[0] & originals[1]
        assert len(train) == 2 * len(originals[0]), "both views of each"


def test_several_tasks_are_refused():
    features = with_records(made_features(20), lambda _, i: {"task": str(i % 2)})
    assert "one task" in no_curve(features, load_config("folder").method)


def test_train_writes_it_into_the_run_folder_or_says_why_not(tmp_path):
    run = tmp_path / "run"

    def trained(count, **options):
        write_pack(tmp_path / "pack.h5", with_records(made_features(count, trial=4), lambda *_: {"task": ""}))
        quick = ["train.epochs=3", "train.networks=1", "combined=false"]
        api.train(pack=tmp_path / "pack.h5", out=run, overrides=quick, observer=(seen := Watching()), **options)
        return seen.lines

    lines = trained(12, curve=True)
    written = json.loads((run / "curve.json").read_text())
    assert sum(line.startswith("on average") for line in lines) == len(written) == 4
    assert not (run / "checkpoints/curve").exists(), "its trainings are kept until it is written"
    last = written[-1]
    assert lines[-2].startswith(f"on average {last['trained_on']:.3g} labels: error {last['mae']['value']:.3f}, ")
    assert "would" not in " ".join(lines), "nothing is forecast"
    trained(12, folds=0)
    assert not (run / "curve.json").exists(), "it would be that of another model"
    assert "note: no learning curve: 9 independent performances, and it needs 10" in trained(9, folds=0, curve=True)
    assert (run / "model.json").exists()
    assert not (run / "curve.json").exists()
