"""The sentence on top of a video: which steps scored lowest, and which curve stands out there; the numbers, no more."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal

import numpy as np

from pipeline.report.page_data import VideoReport
from pipeline.report.text import number
from pipeline.report.view import StepView, step_views

RARE = 0.1
"""A step is unusual where at most this share of the training videos has a step as far below its mean."""

NEIGHBOUR = 0.5
"""Steps beside the lowest one are named with it from this share of its distance from the mean on."""

STANDS_OUT = 1.0
"""A curve stands out where it is higher than in the other steps by this many of its standard deviations there."""

LEAST_VALUES = 3
"""Values of a curve that a mean needs."""


def why(video: VideoReport) -> str:
    """One sentence, or "" without steps of known score. Differences are those that the steps show, in points."""
    steps = step_views(video)
    if not steps or not all(math.isfinite(view.step.score) for view in steps):
        return ""
    lowest = min(range(len(steps)), key=lambda i: steps[i].shown_gap)
    run = _around(lowest, steps)
    if video.training is None:
        if steps[lowest].shown_gap == 0:
            return "All steps have the same score."
        return f"Lowest in this video, without training videos to compare with: {_named(run)}{_there(video, run)}."
    if steps[lowest].shown_gap >= 0:
        return "No step is below the mean of the training videos."
    scores = video.training.lowest
    as_low = sum(score <= steps[lowest].gap for score in scores)
    rank = f"{as_low or 'none'} of {len(scores)} training videos {'have' if as_low > 1 else 'has'} a step as far below"
    if as_low > RARE * len(scores):
        return f"No step is unusual: the lowest against training is {_named([steps[lowest]])}, and {rank}."
    than = "" if len(run) == 1 else f" as step {steps[lowest].number}"
    return f"Lowest against training: {_named(run)} ({rank}{than}){_there(video, run)}."


def _around(lowest: int, steps: Sequence[StepView]) -> Sequence[StepView]:
    """The lowest step and those beside it that are almost as low."""
    first, last, limit = lowest, lowest, NEIGHBOUR * steps[lowest].gap
    if limit < 0:
        while first > 0 and steps[first - 1].gap <= limit:
            first -= 1
        while last + 1 < len(steps) and steps[last + 1].gap <= limit:
            last += 1
    return steps[first : last + 1]


def _named(run: Sequence[StepView]) -> str:
    """Numbers, times and points, such as "steps 7-9, 2.45-3.67 s, −0.31 points"."""
    numbers = f"step {run[0].number}" if len(run) == 1 else f"steps {run[0].number}\N{EN DASH}{run[-1].number}"
    times = f"{number(run[0].step.start)}\N{EN DASH}{number(run[-1].step.end)} s"
    return f"{numbers}, {times}, {number(sum((view.shown_gap for view in run), Decimal(0)), sign=True)} points"


def _there(video: VideoReport, run: Sequence[StepView]) -> str:
    """The curve that stands out most in these steps, with its mean there and in the other steps."""
    curves = (*video.difference, *video.kinematics)
    if not curves or len(run) == len(video.result.steps):
        return ""
    start, end = run[0].step.start, run[-1].step.end
    first, last = video.result.steps[0].start, video.result.steps[-1].end
    best, said = STANDS_OUT, "; no curve of this page stands out there"
    for traces in curves:
        for name, values in traces.series.items():
            size, time = np.abs(np.asarray(values, dtype=float)), np.asarray(traces.time, dtype=float)
            finite, inside = np.isfinite(size), (time >= start) & (time < end)
            there = size[finite & inside]
            rest = size[finite & ~inside & (time >= first) & (time <= last)]
            if min(len(there), len(rest)) < LEAST_VALUES or rest.std() == 0:
                continue
            effect = float((there.mean() - rest.mean()) / rest.std())
            here, elsewhere = (f"{float(f'{values.mean():.2g}'):g}" for values in (there, rest))
            if effect >= best and here != elsewhere:
                best, title = effect, traces.title[:1].lower() + traces.title[1:]
                phrase = traces.phrases.get(name) or f"the {title} ({name}) is"
                said = f"; {phrase} {here} {traces.unit} there on average, {elsewhere} in the other steps"
    return said
