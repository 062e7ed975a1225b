"""The interface of systems: a system learns from a training part (`fit`), and its model scores others (`predict`).

A system gets the training part alone, and its model gets performances without scores (`without_scores`). So no system
can read a score of a test part. A system that consists of others asks `Trainings` for their predictions, also on
inner folds of its training part.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from data.errors import AimError
from data.store.arrays import Floats, Rows
from data.video import Labels, Record
from models.comparisons import NetworkConfig
from models.methods import MethodConfig
from pipeline.settings.recipes import TrainConfig
from pipeline.systems.inner_folds import Cuts, tasks_of
from pipeline.train import Stop, Surroundings
from pipeline.train.checkpoint import digest_of, read_checkpoint, write_checkpoint
from pipeline.train.features import ARRAYS, FeatureSet


@dataclass(frozen=True)
class Predicted:
    """Scores of m performances, in the units of the labels.

    Attributes:
        score: (runs, m).
        execution, synchronisation: (runs, m), None where the system has none.
        deviation: (runs, m) predicted standard deviation of the score, or None.
        by_epoch: (epochs watched, runs, m) the score after every watched epoch, or None.
        losses: (epochs kept, members) training loss; None for systems without one.
        loss_epochs: the epochs of `losses`, counted from 1.
        chosen: name of the selected candidate or epoch, "" for systems that select none.
        weighting: weights and inner correlations of a combination, as JSON types.
        inside: |error| / deviation of the training performances that inner validation held out, by id.
    """

    score: Floats
    execution: Floats | None = None
    synchronisation: Floats | None = None
    deviation: Floats | None = None
    by_epoch: Floats | None = None
    losses: Floats | None = None
    loss_epochs: tuple[int, ...] = ()
    chosen: str = ""
    weighting: Mapping[str, Any] = field(default_factory=dict)
    inside: Mapping[str, float] = field(default_factory=dict)

    def take(self, columns: Rows) -> Predicted:
        """The predictions for the performances at `columns`."""
        given = {name: getattr(self, name) for name in BY_PERFORMANCE}
        chosen = {name: values[..., columns] for name, values in given.items() if values is not None}
        return replace(self, **chosen)


BY_PERFORMANCE = ("score", "execution", "synchronisation", "deviation", "by_epoch")
"""Arrays of `Predicted` whose last axis is the performances."""


class Model(Protocol):
    """A trained system."""

    def predict(self, features: FeatureSet, /) -> Predicted:
        """Scores of performances, in their order."""


@dataclass(frozen=True)
class Function:
    """A model that is one function."""

    predict: Callable[[FeatureSet], Predicted]


class System:
    """Learns from a training part."""

    name: str  # shown in tables
    baseline: bool = False  # whether it needs no video: a reference for every other result
    pool: bool = False  # whether it learns from all tasks of a fold at once; else each task trains on its own

    def fit(self, train: FeatureSet, trainings: Trainings) -> Model:
        """Learn from labelled performances. Raises Cancelled after `trainings.stop`."""
        raise NotImplementedError

    def identity(self) -> Any:
        """JSON types that determine the predictions together with the data; None where predictions are not kept.

        Systems without a training of their own, and systems that consist of others, return None.
        """
        return None

    def inner(self) -> System:
        """The system for inner validation: with one network in place of several."""
        return self


@dataclass(frozen=True)
class NetworkSystem(System):
    """A system whose networks train by a recipe."""

    name: str
    model: NetworkConfig | MethodConfig
    config: TrainConfig
    watch: tuple[int, ...] = ()  # epochs, counted from 1, whose predictions are kept in `Predicted.by_epoch`

    @property
    def passes(self) -> int:
        """How often a training passes each row through a network: networks x epochs."""
        return self.config.runs * self.config.epochs

    def fit(self, train: FeatureSet, trainings: Trainings) -> Model:
        """See `System.fit`."""
        return self.train(train, None, Surroundings(stop=trainings.stop))

    def train(self, train: FeatureSet, watched: FeatureSet | None, around: Surroundings) -> Model:
        """Train the networks. Raises Cancelled after `around.stop`.

        The model keeps its scores of `watched` after every epoch of `watch` as `Predicted.by_epoch`. A model that
        keeps them predicts `watched` alone.
        """
        raise NotImplementedError

    def identity(self) -> Any:
        """See `System.identity`."""
        settings = self.config.model_dump(mode="json", exclude={"checkpoint_every", "device"})
        more = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in ("name", "model", "config")}
        return [type(self).__name__, type(self.model).__name__, asdict(self.model), settings, more]

    def inner(self) -> NetworkSystem:
        """See `System.inner`."""
        return replace(self, config=self.config.model_copy(update={"runs": 1}))


class Trainings:
    """Trains systems. It keeps predictions by a hash of all that they depend on, so that no training repeats.

    Args:
        folder: keeps predictions of networks for later calls, and checkpoints of unfinished trainings.
        spent: called with the number of rows that have passed through networks; kept trainings count.
        stop: true ends a training after a checkpoint.
        performances: all performances of the evaluation. A training predicts each that it did not learn from, so folds
            of the protocol share equal inner trainings.
        cuts: how systems cut training parts into inner folds.
    """

    def __init__(
        self,
        folder: Path | None = None,
        spent: Callable[[float], None] | None = None,
        stop: Stop | None = None,
        *,
        performances: FeatureSet | None = None,
        cuts: Cuts | None = None,
    ) -> None:
        self.folder, self.stop, self.cuts = folder, stop, cuts or Cuts()
        self._performances = None if performances is None else without_scores(performances)
        self._spent, self._finished = spent or (lambda passed: None), 0.0
        self._kept: dict[str, Predicted] = {}

    def predict(self, system: System, train: FeatureSet, test: FeatureSet) -> Predicted:
        """The system's predictions for `test` after training on `train`; the system gets no score of `test`.

        An AimError of the system is raised with the system's name in front.
        """
        tasks, identity = tasks_of(train), system.identity()
        if len(tasks) > 1 and not system.pool:
            rows = tasks_of(test)
            each = [self.predict(system, train.take(tasks[task]), test.take(mine)) for task, mine in rows.items()]
            return joined(list(rows.values()), each)
        test = without_scores(test)
        if identity is None:
            return self._trained(system, train, test)
        asked = self._unseen(train, test)
        key = digest_of(identity, [*_content(train), *_content(asked)])
        if key not in self._kept:
            self._kept[key] = self._trained(system, train, asked, key)
        return self._kept[key].take(_places(test, asked))

    def _unseen(self, train: FeatureSet, test: FeatureSet) -> FeatureSet:
        """All performances of the training part's tasks outside it; `test` where they do not contain `test`."""
        if self._performances is None:
            return test
        tasks, learnt, every = set(tasks_of(train)), set(train.ids), self._performances.records
        others = self._performances.take([i for i, r in enumerate(every) if r.task in tasks and r.id not in learnt])
        if not set(test.ids) <= set(others.ids):
            return test
        same = others.take(_places(test, others))
        return others if digest_of("", _content(same)) == digest_of("", _content(test)) else test

    def _trained(self, system: System, train: FeatureSet, test: FeatureSet, key: str = "") -> Predicted:
        """The predictions for `test` of a training that is not in memory; `key` names its files."""
        try:
            if not isinstance(system, NetworkSystem):
                return system.fit(train, self).predict(test)
            place = None if self.folder is None else self.folder / key[:16]
            before, passed = self._finished, float(system.passes * len(train))

            def progress(done: int, total: int) -> None:
                self._spent(before + passed * done / total)

            predicted = _read(place, key)
            if predicted is None:
                predicted = system.train(train, test, Surroundings(place, progress, self.stop)).predict(test)
                if place is not None:
                    _write(place, key, predicted)
            self._finished = before + passed
            self._spent(self._finished)
            return predicted
        except AimError as error:
            raise type(error)(f"{system.name}: {error.what}", where=error.where, fix=error.fix) from error


def without_scores(features: FeatureSet) -> FeatureSet:
    """The same performances without their labels, except the difficulty, which is announced before a performance."""
    return replace(features, records=tuple(map(_without_scores, features.records)))


def _without_scores(record: Record) -> Record:
    difficulty = record.labels.difficulty if record.labels else None
    return replace(record, labels=None if difficulty is None else Labels(difficulty=difficulty))


def joined(rows: Sequence[Rows], parts: Sequence[Predicted]) -> Predicted:
    """The predictions for several groups of performances as one; `rows` are the places of each group in it."""
    order = np.argsort(np.concatenate(rows))
    arrays: dict[str, Any] = {}
    for name, axis in (*((name, -1) for name in BY_PERFORMANCE), ("losses", 1)):
        given = [getattr(part, name) for part in parts]
        if given[0] is not None:
            whole = np.concatenate(given, axis=axis)
            arrays[name] = whole if name == "losses" else whole[..., order]
    return replace(parts[0], **arrays)


@dataclass(frozen=True)
class SimpleSystem(System):
    """A system that is one function of the training part and the performances to score."""

    name: str
    score: Callable[[FeatureSet, FeatureSet, int], Floats]  # training part, m other performances, run: (m,) scores
    runs: int = 1  # repetitions, for systems that draw at random
    baseline: bool = False

    def fit(self, train: FeatureSet, trainings: Trainings) -> Model:
        """See `System.fit`."""
        return Function(
            lambda features: Predicted(np.stack([self.score(train, features, run) for run in range(self.runs)]))
        )


def _places(some: FeatureSet, whole: FeatureSet) -> Rows:
    """(m,) row of each performance of `some` in `whole`."""
    places = {name: place for place, name in enumerate(whole.ids)}
    return np.array([places[name] for name in some.ids], dtype=np.intp)


def as_many_runs(scores: Sequence[Floats]) -> tuple[Floats, ...]:
    """The scores (runs, m) of each system, repeated up to the number of runs of the system that has most.

    The result of a run needs a prediction of every system, so a system of one run counts in every run.
    """
    most = max((len(values) for values in scores), default=0)
    return tuple(values[np.arange(most) % len(values)] for values in scores)


def _content(features: FeatureSet) -> list[Any]:
    """Arrays that hold everything that a training can read of performances."""
    described = [[r.id, r.task, sorted(r.groups.items()), r.labels] for r in features.records]
    names = sorted((name, list(channels)) for name, channels in features.names.items())
    text = np.frombuffer(repr([described, names]).encode(), dtype=np.uint8)
    return [text, *(getattr(features, name) for name in ARRAYS)]


def _write(place: Path, key: str, predicted: Predicted) -> None:
    """Write the predictions of a finished training, and delete its checkpoints."""
    given = {name: getattr(predicted, name) for name in (*BY_PERFORMANCE, "losses")}
    arrays = {name: torch.from_numpy(np.ascontiguousarray(v)) for name, v in given.items() if v is not None}
    arrays["loss_epochs"] = torch.tensor(predicted.loss_epochs, dtype=torch.int64)
    write_checkpoint(place.with_suffix(".safetensors"), key, 0, arrays)
    shutil.rmtree(place, ignore_errors=True)


def _read(place: Path | None, key: str) -> Predicted | None:
    """The predictions that `_write` wrote; None where they are missing, damaged or of another training."""
    kept = None if place is None else read_checkpoint(place.with_suffix(".safetensors"), key)
    if kept is None:
        return None
    arrays: dict[str, Any] = {name: values.numpy() for name, values in kept[1].items()}
    return Predicted(**arrays | {"loss_epochs": tuple(arrays["loss_epochs"].tolist())})
