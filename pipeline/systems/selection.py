"""Selects systems and epochs by inner validation, on the training part only.

The paper does not name the epoch of its results, and public code of this field often takes the best one on the test
part. Here the last epoch is the result. The chosen epoch and, on request, the best on the test part have further rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from data.store.arrays import Floats, Rows
from models.metrics import fisher_average, spearman
from pipeline.systems.inner_folds import task_rows
from pipeline.systems.interface import FoldPredictions, NetworkSystem, Predictions, ResultRow, RowKind, System
from pipeline.train import label_table
from pipeline.train.features import FeatureSet

WATCHED = 20
"""Approximate number of evenly spread epochs to choose from."""

CHOSEN, ORACLE = "epoch by inner validation", "best epoch on the test part (oracle)"
"""Name endings of the rows."""


def mean_rho(train: FeatureSet, rows: Rows, predicted: Floats) -> float:
    """Spearman's rho of predictions (m,) for `rows` of each task, averaged over the tasks by Fisher's z."""
    true, tasks = label_table(train.records)[rows, 0], task_rows(train.take(rows))
    return fisher_average([spearman(predicted[mine], true[mine]) for mine in tasks.values()]).value


def sortable(value: float) -> float:
    """`value`, or -2 where it is undefined: below every correlation."""
    return value if np.isfinite(value) else -2.0


@dataclass(frozen=True)
class Selected(ResultRow):
    """The candidate with the highest `mean_rho` on inner folds, trained on the whole training part.

    It is the first candidate where the training part cannot be split.
    """

    name: str
    candidates: tuple[System, ...]

    @property
    def systems(self) -> tuple[System, ...]:
        """See `ResultRow.systems`: none before inner validation."""
        return ()

    @property
    def inner_systems(self) -> tuple[System, ...]:
        """See `ResultRow.inner_systems`."""
        return tuple(one.inner() for one in self.candidates)

    def picked(self, fold: FoldPredictions) -> tuple[System, ...]:
        """See `ResultRow.picked`: the candidate alone, so that no other trains on the whole training part."""
        if not fold.inner:
            return self.candidates[:1]
        rows = np.concatenate([part.test for part in fold.inner])
        each = [np.concatenate([one.score.mean(0) for one in fold.inside(system)]) for system in self.inner_systems]
        values = [sortable(mean_rho(fold.train, rows, predicted)) for predicted in each]
        return (self.candidates[int(np.argmax(values))],)

    def read(self, fold: FoldPredictions) -> Predictions:
        """See `ResultRow.read`; `Predictions.chosen` names the candidate."""
        (best,) = self.picked(fold)
        return Predictions(fold.test(best).score, chosen=(best.name,))


def watched_epochs(epochs: int) -> tuple[int, ...]:
    """The epochs, counted from 1, that can be chosen, including the last."""
    return tuple(sorted({max(1, round(epochs * share / WATCHED)) for share in range(1, WATCHED + 1)}))


def watching(network: NetworkSystem) -> NetworkSystem:
    """The network with predictions after every epoch that can be chosen."""
    return replace(network, watch=watched_epochs(network.config.epochs))


@dataclass(frozen=True)
class NetworkRow(ResultRow):
    """A further row of a network, from the same training as the network's own row."""

    network: NetworkSystem
    ending: ClassVar[str] = ""

    @property
    def kind(self) -> RowKind:  # type: ignore[override]
        """The kind of the network."""
        return self.network.kind

    @property
    def name(self) -> str:  # type: ignore[override]
        """The name of the row."""
        return f"{self.network.name}{self.ending}"

    @property
    def systems(self) -> tuple[System, ...]:
        """See `ResultRow.systems`."""
        return (self.network,)

    def epoch_name(self, number: int) -> str:
        """The name of the watched epoch of this number, from 0."""
        return f"epoch {self.network.watch[number]}"


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

    The row itself reads no test score: it predicts `Predictions.by_epoch`, and `cross_validate` selects the epoch.
    """

    ending, epoch, kind = f", {ORACLE}", "best on the test part", "oracle"

    def read(self, fold: FoldPredictions) -> Predictions:
        """See `ResultRow.read`."""
        one = fold.test(self.network)
        return Predictions(one.score, by_epoch=one.by_epoch)


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
    """Absolute errors (m,) of the mean over the runs, and deviations (m,) from the mean variance over the runs."""
    assert predicted.deviation is not None
    return np.abs(predicted.score.mean(0) - true), np.sqrt(np.square(predicted.deviation).mean(0))


def by_epoch_of(predicted: Predictions) -> Floats:
    """(epochs watched, runs, m) predictions of a network that watches epochs."""
    assert predicted.by_epoch is not None
    return predicted.by_epoch


def latest_best(correlations: Sequence[float]) -> int:
    """Index of the highest correlation; of equal ones, the last."""
    backwards = [sortable(value) for value in reversed(correlations)]
    return len(backwards) - 1 - int(np.argmax(backwards))
