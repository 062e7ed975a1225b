"""The results of an evaluation as values, for `results.json`, tables, the page and figures.

Correlations are fractions, errors are in the unit of the labels; None is undefined.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from data.leaks import LeakAudit
from models.chance_test import InnerTest
from models.estimate import Estimate
from pipeline.checks.held_out import HeldOut
from pipeline.checks.paired_test import Lead
from pipeline.settings.provenance import Origin, StrictFields
from pipeline.systems.system import RowKind

FEW = 5
"""With fewer held-out performances a fold, a correlation within a fold is mostly noise."""


@dataclass(frozen=True)
class Note(StrictFields):
    """One sentence for a reader of the tables."""

    kind: Literal["caution", "fact"]  # a caution limits what the tables show
    text: str

    def __str__(self) -> str:
        """The line for the terminal."""
        return f"note: {self.text}" if self.kind == "caution" else self.text


@dataclass(frozen=True)
class MetricValues(StrictFields):
    """Metrics of a set of held-out predictions; views of one performance count separately (`models.metrics`)."""

    count: int
    spearman: float | None
    kendall: float | None
    mse: float | None
    mae: float | None


@dataclass(frozen=True)
class FoldAverage(StrictFields):
    """The mean correlation over folds, in both forms that papers use."""

    fisher: float | None
    arithmetic: float | None


@dataclass(frozen=True)
class NetworkCorrelations(StrictFields):
    """Correlations of single networks instead of the mean over the networks."""

    rho: float | None  # ranked together, fold means removed
    per_fold: FoldAverage


@dataclass(frozen=True)
class TaskResult(StrictFields):
    """One system on one task."""

    rho: Estimate  # the result: held-out predictions ranked together, fold means removed
    performances: int  # held out; views and copies count once
    per_fold: FoldAverage
    metrics: MetricValues  # of all held-out predictions, including fold means
    folds: Mapping[str, MetricValues]
    networks: tuple[NetworkCorrelations, ...]
    between: float | None = None  # if each fold is a user: of the users' means, predictions minus the training mean

    @property
    def mae(self) -> float | None:
        """Mean absolute error of all held-out predictions."""
        return self.metrics.mae


@dataclass(frozen=True)
class AverageResult(StrictFields):
    """One system on all tasks: averages over the tasks by Fisher's z."""

    rho: Estimate
    per_fold: FoldAverage  # each form averaged over the tasks in the same form
    mae: float | None  # mean over the tasks
    between: float | None = None  # likewise; of the users' means


@dataclass(frozen=True)
class Losses(StrictFields):
    """The training loss by epoch: mean, minimum and maximum over all networks of all folds."""

    epochs: tuple[int, ...]
    mean: tuple[float | None, ...]
    low: tuple[float | None, ...]
    high: tuple[float | None, ...]


@dataclass(frozen=True)
class Choice(StrictFields):
    """A row's choice in one fold of a task: an epoch, a candidate, or the systems of a combination."""

    task: str
    fold: str
    chosen: tuple[str, ...]
    tests: Mapping[str, InnerTest]  # of a combination: every system by inner validation, all tasks together


@dataclass(frozen=True)
class SystemResult(StrictFields):
    """One row of the table."""

    kind: RowKind
    tasks: Mapping[str, TaskResult]
    average: AverageResult
    execution: Mapping[str, TaskResult] | None = None
    synchronisation: Mapping[str, TaskResult] | None = None
    losses: Losses | None = None
    epoch: str = ""  # how the row chooses its epoch
    chosen: tuple[Choice, ...] = ()


@dataclass(frozen=True)
class Leads(StrictFields):
    """All rows compared with a reference that was named before the test labels were read."""

    against: str
    units: int  # performances, or users where each fold is one
    rows: Mapping[str, Lead]


@dataclass(frozen=True)
class FoldSize(StrictFields):
    """Performances of a fold, of one task or of all."""

    fold: str
    train: int
    test: int
    task: str = ""


@dataclass(frozen=True)
class HeldOutPrediction(StrictFields):
    """One held-out video, and each system's prediction."""

    id: str
    task: str
    fold: str
    performance: str  # equal for views and copies of one performance
    true: float
    systems: Mapping[str, Estimate]  # mean, minimum and maximum over its networks


@dataclass(frozen=True)
class CurvePoint(StrictFields):
    """Held-out error and correlation of one training size: mean, minimum and maximum over the repeats."""

    trained_on: float  # independent performances, mean over the folds
    mae: Estimate
    rho: Estimate


@dataclass(frozen=True)
class PublishedResult(StrictFields):
    """A method's published Spearman correlation on an official test part."""

    method: str
    epoch: str  # how the epoch was chosen: "last", "best on the test part", or "not stated"
    source: str  # the paper, and the file that shows the choice
    rho: Mapping[str, float] = field(default_factory=dict)  # by task
    average: float | None = None  # over all tasks, if the source has no value per task


@dataclass(frozen=True)
class Published(StrictFields):
    """Published results on one score of a data set.

    Attributes:
        range: score by which public code divides errors before it squares them; None: no common range.
        tasks: number of tasks of the whole set.
    """

    range: float | None
    tasks: int
    results: tuple[PublishedResult, ...]


@dataclass(frozen=True)
class EvaluationResults(StrictFields):
    """An evaluation.

    Attributes:
        kind: the command.
        videos, performances: with and without further views of a trial.
        left_out: folds of a task with too few training performances.
        against: the system whose result is the headline.
        paper: the paper's rows, per cent by task.
        published: results of other methods, under the official split.
        ceiling: the agreement of two raters, in one sentence.
        methods_text: a paragraph for a paper.
        method: the settings behind the results.
        made_by: the command that made synthetic data; empty for recordings.
    """

    origin: Origin
    protocol: str
    folds: tuple[FoldSize, ...]
    audit: LeakAudit | None
    videos: int
    performances: int
    left_out: tuple[FoldSize, ...]
    tasks: tuple[str, ...]
    systems: Mapping[str, SystemResult]
    against: str
    comparison: Leads | None
    predictions: tuple[HeldOutPrediction, ...]
    kind: Literal["evaluation", "leaderboard"] = "evaluation"
    paper: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)
    published: Published | None = None
    ceiling: str = ""
    curve: tuple[CurvePoint, ...] = ()
    notes: tuple[Note, ...] = ()
    methods_text: str = ""
    method: Mapping[str, Any] = field(default_factory=dict)
    made_by: str = ""

    @property
    def users(self) -> int:
        """Number of users if each is held out in turn; 0 under other protocols."""
        return len({entry.fold for entry in self.predictions}) if self.protocol == "louo" else 0

    def held_out(self, task: str, system: str) -> HeldOut:
        """The predictions of a task by one system."""
        entries = [entry for entry in self.predictions if entry.task == task]
        true, mean = np.array([(e.true, e.systems[system].value) for e in entries], dtype=np.float64).T
        fold, group = np.array([(e.fold, e.performance) for e in entries]).T
        return HeldOut(true, mean, fold, group)

    def held_out_count(self, task: str | None = None) -> int:
        """Number of held-out performances of a task, or of all; views and copies count once."""
        return len(
            {
                (prediction.task, prediction.performance)
                for prediction in self.predictions
                if task in (None, prediction.task)
            }
        )

    @property
    def held_out_per_fold(self) -> float:
        """Mean number of held-out performances per fold, in the smallest task; views and copies count once."""
        held: dict[str, dict[str, set[str]]] = {}
        for entry in self.predictions:
            held.setdefault(entry.task, {}).setdefault(entry.fold, set()).add(entry.performance)
        return min((sum(map(len, folds.values())) / len(folds) for folds in held.values()), default=math.inf)

    @property
    def fold_form(self) -> Literal["fisher", "arithmetic"]:
        """The average over folds in tables: arithmetic if folds have few performances, else by Fisher's z.

        In Fisher's z, a fold of three with a correlation of 1 would decide the average.
        """
        return "arithmetic" if self.held_out_per_fold < FEW else "fisher"
