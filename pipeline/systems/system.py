"""Systems: each learns from a training part and returns a function that scores other performances.

A system gets only the training part, and its function gets performances without scores. So it cannot read test scores.
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
        score: (networks, m), by network, or by repetition of a random system.
        execution, synchronisation: (networks, m), or None.
        by_epoch: (watched epochs, networks, m) the score after every watched epoch, or None.
        losses: (kept epochs, members) training loss, or None.
        loss_epochs: the epochs of `losses`, counted from 1.
        chosen: a row's choice: an epoch, a candidate, or the systems that a combination averages.
        tests: of a combination: each system's test by inner validation.
        device: where the networks trained, "cpu" or "cuda"; empty without networks, and for a row.
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
"""Arrays of `Predictions` whose last axis is over performances."""

RowKind = Literal["ours", "baseline", "oracle", "other"]
"""AIM and its combination, a reference without video, a choice by test labels, any other."""

Predict = Callable[[FeatureSet], Predictions]
"""A fitted system: a function of performances that returns their scores, in their order."""


class System:
    """Learns from a training part.

    Attributes:
        name: shown in tables.
        joins_tasks: whether it learns from all tasks of a fold at once; else from each task separately.
        times_difficulty: whether `fit_predict` divides its training scores by the difficulty and multiplies its
            predictions.
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

        A network that watches epochs keeps its scores of `watched` after each epoch as `Predictions.by_epoch`, and then
        predicts only `watched`.
        """
        raise NotImplementedError

    def device(self, control: TrainingControl) -> str:
        """The device of its networks, "cpu" or "cuda"; empty without networks."""
        return ""

    def identity(self) -> Any:
        """JSON types that, with data and device, determine the predictions; None if predictions are not kept."""
        return None

    def inner(self) -> System:
        """The system for inner validation, with a single network."""
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
"""Fields of a network system that its identity leaves out or adds itself."""

Score = Callable[[FeatureSet, int], Floats]
"""A function of m performances and the number of a repetition that returns (m,) scores."""


@dataclass(frozen=True)
class SimpleSystem(System):
    """A system that is one function of the training part."""

    name: str
    learn: Callable[[FeatureSet], Score]
    repeats: int = 1  # repetitions of a random system
    kind: RowKind = "other"

    def fit(self, train: FeatureSet, watched: FeatureSet | None, control: TrainingControl) -> Predict:
        """See `System.fit`."""
        scores = self.learn(train)
        return lambda features: Predictions(np.stack([scores(features, number) for number in range(self.repeats)]))


def outside_system(name: str) -> System:
    """The system `module:name`, which is imported.

    It is a `System`, a `System` class without arguments, or a function as `SimpleSystem.learn`. Raises UsageError for
    anything else.
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
    """The scores (networks, m) of each system, repeated to the largest number of networks.

    A result for single networks needs a prediction of every system, so a system with one network counts in each.
    """
    most = max((len(values) for values in scores), default=0)
    return tuple(values[np.arange(most) % len(values)] for values in scores)
