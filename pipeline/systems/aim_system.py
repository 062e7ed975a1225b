"""AIM and the compared networks as systems, and AIM on score / difficulty."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from data.store.arrays import Floats, Rows
from data.video import Record
from models.aim_config import AimSizes
from models.comparisons import NetworkConfig, build
from models.layers import Layers
from models.stacked import predict_members
from pipeline.systems.baselines import difficulties
from pipeline.systems.inner_folds import tasks_of
from pipeline.systems.interface import Function, Model, NetworkSystem, Predicted
from pipeline.train import (
    SCORES,
    Normaliser,
    TrainingControl,
    check_sizes,
    fit_members,
    fold_data,
    label_table,
    loss_epochs,
    run_members,
    sizes_of,
    training_set,
)
from pipeline.train.features import FeatureSet


@dataclass(frozen=True)
class AimSystem(NetworkSystem):
    """AIM or a compared network; all runs train as one stack.

    With `pool` a network trains on all tasks, each with its own normalisation and score range. Without `pool` each task
    trains on its own, as in the paper.
    """

    model: NetworkConfig
    pool: bool = False

    def train(self, train: FeatureSet, watched: FeatureSet | None, control: TrainingControl) -> AimModel:
        """See `System.train`. Raises as `check_sizes` too."""
        check_sizes(train, self.model)
        learning, config = training_set(train, self.config), self.config
        rows = {task: learning.rows(mine) for task, mine in tasks_of(train).items()}
        normalisers = {task: Normaliser.fit(learning.features, mine, config) for task, mine in rows.items()}
        features, asked = learning.features, np.zeros(0, dtype=np.intp)
        if watched is not None and self.watch:
            asked = len(features) + np.arange(len(watched))
            features = features.followed_by(watched)
        data = fold_data(features, list(normalisers.values()), _owners(features, normalisers))
        first = next(iter(normalisers.values()))
        members = run_members(np.concatenate(list(rows.values())), 0, first, config, asked)
        fitted = fit_members(data, members, self.model, config, control, watch=self.watch)
        by_epoch = torch.stack(fitted.watched, dim=1) if len(asked) else None
        return AimModel(self, sizes_of(train), normalisers, fitted.state, fitted.losses, by_epoch)


@dataclass(frozen=True)
class AimModel:
    """The networks of all runs.

    Attributes:
        normalisers: by task.
        state: parameter name to stacked values (runs, ...).
        losses: (epochs kept, runs).
        by_epoch: (epochs watched, runs, m) scores of the watched performances, in the training scale, or None.
    """

    system: AimSystem
    sizes: AimSizes
    normalisers: Mapping[str, Normaliser]
    state: Mapping[str, Tensor]
    losses: Floats
    by_epoch: Tensor | None

    def predict(self, features: FeatureSet) -> Predicted:
        """See `Model.predict`."""
        net = build(self.system.model, self.sizes, Layers(self.system.config.runs))
        net.load_state_dict(self.state)
        data = fold_data(features, list(self.normalisers.values()), _owners(features, self.normalisers))
        output = predict_members(net, data, torch.zeros(self.system.config.runs, dtype=torch.int64))
        scaled = {name: (getattr(output, name), column) for column, name in enumerate(SCORES)}
        scaled["by_epoch"] = (self.by_epoch, 0)
        made: dict[str, Any] = {
            name: self._unscaled(values.double().numpy(), features, column)
            for name, (values, column) in scaled.items()
            if values is not None
        }
        return Predicted(**made, losses=self.losses, loss_epochs=loss_epochs(self.system.config.epochs))

    def _unscaled(self, scaled: Floats, features: FeatureSet, column: int) -> Floats:
        out = np.empty_like(scaled)
        for task, rows in tasks_of(features).items():
            out[..., rows] = self.normalisers[task].unscale(scaled[..., rows], column)
        return out


@dataclass(frozen=True)
class TimesDifficulty(NetworkSystem):
    """AIM trained on score / difficulty; the score is its prediction times the announced difficulty."""

    model: NetworkConfig

    def train(self, train: FeatureSet, watched: FeatureSet | None, control: TrainingControl) -> Model:
        """See `System.train`."""
        divided = replace(train, records=tuple(map(_without_difficulty, train.records)))
        system = AimSystem(self.name, self.model, self.config)
        model = system.train(divided, None, control)

        def times_difficulty(features: FeatureSet) -> Predicted:
            predicted = model.predict(features)
            return replace(predicted, score=predicted.score * difficulties(features))

        return Function(times_difficulty)


def can_divide(features: FeatureSet) -> bool:
    """Whether every labelled performance has a difficulty above 0."""
    labelled = np.isfinite(label_table(features.records)[:, 0])
    return bool(labelled.any() and (difficulties(features)[labelled] > 0).all())


def _without_difficulty(record: Record) -> Record:
    labels = record.labels
    if labels is None or labels.score is None:
        return record
    return replace(record, labels=replace(labels, score=labels.score / (labels.difficulty or 1.0)))


def _owners(features: FeatureSet, tasks: Mapping[str, Any]) -> Rows:
    """(1, n) index in `tasks` of each performance's task, for `fold_data`."""
    places = {task: number for number, task in enumerate(tasks)}
    return np.array([[places[record.task] for record in features.records]], dtype=np.intp)
