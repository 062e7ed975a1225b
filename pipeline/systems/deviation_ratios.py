"""Errors of a network beside the deviations that it predicts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from data.store.arrays import Floats
from pipeline.systems.interface import FoldPredictions, NetworkRow, Predictions, System
from pipeline.train import label_table


class WithInnerRatios(NetworkRow):
    """A network that predicts deviations, with |error| / deviation of inner predictions as `Predictions.inner_ratios`.

    These ratios calibrate its intervals.
    """

    @property
    def inner_systems(self) -> tuple[System, ...]:
        """See `ResultRow.inner_systems`."""
        return (self.network.inner(),)

    def read(self, fold: FoldPredictions) -> Predictions:
        """See `ResultRow.read`."""
        train, true = fold.train, label_table(fold.train.records)[:, 0]
        ratios: dict[str, float] = {}
        for part, one in zip(fold.inner, fold.inside(self.network.inner()), strict=True):
            error, deviation = errors_and_deviations(one, true[part.test])
            ratios |= dict(zip((train.ids[row] for row in part.test), (error / deviation).tolist(), strict=True))
        return replace(fold.test(self.network), inner_ratios=ratios)


def errors_and_deviations(predicted: Predictions, true: Floats) -> tuple[Floats, Floats]:
    """Absolute errors (m,) of the mean over the networks, and deviations (m,) from their mean variance."""
    assert predicted.deviation is not None
    return np.abs(predicted.score.mean(0) - true), np.sqrt(np.square(predicted.deviation).mean(0))
