"""Values that the templates write: colours of steps, positions on axes, best values of tables."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, pstdev
from typing import Any

from pipeline.report.page_data import (
    BatchReport,
    LeakCheck,
    Prediction,
    ReportData,
    ResultsRow,
    ResultsTable,
    VideoReport,
)
from pipeline.report.payload import charts, duration
from pipeline.results import Flag, Interval, StepScore, worst_first


@dataclass(frozen=True)
class StepView:
    """A step on the time axis.

    Attributes:
        step: the step itself.
        number: 1, 2, ...
        left, width: per cent of the time axis.
        quality: -1 (bad) to 1 (good): two standard deviations from the expected score give the full colour.
        gap: step score minus expected score, in score points.
    """

    step: StepScore
    number: int
    left: float
    width: float
    quality: float
    gap: float


def step_views(video: VideoReport) -> list[StepView]:
    """The steps of one video, coloured relative to the training videos, or else to the video's own mean."""
    steps, length = video.result.steps, duration(video)
    scores = [step.score for step in steps if math.isfinite(step.score)]
    of_video = (fmean(scores), pstdev(scores)) if scores else (0.0, 0.0)
    expected = video.expected or [of_video] * len(steps)
    return [
        _step_view(i, step, length, *moments) for i, (step, moments) in enumerate(zip(steps, expected, strict=True))
    ]


def _step_view(index: int, step: StepScore, length: float, expected: float, spread: float) -> StepView:
    gap = step.score - expected if math.isfinite(step.score) else 0.0
    quality = max(-1.0, min(1.0, gap / (2 * spread))) if spread > 0 else 0.0
    left, right = (max(0.0, min(100.0, 100 * t / length)) for t in (step.start, step.end))
    return StepView(step, index + 1, left, max(right - left, 0.2), quality, gap)


def worst(flags: Sequence[Flag]) -> str:
    """The most severe level, or "none"."""
    return worst_first(flags)[0].level if flags else "none"


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
    for row in (*data.videos, *(data.batch.rows if data.batch else ())):
        values += [v for v in (row.result.score, row.truth.get("score")) if v is not None]
        values += [end for interval in (row.result.interval80, row.result.interval95) for end in interval or ()]
    values += data.batch.training_scores if data.batch else ()
    finite = [v for v in values if math.isfinite(v)]
    if not finite:
        return Scale(0.0, 1.0)
    low, high = min(finite), max(finite)
    margin = 0.04 * (high - low) or 1.0
    return Scale(low - margin, high + margin)


def batch_of(data: ReportData) -> BatchReport | None:
    """The batch, or one made of the videos where there are several and no batch is given."""
    if data.batch is not None or data.comparison or len(data.videos) < 2:
        return data.batch
    return BatchReport(rows=data.videos)


def comparable(data: ReportData) -> list[tuple[int, str]]:
    """Place and name of the videos that can be shown side by side: those with time steps."""
    return [(index, video.name) for index, video in enumerate(data.videos) if video.result.steps]


def columns_used(rows: Sequence[VideoReport]) -> set[str]:
    """Optional columns of the batch table that at least one row fills."""
    scores = ("interval80", "percentile", "execution", "synchronisation")
    used = {name for name in scores if any(getattr(row.result, name) is not None for row in rows)}
    used |= {"truth"} if any("score" in row.truth for row in rows) else set()
    return used | {name for name in ("duration", "task") if any(getattr(row, name) not in (None, "") for row in rows)}


def best_of(table: ResultsTable) -> set[tuple[int, int]]:
    """(row, column) of the best value of every column, the paper's rows left aside."""
    if table.better == "neither":
        return set()
    pick = max if table.better == "high" else min
    best: set[tuple[int, int]] = set()
    for column in range(len(table.columns)):
        values = {i: value for i, row in enumerate(table.rows) if (value := _comparable(row, column)) is not None}
        best |= {(i, column) for i, value in values.items() if value == pick(values.values())}
    return best


def _comparable(row: ResultsRow, column: int) -> float | None:
    value = row.values[column] if row.kind != "paper" and column < len(row.values) else None
    return float(value) if isinstance(value, (int, float)) and math.isfinite(value) else None


def chart_list(video: VideoReport) -> list[dict[str, Any]]:
    """Titles, units, names and notes of the charts, in the order of the payload's."""
    return [{"title": c.title, "unit": c.unit, "names": list(c.series), "about": c.about} for c in charts(video)]


def leak_line(check: LeakCheck) -> tuple[str, str, str]:
    """Class, question and answer of a line of the leak audit, such as ("pass", "trial on both sides", "none")."""
    kind, answer = {True: ("pass", "none"), False: ("fail", "LEAK"), None: ("open", "unknown")}[check.passed]
    return kind, check.name, answer


def tasks_of(predictions: Sequence[Prediction]) -> list[str]:
    """Tasks in the order in which they appear; the order of their colours."""
    return list(dict.fromkeys(prediction.task for prediction in predictions))
