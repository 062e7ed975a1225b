"""Rows of a table: functions of systems' predictions in a fold.

    rows = [last_epoch(network), chosen_epoch(network), *map(last_epoch, baselines)]
    predicted = predict_folds(features, folds, rows, run)      # {(fold, row): predictions of the test rows}

The paper does not name the epoch of its results, and public code often takes the best epoch on the test part. Here the
last epoch is the result. The chosen epoch and, on request, the best on the test part are separate rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from data.store.arrays import Floats
from models.metrics import fisher_average, spearman
from pipeline.folds.combination import Combination, InnerPredictions
from pipeline.folds.fit_predict import Finished, RunTrainings, Training, predictions_of, trainings_of, without_scores
from pipeline.folds.fold import Fold
from pipeline.systems import NetworkSystem, Predictions, System
from pipeline.systems.system import RowKind, as_many_networks
from pipeline.train import label_table, task_rows
from pipeline.train.feature_set import FeatureSet

WATCHED = 20
"""Approximate number of evenly spaced epochs to choose from."""

CHOSEN, ORACLE = "epoch by inner validation", "best epoch on the test part (oracle)"
"""Name endings of the rows."""

COMBINED = "combined"
"""Name of the row of a combination."""


@dataclass(frozen=True)
class FoldPredictions:
    """Systems' predictions in one fold, for rows to read.

    Attributes:
        features: all performances; only the training part has scores, so that no row can read test scores.
    """

    features: FeatureSet
    fold: Fold
    finished: Finished

    def test(self, system: System) -> Predictions:
        """A system's predictions for the test part."""
        return predictions_of(system, self.features, self.fold, self.finished)

    def inside(self, system: System) -> list[Predictions]:
        """A system's predictions for the test rows of every inner fold."""
        return [predictions_of(system, self.features, inner, self.finished) for inner in self.fold.inner]

    def inner_rho(self, by_fold: Sequence[Floats]) -> float:
        """Spearman's rho of predictions (m,) for the test rows of every inner fold, below all others if undefined.

        It is averaged over the tasks by Fisher's z.
        """
        predicted, part = np.concatenate(by_fold), self.features.take(self.fold.inner_test)
        true = label_table(part.records)[:, 0]
        rho = fisher_average([spearman(predicted[mine], true[mine]) for mine in task_rows(part).values()])
        return sortable(rho)


Read = Callable[[FoldPredictions], Predictions]


@dataclass(frozen=True)
class Row:
    """A row of a table.

    Attributes:
        name: shown in tables.
        read: computes the row's predictions for the test part from systems' predictions in a fold.
        systems: systems whose test predictions it reads.
        inner: systems whose inner-fold predictions it reads.
        pick: chooses, by inner-fold predictions, one more system whose test predictions it reads.
        network: name of the network, if this is another row of one.
        epoch: how it chooses an epoch; empty without a choice.
    """

    name: str
    read: Read
    systems: tuple[System, ...] = ()
    inner: tuple[System, ...] = ()
    pick: Callable[[FoldPredictions], System] | None = None
    kind: RowKind = "other"
    network: str = ""
    epoch: str = ""


def predict_folds(
    features: FeatureSet, folds: Sequence[Fold], rows: Sequence[Row], run: RunTrainings
) -> dict[tuple[str, str], Predictions]:
    """The predictions of every row for the test part of every fold, by (fold, row).

    `run` gets all trainings that do not depend on others' predictions as one list, each once. Systems picked by inner
    validation are a second list, which may be empty.
    """
    finished = dict[object, tuple[Training, Predictions]]()

    def finish(wanted: Sequence[tuple[System, Fold]]) -> None:
        trainings = [training for system, fold in wanted for training in trainings_of(system, features, fold)]
        new = {training.key: training for training in trainings if training.key not in finished}
        if new:
            made = run(features, list(new.values()))
            finished.update(zip(new, zip(new.values(), made, strict=True), strict=True))

    first: list[tuple[System, Fold]] = []
    for fold in folds:
        for row in rows:
            first += [(system, inner) for system in row.inner for inner in fold.inner]
            first += [(system, fold) for system in row.systems]
    finish(first)
    read = [FoldPredictions(without_scores(features, fold.train), fold, finished) for fold in folds]
    finish([(row.pick(predictions), predictions.fold) for predictions in read for row in rows if row.pick])
    return {(predictions.fold.name, row.name): row.read(predictions) for predictions in read for row in rows}


def last_epoch(system: System) -> Row:
    """A system after its last epoch."""
    return Row(system.name, lambda fold: fold.test(system), (system,), kind=system.kind)


def watching(network: NetworkSystem) -> NetworkSystem:
    """The network with predictions after each epoch of `watched_epochs`."""
    return replace(network, watch=watched_epochs(network.config.epochs))


def watched_epochs(epochs: int) -> tuple[int, ...]:
    """The epochs to choose from, counted from 1, including the last."""
    return tuple(sorted({max(1, round(epochs * share / WATCHED)) for share in range(1, WATCHED + 1)}))


def chosen_epoch(network: NetworkSystem) -> Row:
    """A network that watches epochs, at the epoch that ranks best on inner folds; without these, at the last.

    `Predictions.chosen` names the epoch.
    """

    def read(fold: FoldPredictions) -> Predictions:
        best = len(network.watch) - 1
        if inside := [by_epoch_of(predictions).mean(1) for predictions in fold.inside(network.inner())]:
            best = latest_best([fold.inner_rho(by_fold) for by_fold in zip(*inside, strict=True)])
        return Predictions(by_epoch_of(fold.test(network))[best], chosen=(f"epoch {network.watch[best]}",))

    return _of_network(network, read, f", {CHOSEN}", "inner validation", inner=(network.inner(),))


def best_on_test(network: NetworkSystem) -> Row:
    """A network at the epoch that ranks the test part best, for comparison with numbers published in this form.

    The row itself reads no test score: it holds the scores of every epoch, and `cross_validate`, which has the labels,
    chooses.
    """
    names = tuple(f"epoch {epoch}" for epoch in network.watch)

    def read(fold: FoldPredictions) -> Predictions:
        predictions = fold.test(network)
        return Predictions(predictions.score, by_epoch=predictions.by_epoch, chosen=names)

    return replace(_of_network(network, read, f", {ORACLE}", "best on the test part"), kind="oracle")


def best_candidate(name: str, candidates: Sequence[System]) -> Row:
    """The system that ranks best on inner folds, fitted to the whole training part; without inner folds, the first.

    Other candidates are not fitted to the whole training part. `Predictions.chosen` names the candidate.
    """

    def pick(fold: FoldPredictions) -> System:
        if not fold.fold.inner:
            return candidates[0]
        rhos = [
            fold.inner_rho([predictions.score.mean(0) for predictions in fold.inside(each.inner())])
            for each in candidates
        ]
        return candidates[int(np.argmax(rhos))]

    def read(fold: FoldPredictions) -> Predictions:
        best = pick(fold)
        return Predictions(fold.test(best).score, chosen=(best.name,))

    return Row(name, read, inner=tuple(candidate.inner() for candidate in candidates), pick=pick)


def combination(
    candidates: Sequence[System], *, unseen_users: bool, new_people: bool = False, validated: bool = True
) -> Row:
    """The mean of several systems, the same for all tasks (`Combination`).

    `Predictions.chosen` names the averaged systems.

    Args:
        unseen_users: whether the protocol holds out whole users.
        new_people: whether the candidates after the network are regressions for new people.
        validated: whether folds have inner folds.
    """
    names, inner = (
        [candidate.name for candidate in candidates],
        tuple(candidate.inner() for candidate in candidates) if validated else (),
    )

    def read(fold: FoldPredictions) -> Predictions:
        scores = as_many_networks([fold.test(candidate).score for candidate in candidates])
        if not inner or not fold.fold.inner:
            made = Combination.of_all(names, new_people=new_people)
            return Predictions(made.predict(scores), chosen=made.used)
        values = [
            np.concatenate([predictions.score.mean(0) for predictions in fold.inside(system)]) for system in inner
        ]
        tested = InnerPredictions.of(names, np.stack(values), fold.features, fold.fold.inner, unseen_users=unseen_users)
        fitted = Combination.fit(tested, new_people=new_people)
        return Predictions(fitted.predict(scores), chosen=fitted.used, tests=fitted.tests)

    return Row(COMBINED, read, tuple(candidates), inner, kind="ours")


def by_epoch_of(predicted: Predictions) -> Floats:
    """(watched epochs, networks, m) predictions of a network that watches epochs."""
    assert predicted.by_epoch is not None
    return predicted.by_epoch


def latest_best(correlations: Sequence[float]) -> int:
    """Index of the highest correlation; the last of equal ones."""
    backwards = [sortable(value) for value in reversed(correlations)]
    return len(backwards) - 1 - int(np.argmax(backwards))


def sortable(value: float) -> float:
    """`value`, or -2 if undefined: below every correlation."""
    return value if np.isfinite(value) else -2.0


def _of_network(network: NetworkSystem, read: Read, ending: str, epoch: str, inner: tuple[System, ...] = ()) -> Row:
    name = network.name
    return Row(f"{name}{ending}", read, (network,), inner, kind=network.kind, network=name, epoch=epoch)
