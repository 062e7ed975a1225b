"""Trivial baselines: predictions that need no video, as a reference for every result."""

from __future__ import annotations

import numpy as np

from data.store.arrays import Floats, Rows
from pipeline.features import FeatureSet
from pipeline.systems.interface import SimpleSystem, System
from pipeline.train import label_table


def training_mean(features: FeatureSet, train: Rows, test: Rows, run: int = 0) -> Floats:
    """(m,) the mean training score for every performance: the constant with the least squared error."""
    return np.full(len(test), _scores(features)[train].mean())


def duration(features: FeatureSet, train: Rows, test: Rows, run: int = 0) -> Floats:
    """(m,) straight line through training scores over the logarithm of the duration."""
    return _line(np.log(np.maximum(np.nan_to_num(features.duration, nan=1.0), 1e-3)), features, train, test)


def subject_mean(features: FeatureSet, train: Rows, test: Rows, run: int = 0) -> Floats:
    """(m,) mean score of the same subject's training performances; of all where there are none."""
    scores = _scores(features)
    subjects = np.array([record.groups.get("subject", "") for record in features.records])
    overall = float(scores[train].mean())
    means = []
    for row in test:
        same = train[(subjects[train] == subjects[row]) & (subjects[row] != "")]
        means.append(float(scores[same].mean()) if len(same) else overall)
    return np.array(means)


def random_scores(features: FeatureSet, train: Rows, test: Rows, run: int = 0) -> Floats:
    """(m,) drawn evenly between the least and the greatest training score (RANDOM of table 4)."""
    low, high = np.quantile(_scores(features)[train], [0.0, 1.0])
    return np.random.default_rng([run, len(test), *test.tolist()]).uniform(low, high, len(test))


def difficulty_alone(features: FeatureSet, train: Rows, test: Rows, run: int = 0) -> Floats:
    """(m,) straight line through training scores over the announced difficulty; the mean where there is none."""
    return _line(difficulties(features), features, train, test)


def difficulties(features: FeatureSet) -> Floats:
    """(n,) degree of difficulty, NaN where unknown."""
    given = [record.labels.difficulty if record.labels else None for record in features.records]
    return np.array(given, dtype=np.float64)


def trivial_baselines(features: FeatureSet) -> tuple[System, ...]:
    """The baselines of every evaluation; the difficulty only where performances have one."""
    baselines = (
        SimpleSystem("training mean", training_mean, baseline=True),
        SimpleSystem("duration", duration, baseline=True),
        SimpleSystem("subject mean", subject_mean, baseline=True),
        SimpleSystem("random", random_scores, runs=10, baseline=True),
    )
    if not np.isfinite(difficulties(features)).any():
        return baselines
    return (*baselines, SimpleSystem("difficulty", difficulty_alone, baseline=True))


def _line(values: Floats, features: FeatureSet, train: Rows, test: Rows) -> Floats:
    """(m,) straight line through training scores over `values` (n,); the mean where a value is NaN or all are equal."""
    mean, given = training_mean(features, train, test), train[np.isfinite(values[train])]
    if len(given) == 0 or np.ptp(values[given]) == 0:
        return mean
    slope, offset = np.polyfit(values[given], _scores(features)[given], 1)
    return np.where(np.isfinite(values[test]), slope * values[test] + offset, mean)


def _scores(features: FeatureSet) -> Floats:
    return np.asarray(label_table(features.records)[:, 0])
