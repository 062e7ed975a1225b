"""What the page shows of a batch and of an evaluation, as plain values; part of `pipeline.report.page_data`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.report.video_parts import VideoReport
from pipeline.results import VideoScore

Kind = Literal["ours", "baseline", "paper", "ablation", "other"]
"""What a row of a results table is."""


@dataclass(frozen=True)
class BatchRow(VideoScore):
    """One line of the batch table. Fields as in `VideoReport`; `truth` is the judges' final score."""

    truth: float | None = None
    duration: float | None = None
    task: str = ""

    @classmethod
    def of(cls, video: VideoReport) -> BatchRow:
        """The line of a video that has a section of its own."""
        return cls(**video.shared(), truth=video.truth.get("score"), duration=video.duration, task=video.task)


@dataclass(frozen=True)
class Failure:
    """A video that could not be done: which stage stopped, one line why, and the traceback for experts."""

    id: str
    stage: str
    reason: str
    traceback: str = ""


@dataclass(frozen=True)
class StageTime:
    """Run time of one stage over the batch.

    Attributes:
        stage: its name.
        computed, reused: videos computed in this run and taken from the cache.
        seconds: sum over the computed videos.
        median: seconds of a typical video, None where nothing was computed.
    """

    stage: str
    computed: int
    reused: int
    seconds: float
    median: float | None = None


@dataclass(frozen=True)
class BatchReport:
    """All videos of one run.

    Attributes:
        rows: scored videos; those with a section of their own link to it.
        failures: the others.
        times: run times in the order of the stages.
        training_scores: scores of the training videos, drawn behind the batch's distribution.
    """

    rows: tuple[BatchRow, ...] = ()
    failures: tuple[Failure, ...] = ()
    times: tuple[StageTime, ...] = ()
    training_scores: tuple[float, ...] = ()


@dataclass(frozen=True)
class Prediction:
    """One held-out video: the judges' score, the prediction and its interval (80 %), where it was held out."""

    id: str
    true: float
    predicted: float
    low: float | None = None
    high: float | None = None
    task: str = ""
    fold: str = ""


@dataclass(frozen=True)
class TableRow:
    """One system: its name, one value per column (number, text or None for undefined), what it is."""

    name: str
    values: tuple[float | str | None, ...]
    kind: Kind = "other"


@dataclass(frozen=True)
class Table:
    """A results table in the form of the paper's.

    Attributes:
        title: heading.
        columns: names of the value columns.
        rows: systems.
        digits: decimals shown.
        note: how the figures were made, and from which part.
        better: which end is good; the best of each column is set in bold, the paper's row apart.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[TableRow, ...]
    digits: int = 3
    note: str = ""
    better: Literal["high", "low", "neither"] = "high"


@dataclass(frozen=True)
class Bar:
    """A value with its interval, such as one ablation's correlation."""

    name: str
    value: float
    low: float | None = None
    high: float | None = None
    kind: Kind = "ablation"


@dataclass(frozen=True)
class BarChart:
    """Bars that are compared with each other; `unit` names the axis."""

    title: str
    bars: tuple[Bar, ...]
    unit: str = "Spearman's rho"
    note: str = ""


@dataclass(frozen=True)
class Curve:
    """A training curve.

    Attributes:
        name: "training loss", "validation loss".
        epoch: (k,) epochs.
        value: (k,) mean over the runs.
        low, high: (k,) spread over the runs, or None.
    """

    name: str
    epoch: NDArray[np.number[Any]]
    value: NDArray[np.floating[Any]]
    low: NDArray[np.floating[Any]] | None = None
    high: NDArray[np.floating[Any]] | None = None


@dataclass(frozen=True)
class CurveChart:
    """Training curves on one pair of axes."""

    title: str
    unit: str
    curves: tuple[Curve, ...]
    log: bool = False


@dataclass(frozen=True)
class LeakCheck:
    """One question of the leak audit: what was looked for, whether it was absent (None: not looked), what was found."""

    name: str
    passed: bool | None
    detail: str = ""


@dataclass(frozen=True)
class EvaluationReport:
    """One evaluation of a protocol.

    Attributes:
        summary: the figures for the top of the page by name, ready to read, such as {"Spearman": ".81"}.
        predictions: held-out videos.
        tables: results beside baselines and the paper's row.
        bars: ablations with intervals.
        curves: training curves.
        leaks: the leak audit; None where none was run, which the page says.
    """

    summary: Mapping[str, str] = field(default_factory=dict)
    predictions: tuple[Prediction, ...] = ()
    tables: tuple[Table, ...] = ()
    bars: tuple[BarChart, ...] = ()
    curves: tuple[CurveChart, ...] = ()
    leaks: tuple[LeakCheck, ...] | None = None
