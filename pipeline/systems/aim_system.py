"""AIM or a compared network as a system, and one that learns the score without the difficulty."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from data.store.arrays import Floats, Rows
from data.video import Record
from models.comparisons import NetworkConfig, build
from models.layers import Layers
from models.stacked import predict_members
from pipeline.features import FeatureSet
from pipeline.observer import Steps
from pipeline.systems.baselines import difficulties
from pipeline.systems.interface import HeldOut, NetworkSystem, Part, System, sharing
from pipeline.train import (
    Normaliser,
    Stop,
    check_sizes,
    fit_members,
    label_table,
    loss_epochs,
    run_members,
    sizes_of,
    stack_data,
    training_set,
)


@dataclass(frozen=True)
class AimSystem(NetworkSystem):
    """AIM or a compared network: all runs on all folds of all tasks train at once; equal training parts train once.

    With `pool` one network trains on all tasks of a fold, each task with its own normalisation and score range; else
    each task trains on its own, as in the paper.
    """

    model: NetworkConfig
    pool: bool = False

    def held_out(
        self, features: FeatureSet, parts: Sequence[Part], progress: Steps | None = None, stop: Stop | None = None
    ) -> HeldOut:
        """See `System.held_out`; statistics come from each part's training rows. Raises as `check_sizes`."""
        check_sizes(features, self.model)
        config, learning = self.config, training_set(features, self.config)
        more, groups = learning.features, sharing(parts, pool=self.pool)
        first = {i: next(j for j in group if parts[j].task == parts[i].task) for group in groups for i in group}
        train = {i: learning.rows(parts[i].train) for i in set(first.values())}
        fitted_to = {i: Normaliser.fit(more, rows, config) for i, rows in train.items()}
        normalisers = [fitted_to[first[i]] for i in range(len(parts))]
        data = stack_data(more, normalisers, np.stack([_owners(more, parts, group) for group in groups]))
        members, tests = [], [np.concatenate([parts[i].test for i in group]) for group in groups]
        for number, group in enumerate(groups):
            rows = np.concatenate([train[i] for i in group if first[i] == i])
            members += run_members(rows, number, normalisers[group[0]], config, tests[number])
        fitted = fit_members(
            data, members, self.model, config,
            watch=self.watch, checkpoints=self.checkpoints, progress=progress, stop=stop,
        )  # fmt: skip
        columns = {"score": 0, "execution": 1, "synchronisation": 2, "by_epoch": 0}
        results: dict[str, dict[int, Floats]] = {name: {} for name in columns}
        net = build(self.model, sizes_of(features), Layers(config.runs))
        for number, group in enumerate(groups):
            mine = slice(number * config.runs, (number + 1) * config.runs)
            net.load_state_dict({name: values[mine] for name, values in fitted.state.items()})
            asked = torch.from_numpy(tests[number]).expand(config.runs, -1)
            output = predict_members(net, data, torch.full((config.runs,), number), rows=asked)
            watched = torch.stack(fitted.watched[mine], dim=1) if self.watch else None  # (epochs, runs, rows)
            ends = np.cumsum([len(parts[i].test) for i in group])[:-1]
            for name, values in {**vars(output), "by_epoch": watched}.items():
                if name in columns and values is not None:
                    for i, scaled in zip(group, np.split(values.double().numpy(), ends, axis=-1), strict=True):
                        results[name][i] = normalisers[i].unscale(scaled, columns[name])
        made: dict[str, Any] = {name: tuple(by_part[i] for i in sorted(by_part)) for name, by_part in results.items()}
        return HeldOut(**made, losses=fitted.losses, loss_epochs=loss_epochs(config.epochs))


@dataclass(frozen=True)
class TimesDifficulty(System):
    """A network that learns score / difficulty; its prediction times the announced difficulty is the score."""

    system: AimSystem

    @property
    def name(self) -> str:  # type: ignore[override]
        """The name of the network."""
        return self.system.name

    def held_out(
        self, features: FeatureSet, parts: Sequence[Part], progress: Steps | None = None, stop: Stop | None = None
    ) -> HeldOut:
        """See `System.held_out`."""
        divided = replace(features, records=tuple(map(_without_difficulty, features.records)))
        held, level = self.system.held_out(divided, parts, progress, stop), difficulties(features)
        return replace(held, score=tuple(s * level[p.test] for s, p in zip(held.score, parts, strict=True)))

    def cost(self, parts: Sequence[Part]) -> int:
        """As of the network."""
        return self.system.cost(parts)


def can_divide(features: FeatureSet) -> bool:
    """Whether every labelled performance has a difficulty above 0."""
    labelled = np.isfinite(label_table(features.records)[:, 0])
    return bool(labelled.any() and (difficulties(features)[labelled] > 0).all())


def _without_difficulty(record: Record) -> Record:
    labels = record.labels
    if labels is None or labels.score is None:
        return record
    return replace(record, labels=replace(labels, score=labels.score / (labels.difficulty or 1.0)))


def _owners(features: FeatureSet, parts: Sequence[Part], group: Sequence[int]) -> Rows:
    """(n,) index of the part that normalises each performance: that of its task, else the first."""
    tasks = {parts[i].task: i for i in group}
    return np.array([tasks.get(record.task, group[0]) for record in features.records], dtype=np.intp)
