"""Trivial baselines: predictions without video, as a reference for every result."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence

import numpy as np

from data.store.arrays import Floats
from pipeline.systems.system import Score, SimpleSystem, System
from pipeline.train import difficulties, label_table
from pipeline.train.feature_set import FeatureSet


def training_mean(train: FeatureSet) -> Score:
    """The mean training score, the constant with the least squared error."""
    mean = _scores(train).mean()
    return lambda test, repeat: np.full(len(test), mean)


def duration(train: FeatureSet) -> Score:
    """Linear fit of the training scores over the logarithm of the duration."""
    return _line(train, lambda part: np.log(np.maximum(np.nan_to_num(part.duration, nan=1.0), 1e-3)))


def shorter_is_better(train: FeatureSet) -> Score:
    """Linear in log duration: one standard deviation shorter scores one standard deviation higher than the mean.

    Unlike `duration`, it does not learn the direction. It is the mean if the duration is unknown.
    """
    scores, known = _scores(train), np.log(np.maximum(train.duration, 1e-3))
    mean, deviation = np.nanmean(known), max(float(np.nanstd(known)), 1e-9)

    def scored(test: FeatureSet, repeat: int) -> Floats:
        less = (mean - np.log(np.maximum(test.duration, 1e-3))) / deviation
        return np.asarray(scores.mean() + scores.std() * np.nan_to_num(less))

    return scored


def subject_mean(train: FeatureSet) -> Score:
    """Mean score of the same subject's training performances; for a new subject, the mean of all."""
    scores, subjects = _scores(train), np.array(_subjects(train))
    means = {subject: float(scores[subjects == subject].mean()) for subject in set(_subjects(train)) - {""}}
    mean = float(scores.mean())
    return lambda test, repeat: np.array([means.get(subject, mean) for subject in _subjects(test)])


def random_scores(train: FeatureSet) -> Score:
    """Drawn uniformly between the lowest and the highest training score (RANDOM of table 4)."""
    low, high = np.quantile(_scores(train), [0.0, 1.0])

    def drawn(test: FeatureSet, repeat: int) -> Floats:
        seed = [repeat, *map(zlib.crc32, map(str.encode, test.ids))]
        return np.random.default_rng(seed).uniform(low, high, len(test))

    return drawn


def difficulty_alone(train: FeatureSet) -> Score:
    """Linear fit of the training scores over the announced difficulty; their mean if it is unknown."""
    return _line(train, difficulties)


MEAN, SHORTER = "training mean", "shorter duration"


def trivial_baselines(
    features: FeatureSet, unsplit: Sequence[str] = (), *, shorter: bool = False
) -> tuple[System, ...]:
    """The baselines of every evaluation. Those by duration, subject or difficulty need two different known values.

    `unsplit`: groups that folds keep together; without a subject's training scores its mean is the training mean.
    `shorter`: include `shorter_is_better`, which is a claim about the data set.
    """
    known = np.arange(len(features))
    subjects = np.where((np.array(_subjects(features)) == "") | ("subject" in unsplit), np.nan, known)
    baselines = (
        (known, SimpleSystem(MEAN, training_mean, kind="baseline")),
        (features.duration, SimpleSystem("duration", duration, kind="baseline")),
        (features.duration if shorter else known * np.nan, SimpleSystem(SHORTER, shorter_is_better, kind="baseline")),
        (subjects, SimpleSystem("subject mean", subject_mean, kind="baseline")),
        (known, SimpleSystem("random", random_scores, repeats=10, kind="baseline")),
        (difficulties(features), SimpleSystem("difficulty", difficulty_alone, kind="baseline")),
    )
    return tuple(system for values, system in baselines if len(np.unique(values[np.isfinite(values)])) > 1)


def _line(train: FeatureSet, value: Callable[[FeatureSet], Floats]) -> Score:
    """Linear fit of the training scores over a value of each performance.

    It is the mean score if the value is NaN, or if all training values are equal or NaN.
    """
    scores, values = _scores(train), value(train)
    finite, mean = np.isfinite(values), scores.mean()
    if not finite.any() or np.ptp(values[finite]) == 0:
        return lambda test, repeat: np.full(len(test), mean)
    slope, offset = np.polyfit(values[finite], scores[finite], 1)

    def on_line(test: FeatureSet, repeat: int) -> Floats:
        asked = value(test)
        return np.asarray(np.where(np.isfinite(asked), slope * asked + offset, mean))

    return on_line


def _subjects(features: FeatureSet) -> list[str]:
    return [record.groups.get("subject", "") for record in features.records]


def _scores(features: FeatureSet) -> Floats:
    return np.asarray(label_table(features.records)[:, 0])
