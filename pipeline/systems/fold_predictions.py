"""The predictions of one fold, which rows read, and how an evaluation comes to them: list of trainings, then rows."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from data.store.arrays import Rows
from pipeline.systems.inner_folds import InnerSplit, Part
from pipeline.systems.interface import Predicted, Row, System, without_scores
from pipeline.systems.trainings import Training, gathered, trainings_of
from pipeline.train.features import FeatureSet

Run = Callable[[Sequence[Training]], Sequence[Predicted]]
"""Runs trainings, each once, and returns their predictions in the same order."""


@dataclass(frozen=True)
class FoldRows:
    """One fold of a protocol, all tasks at once, as rows of the evaluation's features.

    Attributes:
        train, test: labelled rows.
        inner: inner folds of the training part, as rows of it (`FeatureSet.take(train)`).
        unseen_users: whether the protocol holds out whole users.
    """

    name: str
    train: Rows
    test: Rows
    inner: tuple[Part, ...] = ()
    unseen_users: bool = False


def fold_rows(features: FeatureSet, parts: Sequence[Part], split: InnerSplit) -> list[FoldRows]:
    """The folds of parts that are one fold of one task each, with their inner folds."""
    folds = []
    for name in dict.fromkeys(part.fold for part in parts):
        mine = [part for part in parts if part.fold == name]
        train, test = (np.concatenate([getattr(part, side) for part in mine]) for side in ("train", "test"))
        inner = tuple(split.inner(features.take(train)))
        folds.append(FoldRows(name, train, test, inner, "subject" in split.kinds))
    return folds


@dataclass(frozen=True)
class FoldPredictions:
    """What systems predict in one fold, for rows to read. It holds no label of a test part.

    Attributes:
        train: the training part, with labels.
        features: all performances of the evaluation, without scores.
        done: the predictions of every training so far, by `Training.key`.
    """

    rows: FoldRows
    train: FeatureSet
    features: FeatureSet
    done: Mapping[Hashable, tuple[Training, Predicted]]

    @property
    def inner(self) -> tuple[Part, ...]:
        """The inner folds, as rows of `train`."""
        return self.rows.inner

    @property
    def test_tasks(self) -> list[str]:
        """The task of each performance of the test part."""
        return [self.features.records[row].task for row in self.rows.test]

    def test(self, system: System) -> Predicted:
        """A system's predictions for the test part."""
        return self._read(system, self.rows.train, self.rows.test)

    def inside(self, system: System) -> list[Predicted]:
        """The predictions of `System.inner` for the test rows of every inner fold."""
        whole = self.rows.train
        return [self._read(system.inner(), whole[part.train], whole[part.test]) for part in self.inner]

    def _read(self, system: System, train: Rows, test: Rows) -> Predicted:
        made = [self.done[one.key] for one in trainings_of(system, self.features, train, test)]
        return gathered([training for training, _ in made], [predicted for _, predicted in made], test)


def predict_rows(
    features: FeatureSet, folds: Sequence[FoldRows], rows: Sequence[Row], run: Run
) -> dict[tuple[str, str], Predicted]:
    """The predictions of every row for the test part of every fold, by (fold, row).

    All trainings that do not depend on others' predictions are one list, and `run` has it whole. What a row picks by
    inner validation is a second list, which is empty without such rows.
    """
    done: dict[Hashable, tuple[Training, Predicted]] = {}
    hidden = without_scores(features)
    views = [FoldPredictions(fold, features.take(fold.train), hidden, done) for fold in folds]

    def finish(wanted: Sequence[Training]) -> None:
        new = {training.key: training for training in wanted if training.key not in done}
        done.update(zip(new, zip(new.values(), run(list(new.values())) if new else (), strict=True), strict=True))

    first: list[Training] = []
    for view in views:
        for row in rows:
            first += [one for system in row.systems if row.inside for one in _inside(hidden, view.rows, system)]
            if not _picks(row):
                first += _outside(hidden, view.rows, row.systems)
    finish(first)
    finish([one for v in views for row in rows if _picks(row) for one in _outside(hidden, v.rows, row.picked(v))])
    return {(view.rows.name, row.name): row.read(view) for view in views for row in rows}


def _picks(row: Row) -> bool:
    """Whether the systems that a row reads depend on predictions."""
    return type(row).picked is not Row.picked


def _outside(features: FeatureSet, rows: FoldRows, systems: Sequence[System]) -> list[Training]:
    return [one for system in systems for one in trainings_of(system, features, rows.train, rows.test)]


def _inside(features: FeatureSet, rows: FoldRows, system: System) -> list[Training]:
    parts = [(rows.train[part.train], rows.train[part.test]) for part in rows.inner]
    return [one for part in parts for one in trainings_of(system.inner(), features, *part)]
