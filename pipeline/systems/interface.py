"""The interface of systems that an evaluation compares: they learn from a training part and predict a test part.

AIM with any settings is a `System`, and so are the trivial baselines (`pipeline.systems.baselines`) and the other
systems of the paper's tables (`models.comparisons`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np

from data.store.arrays import Floats, Rows
from pipeline.features import FeatureSet
from pipeline.observer import Steps
from pipeline.train import Stop


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
        watched: which epochs those are, counted from 1.
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
    watched: tuple[int, ...] = ()
    variants: tuple[tuple[System, HeldOut], ...] = ()
    inner: tuple[dict[str, Any], ...] = ()
    deviation: tuple[Floats, ...] = ()
    inside: tuple[tuple[Rows, Floats], ...] = ()


def errors_and_deviations(held: HeldOut, part: int, true: Floats) -> tuple[Floats, Floats]:
    """Absolute errors (m,) and predicted deviations (m,) for a part with true scores (m,): of the mean of the runs.

    The runs' variances are averaged.
    """
    return np.abs(held.score[part].mean(0) - true), np.sqrt(np.square(held.deviation[part]).mean(0))


class System(Protocol):
    """Learns from training parts and predicts test parts; never reads a label of a test part."""

    @property
    def name(self) -> str:
        """Shown in tables."""

    @property
    def baseline(self) -> bool:
        """Whether it needs no video: a reference for every other result."""

    def held_out(
        self, features: FeatureSet, parts: Sequence[Part], progress: Steps | None = None, stop: Stop | None = None
    ) -> HeldOut:
        """Train on each part's training rows and predict its test rows. Raises Cancelled after `stop`."""


@runtime_checkable
class Composed(Protocol):
    """A system that consists of several trainings, none of which needs the result of another.

    The class need not be a base class; one that is gives `held_out`.
    """

    def held_out(
        self, features: FeatureSet, parts: Sequence[Part], progress: Steps | None = None, stop: Stop | None = None
    ) -> HeldOut:
        """See `System.held_out`: one training after the other."""
        held = [system.held_out(features, on, progress, stop) for system, on in self.trainings(features, parts)]
        return self.joined(features, parts, held)

    def trainings(self, features: FeatureSet, parts: Sequence[Part]) -> Sequence[tuple[System, Sequence[Part]]]:
        """The trainings; none where it is one training itself."""

    def joined(self, features: FeatureSet, parts: Sequence[Part], held: Sequence[HeldOut]) -> HeldOut:
        """The system's predictions, from those of its trainings in their order."""


def by_fold(parts: Sequence[Part]) -> list[list[int]]:
    """Indices of the parts, grouped by fold; the parts of a group differ by task."""
    names = dict.fromkeys(part.fold for part in parts)
    return [[i for i, part in enumerate(parts) if part.fold == name] for name in names]


@dataclass(frozen=True)
class SimpleSystem:
    """A system that handles one part at a time.

    Attributes:
        name: shown in tables.
        predict: (features, training rows, test rows, run) to (m,) predictions.
        runs: repetitions, for systems that draw at random.
        baseline: see `System.baseline`.
    """

    name: str
    predict: Callable[[FeatureSet, Rows, Rows, int], Floats]
    runs: int = 1
    baseline: bool = False

    def held_out(
        self, features: FeatureSet, parts: Sequence[Part], progress: Steps | None = None, stop: Stop | None = None
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
        """One for each task where there are several (`Composed`)."""
        tasks = dict.fromkeys(part.task for part in parts)
        return [(self, [part for part in parts if part.task == task]) for task in tasks] if len(tasks) > 1 else []

    def joined(self, features: FeatureSet, parts: Sequence[Part], held: Sequence[HeldOut]) -> HeldOut:
        """The tasks' predictions in the order of the parts."""
        tasks = dict.fromkeys(part.task for part in parts)
        by_task = {task: iter(held_out.score) for task, held_out in zip(tasks, held, strict=True)}
        return HeldOut(tuple(next(by_task[part.task]) for part in parts))
