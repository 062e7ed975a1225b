"""The difficulty alone as a baseline, and methods that learn score / difficulty."""

from dataclasses import replace

import numpy as np
import pytest

from data.errors import DataError
from data.video import Labels
from models.aim_config import AimConfig
from models.metrics import spearman
from pipeline.evaluate import RequestedRows
from pipeline.evaluate.evaluation_plan import protocol_systems
from pipeline.evaluate.leaderboard import OURS, UNDIVIDED, all_systems
from pipeline.settings.config import load_config
from pipeline.settings.train_config import TrainConfig
from pipeline.settings.yaml_values import presets
from pipeline.systems import PUBLISHED_ROWS, AimSystem
from pipeline.systems.baselines import difficulty_alone
from pipeline.train import check_difficulties, label_table
from tests.helpers.folds import predict_part
from tests.helpers.made_features import made_features
from tests.helpers.watching import Watching

TRAIN, TEST = np.arange(40), np.arange(40, 60)
LEVELS = np.random.default_rng(0).choice([1.5, 2.5, 3.5], 60)
MODEL, CONFIG = AimConfig(width=16, regression_width=16), TrainConfig(networks=2, epochs=40)
SETTINGS = {"train.networks": 2, "train.epochs": 40, "model.width": 16, "model.regression_width": 16}


def relabelled(features, labels):
    def change(row, record):
        assert record.labels is not None
        return replace(record, labels=labels(row, record.labels))

    return replace(features, records=tuple(change(*pair) for pair in enumerate(features.records)))


@pytest.fixture(scope="module")
def dives():
    """The score is a quality that the features show, times a difficulty that no feature shows."""
    made = made_features(60, channels=6, scene=5, missing=0.0)
    return relabelled(made, lambda i, one: Labels((one.score or 0.0) * LEVELS[i], difficulty=float(LEVELS[i])))


def test_the_difficulty_alone_by_hand(dives):
    line = relabelled(dives, lambda i, one: replace(one, score=3 * LEVELS[i] + 1))
    assert np.allclose(difficulty_alone(line.take(TRAIN))(line.take(TEST), 0), 3 * LEVELS[TEST] + 1)
    unknown = relabelled(line, lambda i, one: replace(one, difficulty=None) if i in (0, 40) else one)
    mean = label_table(line.records)[TRAIN, 0].mean()
    assert np.allclose(difficulty_alone(unknown.take(TRAIN))(unknown.take(TEST), 0)[:2], [mean, 3 * LEVELS[41] + 1])
    equal = relabelled(line, lambda i, one: replace(one, difficulty=2.0))
    assert np.allclose(difficulty_alone(equal.take(TRAIN))(equal.take(TEST), 0), mean)


def test_only_aim_and_its_variants_learn_score_by_difficulty(dives):
    off, on = (all_systems(dives, MODEL, CONFIG, times_difficulty=times) for times in (False, True))
    changed = {name for name, system in on.items() if system.times_difficulty}
    assert on.keys() - off.keys() == {UNDIVIDED}
    assert {OURS, "w/o AIM", "single-task"} < changed
    assert not changed & {UNDIVIDED, "C3D-LSTM", "difficulty", *PUBLISHED_ROWS}
    without = relabelled(dives, lambda i, one: replace(one, difficulty=None))
    assert off.keys() - all_systems(without, MODEL, CONFIG).keys() == {"difficulty"}


def test_a_method_that_multiplies_ranks_better_in_every_row(dives):
    true, made = label_table(dives.records)[TEST, 0], {}
    for times in (False, True):
        method = load_config(None, {**SETTINGS, "times_difficulty": times}).method
        for row in protocol_systems(method, dives, RequestedRows(quick=True))[:5]:
            made[row.name, times] = spearman(predict_part(row, dives, TRAIN, TEST).score.mean(0), true)
    assert {name for name, _ in made} >= {OURS, "combined", "descriptors, ridge"}
    assert all((rho > 0.9) == times for (_, times), rho in made.items())


def test_a_task_without_difficulties_is_learned_as_it_is(dives):
    """As the vaults of UNLV, beside dives."""
    mixed = replace(dives, records=tuple(replace(r, task="ab"[i % 2]) for i, r in enumerate(dives.records)))
    vaults = relabelled(mixed, lambda i, one: replace(one, difficulty=None) if i % 2 else one)
    whole, times = (
        predict_part(AimSystem(OURS, MODEL, CONFIG, times_difficulty=on), vaults, TRAIN, TEST).score
        for on in (False, True)
    )
    assert ((whole == times).all(0) == np.arange(20) % 2).all()


def test_what_is_said_about_missing_difficulties(dives):
    observer, method = Watching(), load_config(None, {"times_difficulty": True}).method
    check_difficulties(relabelled(dives, lambda i, one: None if i == 50 else one), method, observer)
    without = relabelled(dives, lambda i, one: replace(one, difficulty=None))
    check_difficulties(without, load_config().method, observer)
    assert not observer.lines
    check_difficulties(without, method, observer)
    assert observer.lines == ["note: no difficulties of made: scores are learned as they are"]
    for level in (None, 0.0, -1.0):
        partly = relabelled(dives, lambda i, one, level=level: replace(one, difficulty=level) if i == 50 else one)
        with pytest.raises(DataError, match=r"1 scored .* of 60 without a difficulty above 0.*times_difficulty=false"):
            check_difficulties(partly, method, observer)


def test_presets_whose_score_is_difficulty_times_execution():
    on = {name for name in presets() if load_config(name).method.times_difficulty}
    assert on == {"mtl-aqa", "finediving", "unlv", "tasd2", "demo"}
    assert not load_config("mtl-aqa", ["dataset.score=execution"]).method.times_difficulty
