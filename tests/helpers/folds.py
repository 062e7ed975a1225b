"""One fold of one system, for tests of systems."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from data.store.arrays import Floats
from pipeline.systems import (
    InnerSplit,
    JoinedFold,
    Predictions,
    ResultRow,
    SimpleSystem,
    TaskFold,
    join_tasks,
    predict_rows,
    run_training,
)
from pipeline.train import Stop, TrainingControl, label_table
from pipeline.train.feature_set import FeatureSet


def predict_folds(
    row: ResultRow,
    features: FeatureSet,
    folds: Sequence[JoinedFold],
    folder: Path | None = None,
    stop: Stop | None = None,
) -> list[Predictions]:
    """The predictions of a row for every fold, one training after the other in this thread."""
    control = TrainingControl(folder, stop=stop)
    made = predict_rows(features, folds, [row], lambda wanted: [run_training(features, one, control) for one in wanted])
    return list(made.values())


def predict_part(
    row: ResultRow,
    features: FeatureSet,
    part: TaskFold,
    folder: Path | None = None,
    stop: Stop | None = None,
    split: InnerSplit | None = None,
) -> Predictions:
    """The predictions of a row for the test rows of a part, after training on its training rows."""
    (one,) = predict_folds(row, features, join_tasks(features, [part], split or InnerSplit()), folder, stop)
    return one


def knowing(
    name: str, features: FeatureSet, change: Callable[[Floats], Floats] = lambda scores: scores
) -> SimpleSystem:
    """A system that knows the scores of `features`, which no real system is given, and predicts `change` of them."""
    changed = dict(zip(features.ids, change(label_table(features.records)[:, 0]), strict=True))
    return SimpleSystem(name, lambda train: lambda test, repeat: np.array([changed[one] for one in test.ids]))
