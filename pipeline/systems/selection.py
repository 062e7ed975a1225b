"""Selects systems and epochs by inner validation, on the training part only.

The paper does not name the epoch of its results, and public code of this field often takes the best one on the test
part. Here the last epoch is the result; the chosen epoch and, on request, the best on the test part are further rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from data.store.arrays import Floats, Rows
from models.metrics import fisher_average, spearman
from pipeline.features import FeatureSet
from pipeline.systems.inner_folds import Part, tasks_of
from pipeline.systems.interface import Function, NetworkSystem, Predicted, System, Trainings
from pipeline.train import label_table

WATCHED = 20
"""About this many epochs, evenly spread, can be chosen."""

CHOSEN, ORACLE = "epoch by inner validation", "best epoch on the test part (oracle)"
"""Name endings of the rows."""


def predict_inside(
    system: System, train: FeatureSet, inner: Sequence[Part], trainings: Trainings
) -> tuple[Predicted, ...]:
    """The predictions for the test rows of every inner fold, by `System.inner`."""
    return tuple(trainings.predict(system.inner(), train.take(part.train), train.take(part.test)) for part in inner)


def agreement(train: FeatureSet, rows: Rows, predicted: Floats) -> float:
    """Spearman's rho of predictions (m,) for `rows` of each task, averaged over the tasks by Fisher's z."""
    true, tasks = label_table(train.records)[rows, 0], tasks_of(train.take(rows))
    return fisher_average([spearman(predicted[mine], true[mine]) for mine in tasks.values()]).value


def sortable(value: float) -> float:
    """`value`, below every correlation where it is undefined."""
    return value if np.isfinite(value) else -2.0


def derived(
    system: System, train: FeatureSet, trainings: Trainings, change: Callable[[Predicted], Predicted]
) -> Function:
    """A model whose predictions are another system's, changed.

    That system trains when they are asked for: other rows may want the same training, and networks need not stay in
    memory until then.
    """
    return Function(lambda features: change(trainings.predict(system, train, features)))


@dataclass(frozen=True)
class Selected(System):
    """The candidate that ranks best on inner folds of the training part, trained on the whole of it.

    The training part, over all its tasks, is split into inner folds. The candidate is chosen that has the highest
    Spearman's rho, over all inner predictions of a task ranked together and averaged over the tasks by Fisher's z; the
    first where the training part cannot be split.
    """

    name: str
    candidates: tuple[System, ...]
    pool: bool = True

    def fit(self, train: FeatureSet, trainings: Trainings) -> Function:
        """See `System.fit`; `Predicted.chosen` names the candidate."""
        best = self.candidates[0]
        if inner := trainings.cuts.inner(train):
            rows, values = np.concatenate([part.test for part in inner]), []
            for candidate in self.candidates:
                predicted = [one.score.mean(0) for one in predict_inside(candidate, train, inner, trainings)]
                values.append(sortable(agreement(train, rows, np.concatenate(predicted))))
            best = self.candidates[int(np.argmax(values))]
        return derived(best, train, trainings, lambda one: Predicted(one.score, chosen=best.name))


def watched_epochs(epochs: int) -> tuple[int, ...]:
    """The epochs, counted from 1, that can be chosen, including the last."""
    return tuple(sorted({max(1, round(epochs * share / WATCHED)) for share in range(1, WATCHED + 1)}))


def watching(network: NetworkSystem) -> NetworkSystem:
    """The network with predictions after the epochs that can be chosen."""
    return replace(network, watch=watched_epochs(network.config.epochs))


@dataclass(frozen=True)
class Further(System):
    """A further row of a network, from the same training as its own.

    Attributes:
        network: a part of the name of the row.
    """

    network: NetworkSystem
    pool: bool = True
    ending: ClassVar[str] = ""

    @property
    def name(self) -> str:  # type: ignore[override]
        """The name of the row."""
        return f"{self.network.name}{self.ending}"


class ChosenEpoch(Further):
    """A network, which watches epochs (`watching`), by the one that inner validation chooses.

    The epoch with the highest Spearman's rho of all inner predictions of a task ranked together, averaged over the
    tasks by Fisher's z, is chosen for the fold; the last where the training part cannot be split.
    """

    ending = f", {CHOSEN}"

    def fit(self, train: FeatureSet, trainings: Trainings) -> Function:
        """See `System.fit`; `Predicted.chosen` names the epoch."""
        inner, best = trainings.cuts.inner(train), len(self.network.watch) - 1
        if inner:
            rows = np.concatenate([part.test for part in inner])
            inside = [by_epoch_of(one).mean(1) for one in predict_inside(self.network, train, inner, trainings)]
            best = latest_best([agreement(train, rows, each) for each in np.concatenate(inside, axis=1)])
        name = f"epoch {self.network.watch[best]}"
        return derived(self.network, train, trainings, lambda one: Predicted(by_epoch_of(one)[best], chosen=name))


class BestOnTest(Further):
    """A network by the epoch that ranks the test part best, for comparison with numbers that were published so.

    The system itself sees no score: it predicts `Predicted.by_epoch`, and `evaluate` takes the epoch.
    """

    ending = f", {ORACLE}"

    def fit(self, train: FeatureSet, trainings: Trainings) -> Function:
        """See `System.fit`."""
        return derived(self.network, train, trainings, lambda one: Predicted(one.score, by_epoch=one.by_epoch))


class WithInside(Further):
    """A network that predicts deviations, with how they agree with the errors on inner folds of the training part.

    `Predicted.inside` has |error| / deviation of the training performances, from which intervals are calibrated.
    """

    def fit(self, train: FeatureSet, trainings: Trainings) -> Function:
        """See `System.fit`."""
        inner, true = trainings.cuts.inner(train), label_table(train.records)[:, 0]
        ratios: dict[str, float] = {}
        for part, one in zip(inner, predict_inside(self.network, train, inner, trainings), strict=True):
            error, deviation = errors_and_deviations(one, true[part.test])
            ratios |= dict(zip((train.ids[row] for row in part.test), (error / deviation).tolist(), strict=True))
        return derived(self.network, train, trainings, lambda one: replace(one, inside=ratios))


def errors_and_deviations(predicted: Predicted, true: Floats) -> tuple[Floats, Floats]:
    """Absolute errors (m,) of the mean of the runs and predicted deviations (m,), for true scores (m,).

    The runs' variances are averaged.
    """
    assert predicted.deviation is not None
    return np.abs(predicted.score.mean(0) - true), np.sqrt(np.square(predicted.deviation).mean(0))


def by_epoch_of(predicted: Predicted) -> Floats:
    """(epochs watched, runs, m) predictions of a network that watches epochs."""
    assert predicted.by_epoch is not None
    return predicted.by_epoch


def latest_best(correlations: Sequence[float]) -> int:
    """Index of the highest correlation, the latest of equal ones."""
    backwards = [sortable(value) for value in reversed(correlations)]
    return len(backwards) - 1 - int(np.argmax(backwards))
