"""AIM and the compared networks as systems."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from data.store.arrays import Floats
from models.comparisons import NetworkConfig
from pipeline.systems.system import NetworkSystem, Predict, Predictions
from pipeline.train import (
    SCORES,
    TrainedNetworks,
    TrainingControl,
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


def _unscaled(scaled: Floats, features: FeatureSet, given: Normalisers, column: int) -> Floats:
    """Scores (..., m) in the unit of label `column`, each by the normaliser of its task."""
    out = np.empty_like(scaled)
    for task, rows in rows_of_tasks(features, given).items():
        out[..., rows] = given[task].unscale(scaled[..., rows], column)
    return out
