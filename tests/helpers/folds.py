"""Folds and systems for tests of rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from data.store.arrays import Floats, Rows
from pipeline.folds import Fold, Row, Training, fit_predict, inner_folds, last_epoch
from pipeline.folds import rows as fold_rows
from pipeline.systems import Predictions, SimpleSystem, System
from pipeline.train import Stop, TrainingControl, label_table
from pipeline.train.feature_set import FeatureSet


def predict_folds(
    row: Row | System, features: FeatureSet, folds: Sequence[Fold], folder: Path | None = None, stop: Stop | None = None
) -> list[Predictions]:
    """The predictions of a row for every fold, one training after the other in this thread."""
    control = TrainingControl(folder, stop=stop)

    def run(features: FeatureSet, wanted: Sequence[Training]) -> list[Predictions]:
        return [fit_predict(features, one, control) for one in wanted]

    rows = [last_epoch(row) if isinstance(row, System) else row]
    return list(fold_rows.predict_folds(features, folds, rows, run).values())


def predict_part(
    row: Row | System,
    features: FeatureSet,
    train: Rows,
    test: Rows,
    folder: Path | None = None,
    stop: Stop | None = None,
) -> Predictions:
    """The predictions of a row for test rows after training on others, with random inner folds of these."""
    (one,) = predict_folds(row, features, [Fold("1", train, test, inner_folds(features, train))], folder, stop)
    return one


def knowing(
    name: str, features: FeatureSet, change: Callable[[Floats], Floats] = lambda scores: scores
) -> SimpleSystem:
    """A system that knows the scores of `features`, which no real system is given, and predicts `change` of them."""
    changed = dict(zip(features.ids, change(label_table(features.records)[:, 0]), strict=True))
    return SimpleSystem(name, lambda train: lambda test, repeat: np.array([changed[one] for one in test.ids]))
