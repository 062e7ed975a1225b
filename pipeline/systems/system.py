"""Systems: each learns from a training part, and returns a function that scores other performances.

A system gets the training part alone, and what it returns gets performances without scores. So it cannot read a score
of a test part.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Literal

import numpy as np

from data.errors import UsageError, printable
from data.outside import imported
from data.store.arrays import Floats, Rows
from models.chance_test import InnerTest
from models.comparisons import NetworkConfig
from models.published_methods import PublishedConfig
from pipeline.settings.train_config import TrainConfig
from pipeline.train import TrainingControl
from pipeline.train.feature_set import FeatureSet


@dataclass(frozen=True)
class Predictions:
    """Scores of m performances, in the units of the labels.

    Attributes:
        score: (networks, m), of each network, or of each repetition of a system that draws at random.
        execution, synchronisation: (networks, m), None where the system has none.
        by_epoch: (epochs watched, networks, m) the score after every watched epoch, or None.
        losses: (epochs kept, members) training loss; None for systems without one.
        loss_epochs: the epochs of `losses`, counted from 1.
        chosen: what a row chose: an epoch, a candidate, or the systems that a combination averages.
        tests: of a combination, the test of every system by inner validation.
        device: where the networks of a training trained, "cpu" or "cuda"; empty without networks, and for a row.
    """

    score: Floats
    execution: Floats | None = None
    synchronisation: Floats | None = None
    by_epoch: Floats | None = None
    losses: Floats | None = None
    loss_epochs: tuple[int, ...] = ()
    chosen: tuple[str, ...] = ()
    tests: Mapping[str, InnerTest] = field(default_factory=dict)
    device: str = ""

    def take(self, columns: Rows) -> Predictions:
        """The predictions for the performances at `columns`."""
        arrays = {name: getattr(self, name) for name in BY_PERFORMANCE}
        chosen = {name: values[..., columns] for name, values in arrays.items() if values is not None}
        return replace(self, **chosen)


BY_PERFORMANCE = ("score", "execution", "synchronisation", "by_epoch")
"""Arrays of `Predictions` whose last axis is the performances."""

RowKind = Literal["ours", "baseline", "oracle", "other"]
"""AIM and its combination, a reference that needs no video, a choice by the test labels, any other."""

Predict = Callable[[FeatureSet], Predictions]
"""A fitted system: a function of performances that returns their scores, in their order."""


class System:
    """Learns from a training part.

    Attributes:
        name: shown in tables.
        joins_tasks: whether it learns from all tasks of a fold at once; else each task has a fit of its own.
        times_difficulty: whether `fit_predict` gives it scores / difficulty, and multiplies its predictions.
    """

    name: str
    kind: RowKind = "other"
    joins_tasks: bool = False
    times_difficulty: bool = False

    @property
    def passes(self) -> int:
        """How often a fit passes each row through a network; 1 without networks."""
        return 1

    def fit(self, train: FeatureSet, watched: FeatureSet | None, control: TrainingControl) -> Predict:
        """Learn from labelled performances. Raises Cancelled after `control.stop`.

        A network that watches epochs keeps its scores of `watched` after each as `Predictions.by_epoch`, and then
        predicts `watched` alone.
        """
        raise NotImplementedError

    def device(self, control: TrainingControl) -> str:
        """Where its networks train, "cpu" or "cuda"; empty without networks."""
        return ""

    def identity(self) -> Any:
        """JSON types that determine the predictions with the data and the device; None where they are not kept."""
        return None

    def inner(self) -> System:
        """The system for inner validation: with one network in place of several."""
        return self


@dataclass(frozen=True)
class NetworkSystem(System):
    """A system whose networks train by a recipe."""

    name: str
    model: NetworkConfig | PublishedConfig
    config: TrainConfig
    watch: tuple[int, ...] = ()  # epochs, counted from 1, whose predictions are kept in `Predictions.by_epoch`
    kind: RowKind = "other"
    times_difficulty: bool = False

    @property
    def passes(self) -> int:
        """Networks x epochs."""
        return self.config.networks * self.config.epochs

    def device(self, control: TrainingControl) -> str:
        """See `System.device`."""
        return control.torch_device().type

    def identity(self) -> Any:
        """See `System.identity`."""
        more = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in _NAMED}
        return [type(self).__name__, type(self.model).__name__, asdict(self.model), self.config.dump(), more]

    def inner(self) -> NetworkSystem:
        """See `System.inner`."""
        return replace(self, config=self.config.model_copy(update={"networks": 1}))


_NAMED = ("name", "kind", "model", "config")
"""Fields of a network system that its identity leaves out, or names itself."""

Score = Callable[[FeatureSet, int], Floats]
"""A function of m performances and the number of a repetition that returns (m,) scores."""


@dataclass(frozen=True)
class SimpleSystem(System):
    """A system that is one function of the training part."""

    name: str
    learn: Callable[[FeatureSet], Score]
    repeats: int = 1  # repetitions, for systems that draw at random
    kind: RowKind = "other"

    def fit(self, train: FeatureSet, watched: FeatureSet | None, control: TrainingControl) -> Predict:
        """See `System.fit`."""
        scores = self.learn(train)
        return lambda features: Predictions(np.stack([scores(features, number) for number in range(self.repeats)]))


def outside_system(name: str) -> System:
    """The system that `module:name` names, which is imported.

    It is a `System`, a class of one without arguments, or what `SimpleSystem.learn` is. Raises UsageError for others.
    """
    named = imported(name)
    system = named() if isinstance(named, type) and issubclass(named, System) else named
    if isinstance(system, System):
        return system
    if not callable(system):
        fix = "Name a function of the training part that returns a function of other performances"
        raise UsageError(f"'{printable(name)}' is not a system", fix=fix)
    return SimpleSystem(name, system)


def as_many_networks(scores: Sequence[Floats]) -> tuple[Floats, ...]:
    """The scores (networks, m) of each system, repeated up to the number of networks of the system that has most.

    A result of single networks needs a prediction of every system, so a system of one network counts in every one.
    """
    most = max((len(values) for values in scores), default=0)
    return tuple(values[np.arange(most) % len(values)] for values in scores)
