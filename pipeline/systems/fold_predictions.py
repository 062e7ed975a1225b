"""The predictions of one fold, which rows read, and how an evaluation comes to them: list of trainings, then rows."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from data.store.arrays import Rows
from pipeline.systems.inner_folds import InnerSplit, TaskFold
from pipeline.systems.interface import FoldPredictions, Predictions, ResultRow, System, without_scores
from pipeline.systems.trainings import Training, gathered, trainings_of
from pipeline.train.features import FeatureSet

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
        folds.append(JoinedFold(name, train, test, inner, "subject" in split.kinds))
    return folds


DoneTrainings = dict[Hashable, tuple[Training, Predictions]]
"""Finished trainings by their key."""


def fold_predictions(features: FeatureSet, rows: JoinedFold, done: DoneTrainings) -> FoldPredictions:
    """The predictions of one fold, read from the trainings that are done when a row asks for them."""
    hidden, whole = without_scores(features), rows.train

    def read(system: System, train: Rows, test: Rows) -> Predictions:
        made = [done[one.key] for one in trainings_of(system, hidden, train, test)]
        return gathered([training for training, _ in made], [predicted for _, predicted in made], test)

    return FoldPredictions(
        train=features.take(whole),
        inner=rows.inner,
        unseen_users=rows.unseen_users,
        test_tasks=tuple(features.records[row].task for row in rows.test),
        test=lambda system: read(system, whole, rows.test),
        inside=lambda system: [read(system.inner(), whole[part.train], whole[part.test]) for part in rows.inner],
    )


def predict_rows(
    features: FeatureSet, folds: Sequence[JoinedFold], rows: Sequence[ResultRow], run: RunTrainings
) -> dict[tuple[str, str], Predictions]:
    """The predictions of every row for the test part of every fold, by (fold, row).

    All trainings that do not depend on others' predictions are one list, and `run` has it whole. What a row picks by
    inner validation is a second list, which is empty without such rows.
    """
    done: DoneTrainings = {}
    read = {fold.name: fold_predictions(features, fold, done) for fold in folds}

    def finish(wanted: Sequence[Training]) -> None:
        new = {training.key: training for training in wanted if training.key not in done}
        if new:
            done.update(zip(new, zip(new.values(), run(list(new.values())), strict=True), strict=True))

    first: list[Training] = []
    for fold in folds:
        for row in rows:
            first += _inner_trainings(features, fold, row.inner_systems)
            first += _test_trainings(features, fold, row.systems)
    finish(first)
    picked = [(fold, row.picked(read[fold.name])) for fold in folds for row in rows]
    finish([one for fold, systems in picked for one in _test_trainings(features, fold, systems)])
    return {(fold.name, row.name): row.read(read[fold.name]) for fold in folds for row in rows}


def _test_trainings(features: FeatureSet, rows: JoinedFold, systems: Sequence[System]) -> list[Training]:
    return [one for system in systems for one in trainings_of(system, features, rows.train, rows.test)]


def _inner_trainings(features: FeatureSet, rows: JoinedFold, systems: Sequence[System]) -> list[Training]:
    parts = [(rows.train[part.train], rows.train[part.test]) for part in rows.inner]
    return [one for system in systems for part in parts for one in trainings_of(system.inner(), features, *part)]
