"""The epoch of a network: by inner validation, on the training part only, or the best on the test part.

The paper does not name the epoch of its results, and public code of this field often takes the best one on the test
part. Here the last epoch is the result. The chosen epoch and, on request, the best on the test part have further rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from data.store.arrays import Floats
from pipeline.systems.inner_folds import mean_rho, sortable
from pipeline.systems.interface import FoldPredictions, NetworkRow, NetworkSystem, Predictions, System

WATCHED = 20
"""Approximate number of evenly spread epochs to choose from."""

CHOSEN, ORACLE = "epoch by inner validation", "best epoch on the test part (oracle)"
"""Name endings of the rows."""


def watched_epochs(epochs: int) -> tuple[int, ...]:
    """The epochs, counted from 1, that can be chosen, including the last."""
    return tuple(sorted({max(1, round(epochs * share / WATCHED)) for share in range(1, WATCHED + 1)}))


def watching(network: NetworkSystem) -> NetworkSystem:
    """The network with predictions after every epoch that can be chosen."""
    return replace(network, watch=watched_epochs(network.config.epochs))


class ChosenEpoch(NetworkRow):
    """A network that watches epochs (`watching`), at the epoch with the highest `mean_rho` on inner folds.

    It is the last epoch where the training part cannot be split.
    """

    ending, epoch = f", {CHOSEN}", "inner validation"

    @property
    def inner_systems(self) -> tuple[System, ...]:
        """See `ResultRow.inner_systems`."""
        return (self.network.inner(),)

    def read(self, fold: FoldPredictions) -> Predictions:
        """See `ResultRow.read`; `Predictions.chosen` names the epoch."""
        best = len(self.network.watch) - 1
        if fold.inner:
            rows = np.concatenate([part.test for part in fold.inner])
            inside = [by_epoch_of(one).mean(1) for one in fold.inside(self.network.inner())]
            best = latest_best([mean_rho(fold.train, rows, each) for each in np.concatenate(inside, axis=1)])
        return Predictions(by_epoch_of(fold.test(self.network))[best], chosen=(self.epoch_name(best),))


class BestOnTest(NetworkRow):
    """A network at the epoch that ranks the test part best, for comparison with numbers published in this form.

    The row itself reads no test score: it has the scores of every epoch with their names, and `cross_validate`, which
    knows the labels, chooses in rows of this kind.
    """

    ending, epoch, kind = f", {ORACLE}", "best on the test part", "oracle"

    def read(self, fold: FoldPredictions) -> Predictions:
        """See `ResultRow.read`."""
        one = fold.test(self.network)
        names = tuple(map(self.epoch_name, range(len(self.network.watch))))
        return Predictions(one.score, by_epoch=one.by_epoch, chosen=names)


def by_epoch_of(predicted: Predictions) -> Floats:
    """(epochs watched, networks, m) predictions of a network that watches epochs."""
    assert predicted.by_epoch is not None
    return predicted.by_epoch


def latest_best(correlations: Sequence[float]) -> int:
    """Index of the highest correlation; of equal ones, the last."""
    backwards = [sortable(value) for value in reversed(correlations)]
    return len(backwards) - 1 - int(np.argmax(backwards))
