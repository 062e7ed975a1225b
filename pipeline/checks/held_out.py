"""Held-out predictions: their errors, intervals and rank correlation."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import stdtrit

from data.store.arrays import Bools, Floats, Rows
from models.metrics import spearman
from pipeline.checks.accuracy import Accuracy, Interval
from pipeline.checks.prediction_intervals import reach

SHARE = 0.8
"""Share of new performances with errors of at most `Accuracy.within`, and inside `HeldOut.own_intervals`."""

CERTAIN = 0.95
"""Certainty that the model's error is smaller than that of guessing the mean: one side of Student's t."""


@dataclass(frozen=True)
class HeldOut:
    """Held-out predictions of n performances.

    Attributes:
        truth, predicted: (n,) label and prediction.
        fold: (n,) the fold that held it out.
        group: (n,) the independent performance, shared by views and copies.
    """

    truth: Floats
    predicted: Floats
    fold: Rows
    group: Rows

    @property
    def residuals(self) -> Floats:
        """(n,) absolute errors."""
        return np.abs(self.truth - self.predicted)

    @property
    def groups(self) -> int:
        """Number of independent performances."""
        return len(np.unique(self.group))

    @cached_property
    def accuracy(self) -> Accuracy:
        """Errors of the predictions beside those of guessing the mean label of the other folds."""
        means = np.array([self.truth[self.fold != fold].mean() for fold in self.fold])
        errors, guesses = self._by_group(self.residuals), self._by_group(np.abs(self.truth - means))
        within, rho = reach(self.residuals, self.group, SHARE), self.rho
        return Accuracy(
            performances=len(errors),
            rho=rho if math.isfinite(rho) else None,
            mae=float(errors.mean()),
            mean_mae=float(guesses.mean()),
            within=within if math.isfinite(within) else None,
            better=self.better_than(means),
        )

    def better_than(self, others: Floats) -> bool:
        """Whether the errors are smaller than those of the predictions `others` (n,) by more than chance explains."""
        gains = self._by_group(np.abs(self.truth - others) - self.residuals)
        noise = float(gains.std(ddof=1) / np.sqrt(len(gains))) if len(gains) > 1 else math.inf
        return float(gains.mean()) > float(stdtrit(max(1, len(gains) - 1), CERTAIN)) * noise

    def _by_group(self, values: Floats) -> Floats:
        """The mean of `values` (n,) over each independent performance."""
        number, counts = np.unique(self.group, return_inverse=True, return_counts=True)[1:]
        return np.asarray(np.bincount(number, values) / counts)

    def own_intervals(self) -> list[Interval | None]:
        """80 % intervals around the predictions, each from the residuals of the other folds; None if these are too few.

        If no label is negative, both ends are at least zero.
        """
        floor = 0.0 if np.nanmin(self.truth, initial=np.inf) >= 0 else -math.inf
        intervals: list[Interval | None] = [None] * len(self.truth)
        for name in np.unique(self.fold):
            others = (self.fold != name) & np.isfinite(self.residuals)
            extent = reach(self.residuals[others], self.group[others], SHARE) if others.any() else math.inf
            for row in np.flatnonzero(self.fold == name) if math.isfinite(extent) else ():
                centre = float(self.predicted[row])
                intervals[row] = (max(centre - extent, floor), max(centre + extent, floor))
        return intervals

    def once(self) -> HeldOut:
        """The means over the views and copies of each performance in a fold."""
        pairs, number, counts = np.unique(
            np.stack([self.fold, self.group]), axis=1, return_inverse=True, return_counts=True
        )
        if len(counts) == len(self.fold):
            return self
        truth, predicted = (np.bincount(number.ravel(), values) / counts for values in (self.truth, self.predicted))
        return HeldOut(truth, predicted, *pairs)

    def without_fold_means(self) -> tuple[Floats, Floats]:
        """(n,) predictions and labels minus their fold's mean."""
        return centred(self.predicted, self.fold), centred(self.truth, self.fold)

    @property
    def rho(self) -> float:
        """Spearman's correlation of all performances ranked together, without fold means; NaN if undefined."""
        return spearman(*self.without_fold_means()) if len(self.truth) else math.nan

    def take(self, kept: Bools) -> HeldOut:
        """The predictions marked in `kept` (n,)."""
        return HeldOut(self.truth[kept], self.predicted[kept], self.fold[kept], self.group[kept])


def centred(values: Floats, fold: Rows) -> Floats:
    """(m,) values minus their fold's mean. Equal values of a fold stay equal, so rounding errors do not rank them."""
    if not len(values):
        return values
    scaled = values / max(np.abs(values).max(), np.finfo(float).tiny)
    number = np.unique(fold, return_inverse=True)[1]
    means = np.bincount(number, scaled) / np.bincount(number)
    return np.asarray(np.round(scaled - means[number], 9))
