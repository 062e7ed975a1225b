"""What an evaluation compares: anything that learns from a training part and predicts a test part.

AIM with any settings is a `System`, and so are the trivial baselines (`pipeline.systems.baselines`) and the other
systems of the paper's tables (`models.comparisons`).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.aim import AimInputs, AimOutput
from models.aim_config import AimSizes
from models.build import NetworkConfig, build
from models.layers import StackedLayers
from models.stacked import StackData, predict_members
from pipeline.features import FeatureSet
from pipeline.recipes import TrainConfig
from pipeline.train.augment import with_copied_rows, with_copies
from pipeline.train.fit import Fitted, Progress, fit_members
from pipeline.train.normalise import SCORES, Normaliser
from pipeline.train.stack import Stop
from pipeline.train.trainer import check_sizes, fit_normaliser, run_members, sizes_of, stack_data

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Part:
    """One fold of one task, as rows of a feature set: all of them labelled.

    Attributes:
        task: whose folds these are, "" for all tasks together.
        fold: the fold's name.
        train: (k,) rows of the training part.
        test: (m,) rows of the test part.
    """

    task: str
    fold: str
    train: NDArray[np.intp]
    test: NDArray[np.intp]


@dataclass(frozen=True)
class HeldOut:
    """Predictions for the test rows of every part, in the units of the labels.

    Attributes:
        score: one (runs, m) array per part.
        execution: the same for execution scores, or empty where the system has none.
        synchronisation: the same for synchronisation scores, or empty.
        losses: (epochs kept, members) training loss, for systems that have one.
        loss_epochs: which epochs those are.
        chosen: for a system that chooses between others, the name of the chosen one per part.
        by_epoch: one (epochs watched, runs, m) array per part: the score at every watched epoch, or empty.
        watched: which epochs those are, counted from 1.
        variants: further rows that the same training gives, each with the system that it belongs to.
    """

    score: tuple[Floats, ...]
    execution: tuple[Floats, ...] = ()
    synchronisation: tuple[Floats, ...] = ()
    losses: Floats = field(default_factory=lambda: np.zeros((0, 0)))
    loss_epochs: tuple[int, ...] = ()
    chosen: tuple[str, ...] = ()
    by_epoch: tuple[Floats, ...] = ()
    watched: tuple[int, ...] = ()
    variants: tuple[tuple[System, HeldOut], ...] = ()


class System(Protocol):
    """Learns from training parts and predicts test parts; never reads a label of a test part."""

    @property
    def name(self) -> str:
        """Shown in tables."""

    @property
    def baseline(self) -> bool:
        """It needs no video: what any figure has to be held against."""

    def held_out(
        self, features: FeatureSet, parts: Sequence[Part], progress: Progress | None = None, stop: Stop | None = None
    ) -> HeldOut:
        """Train on each part's training rows and predict its test rows.

        Raises:
            Cancelled: `stop` said so.
        """


@dataclass(frozen=True)
class AimSystem:
    """AIM or a compared network: all runs on all folds of all tasks train at once.

    Attributes:
        name: shown in tables.
        model: the network.
        config: the recipe.
        pool: train one network on all tasks of a fold, each task with its own normalisation and score range; else
            each task on its own, as the paper does.
        checkpoints: folder for resuming after a kill, or None.
        watch: epochs, counted from 1, whose predictions are kept beside those of the last (`HeldOut.by_epoch`).
    """

    name: str
    model: NetworkConfig
    config: TrainConfig
    pool: bool = False
    checkpoints: Path | None = None
    watch: tuple[int, ...] = ()
    baseline: bool = False

    def held_out(
        self, features: FeatureSet, parts: Sequence[Part], progress: Progress | None = None, stop: Stop | None = None
    ) -> HeldOut:
        """See `System.held_out`; statistics come from each part's training rows.

        Raises:
            UsageError: the network does not fit the features.
            Cancelled: `stop` said so.
        """
        sizes, config = sizes_of(features), self.config
        check_sizes(sizes, self.model)
        more = with_copies(features, config)
        train = [with_copied_rows(part.train, len(features), config) for part in parts]
        normalisers = [fit_normaliser(more, rows, config) for rows in train]
        groups = by_fold(parts) if self.pool else [[i] for i in range(len(parts))]
        data = _joined([stack_data(more, normalisers, _owners(more, parts, group)) for group in groups])
        members = []
        for number, group in enumerate(groups):
            rows = np.concatenate([train[i] for i in group])
            members += run_members(rows, number, normalisers[group[0]], config)
        fitted = fit_members(
            data, members, sizes, self.model, config,
            watch=self.watch, checkpoints=self.checkpoints, progress=progress, stop=stop,
        )  # fmt: skip
        return self._read(fitted, parts, groups, normalisers, sizes, data)

    def inner(self, runs: int) -> AimSystem:
        """The same with as many runs at most, for inner validation; keeps its unfinished work elsewhere."""
        fewer = self.config.model_copy(update={"runs": min(runs, self.config.runs)})
        place = None if self.checkpoints is None else self.checkpoints / "inner"
        return replace(self, config=fewer, checkpoints=place)

    def _read(
        self,
        fitted: Fitted,
        parts: Sequence[Part],
        groups: Sequence[Sequence[int]],
        normalisers: Sequence[Normaliser],
        sizes: AimSizes,
        data: StackData,
    ) -> HeldOut:
        """What the trained networks say of the test rows, in the units of the labels."""
        scores: dict[str, dict[int, Floats]] = {name: {} for name in SCORES}
        seen: dict[int, Floats] = {}
        for number, group in enumerate(groups):
            mine = slice(number * self.config.runs, (number + 1) * self.config.runs)
            output = self._predict({n: v[mine] for n, v in fitted.state.items()}, sizes, data, number)
            for i, (column, name) in itertools.product(group, enumerate(SCORES)):
                values = getattr(output, name)
                if values is not None:
                    scaled = values[:, torch.from_numpy(parts[i].test)].double().numpy()
                    scores[name][i] = normalisers[i].unscale(scaled, column)
            for i in group if self.watch else ():
                scaled = fitted.watched[:, mine][..., torch.from_numpy(parts[i].test)].double().numpy()
                seen[i] = normalisers[i].unscale(scaled, 0)
        found = {name: tuple(by_part[i] for i in sorted(by_part)) for name, by_part in scores.items()}
        return HeldOut(
            score=found["score"],
            execution=found["execution"],
            synchronisation=found["synchronisation"],
            losses=fitted.losses,
            loss_epochs=fitted.loss_epochs,
            by_epoch=tuple(seen[i] for i in sorted(seen)),
            watched=self.watch,
        )

    def _predict(self, state: dict[str, Tensor], sizes: AimSizes, data: StackData, fold: int) -> AimOutput:
        net = build(self.model, sizes, StackedLayers(self.config.runs))
        net.load_state_dict(state)
        return predict_members(net, data, torch.full((self.config.runs,), fold))


def by_fold(parts: Sequence[Part]) -> list[list[int]]:
    """Which parts are the same fold of different tasks."""
    names = dict.fromkeys(part.fold for part in parts)
    return [[i for i, part in enumerate(parts) if part.fold == name] for name in names]


def _owners(features: FeatureSet, parts: Sequence[Part], group: Sequence[int]) -> NDArray[np.intp]:
    """(n,) which part's normalisation each performance has: that of its own task, the first where there is none."""
    tasks = {parts[i].task: i for i in group}
    return np.array([tasks.get(record.task, group[0]) for record in features.records], dtype=np.intp)


def _joined(data: Sequence[StackData]) -> StackData:
    inputs = {f.name: torch.cat([getattr(d.inputs, f.name) for d in data]) for f in fields(AimInputs)}
    return StackData(AimInputs(**inputs), torch.cat([d.targets for d in data]), torch.cat([d.weights for d in data]))


@dataclass(frozen=True)
class SimpleSystem:
    """A system that handles one part at a time.

    Attributes:
        name: shown in tables.
        predict: (features, training rows, test rows, run) to (m,) predictions.
        runs: how often it is repeated, for systems that draw at random.
        baseline: see `System.baseline`.
    """

    name: str
    predict: Callable[[FeatureSet, NDArray[np.intp], NDArray[np.intp], int], Floats]
    runs: int = 1
    baseline: bool = False

    def held_out(
        self, features: FeatureSet, parts: Sequence[Part], progress: Progress | None = None, stop: Stop | None = None
    ) -> HeldOut:
        """See `System.held_out`."""
        scores = []
        for number, part in enumerate(parts):
            runs = [self.predict(features, part.train, part.test, run) for run in range(self.runs)]
            scores.append(np.stack(runs))
            if progress is not None:
                progress(number + 1, len(parts))
        return HeldOut(tuple(scores))

    def trainings(self, features: FeatureSet, parts: Sequence[Part]) -> list[tuple[System, Sequence[Part]]]:
        """One for each task where there are several (`pipeline.evaluate.spread.Composed`)."""
        tasks = dict.fromkeys(part.task for part in parts)
        return [(self, [part for part in parts if part.task == task]) for task in tasks] if len(tasks) > 1 else []

    def joined(self, features: FeatureSet, parts: Sequence[Part], held: Sequence[HeldOut]) -> HeldOut:
        """The tasks' predictions in the order of the parts."""
        tasks = dict.fromkeys(part.task for part in parts)
        given = {task: iter(found.score) for task, found in zip(tasks, held, strict=True)}
        return HeldOut(tuple(next(given[part.task]) for part in parts))
