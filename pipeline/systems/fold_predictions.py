"""The predictions of one fold, and how they come about: a list of trainings, each run once, then reading.

An evaluation runs the list on its workers and reads rows.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from data.store.arrays import Rows
from pipeline.systems.inner_folds import InnerSplit, TaskFold
from pipeline.systems.interface import FoldPredictions, Predictions, ResultRow, System
from pipeline.systems.training_list import Training, gathered, trainings_of
from pipeline.train.feature_set import FeatureSet

RunTrainings = Callable[[Sequence[Training]], Sequence[Predictions]]
"""Runs trainings, each once, and returns their predictions in the same order."""


@dataclass(frozen=True)
class JoinedFold:
    """One fold of a protocol, all tasks at once, as rows of the evaluation's features.

    Attributes:
        train, test: labelled rows.
        inner: inner folds of the training part, as rows of it (`FeatureSet.take(train)`).
        unseen_users: whether the protocol holds out whole users.
    """

    name: str
    train: Rows
    test: Rows
    inner: tuple[TaskFold, ...] = ()
    unseen_users: bool = False


def join_tasks(features: FeatureSet, parts: Sequence[TaskFold], split: InnerSplit) -> list[JoinedFold]:
    """The folds of parts that are one fold of one task each, with their inner folds."""
    folds = []
    for name in dict.fromkeys(part.fold for part in parts):
        mine = [part for part in parts if part.fold == name]
        train, test = (np.concatenate([getattr(part, side) for part in mine]) for side in ("train", "test"))
        inner = tuple(split.inner(features.take(train)))
        folds.append(JoinedFold(name, train, test, inner, "subject" in split.unsplit))
    return folds


class FinishedTrainings:
    """Trainings that ran, each once, and what systems predict by them."""

    def __init__(self, features: FeatureSet, run: RunTrainings) -> None:
        self.features, self._run = features, run
        self._done: dict[Hashable, tuple[Training, Predictions]] = {}

    def finish(self, wanted: Sequence[Training]) -> None:
        """Run those that did not run before, as one list."""
        new = {training.key: training for training in wanted if training.key not in self._done}
        if new:
            self._done.update(zip(new, zip(new.values(), self._run(list(new.values())), strict=True), strict=True))

    def predicted(self, system: System, train: Rows, test: Rows) -> Predictions:
        """The predictions of a system for the rows `test` after learning from `train`."""
        made = [self._done[one.key] for one in trainings_of(system, self.features, train, test)]
        return gathered([training for training, _ in made], [predicted for _, predicted in made], test)

    def of(self, fold: JoinedFold) -> FoldPredictions:
        """The predictions of one fold, read from the trainings that are finished when a row asks for them."""
        whole = fold.train
        return FoldPredictions(
            train=self.features.take(whole),
            inner=fold.inner,
            unseen_users=fold.unseen_users,
            test_tasks=tuple(self.features.records[row].task for row in fold.test),
            test=lambda system: self.predicted(system, whole, fold.test),
            inside=lambda system: [self.predicted(system, *_whole_rows(whole, part)) for part in fold.inner],
        )


def predict_rows(
    features: FeatureSet, folds: Sequence[JoinedFold], rows: Sequence[ResultRow], run: RunTrainings
) -> dict[tuple[str, str], Predictions]:
    """The predictions of every row for the test part of every fold, by (fold, row).

    All trainings that do not depend on others' predictions are one list, and `run` has it whole. What a row picks by
    inner validation is a second list, which is empty without such rows.
    """
    finished = FinishedTrainings(features, run)
    read = {fold.name: finished.of(fold) for fold in folds}
    first: list[Training] = []
    for fold in folds:
        for row in rows:
            first += _inner_trainings(features, fold, row.inner_systems)
            first += _test_trainings(features, fold, row.systems)
    finished.finish(first)
    picked = [(fold, row.picked(read[fold.name])) for fold in folds for row in rows]
    finished.finish([one for fold, systems in picked for one in _test_trainings(features, fold, systems)])
    return {(fold.name, row.name): row.read(read[fold.name]) for fold in folds for row in rows}


def _whole_rows(train: Rows, part: TaskFold) -> tuple[Rows, Rows]:
    """Training and test rows of an inner fold of the training part `train`, as rows of all features."""
    return train[part.train], train[part.test]


def _test_trainings(features: FeatureSet, fold: JoinedFold, systems: Sequence[System]) -> list[Training]:
    return [one for system in systems for one in trainings_of(system, features, fold.train, fold.test)]


def _inner_trainings(features: FeatureSet, fold: JoinedFold, systems: Sequence[System]) -> list[Training]:
    """The trainings by which systems predict the inner folds of a fold: one system after the other."""
    parts = [_whole_rows(fold.train, part) for part in fold.inner]
    return [one for system in systems for part in parts for one in trainings_of(system, features, *part)]
