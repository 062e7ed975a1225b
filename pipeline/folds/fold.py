"""Folds as rows of a feature set, with inner folds for choosing and averaging systems."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from data import splits
from data.splits import MIN_TRAIN, TIED, kfold, tied
from data.store.arrays import Bools, Rows
from pipeline.train import label_table, task_rows
from pipeline.train.feature_set import FeatureSet

INNER_FOLDS = 3
"""Number of random inner folds, if the protocol's folds are not the inner ones."""

MOST_FOLDS = 6
"""A protocol with more folds gets random inner folds, since training for all pairs of its folds takes longer."""


@dataclass(frozen=True)
class Fold:
    """One fold as labelled rows of a feature set, for training and for testing.

    Attributes:
        inner: folds of the training part alone, as rows of the same feature set.
    """

    name: str
    train: Rows
    test: Rows
    inner: tuple[Fold, ...] = ()

    @property
    def inner_test(self) -> Rows:
        """The rows that the inner folds hold out, fold by fold."""
        return np.concatenate([fold.test for fold in self.inner])


def folds_of(
    features: FeatureSet, outer_folds: Sequence[splits.Fold], unsplit: Sequence[str] = TIED, seed: int = 0
) -> list[Fold]:
    """The folds of a protocol, with inner folds; a fold leaves out tasks without enough labelled performances.

    Inner folds are the protocol's other folds if these test every performance once, else random. Folds A and B then
    share the inner training without both, and an evaluation runs it once.

    Args:
        unsplit: groups that no inner fold splits, as in the protocol ("subject" for leave-one-user-out).
        seed: of random inner folds.
    """
    parts: dict[str, list[tuple[Rows, Rows]]] = {}
    for _, name, train, test in rows_by_task(features, outer_folds):
        if len(train) >= MIN_TRAIN and len(test):
            parts.setdefault(name, []).append((train, test))
    folds = [
        Fold(name, np.concatenate([train for train, _ in each]), np.concatenate([test for _, test in each]))
        for name, each in parts.items()
    ]
    held_out = [outer.test for outer in outer_folds] if len(outer_folds) <= MOST_FOLDS else []
    return [replace(fold, inner=_inner(features, fold.train, held_out, unsplit, seed)) for fold in folds]


def rows_by_task(features: FeatureSet, folds: Sequence[splits.Fold]) -> list[tuple[str, str, Rows, Rows]]:
    """(task, fold, labelled training rows, labelled test rows), tasks by name."""
    labelled = np.isfinite(label_table(features.records)[:, 0])
    sides = [(fold.name, *fold.indices(features.ids)) for fold in folds]
    made = []
    for task, mine in sorted(task_rows(features).items()):
        here = mine[labelled[mine]]
        made += [(task, name, train[np.isin(train, here)], test[np.isin(test, here)]) for name, train, test in sides]
    return made


def inner_folds(features: FeatureSet, train: Rows, unsplit: Sequence[str] = TIED, seed: int = 0) -> tuple[Fold, ...]:
    """Random folds of a training part over all its tasks that split no group of `unsplit`; empty if impossible."""
    part = features.take(train)
    folds = min(INNER_FOLDS, len(tied(part.records, unsplit)))
    made = kfold(part.records, k=folds, seed=seed, unsplit=unsplit) if folds > 1 else ()
    return _parts(part, train, {fold.name: np.isin(part.ids, fold.test) for fold in made})


def _inner(
    features: FeatureSet, train: Rows, held_out: Sequence[Sequence[str]], unsplit: Sequence[str], seed: int
) -> tuple[Fold, ...]:
    part = features.take(train)
    held = [np.isin(part.ids, ids) for ids in held_out]
    others = [number for number, rows in enumerate(held) if rows.any()]
    if len(others) < 2 or not (np.sum(held, axis=0) == 1).all():
        return inner_folds(features, train, unsplit, seed)
    # Start with the fold after the held-out one, so that parallel folds begin with different trainings.
    first = next((number for number in range(len(held)) if number not in others), 0)
    others.sort(key=lambda number: number < first)
    return _parts(part, train, {str(number): held[number] for number in others})


def _parts(part: FeatureSet, train: Rows, tests: dict[str, Bools]) -> tuple[Fold, ...]:
    """One fold for each test mask (k,) of a training part, by name; tasks as in `folds_of`."""
    folds = []
    for name, test in tests.items():
        possible = [rows for rows in task_rows(part).values() if (~test[rows]).sum() >= MIN_TRAIN and test[rows].any()]
        if possible:
            rows = np.sort(np.concatenate(possible))
            folds.append(Fold(name, train[rows[~test[rows]]], train[rows[test[rows]]]))
    return tuple(folds)
