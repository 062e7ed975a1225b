"""Values for the templates: colours of steps, positions on axes, best values of tables, the sentence above a video."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from statistics import fmean, pstdev

from pipeline.checks.accuracy import Interval, as_printed
from pipeline.checks.flag import Flag
from pipeline.checks.flag_checks import GUESSING
from pipeline.evaluate.system_table import Cell, Kind, Table, TableRow
from pipeline.report import page_data as page
from pipeline.report.chart_json import axis_seconds, is_known
from pipeline.report.text import steps_named, to_digits
from pipeline.score.video_score import Score, StepScore

SHOWN_DECIMALS = 2
"""Digits after the point of scores, their parts and differences on the page."""

ASIDE: tuple[Kind, ...] = ("paper", "oracle")
"""Rows of a results table that are not compared with the others."""

RARE = 0.1
"""A step is unusual if at most this share of the training videos have a step as far below its mean."""

PALE = 0.4
"""Strength of the colour of a step at the limit of usual steps. Only unusual steps have the full colour, so that the
colours agree with the sentence."""

NEIGHBOUR = 0.5
"""Neighbours of the lowest or highest step are named too with at least this share of its distance from the mean."""


@dataclass(frozen=True)
class DrawnStep:
    """A step on the time axis."""

    step: StepScore
    number: int  # 1, 2, ...
    left: float  # per cent of the time axis
    width: float  # per cent of the time axis
    share: Decimal | None  # its score as shown
    gap: float  # its score minus the reference mean, in points
    shown_gap: Decimal  # `gap` as shown
    unusual: bool  # see `RARE`; False without training videos
    quality: float  # -1 (below) to 1 (above): `gap` on the colour scale of the page


def drawn_steps(video: page.VideoSection) -> list[DrawnStep]:
    """The steps of one video against the means of the training videos, else against the video's mean."""
    steps, length, scores, reach = video.result.steps, axis_seconds(video), _finite_scores(video), colour_reach(video)
    if not scores:
        return []
    means = [mean for mean, _ in video.training.scores] if video.training else [fmean(scores)] * len(steps)
    drawn = []
    for number, (step, mean) in enumerate(zip(steps, means, strict=True), start=1):
        finite = math.isfinite(step.score)
        gap = step.score - mean if finite else 0.0
        share, shown = (as_printed(value, SHOWN_DECIMALS) if finite else None for value in (step.score, gap))
        shown_gap = shown or Decimal(0)
        unusual = shown_gap < 0 and as_low(video, gap) <= RARE * len(video.training.lowest if video.training else ())
        quality = -1.0 if unusual else PALE * max(-1.0, min(1.0, float(shown_gap) / reach)) if reach > 0 else 0.0
        left, right = (max(0.0, min(100.0, 100 * time / length)) for time in (step.start, step.end))
        drawn.append(DrawnStep(step, number, left, max(right - left, 0.2), share, gap, shown_gap, unusual, quality))
    return drawn


def as_low(video: page.VideoSection, gap: float) -> int:
    """Number of training videos that have a step at least as far below its mean as `gap`."""
    return sum(score <= gap for score in video.training.lowest) if video.training else 1


def colour_reach(video: page.VideoSection) -> float:
    """Points from the mean at which the colour of a usual step is strongest, the same for all steps.

    The limit of unusual steps (`RARE`); without training videos, two standard deviations of the video's steps.
    """
    if video.training is not None and video.training.lowest:
        lowest = sorted(video.training.lowest)
        return max(-lowest[int(RARE * len(lowest))], 10.0**-SHOWN_DECIMALS)
    scores = _finite_scores(video)
    return 2 * pstdev(scores) if scores else 0.0


def _finite_scores(video: page.VideoSection) -> list[float]:
    return [step.score for step in video.result.steps if math.isfinite(step.score)]


def attention_axis(video: page.VideoSection) -> Scale | None:
    """The axis of attention to the interaction; None without attention.

    The axis covers all values and their usual range in training. Without that range it is 0 to 1.
    """
    values = [step.interaction for step in video.result.steps if step.interaction is not None]
    ranges = video.training.attention if video.training is not None else ()
    if not values or not ranges:
        return Scale(0.0, 1.0) if values else None
    ends = [*values, *(end for usual in ranges for end in usual)]
    margin = max(0.1 * (max(ends) - min(ends)), 0.005)
    return Scale(max(0.0, min(ends) - margin), min(1.0, max(ends) + margin))


@dataclass(frozen=True)
class Scale:
    """An axis, with its ends in the unit of its values."""

    low: float
    high: float
    quantity: str = "score"  # of the scores on it

    def position(self, value: float) -> float:
        """Per cent from the low end, kept within the axis."""
        return max(0.0, min(100.0, 100 * (value - self.low) / (self.high - self.low)))

    def span(self, interval: Interval) -> tuple[float, float]:
        """Low end and width of an interval in per cent."""
        left, right = self.position(interval[0]), self.position(interval[1])
        return left, max(right - left, 0.5)


def score_scale(data: page.ReportData) -> Scale:
    """One axis for all scores and intervals of the page, so that readers can compare them."""
    values: list[float] = []
    rows = (*data.videos, *(data.batch.rows if data.batch else ()))
    quantity = page.quantity_of(rows)
    for row in (video for video in rows if video.result.quantity == quantity):
        values += [v for v in (row.shown_score, row.truth.get("score")) if v is not None]
        values += [end for interval in (row.result.interval80, row.result.interval95) for end in interval or ()]
    values += data.batch.training_scores if data.batch else ()
    finite = [v for v in values if math.isfinite(v)]
    if not finite:
        return Scale(0.0, 1.0)
    low, high = min(finite), max(finite)
    margin = 0.04 * (high - low) or 1.0
    return Scale(low - margin, high + margin, quantity)


def batch_of(data: page.ReportData) -> page.BatchSection | None:
    """The batch; None if it would only repeat the section of the only video."""
    batch = data.batch
    if batch is None or batch.failures or listed(batch, data.videos):
        return batch
    return None


def listed(batch: page.BatchSection, videos: Sequence[page.VideoSection]) -> bool:
    """Whether a table of the scores adds to the section of the only video."""
    names = {video.name for video in videos}
    return len(batch.rows) > 1 or any(row.name not in names for row in batch.rows)


def conclusion(rows: Sequence[page.VideoSection]) -> str:
    """The sentence above the scores: the highest, and how many the intervals separate from it; "" for one score.

    Scores of training videos are left out, unless they are held-out predictions.
    """
    new = [row for row in rows if row.result.valid and (row.held_out_score is not None or not is_known(row))]
    quantity = page.quantity_of(new)
    ranked = sorted((row.shown_score, row.name, row.result) for row in new if row.result.quantity == quantity)
    if len(ranked) < 2:
        return ""
    *others, (score, name, best) = ranked
    shown = f"{quantity} {to_digits(score, best.decimals)}"
    said = f"{name} scores highest of {len(ranked)} videos that the model has not seen ({shown})"
    if best.interval80 is None:
        return f"{said}."
    clear = sum(section.interval80 is not None and section.interval80[1] < best.interval80[0] for *_, section in others)
    beside = f"is above those of {clear} of the others" if clear else "overlaps those of all others"
    return f"{said}; its 80 % interval {beside}."


def comparable(data: page.ReportData) -> list[tuple[int, str]]:
    """Position and name of the videos that can be shown side by side: those with time steps in seconds."""
    return [(index, video.name) for index, video in enumerate(data.videos) if video.time_steps and video.result.timed]


def about_movement(batch: page.BatchSection) -> bool:
    """Whether no video has a score because the model only guesses, so that the page is about movement."""
    return bool(batch.rows) and all(any(flag.kind == GUESSING for flag in row.result.flags) for row in batch.rows)


def by_label(rows: Sequence[page.VideoSection]) -> list[page.VideoSection]:
    """The videos sorted by the judges' score, the highest first; videos without one follow in their order."""
    return sorted(rows, key=lambda row: -row.truth.get("score", -math.inf))


def columns_used(rows: Sequence[page.VideoSection]) -> set[str]:
    """Optional columns of the batch table that at least one row fills."""
    scores = ("interval80", "interval95", "execution", "synchronisation")
    used = {name for name in scores if any(getattr(row.result, name) is not None for row in rows)}
    used |= {"truth"} if any("score" in row.truth for row in rows) else set()
    used |= {"held_out"} if any(row.held_out_score is not None for row in rows) else set()
    used |= {"differences"} if not any(row.result.valid for row in rows) and any(row.better for row in rows) else set()
    return used | ({"task"} if len({row.task for row in rows}) > 1 else set())


def shared_flags(rows: Sequence[page.VideoSection]) -> list[str]:
    """Titles of flags shared by all of several videos; the page shows them once, below the table."""
    titles = [{flag.title for flag in row.result.flags} for row in rows]
    return sorted(set.intersection(*titles)) if len(rows) > 1 else []


def own_flags(row: page.VideoSection, shared: Sequence[str]) -> list[Flag]:
    """The flags of a video without the `shared` ones."""
    return [flag for flag in row.result.flags if flag.title not in shared]


def head_decimals(result: Score, name: str) -> int:
    """Decimals of a part score, such as "execution", by its accuracy."""
    accuracy = result.head_accuracy.get(name)
    return 2 if accuracy is None else accuracy.decimals


def best_of(table: Table) -> set[tuple[int, int]]:
    """(row, column) of the best value of every column with a good end; rows of `ASIDE` do not count."""
    best: set[tuple[int, int]] = set()
    for column, better in enumerate(table.better):
        if better == "neither":
            continue
        pick = max if better == "high" else min
        values = {i: value for i, row in enumerate(table.rows) if (value := _comparable(row, column)) is not None}
        best |= {(i, column) for i, value in values.items() if value == pick(values.values())}
    return best


def _comparable(row: TableRow, column: int) -> float | None:
    value = row.values[column] if row.kind not in ASIDE and column < len(row.values) else None
    return float(value) if isinstance(value, (int, float)) and math.isfinite(value) else None


def sort_key(value: Cell) -> float | str:
    """The sort value of a cell: a number, the low end of an interval, or a text; "" where undefined."""
    if isinstance(value, tuple):
        return value[0]
    return "" if value is None or (isinstance(value, float) and not math.isfinite(value)) else value


def cell_text(value: Cell) -> str:
    """A cell of a table of systems as text."""
    if isinstance(value, str):
        return value
    if isinstance(value, tuple):
        return " to ".join(to_digits(end, 2) for end in value)
    return to_digits(value, 3)


def plotted_tasks(predictions: Sequence[page.ScatterPoint]) -> list[str]:
    """Tasks in order of appearance, which is that of their colours."""
    return list(dict.fromkeys(prediction.task for prediction in predictions))


def why(video: page.VideoSection) -> str:
    """The sentence above a video; "" without steps, or if a step has no finite score.

    Its differences equal those shown at the steps, in points.
    """
    steps = drawn_steps(video)
    if not steps or not all(math.isfinite(step.step.score) for step in steps):
        return ""
    low, high = (pick(steps, key=lambda step: step.shown_gap) for pick in (min, max))
    against = "the training mean" if video.training else "the mean of its steps; no training videos are known"
    lost, gain = _named(video, _around(low, steps), against), _named(video, _around(high, steps), "that mean")
    if video.training is None:
        return f"Lowest in {lost}." if low.shown_gap else "All steps have the same score."
    gained = f" Gained most in {gain}." if high.shown_gap > 0 else ""
    if low.shown_gap >= 0:
        return f"No step is below the mean of the training videos.{gained}"
    count, of = as_low(video, low.gap), len(video.training.lowest)
    rank = f"{count or 'none'} of {of} training videos {'have' if count > 1 else 'has'} a step as far below as"
    return (
        f"Lost most in {lost}. That is {'unusual' if low.unusual else 'not unusual'}: {rank} step {low.number}.{gained}"
    )


def _around(peak: DrawnStep, steps: Sequence[DrawnStep]) -> Sequence[DrawnStep]:
    """The lowest or highest step and its neighbours that are almost as far from the mean (`NEIGHBOUR`)."""
    first = last = peak.number - 1
    if peak.gap:
        while first > 0 and steps[first - 1].gap / peak.gap >= NEIGHBOUR:
            first -= 1
        while last + 1 < len(steps) and steps[last + 1].gap / peak.gap >= NEIGHBOUR:
            last += 1
    return steps[first : last + 1]


def _named(video: page.VideoSection, run: Sequence[DrawnStep], mean: str) -> str:
    """Numbers, times and points, such as "steps 7-9, 2.45-3.67 s: 0.31 points below the training mean"."""
    numbers = steps_named(video.result.steps, run[0].number - 1, run[-1].number - 1)
    timed = video.result.timed
    times = f", {to_digits(run[0].step.start)}\N{EN DASH}{to_digits(run[-1].step.end)} s" if timed else ""
    points = sum((step.shown_gap for step in run), Decimal(0))
    return f"{numbers}{times}: {to_digits(abs(points))} points {'below' if points < 0 else 'above'} {mean}"
