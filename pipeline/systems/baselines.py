"""Trivial baselines: predictions that need no video, as a reference for every result."""

from __future__ import annotations

import zlib

import numpy as np

from data.store.arrays import Floats
from pipeline.systems.interface import SimpleSystem, System
from pipeline.train import label_table
from pipeline.train.features import FeatureSet


def training_mean(train: FeatureSet, test: FeatureSet, run: int = 0) -> Floats:
    """(m,) the mean training score, which is the constant with the least squared error."""
    return np.full(len(test), _scores(train).mean())


def duration(train: FeatureSet, test: FeatureSet, run: int = 0) -> Floats:
    """(m,) linear fit of the training scores over the logarithm of the duration."""
    logs = [np.log(np.maximum(np.nan_to_num(part.duration, nan=1.0), 1e-3)) for part in (train, test)]
    return _line(train, *logs)


def subject_mean(train: FeatureSet, test: FeatureSet, run: int = 0) -> Floats:
    """(m,) mean score of the same subject's training performances; for a new subject, the mean of all."""
    scores, subjects = _scores(train), np.array(_subjects(train))
    means = []
    for subject in _subjects(test):
        same = scores[(subjects == subject) & (subject != "")]
        means.append(float(same.mean()) if len(same) else float(scores.mean()))
    return np.array(means)


def random_scores(train: FeatureSet, test: FeatureSet, run: int = 0) -> Floats:
    """(m,) drawn uniformly between the lowest and the highest training score (RANDOM of table 4)."""
    low, high = np.quantile(_scores(train), [0.0, 1.0])
    return np.random.default_rng([run, *map(zlib.crc32, map(str.encode, test.ids))]).uniform(low, high, len(test))


def difficulty_alone(train: FeatureSet, test: FeatureSet, run: int = 0) -> Floats:
    """(m,) linear fit of the training scores over the announced difficulty; their mean where it is unknown."""
    return _line(train, difficulties(train), difficulties(test))


def difficulties(features: FeatureSet) -> Floats:
    """(n,) degree of difficulty, NaN where unknown."""
    given = [record.labels.difficulty if record.labels else None for record in features.records]
    return np.array(given, dtype=np.float64)


def trivial_baselines(features: FeatureSet) -> tuple[System, ...]:
    """The baselines of every evaluation; `duration` and `difficulty` need a performance where they are known."""
    known = np.ones(len(features))
    baselines = (
        (known, SimpleSystem("training mean", training_mean, kind="baseline")),
        (features.duration, SimpleSystem("duration", duration, kind="baseline")),
        (known, SimpleSystem("subject mean", subject_mean, kind="baseline")),
        (known, SimpleSystem("random", random_scores, runs=10, kind="baseline")),
        (difficulties(features), SimpleSystem("difficulty", difficulty_alone, kind="baseline")),
    )
    return tuple(system for values, system in baselines if np.isfinite(values).any())


def _line(train: FeatureSet, given: Floats, asked: Floats) -> Floats:
    """(m,) linear fit of the training scores over `given` (k,), evaluated at `asked` (m,).

    It is the mean score where `asked` is NaN, and everywhere if all values of `given` are equal or NaN.
    """
    scores, finite = _scores(train), np.isfinite(given)
    mean = np.full(len(asked), scores.mean())
    if not finite.any() or np.ptp(given[finite]) == 0:
        return mean
    slope, offset = np.polyfit(given[finite], scores[finite], 1)
    return np.where(np.isfinite(asked), slope * asked + offset, mean)


def _subjects(features: FeatureSet) -> list[str]:
    return [record.groups.get("subject", "") for record in features.records]


def _scores(features: FeatureSet) -> Floats:
    return np.asarray(label_table(features.records)[:, 0])
