"""What a report page shows, as plain values, without files, models or HTML.

All times are seconds from the first frame. The page leaves out parts that are empty or None.
Text may be hostile (file names, labels): the page escapes it, so callers pass it unchanged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.results import Interval, Score

Kind = Literal["ours", "baseline", "paper", "oracle", "ablation", "other"]
"""What a row of a results table is; an oracle was chosen by the test labels."""

Better = Literal["high", "low", "neither"]
"""Which values of a column are good."""

Curve = NDArray[np.floating[Any]]
"""Values of one curve, NaN where unknown."""


@dataclass(frozen=True)
class Media:
    """The video itself.

    Attributes:
        uri: the whole video as a `data:` URI (`data.video.media.embed_video`), or None.
        link: address of the file relative to the page, used where `uri` is None; the file may be absent elsewhere.
        width, height: pixels as shown, after rotation.
        note: why the video is linked, re-encoded or absent.
        poster: the first frame as a `data:` URI, shown until the video plays; None for none.
    """

    uri: str | None
    link: str | None
    width: int
    height: int
    note: str = ""
    poster: str | None = None


@dataclass(frozen=True)
class KeyFrame:
    """A still: its time in seconds and its JPEG as a `data:` URI."""

    time: float
    uri: str


@dataclass(frozen=True)
class Skeleton:
    """Tracked people to draw over the video.

    Attributes:
        time: (frame,) seconds.
        keypoints: (frame, agent, 17, 3) x px, y px, score in COCO-17 order, NaN where undetected.
        size: width and height of the picture that the pixels refer to.
        names: one per agent, such as ("primary", "secondary").
    """

    time: Curve
    keypoints: NDArray[np.floating[Any]]
    size: tuple[float, float]
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Traces:
    """Curves over time that share one chart.

    Attributes:
        title: heading of the chart.
        unit: unit of every curve.
        time: (row,) seconds, ascending.
        series: (row,) values by name.
        about: one sentence on how to read the chart.
        least: smallest height of the axis in the unit, so that noise is not drawn as large as motion.
        phrases: by series, what a sentence says before its value; default: title and name.
    """

    title: str
    unit: str
    time: Curve
    series: Mapping[str, Curve]
    about: str = ""
    least: float = 0.0
    phrases: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class CameraPath:
    """Direction of the camera over time.

    Attributes:
        time: (row,) seconds.
        x, y: (row,) pan in picture widths and heights since the first frame, positive right and down.
        zoom: (row,) magnification relative to the first frame.
        rotation: (row,) degrees relative to the first frame.
    """

    time: Curve
    x: Curve
    y: Curve
    zoom: Curve
    rotation: Curve


@dataclass(frozen=True)
class TrainingSteps:
    """The time steps of the training videos, scored by the same model; T steps.

    Attributes:
        scores: mean and standard deviation of each step's score.
        lowest: of each training video, the least difference of a step's score from that step's mean, in points.
        attention: 5th and 95th percentile of each step's attention to the interaction, 0 to 1; empty where unknown.
    """

    scores: tuple[tuple[float, float], ...]
    lowest: tuple[float, ...]
    attention: tuple[Interval, ...] = ()


@dataclass(frozen=True)
class VideoReport:
    """One scored video: a section of the page, or without media and charts a line of the batch table.

    Attributes:
        name: what the page calls the video, unique within the page.
        result: score, intervals, steps, flags and quality.
        truth: the judges' scores by name ("score", "execution", ...), where known.
        duration: seconds.
        task: group of the video, such as "Suturing".
        training: steps of the training videos to compare with, or None.
        media, key_frames, skeleton, camera: see their classes.
        difference: primary minus secondary over time, by body part or tool.
        kinematics: charts of the tools' motion.
    """

    name: str
    result: Score
    truth: Mapping[str, float] = field(default_factory=dict)
    duration: float | None = None
    task: str = ""
    training: TrainingSteps | None = None
    media: Media | None = None
    key_frames: tuple[KeyFrame, ...] = ()
    skeleton: Skeleton | None = None
    difference: tuple[Traces, ...] = ()
    camera: CameraPath | None = None
    kinematics: tuple[Traces, ...] = ()


@dataclass(frozen=True)
class Failure:
    """A video that could not be scored: the stage that failed, the reason in one line, and the traceback."""

    name: str
    stage: str
    reason: str
    traceback: str = ""


@dataclass(frozen=True)
class StageTime:
    """Run time of one stage over the batch.

    Attributes:
        stage: its name.
        computed, reused: videos computed in this run and read from the cache.
        seconds: sum over the computed videos.
        median: median seconds of a computed video, None without computed videos.
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

    rows: tuple[VideoReport, ...] = ()
    failures: tuple[Failure, ...] = ()
    times: tuple[StageTime, ...] = ()
    training_scores: tuple[float, ...] = ()


@dataclass(frozen=True)
class Prediction:
    """One held-out video: the judges' score, the prediction, its 80 % interval, its task and its fold."""

    id: str
    true: float
    predicted: float
    interval: Interval | None = None
    task: str = ""
    fold: str = ""


@dataclass(frozen=True)
class ResultsRow:
    """One system: its name, one value per column (number, text or None for undefined), its kind."""

    name: str
    values: tuple[float | str | None, ...]
    kind: Kind = "other"


@dataclass(frozen=True)
class ResultsTable:
    """A results table in the form of the paper's.

    Attributes:
        title: heading.
        columns: names of the value columns.
        rows: systems.
        digits: decimals shown.
        note: how the values were computed, and from which data.
        better: which end of each column is good; empty: of none. The best values are bold; rows of the paper and
            oracles are left aside.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[ResultsRow, ...]
    digits: int = 3
    note: str = ""
    better: tuple[Better, ...] = ()


@dataclass(frozen=True)
class Bar:
    """A value with its interval, such as one ablation's correlation."""

    name: str
    value: float
    interval: Interval | None = None
    kind: Kind = "ablation"


@dataclass(frozen=True)
class BarChart:
    """Bars that are compared with each other; `unit` names the axis."""

    title: str
    bars: tuple[Bar, ...]
    unit: str = "Spearman's rho"
    note: str = ""


@dataclass(frozen=True)
class TrainingCurve:
    """A training curve.

    Attributes:
        name: "training loss", "validation loss".
        epoch: (k,) epochs.
        value: (k,) mean over the runs.
        low, high: (k,) range over the runs, or None.
    """

    name: str
    epoch: NDArray[np.number[Any]]
    value: Curve
    low: Curve | None = None
    high: Curve | None = None


@dataclass(frozen=True)
class CurveChart:
    """Training curves on one pair of axes."""

    title: str
    unit: str
    curves: tuple[TrainingCurve, ...]
    log: bool = False


@dataclass(frozen=True)
class LeakCheck:
    """One question of the leak audit, whether it passed (None: not checked), and what leaks."""

    name: str
    passed: bool | None
    detail: str = ""


@dataclass(frozen=True)
class EvaluationReport:
    """One evaluation of a protocol.

    Attributes:
        summary: headline numbers by name, formatted, such as {"Spearman": ".81"}.
        predictions: held-out videos.
        tables: results beside baselines and the paper's row.
        bars: ablations with intervals.
        curves: training curves.
        leaks: the leak audit; None where none ran, which the page says.
    """

    summary: Mapping[str, str] = field(default_factory=dict)
    predictions: tuple[Prediction, ...] = ()
    tables: tuple[ResultsTable, ...] = ()
    bars: tuple[BarChart, ...] = ()
    curves: tuple[CurveChart, ...] = ()
    leaks: tuple[LeakCheck, ...] | None = None


@dataclass(frozen=True)
class ReportData:
    """One page.

    Attributes:
        title: heading and window title.
        subtitle: one line below it.
        made: when and by what, as text.
        run: facts on the run by name: command, versions, machine.
        config: the whole configuration as text.
        videos: a section each.
        batch, evaluation: their sections.
        comparison: whether the page opens with its two videos side by side.
        home: address of the page that leads here, or "".
    """

    title: str
    subtitle: str = ""
    made: str = ""
    run: Mapping[str, str] = field(default_factory=dict)
    config: str = ""
    videos: tuple[VideoReport, ...] = ()
    batch: BatchReport | None = None
    evaluation: EvaluationReport | None = None
    comparison: bool = False
    home: str = ""
