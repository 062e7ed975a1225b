"""Selects systems and epochs by inner validation, on the training part only.

The paper does not name the epoch of its results, and public code of this field often takes the best one on the test
part. Here the last epoch is the result. The chosen epoch and, on request, the best on the test part have further rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from data.store.arrays import Floats, Rows
from models.metrics import fisher_average, spearman
from pipeline.systems.inner_folds import Part, tasks_of
from pipeline.systems.interface import Function, NetworkSystem, Predicted, System, Trainings
from pipeline.train import label_table
from pipeline.train.features import FeatureSet

WATCHED = 20
"""Approximate number of evenly spread epochs to choose from."""

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
    """`value`, or -2 where it is undefined: below every correlation."""
    return value if np.isfinite(value) else -2.0


def derived(
    system: System, train: FeatureSet, trainings: Trainings, change: Callable[[Predicted], Predicted]
) -> Function:
    """A model that predicts with another system and changes the predictions.

    That system trains only when the model predicts, so that no network stays in memory until then.
    """
    return Function(lambda features: change(trainings.predict(system, train, features)))


@dataclass(frozen=True)
class Selected(System):
    """The candidate with the highest `agreement` on inner folds, trained on the whole training part.

    It is the first candidate where the training part cannot be split.
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
    """The network with predictions after every epoch that can be chosen."""
    return replace(network, watch=watched_epochs(network.config.epochs))


@dataclass(frozen=True)
class Further(System):
    """A further row of a network, from the same training as the network's own row."""

    network: NetworkSystem
    pool: bool = True
    ending: ClassVar[str] = ""

    @property
    def name(self) -> str:  # type: ignore[override]
        """The name of the row."""
        return f"{self.network.name}{self.ending}"


class ChosenEpoch(Further):
    """A network that watches epochs (`watching`), at the epoch with the highest `agreement` on inner folds.

    It is the last epoch where the training part cannot be split.
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
    """A network at the epoch that ranks the test part best, for comparison with numbers published in this form.

    The system itself reads no test score: it predicts `Predicted.by_epoch`, and `evaluate` selects the epoch.
    """

    ending = f", {ORACLE}"

    def fit(self, train: FeatureSet, trainings: Trainings) -> Function:
        """See `System.fit`."""
        return derived(self.network, train, trainings, lambda one: Predicted(one.score, by_epoch=one.by_epoch))


class WithInside(Further):
    """A network that predicts deviations, with |error| / deviation of inner predictions as `Predicted.inside`.

    These ratios calibrate its intervals.
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
    """Absolute errors (m,) of the mean over the runs, and deviations (m,) from the mean variance over the runs."""
    assert predicted.deviation is not None
    return np.abs(predicted.score.mean(0) - true), np.sqrt(np.square(predicted.deviation).mean(0))


def by_epoch_of(predicted: Predicted) -> Floats:
    """(epochs watched, runs, m) predictions of a network that watches epochs."""
    assert predicted.by_epoch is not None
    return predicted.by_epoch


def latest_best(correlations: Sequence[float]) -> int:
    """Index of the highest correlation; of equal ones, the last."""
    backwards = [sortable(value) for value in reversed(correlations)]
    return len(backwards) - 1 - int(np.argmax(backwards))
