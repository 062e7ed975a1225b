"""Inner folds of a training part, on which systems choose and weigh without a label of the test part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.splits import TIED, kfold, tied
from data.store.arrays import Rows
from pipeline.features import FeatureSet

INNER_FOLDS = 3
"""Number of inner folds of a training part, where they are not those of the protocol."""

MOST_FOLDS = 6
"""With more folds a protocol's own are not the inner ones: all their pairs take longer than three for each fold."""

MIN_TRAIN = 2
"""Fewest training performances of a task in a fold."""


@dataclass(frozen=True)
class Part:
    """One fold of one task, as rows of a feature set: all of them labelled.

    Attributes:
        task: whose fold this is, "" for all tasks together.
        train, test: (k,) and (m,) rows.
    """

    task: str
    fold: str
    train: Rows
    test: Rows


@dataclass(frozen=True)
class Cuts:
    """How the training parts of an evaluation are cut into inner folds.

    Attributes:
        kinds: groups that stay on one side of an inner fold, as in the protocol (("subject",) for leave-one-user-out).
        seed: of random inner folds.
        folds: the ids that each fold of the protocol holds out; empty where there is no protocol.
    """

    kinds: tuple[str, ...] = TIED
    seed: int = 0
    folds: tuple[frozenset[str], ...] = ()

    def inner(self, train: FeatureSet) -> list[Part]:
        """A training part cut into folds over all its tasks; none where it cannot be split.

        They are the protocol's other folds where these test every performance once, else random. Two folds of the
        protocol then need the same inner training, the one without both, and `Trainings` makes it once.
        """
        folds = self.folds if len(self.folds) <= MOST_FOLDS else ()
        held = [np.isin(train.ids, list(ids)) for ids in folds]
        others = [number for number, rows in enumerate(held) if rows.any()]
        if len(others) < 2 or not (np.sum(held, axis=0) == 1).all():
            return inner_folds(train, self.kinds, self.seed)
        # Those after the fold that is held out come first: folds that train side by side begin with different ones.
        first = next((number for number in range(len(held)) if number not in others), 0)
        others.sort(key=lambda number: number < first)
        return _parts(train, {str(number): held[number] for number in others})


def inner_folds(
    train: FeatureSet, kinds: Sequence[str] = TIED, seed: int = 0, *, folds: int = INNER_FOLDS
) -> list[Part]:
    """A training part split into random folds over all its tasks, which keep apart `kinds`; none where it cannot be."""
    folds = min(folds, len(tied(train.records, kinds)))
    made = kfold(train.records, k=folds, seed=seed, kinds=kinds) if folds > 1 else ()
    return _parts(train, {fold.name: np.isin(train.ids, fold.test) for fold in made})


def _parts(train: FeatureSet, tests: dict[str, NDArray[np.bool_]]) -> list[Part]:
    """Folds that test masks (n,) name; they have no performance of a task of which too few are left to train on."""
    parts = []
    for name, test in tests.items():
        possible = [rows for rows in tasks_of(train).values() if (~test[rows]).sum() >= MIN_TRAIN and test[rows].any()]
        if possible:
            rows = np.sort(np.concatenate(possible))
            parts.append(Part("", name, rows[~test[rows]], rows[test[rows]]))
    return parts


def tasks_of(features: FeatureSet) -> dict[str, Rows]:
    """The rows of every task."""
    tasks = np.array([record.task for record in features.records])
    return {str(task): np.flatnonzero(tasks == task) for task in dict.fromkeys(tasks.tolist())}
