"""The parts of a table: systems, which learn from a training part, and rows, which read predictions.

A system gets the training part alone, and its predictor gets performances without scores (`without_scores`). A row is a
function of predictions, with the labels of the training part. So neither can read a score of a test part.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, ClassVar, Literal

import numpy as np

from data.store.arrays import Floats, Rows
from data.video import Labels, Record
from models.comparisons import NetworkConfig
from models.published_methods import PublishedConfig
from pipeline.settings.recipes import TrainConfig
from pipeline.systems.inner_folds import TaskFold
from pipeline.systems.inner_tests import InnerTest
from pipeline.train import TrainingControl
from pipeline.train.feature_set import FeatureSet


@dataclass(frozen=True)
class Predictions:
    """Scores of m performances, in the units of the labels.

    Attributes:
        score: (networks, m), of each network, or of each repetition of a system that draws at random.
        execution, synchronisation: (networks, m), None where the system has none.
        deviation: (networks, m) predicted standard deviation of the score, or None.
        by_epoch: (epochs watched, networks, m) the score after every watched epoch, or None.
        losses: (epochs kept, members) training loss; None for systems without one.
        loss_epochs: the epochs of `losses`, counted from 1.
        chosen: what the row chose: an epoch, a candidate, or the systems that a combination averages.
        tests: of a combination, the test of every system by inner validation.
        inner_ratios: |error| / deviation of the training performances that inner validation held out, by id.
        device: where the networks of a training trained, "cpu" or "cuda"; empty without networks, and for a row.
    """

    score: Floats
    execution: Floats | None = None
    synchronisation: Floats | None = None
    deviation: Floats | None = None
    by_epoch: Floats | None = None
    losses: Floats | None = None
    loss_epochs: tuple[int, ...] = ()
    chosen: tuple[str, ...] = ()
    tests: Mapping[str, InnerTest] = field(default_factory=dict)
    inner_ratios: Mapping[str, float] = field(default_factory=dict)
    device: str = ""

    def take(self, columns: Rows) -> Predictions:
        """The predictions for the performances at `columns`."""
        given = {name: getattr(self, name) for name in BY_PERFORMANCE}
        chosen = {name: values[..., columns] for name, values in given.items() if values is not None}
        return replace(self, **chosen)


BY_PERFORMANCE = ("score", "execution", "synchronisation", "deviation", "by_epoch")
"""Arrays of `Predictions` whose last axis is the performances."""


@dataclass(frozen=True)
class FoldPredictions:
    """What systems predict in one fold, for rows to read. It holds no label of a test part.

    Attributes:
        train: the training part, with labels.
        inner: inner folds, as rows of `train`.
        unseen_users: whether the protocol holds out whole users.
        test_tasks: the task of each performance of the test part.
        test: a system's predictions for the test part.
        inside: a system's predictions for the test rows of every inner fold.
    """

    train: FeatureSet
    inner: tuple[TaskFold, ...]
    unseen_users: bool
    test_tasks: tuple[str, ...]
    test: Callable[[System], Predictions]
    inside: Callable[[System], list[Predictions]]


RowKind = Literal["ours", "baseline", "oracle", "other"]
"""AIM and its combination, a reference that needs no video, a choice by the test labels, any other."""


class ResultRow:
    """A row of a table: a function of the predictions of some systems in one fold.

    Attributes:
        name: shown in tables.
        epoch: how it chooses an epoch; empty where it chooses none.
    """

    name: str
    kind: RowKind = "other"
    epoch: str = ""

    @property
    def network_name(self) -> str:
        """The name of the network of which this is a further row; else its own."""
        return self.name

    @property
    def systems(self) -> tuple[System, ...]:
        """The systems whose predictions of the test part it reads."""
        raise NotImplementedError

    @property
    def inner_systems(self) -> tuple[System, ...]:
        """The systems whose predictions of inner folds it reads, such as `System.inner` of those that it shows."""
        return ()

    def picked(self, fold: FoldPredictions) -> tuple[System, ...]:
        """Further `systems`, which follow from the predictions of inner folds; `fold` has these."""
        return ()

    def read(self, fold: FoldPredictions) -> Predictions:
        """The predictions of the row for the test part."""
        raise NotImplementedError


Predictor = Callable[[FeatureSet], Predictions]
"""A trained system: a function of performances that returns their scores, in their order."""


class System(ResultRow):
    """Learns from a training part. As a row it shows its own predictions.

    Attributes:
        joins_tasks: whether it learns from all tasks of a fold at once; else each task trains on its own.
    """

    joins_tasks: bool = False

    @property
    def systems(self) -> tuple[System, ...]:
        """See `ResultRow.systems`."""
        return (self,)

    @property
    def passes(self) -> int:
        """How often a training passes each row through a network; 1 without networks."""
        return 1

    def read(self, fold: FoldPredictions) -> Predictions:
        """See `ResultRow.read`."""
        return fold.test(self)

    def train(self, train: FeatureSet, watched: FeatureSet | None, control: TrainingControl) -> Predictor:
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

    @property
    def has_deviation(self) -> bool:
        """Whether it predicts the deviation of its scores."""
        return False

    @property
    def passes(self) -> int:
        """Networks x epochs."""
        return self.config.networks * self.config.epochs

    def identity(self) -> Any:
        """See `System.identity`."""
        more = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in _NAMED}
        return [type(self).__name__, type(self.model).__name__, asdict(self.model), self.config.dump(), more]

    def inner(self) -> NetworkSystem:
        """See `System.inner`."""
        return replace(self, config=self.config.model_copy(update={"networks": 1}))


_NAMED = ("name", "kind", "model", "config")
"""Fields of a network system that its identity leaves out, or names itself."""


@dataclass(frozen=True)
class NetworkRow(ResultRow):
    """A further row of a network, from the same training as the network's own row."""

    network: NetworkSystem
    ending: ClassVar[str] = ""

    @property
    def kind(self) -> RowKind:  # type: ignore[override]
        """The kind of the network."""
        return self.network.kind

    @property
    def name(self) -> str:  # type: ignore[override]
        """The name of the row."""
        return f"{self.network.name}{self.ending}"

    @property
    def network_name(self) -> str:
        """See `ResultRow.network_name`."""
        return self.network.name

    @property
    def systems(self) -> tuple[System, ...]:
        """See `ResultRow.systems`."""
        return (self.network,)

    def epoch_name(self, number: int) -> str:
        """The name of the watched epoch of this number, from 0."""
        return f"epoch {self.network.watch[number]}"


SimplePredictor = Callable[[FeatureSet, int], Floats]
"""A function of m performances and the number of a repetition that returns (m,) scores."""


@dataclass(frozen=True)
class SimpleSystem(System):
    """A system that is one function of the training part."""

    name: str
    fit: Callable[[FeatureSet], SimplePredictor]
    repeats: int = 1  # repetitions, for systems that draw at random
    kind: RowKind = "other"

    def train(self, train: FeatureSet, watched: FeatureSet | None, control: TrainingControl) -> Predictor:
        """See `System.train`."""
        scores = self.fit(train)
        return lambda features: Predictions(np.stack([scores(features, number) for number in range(self.repeats)]))


def without_scores(features: FeatureSet) -> FeatureSet:
    """The same performances without their labels, except the difficulty, which is announced before a performance."""
    return replace(features, records=tuple(map(_without_scores, features.records)))


def _without_scores(record: Record) -> Record:
    difficulty = record.labels.difficulty if record.labels else None
    return replace(record, labels=None if difficulty is None else Labels(difficulty=difficulty))


def joined(rows: Sequence[Rows], parts: Sequence[Predictions]) -> Predictions:
    """The predictions for several groups of performances as one; `rows` are the places of each group in it."""
    order = np.argsort(np.concatenate(rows))
    arrays: dict[str, Any] = {}
    for name, axis in (*((name, -1) for name in BY_PERFORMANCE), ("losses", 1)):
        given = [getattr(part, name) for part in parts]
        if given[0] is not None:
            whole = np.concatenate(given, axis=axis)
            arrays[name] = whole if name == "losses" else whole[..., order]
    return replace(parts[0], **arrays)


def as_many_networks(scores: Sequence[Floats]) -> tuple[Floats, ...]:
    """The scores (networks, m) of each system, repeated up to the number of networks of the system that has most.

    A result of single networks needs a prediction of every system, so a system of one network counts in every one.
    """
    most = max((len(values) for values in scores), default=0)
    return tuple(values[np.arange(most) % len(values)] for values in scores)
