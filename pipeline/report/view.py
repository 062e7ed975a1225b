"""From report data to what the templates write: colours of steps, places on axes, best values of tables."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, pstdev
from typing import Any

from pipeline.report.page_data import (
    BatchReport,
    BatchRow,
    LeakCheck,
    Prediction,
    ReportData,
    Step,
    Table,
    TableRow,
    VideoReport,
)
from pipeline.report.payload import charts, duration
from pipeline.results import Flag, Interval

_LOUDNESS = {"bad": 0, "warn": 1, "info": 2}


@dataclass(frozen=True)
class StepView:
    """A step on the time axis.

    Attributes:
        step: the step itself.
        number: 1, 2, ...
        left, width: per cent of the time axis.
        quality: -1 (bad) to 1 (good): two standard deviations from what is expected give the full colour.
        gap: step score minus what is expected, in score points.
    """

    step: Step
    number: int
    left: float
    width: float
    quality: float
    gap: float


def step_views(video: VideoReport) -> list[StepView]:
    """The steps of one video, coloured against the training videos or else against the video's own mean."""
    length = duration(video)
    scores = [step.score for step in video.steps if math.isfinite(step.score)]
    own_mean, own_spread = (fmean(scores), pstdev(scores)) if scores else (0.0, 0.0)
    return [_step_view(i, step, length, own_mean, own_spread) for i, step in enumerate(video.steps)]


def _step_view(index: int, step: Step, length: float, own_mean: float, own_spread: float) -> StepView:
    expected = own_mean if step.expected is None else step.expected
    spread = own_spread if step.spread is None else step.spread
    gap = step.score - expected if math.isfinite(step.score) else 0.0
    quality = max(-1.0, min(1.0, gap / (2 * spread))) if spread > 0 else 0.0
    left, right = (max(0.0, min(100.0, 100 * t / length)) for t in (step.start, step.end))
    return StepView(step, index + 1, left, max(right - left, 0.2), quality, gap)


def compares_with_training(video: VideoReport) -> bool:
    """Whether the colours of the steps are against the training videos."""
    return any(step.expected is not None for step in video.steps)


def flags_by_level(flags: Iterable[Flag]) -> list[Flag]:
    """Loudest first."""
    return sorted(flags, key=lambda flag: _LOUDNESS.get(flag.level, 0))


def worst(flags: Sequence[Flag]) -> str:
    """The loudest level, or "none"."""
    return flags_by_level(flags)[0].level if flags else "none"


@dataclass(frozen=True)
class Scale:
    """A score axis that every interval of the page is drawn on.

    Attributes:
        low, high: its ends, in score points.
    """

    low: float
    high: float

    def place(self, value: float) -> float:
        """Per cent from the left, kept within the axis."""
        return max(0.0, min(100.0, 100 * (value - self.low) / (self.high - self.low)))

    def span(self, interval: Interval) -> tuple[float, float]:
        """Left end and width of an interval in per cent."""
        left, right = self.place(interval[0]), self.place(interval[1])
        return left, max(right - left, 0.5)


def score_scale(data: ReportData) -> Scale:
    """One axis for all scores of the page, so that glyphs can be compared."""
    values: list[float] = []
    rows: list[VideoReport | BatchRow] = [*data.videos, *(data.batch.rows if data.batch else ())]
    for row in rows:
        values += [v for v in (row.score, _truth(row)) if v is not None]
        values += [end for interval in (row.interval80, row.interval95) if interval for end in interval]
    values += data.batch.training_scores if data.batch else ()
    finite = [v for v in values if math.isfinite(v)]
    if not finite:
        return Scale(0.0, 1.0)
    low, high = min(finite), max(finite)
    margin = 0.04 * (high - low) or 1.0
    return Scale(low - margin, high + margin)


def _truth(row: VideoReport | BatchRow) -> float | None:
    return row.truth.get("score") if isinstance(row, VideoReport) else row.truth


def batch_of(data: ReportData) -> BatchReport | None:
    """The batch, or one made of the videos where there are several and no batch is given."""
    if data.batch is not None or len(data.videos) < 2:
        return data.batch
    return BatchReport(rows=tuple(BatchRow.of(video) for video in data.videos))


def columns_used(rows: Sequence[BatchRow]) -> set[str]:
    """Optional columns of the batch table that at least one row fills."""
    optional = ("interval80", "percentile", "execution", "synchronisation", "truth", "duration", "task")
    return {name for name in optional if any(getattr(row, name) not in (None, "") for row in rows)}


def best_of(table: Table) -> set[tuple[int, int]]:
    """(row, column) of the best figure of every column, the paper's rows apart."""
    if table.better == "neither":
        return set()
    pick = max if table.better == "high" else min
    best: set[tuple[int, int]] = set()
    for column in range(len(table.columns)):
        own = [(i, row.values[column]) for i, row in enumerate(table.rows) if _counts(row, column)]
        values = [float(v) for _, v in own if isinstance(v, (int, float))]
        best |= {(i, column) for i, v in own if values and v == pick(values)}
    return best


def _counts(row: TableRow, column: int) -> bool:
    if row.kind == "paper" or column >= len(row.values):
        return False
    value = row.values[column]
    return isinstance(value, (int, float)) and math.isfinite(value)


def chart_list(video: VideoReport) -> list[dict[str, Any]]:
    """Titles, units, names and notes of the charts, in the order of the payload's."""
    return [{"title": c.title, "unit": c.unit, "names": list(c.series), "about": c.about} for c in charts(video)]


def leak_line(check: LeakCheck) -> tuple[str, str, str]:
    """Class, question and answer of a line of the leak audit, such as ("pass", "trial on both sides", "none")."""
    kind, answer = {True: ("pass", "none"), False: ("fail", "FOUND"), None: ("open", "not known")}[check.passed]
    return kind, check.name, answer


def tasks_of(predictions: Sequence[Prediction]) -> list[str]:
    """Tasks in the order in which they appear; the order of their colours."""
    return list(dict.fromkeys(prediction.task for prediction in predictions))
