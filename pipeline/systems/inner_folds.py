"""Inner folds of a training part: systems select and weigh on them, without a label of the test part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.splits import MIN_TRAIN, TIED, kfold, tied
from data.store.arrays import Floats, Rows
from models.metrics import fisher_average, spearman
from pipeline.train import label_table, task_rows
from pipeline.train.feature_set import FeatureSet

INNER_FOLDS = 3
"""Number of random inner folds, where the protocol's folds are not the inner ones (`InnerSplit.inner`)."""

MOST_FOLDS = 6
"""A protocol of more folds gets random inner folds, since training for all pairs of its folds would take longer."""


@dataclass(frozen=True)
class TaskFold:
    """One fold of one task, as rows of a feature set: all of them labelled.

    Attributes:
        task: the task of the fold, "" for all tasks together.
        train, test: (k,) and (m,) rows.
    """

    task: str
    fold: str
    train: Rows
    test: Rows


@dataclass(frozen=True)
class InnerSplit:
    """How the training parts of an evaluation are cut into inner folds.

    Attributes:
        unsplit: groups that no inner fold splits, as in the protocol (("subject",) for leave-one-user-out).
        seed: of random inner folds.
        folds: the ids that each fold of the protocol holds out; empty where there is no protocol.
    """

    unsplit: tuple[str, ...] = TIED
    seed: int = 0
    folds: tuple[frozenset[str], ...] = ()

    def inner(self, train: FeatureSet) -> list[TaskFold]:
        """Inner folds over all tasks of a training part; none where it cannot be split.

        They are the protocol's other folds where these test every performance once, else random. For two folds A and B
        of the protocol, the inner training without A and B is then the same, and an evaluation runs it once.
        """
        folds = self.folds if len(self.folds) <= MOST_FOLDS else ()
        held = [np.isin(train.ids, list(ids)) for ids in folds]
        others = [number for number, rows in enumerate(held) if rows.any()]
        if len(others) < 2 or not (np.sum(held, axis=0) == 1).all():
            return inner_folds(train, self.unsplit, self.seed)
        # The folds after the held-out one come first: folds that run in parallel then begin with different trainings.
        first = next((number for number in range(len(held)) if number not in others), 0)
        others.sort(key=lambda number: number < first)
        return _parts(train, {str(number): held[number] for number in others})


def inner_folds(train: FeatureSet, unsplit: Sequence[str] = TIED, seed: int = 0) -> list[TaskFold]:
    """Random inner folds over all tasks of a training part, which split no group of `unsplit`; none if impossible."""
    folds = min(INNER_FOLDS, len(tied(train.records, unsplit)))
    made = kfold(train.records, k=folds, seed=seed, unsplit=unsplit) if folds > 1 else ()
    return _parts(train, {fold.name: np.isin(train.ids, fold.test) for fold in made})


def _parts(train: FeatureSet, tests: dict[str, NDArray[np.bool_]]) -> list[TaskFold]:
    """One fold for each test mask (n,), by name; a fold leaves out tasks with fewer than `MIN_TRAIN` training rows."""
    parts = []
    for name, test in tests.items():
        possible = [rows for rows in task_rows(train).values() if (~test[rows]).sum() >= MIN_TRAIN and test[rows].any()]
        if possible:
            rows = np.sort(np.concatenate(possible))
            parts.append(TaskFold("", name, rows[~test[rows]], rows[test[rows]]))
    return parts


def mean_rho(train: FeatureSet, rows: Rows, predicted: Floats) -> float:
    """Spearman's rho of predictions (m,) for `rows` of each task, averaged over the tasks by Fisher's z."""
    true, tasks = label_table(train.records)[rows, 0], task_rows(train.take(rows))
    return fisher_average([spearman(predicted[mine], true[mine]) for mine in tasks.values()]).value


def sortable(value: float) -> float:
    """`value`, or -2 where it is undefined: below every correlation."""
    return value if np.isfinite(value) else -2.0
