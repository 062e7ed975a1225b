"""AIM or a compared network as a system, and one that learns the score without the difficulty."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

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
from pipeline.systems.interface import HeldOut, NetworkSystem, Part, System, by_fold
from pipeline.train import (
    SCORES,
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
        more, groups = learning.features, self._groups(parts)
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
        scores: dict[str, dict[int, Floats]] = {name: {} for name in SCORES}
        by_epoch: dict[int, Floats] = {}
        net = build(self.model, sizes_of(features), Layers(config.runs))
        for number, group in enumerate(groups):
            mine = slice(number * config.runs, (number + 1) * config.runs)
            net.load_state_dict({name: values[mine] for name, values in fitted.state.items()})
            asked = torch.from_numpy(tests[number]).expand(config.runs, -1)
            output = predict_members(net, data, torch.full((config.runs,), number), rows=asked)
            watched = torch.stack(fitted.watched[mine], dim=1)  # (epochs, runs, rows of the group)
            ends = np.cumsum([len(parts[i].test) for i in group])
            for i, end in zip(group, ends, strict=True):
                places = slice(int(end) - len(parts[i].test), int(end))
                for column, name in enumerate(SCORES):
                    values = getattr(output, name)
                    if values is not None:
                        scores[name][i] = normalisers[i].unscale(values[:, places].double().numpy(), column)
                if self.watch:
                    by_epoch[i] = normalisers[i].unscale(watched[..., places].double().numpy(), 0)
        in_order = {name: tuple(values for _, values in sorted(by_part.items())) for name, by_part in scores.items()}
        return HeldOut(
            score=in_order["score"],
            execution=in_order["execution"],
            synchronisation=in_order["synchronisation"],
            losses=fitted.losses,
            loss_epochs=loss_epochs(config.epochs),
            by_epoch=tuple(by_epoch[i] for i in sorted(by_epoch)),
        )

    def _groups(self, parts: Sequence[Part]) -> list[list[int]]:
        """Indices of the parts that share networks."""
        groups: dict[tuple[tuple[str, bytes], ...], list[int]] = {}
        for group in by_fold(parts) if self.pool else [[i] for i in range(len(parts))]:
            learned = tuple((parts[i].task, parts[i].train.tobytes()) for i in group)
            groups.setdefault(learned, []).extend(group)
        return list(groups.values())


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
