"""The content of a report page as plain values, without files, models or HTML.

All times are seconds from the first frame. The page leaves out parts that are empty or None. Text may be hostile (file
names, labels): the page escapes it, so callers pass it unchanged.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.video.web_media import as_uri
from models.estimate import Estimate
from pipeline.cache.failure import Failure
from pipeline.checks.accuracy import Interval
from pipeline.evaluate.evaluation_results import Leads, Losses
from pipeline.evaluate.system_table import Table
from pipeline.score.movement import Movement
from pipeline.score.video_score import Score

Curve = NDArray[np.floating[Any]]
"""Values of one curve, NaN where unknown."""


@dataclass(frozen=True)
class Media:
    """A video that a page embeds or links."""

    uri: str | None  # the whole video as a `data:` URI (`data.video.web_media.embed_video`)
    link: str | None  # address relative to the page, used if `uri` is None
    width: int  # pixels as shown, after rotation
    height: int
    note: str = ""  # why the video is linked, re-encoded or missing
    poster: str | None = None  # the first frame as a `data:` URI, shown until the video plays
    times: Sequence[float] = ()  # start of each frame in seconds


@dataclass(frozen=True)
class KeyFrame:
    """A still: its time in seconds and its JPEG."""

    time: float
    jpeg: bytes

    @cached_property
    def uri(self) -> str:
        """The still as a `data:` URI."""
        return as_uri("image/jpeg", self.jpeg)


@dataclass(frozen=True)
class Skeleton:
    """Tracked people to draw over the video."""

    time: Curve  # (frame,) seconds
    keypoints: NDArray[np.floating[Any]]  # (frame, agent, 17, 3) x px, y px, score in COCO-17 order; NaN: undetected
    size: tuple[float, float]  # width and height of the picture in pixels
    names: tuple[str, ...] = ()  # one per agent, such as ("left athlete", "right athlete")


Arc = tuple[int, tuple[tuple[int, ...], ...]]
"""An angle of a person: the person's number, then two or three points, each the mean of COCO-17 joints.

With three points, the angle is at the second. With two, it is between the vertical and the line to the first."""


@dataclass(frozen=True)
class Traces:
    """Curves over time that share one chart."""

    title: str
    unit: str  # of every curve
    time: Curve  # (row,) seconds, ascending
    series: Mapping[str, Curve]  # (row,) values by name
    about: str = ""  # one sentence on how to read the chart
    least: float = 0.0  # smallest range of the axis in the unit, so that noise does not look like motion
    arcs: Mapping[str, Arc] = field(default_factory=dict)  # by series: the angle to draw over the video


@dataclass(frozen=True)
class TrainingSteps:
    """The T time steps of the training videos, scored by the same model."""

    scores: tuple[tuple[float, float], ...]  # mean and standard deviation of each step's score
    lowest: tuple[float, ...]  # by video: the smallest difference of a step's score from the step's mean
    attention: tuple[Interval, ...] = ()  # 5th and 95th percentile of each step's attention to the interaction

    def times(self, difficulty: float) -> TrainingSteps:
        """The scores of these steps at another difficulty."""
        scores = tuple((mean * difficulty, deviation * difficulty) for mean, deviation in self.scores)
        return replace(self, scores=scores, lowest=tuple(low * difficulty for low in self.lowest))


@dataclass(frozen=True)
class Observation:
    """A movement variable outside the range of the better training videos."""

    text: str
    numbers: str  # the value and the range
    time: float  # seconds: the middle of the step that is furthest outside
    span: Interval  # start and end of the loop in the player, in seconds
    joints: tuple[tuple[int, int], ...] = ()  # person and COCO-17 joint, marked on the video


@dataclass(frozen=True)
class BetterVideos:
    """Differences from the better training videos of the same group."""

    observations: tuple[Observation, ...]  # the largest ones
    count: int  # all differences
    usual: int  # differences that a better video typically has
    note: str  # the better videos, and the typical number of differences
    best: str  # id of the training video with the highest score
    best_score: float


@dataclass(frozen=True)
class VideoSection:
    """One scored video: a section of the page, or, without media and charts, a line of the batch table."""

    name: str  # shown name of the video, unique within the page
    result: Score
    truth: Mapping[str, float] = field(default_factory=dict)  # the judges' scores by name, where known
    duration: float | None = None  # seconds
    task: str = ""  # group of the video, such as "Suturing"
    subject: str = ""  # who performs; subject and day are empty unless labels or file name have both
    day: str = ""  # such as "2026-05-31"
    training: TrainingSteps | None = None  # to compare with
    media: Media | None = None
    key_frames: tuple[KeyFrame, ...] = ()
    skeleton: Skeleton | None = None
    difference: tuple[Traces, ...] = ()  # primary minus secondary over time, by body part or tool
    camera: Traces | None = None  # its pan, which the page shows if the camera moves
    kinematics: tuple[Traces, ...] = ()  # charts of the tools' motion
    angles: tuple[Traces, ...] = ()  # one chart per joint; the page shows one at a time
    better: BetterVideos | None = None
    no_better: str = ""  # why `better` is missing; empty if movement cannot be compared
    moved: Movement | None = None  # to compare with other videos; None if that is meaningless
    still: bool = False  # whether the camera is still, so that heights are comparable
    people: tuple[str, ...] = ()  # names of the people of `moved`
    beside: str = ""  # name of the group's best training video, if on this page
    held_out_score: float | None = None  # prediction of a training video by networks trained without it

    @property
    def time_steps(self) -> tuple[Interval, ...]:
        """Start and end of each time step in seconds."""
        return tuple((step.start, step.end) for step in self.result.steps)

    @property
    def shown_score(self) -> float | None:
        """The score on the page: the held-out prediction, else the score; None without a valid score."""
        return self.result.score if self.held_out_score is None or not self.result.valid else self.held_out_score


def quantity_of(rows: Iterable[VideoSection]) -> str:
    """The quantity on a page's axes: scores, or `PER_DIFFICULTY` if there are no scores (`Score.quantity`)."""
    return min((row.result.quantity for row in rows), default="score")


@dataclass(frozen=True)
class BatchSection:
    """All videos of one run."""

    rows: tuple[VideoSection, ...] = ()  # scored videos; those with a section of their own link to it
    failures: Mapping[str, Failure] = field(default_factory=dict)  # by name, of videos without a score
    training_scores: tuple[float, ...] = ()  # drawn behind the batch's distribution


@dataclass(frozen=True)
class ScatterPoint:
    """One held-out video: the judges' score, the prediction with its 80 % interval, its task and its fold."""

    id: str
    true: float
    predicted: Estimate
    task: str = ""
    fold: str = ""


LeakCheck = tuple[str, bool | None, str]
"""One question of the leak audit, whether it passed (None: not checked), and what leaks."""


@dataclass(frozen=True)
class EvaluationSection:
    """One evaluation of a protocol."""

    title: str = "Evaluation"
    rho: Estimate | None = None  # the headline number of the evaluation
    rho_of: str = ""  # name of the number and of its system
    rho_about: str = ""  # numbers of performances and folds
    predictions: tuple[ScatterPoint, ...] = ()  # held-out videos
    table: Table | None = None  # results beside baselines and the paper's row
    further: tuple[Table, ...] = ()  # folded: each task, the inner validation, the learning curve
    comparison: Leads | None = None  # leads over the other systems
    losses: Losses | None = None
    notes: tuple[str, ...] = ()  # shown before the numbers
    leaks: tuple[LeakCheck, ...] | None = None  # None if no audit ran, which the page states
    methods_text: str = ""  # a paragraph for a paper
    paper_table: Table | None = None  # tasks as columns


@dataclass(frozen=True)
class ReportData:
    """One page."""

    title: str  # heading and window title
    subtitle: str = ""  # one line below it
    origin: Mapping[str, str] = field(default_factory=dict)  # of the page, by name: command, versions, machine
    config: str = ""  # the whole configuration as text
    videos: tuple[VideoSection, ...] = ()  # a section each
    batch: BatchSection | None = None
    evaluation: EvaluationSection | None = None
    comparison: bool = False  # whether the page opens with its two videos side by side
    home: str = ""  # address of the page that leads here
