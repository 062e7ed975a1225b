"""AIM and the compared networks as systems."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from models.comparisons import NetworkConfig
from pipeline.systems.system import NetworkSystem, Predict, Predictions
from pipeline.train import (
    SCORES,
    TrainedNetworks,
    TrainingControl,
    loss_epochs,
)
from pipeline.train.feature_set import FeatureSet


@dataclass(frozen=True)
class AimSystem(NetworkSystem):
    """AIM or a compared network; networks train as one stack, and tasks separately, as in the paper."""

    model: NetworkConfig

    def fit(self, train: FeatureSet, watched: FeatureSet | None, control: TrainingControl) -> Predict:
        """See `System.fit`. Also raises as `TrainedNetworks.fit`."""
        watched = watched if self.watch else None
        networks, fitted = TrainedNetworks.fit(
            train, [np.arange(len(train))], self.model, self.config, control, watched=watched, watch=self.watch
        )
        (normaliser,) = networks.normalisers
        by_epoch = torch.stack(fitted.watched, dim=1) if watched is not None else None  # (epochs watched, networks, m)

        def predict(features: FeatureSet) -> Predictions:
            output = networks.output(features)
            scaled = {name: (getattr(output, name), column) for column, name in enumerate(SCORES)}
            scaled["by_epoch"] = (by_epoch, 0)
            made: dict[str, Any] = {
                name: normaliser.unscale(values.double().numpy(), column)
                for name, (values, column) in scaled.items()
                if values is not None
            }
            return Predictions(**made, losses=fitted.losses, loss_epochs=loss_epochs(self.config.epochs))

        return predict
