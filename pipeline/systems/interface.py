"""The interface of systems that an evaluation compares: they learn from a training part and predict a test part."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from data.store.arrays import Floats, Rows
from models.comparisons import NetworkConfig
from models.methods import MethodConfig
from pipeline.features import FeatureSet
from pipeline.observer import Steps
from pipeline.recipes import TrainConfig
from pipeline.train import Stop

ROW_COST = 10
"""Cost of a training row for a system without networks."""


@dataclass(frozen=True)
class Part:
    """One fold of one task, as rows of a feature set: all of them labelled.

    Attributes:
        task: whose folds these are, "" for all tasks together.
        train, test: (k,) and (m,) rows.
    """

    task: str
    fold: str
    train: Rows
    test: Rows


def same_part(one: Part, other: Part) -> bool:
    """Whether both are the same fold of the same task."""
    same_rows = np.array_equal(one.train, other.train) and np.array_equal(one.test, other.test)
    return (one.task, one.fold) == (other.task, other.fold) and same_rows


@dataclass(frozen=True)
class HeldOut:
    """Predictions for the test rows of every part, in the units of the labels.

    Attributes:
        execution, synchronisation: the same for these scores, or empty where the system has none.
        losses: (epochs kept, members) training loss; empty for systems without one.
        loss_epochs: which epochs those are.
        chosen: for a system that selects among others, the name of the selected one per part.
        by_epoch: one (epochs watched, runs, m) array per part: the score at every watched epoch, or empty.
        variants: further rows of the same training, each with its system.
        inner: for a combination, the choice for each fold, as JSON types (`pipeline.systems.combination.Combined`).
        deviation: one (runs, m) array per part: predicted standard deviation of the score, or empty.
        inside: per part, of its training rows that inner validation held out, the rows (k,) and |error| / deviation
            (k,); empty where the system predicts no deviation or had no inner validation.
    """

    score: tuple[Floats, ...]
    execution: tuple[Floats, ...] = ()
    synchronisation: tuple[Floats, ...] = ()
    losses: Floats = field(default_factory=lambda: np.zeros((0, 0)))
    loss_epochs: tuple[int, ...] = ()
    chosen: tuple[str, ...] = ()
    by_epoch: tuple[Floats, ...] = ()
    variants: tuple[tuple[System, HeldOut], ...] = ()
    inner: tuple[dict[str, Any], ...] = ()
    deviation: tuple[Floats, ...] = ()
    inside: tuple[tuple[Rows, Floats], ...] = ()


def errors_and_deviations(held: HeldOut, part: int, true: Floats) -> tuple[Floats, Floats]:
    """Absolute errors (m,) and predicted deviations (m,) for a part with true scores (m,): of the mean of the runs.

    The runs' variances are averaged.
    """
    return np.abs(held.score[part].mean(0) - true), np.sqrt(np.square(held.deviation[part]).mean(0))


class System:
    """Learns from training parts and predicts test parts; never reads a label of a test part.

    A subclass defines `held_out`, or `trainings` and `joined` where it consists of several trainings, none of which
    needs the result of another.
    """

    name: str  # shown in tables
    baseline: bool = False  # whether it needs no video: a reference for every other result

    def held_out(
        self, features: FeatureSet, parts: Sequence[Part], progress: Steps | None = None, stop: Stop | None = None
    ) -> HeldOut:
        """Train on each part's training rows and predict its test rows. Raises Cancelled after `stop`."""
        held = [system.held_out(features, on, progress, stop) for system, on in self.trainings(features, parts)]
        return self.joined(features, parts, held)

    def trainings(self, features: FeatureSet, parts: Sequence[Part]) -> Sequence[tuple[System, Sequence[Part]]]:
        """The trainings that it consists of; none where it is one training itself."""
        return ()

    def joined(self, features: FeatureSet, parts: Sequence[Part], held: Sequence[HeldOut]) -> HeldOut:
        """The system's predictions, from those of its trainings in their order."""
        raise NotImplementedError

    def cost(self, parts: Sequence[Part]) -> int:
        """Expected time of training on these parts, in units of one training row of one network and epoch."""
        return ROW_COST * sum(len(part.train) for part in parts)

    def inner(self, runs: int) -> System:
        """The system for inner validation of others: with at most `runs` networks where it is made of networks."""
        return self


@dataclass(frozen=True)
class NetworkSystem(System):
    """A system whose networks train by a recipe.

    Attributes:
        name: shown in tables.
        model: the network.
        config: the recipe.
        checkpoints: folder of the checkpoints for resuming, or None.
        watch: epochs, counted from 1, whose predictions are kept in `HeldOut.by_epoch`.
    """

    name: str
    model: NetworkConfig | MethodConfig
    config: TrainConfig
    checkpoints: Path | None = None
    watch: tuple[int, ...] = ()

    def cost(self, parts: Sequence[Part]) -> int:
        """See `System.cost`; equal training parts train once."""
        rows = {(part.task, part.train.tobytes()): len(part.train) for part in parts}
        return self.config.runs * self.config.epochs * sum(rows.values())

    def inner(self, runs: int) -> NetworkSystem:
        """See `System.inner`; it has its own folder of checkpoints."""
        fewer = self.config.model_copy(update={"runs": min(runs, self.config.runs)})
        return replace(self, config=fewer, checkpoints=self.checkpoints and self.checkpoints / "inner")


def by_fold(parts: Sequence[Part]) -> list[list[int]]:
    """Indices of the parts, grouped by fold; the parts of a group differ by task."""
    names = dict.fromkeys(part.fold for part in parts)
    return [[i for i, part in enumerate(parts) if part.fold == name] for name in names]


def sharing(parts: Sequence[Part], *, pool: bool = False) -> list[list[int]]:
    """Indices of the parts that share networks: those with equal training rows, with `pool` in all tasks of a fold."""
    groups: dict[tuple[tuple[str, bytes], ...], list[int]] = {}
    for group in by_fold(parts) if pool else [[i] for i in range(len(parts))]:
        learned = tuple((parts[i].task, parts[i].train.tobytes()) for i in group)
        groups.setdefault(learned, []).extend(group)
    return list(groups.values())


@dataclass(frozen=True)
class SimpleSystem(System):
    """A system that handles one part at a time, with a function."""

    name: str
    predict: Callable[[FeatureSet, Rows, Rows, int], Floats]  # features, training rows, test rows, run: (m,) scores
    runs: int = 1  # repetitions, for systems that draw at random
    baseline: bool = False

    def held_out(
        self, features: FeatureSet, parts: Sequence[Part], progress: Steps | None = None, stop: Stop | None = None
    ) -> HeldOut:
        """See `System.held_out`."""
        scores = []
        for done, part in enumerate(parts, start=1):
            scores.append(np.stack([self.predict(features, part.train, part.test, run) for run in range(self.runs)]))
            if progress is not None:
                progress(done, len(parts))
        return HeldOut(tuple(scores))
