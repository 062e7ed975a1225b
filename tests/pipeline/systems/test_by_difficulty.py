"""The difficulty alone as a baseline, and AIM on score / difficulty."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from data.video import Labels, Record
from models.aim_config import AimConfig
from models.metrics import spearman
from pipeline.evaluate.leaderboard import OURS, TIMES_DIFFICULTY, all_systems, table_systems
from pipeline.settings.recipes import TrainConfig
from pipeline.systems import AimSystem, TimesDifficulty, can_divide, trivial_baselines
from pipeline.systems.baselines import difficulty_alone
from pipeline.train import label_table
from pipeline.train.feature_set import FeatureSet
from tests.helpers.folds import predict_part
from tests.helpers.made_features import made_features

TRAIN, TEST = np.arange(40), np.arange(40, 60)
LEVELS = np.random.default_rng(0).choice([1.5, 2.5, 3.5], 60)
MODEL = AimConfig(width=16, regression_width=16)


def relabelled(features: FeatureSet, labels: Callable[[int, Labels], Labels | None]) -> FeatureSet:
    def change(row: int, record: Record) -> Record:
        assert record.labels is not None
        return replace(record, labels=labels(row, record.labels))

    return replace(features, records=tuple(change(*pair) for pair in enumerate(features.records)))


@pytest.fixture(scope="module")
def dives() -> FeatureSet:
    """The score is a quality that the features show, times a difficulty that no feature shows."""
    made = made_features(60, channels=6, scene=5, missing=0.0)
    return relabelled(made, lambda i, one: Labels((one.score or 0.0) * LEVELS[i], difficulty=float(LEVELS[i])))


def test_the_difficulty_alone_by_hand(dives: FeatureSet) -> None:
    line = relabelled(dives, lambda i, one: replace(one, score=3 * LEVELS[i] + 1))
    assert np.allclose(difficulty_alone(line.take(TRAIN))(line.take(TEST), 0), 3 * LEVELS[TEST] + 1)
    unknown = relabelled(line, lambda i, one: replace(one, difficulty=None) if i in (0, 40) else one)
    mean = label_table(line.records)[TRAIN, 0].mean()
    assert np.allclose(difficulty_alone(unknown.take(TRAIN))(unknown.take(TEST), 0)[:2], [mean, 3 * LEVELS[41] + 1])
    equal = relabelled(line, lambda i, one: replace(one, difficulty=2.0))
    assert np.allclose(difficulty_alone(equal.take(TRAIN))(equal.take(TEST), 0), mean)


def test_systems_of_the_difficulty_only_where_there_is_one(dives: FeatureSet) -> None:
    without = relabelled(dives, lambda i, one: replace(one, difficulty=None))
    assert [s.name for s in trivial_baselines(dives)] == [*(s.name for s in trivial_baselines(without)), "difficulty"]
    assert TIMES_DIFFICULTY in all_systems(dives, MODEL, TrainConfig())
    assert TIMES_DIFFICULTY not in all_systems(without, MODEL, TrainConfig())
    assert "difficulty" in [system.name for system in table_systems("7", all_systems(dives, MODEL, TrainConfig()))]
    assert not can_divide(relabelled(dives, lambda i, one: replace(one, difficulty=0.0) if i == 50 else one))
    assert can_divide(relabelled(dives, lambda i, one: None if i == 50 else one))


def test_times_difficulty_ranks_better_than_aim_alone(dives: FeatureSet) -> None:
    true, config = label_table(dives.records)[TEST, 0], TrainConfig(networks=2, epochs=40)
    times = TimesDifficulty(TIMES_DIFFICULTY, MODEL, config)
    score = predict_part(times, dives, TRAIN, TEST).score
    whole = predict_part(AimSystem(OURS, MODEL, config), dives, TRAIN, TEST).score
    assert spearman(score.mean(0), true) > 0.9 > spearman(whole.mean(0), true)
    assert np.abs(score.mean(0) - true).mean() < 0.5 * np.abs(whole.mean(0) - true).mean()
