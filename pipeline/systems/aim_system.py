"""AIM and the compared networks as systems, and AIM on score / difficulty."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from data.store.arrays import Floats
from data.video import Record
from models.comparisons import NetworkConfig
from pipeline.systems.baselines import difficulties
from pipeline.systems.system import NetworkSystem, Predict, Predictions
from pipeline.train import (
    SCORES,
    TrainedNetworks,
    TrainingControl,
    label_table,
    loss_epochs,
    task_rows,
)
from pipeline.train.feature_set import FeatureSet
from pipeline.train.normalise import Normalisers, rows_of_tasks


@dataclass(frozen=True)
class AimSystem(NetworkSystem):
    """AIM or a compared network; all networks train as one stack.

    With `joins_tasks` a network trains on all tasks, each with its own normalisation and score range. Without it each
    task trains on its own, as in the paper.
    """

    model: NetworkConfig
    joins_tasks: bool = False

    def fit(self, train: FeatureSet, watched: FeatureSet | None, control: TrainingControl) -> Predict:
        """See `System.fit`. Raises as `TrainedNetworks.fit` too."""
        watched = watched if self.watch else None
        networks, fitted = TrainedNetworks.fit(
            train, [task_rows(train)], self.model, self.config, control, watched=watched, watch=self.watch
        )
        (normalisers,) = networks.normalisers
        by_epoch = torch.stack(fitted.watched, dim=1) if watched is not None else None  # (epochs watched, networks, m)

        def predict(features: FeatureSet) -> Predictions:
            output = networks.output(features)
            scaled = {name: (getattr(output, name), column) for column, name in enumerate(SCORES)}
            scaled["by_epoch"] = (by_epoch, 0)
            made: dict[str, Any] = {
                name: _unscaled(values.double().numpy(), features, normalisers, column)
                for name, (values, column) in scaled.items()
                if values is not None
            }
            return Predictions(**made, losses=fitted.losses, loss_epochs=loss_epochs(self.config.epochs))

        return predict


@dataclass(frozen=True)
class TimesDifficulty(NetworkSystem):
    """AIM trained on score / difficulty; the score is its prediction times the announced difficulty."""

    model: NetworkConfig

    def fit(self, train: FeatureSet, watched: FeatureSet | None, control: TrainingControl) -> Predict:
        """See `System.fit`."""
        divided = replace(train, records=tuple(map(_without_difficulty, train.records)))
        system = AimSystem(self.name, self.model, self.config)
        predict = system.fit(divided, None, control)

        def times_difficulty(features: FeatureSet) -> Predictions:
            predicted = predict(features)
            return replace(predicted, score=predicted.score * difficulties(features))

        return times_difficulty


def can_divide(features: FeatureSet) -> bool:
    """Whether every labelled performance has a difficulty above 0."""
    labelled = np.isfinite(label_table(features.records)[:, 0])
    return bool(labelled.any() and (difficulties(features)[labelled] > 0).all())


def _without_difficulty(record: Record) -> Record:
    labels = record.labels
    if labels is None or labels.score is None:
        return record
    return replace(record, labels=replace(labels, score=labels.score / (labels.difficulty or 1.0)))


def _unscaled(scaled: Floats, features: FeatureSet, given: Normalisers, column: int) -> Floats:
    """Scores (..., m) in the unit of label `column`, each by the normaliser of its task."""
    out = np.empty_like(scaled)
    for task, rows in rows_of_tasks(features, given).items():
        out[..., rows] = given[task].unscale(scaled[..., rows], column)
    return out
