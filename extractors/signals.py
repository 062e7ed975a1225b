"""Irregular, weighted signals: periods, runs between cuts, interpolated gaps, exchanged series."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.store.arrays import Bools, Floats

MOST_POINTS = 20  # points of an even grid per row, so that a gap of days does not fill the memory
LONE_PERIOD_S = 0.04  # duration of an only row: one frame at 25 frames per second
FILL_WEIGHT = 0.5  # weight of an interpolated value, relative to the lesser weight of the two values around it

BLOCK, ROWS = 1 << 16, 1024
"""Numbers of one temporary array, and rows computed at a time: temporaries stay small however long a video is."""


def blocks(rows: int) -> Iterator[slice]:
    """Slices of at most `ROWS` rows that together cover `rows` rows."""
    return (slice(start, start + ROWS) for start in range(0, rows, ROWS))


def row_period(time: Floats) -> float:
    """Median seconds between rows; `LONE_PERIOD_S` below two rows."""
    steps = np.diff(time)
    steps = steps[steps > 0]
    return float(np.median(steps)) if steps.size else LONE_PERIOD_S


def even_grid(time: Floats) -> tuple[Floats, float]:
    """An even grid over the times, and its period: that of the rows, or longer if a gap is very long."""
    period = max(row_period(time), float(time[-1] - time[0]) / (MOST_POINTS * len(time)))
    return np.arange(time[0], time[-1] + period / 2, period), period


def spans_between(edges: NDArray[Any]) -> NDArray[Any]:
    """(n, 2) start and end of the intervals between adjacent edges (n + 1,)."""
    return np.stack([edges[:-1], edges[1:]], axis=1)


def runs_between(time: Floats, cuts: Floats) -> list[slice]:
    """Rows between cuts. A cut at time c starts a new run with the first row at or after c."""
    edges = np.searchsorted(time, cuts[np.isfinite(cuts)], side="left").tolist()
    return [slice(a, b) for a, b in pairwise(sorted({0, *edges, len(time)}))]


def resampled(time: Floats, values: Floats, clock: Floats) -> Floats:
    """Series (row, series) at the times `clock`, interpolated linearly between known values; NaN without any."""
    rows = np.full((len(clock), values.shape[1]), np.nan)
    for column, series in enumerate(values.T):
        if (known := np.isfinite(series)).any():
            rows[:, column] = np.interp(clock, time[known], series[known])
    return rows


def fill_gaps(time: Floats, values: Floats, weight: Floats, longest: float) -> tuple[Floats, Floats]:
    """Values and weights (row, series) with gaps (rows of weight 0) interpolated linearly.

    Only gaps between rows at most `longest` seconds apart are filled. Rows before the first and after the last row with
    weight stay empty.
    """
    values, weight = values.copy(), weight.copy()
    for column in np.flatnonzero(((weight <= 0).any(axis=0)) & ((weight > 0).sum(axis=0) >= 2)):
        present = np.flatnonzero(weight[:, column] > 0)
        missing = np.flatnonzero(weight[:, column] <= 0)
        after = np.searchsorted(present, missing)
        inside = (after > 0) & (after < len(present))
        missing, after = missing[inside], after[inside]
        left, right = present[after - 1], present[after]
        close = time[right] - time[left] <= longest
        rows, left, right = missing[close], left[close], right[close]
        values[rows, column] = np.interp(time[rows], time[present], values[present, column])
        weight[rows, column] = FILL_WEIGHT * np.minimum(weight[left, column], weight[right, column])
    return values, weight


def longest_gap(time: Floats, present: Bools) -> float:
    """Seconds of the longest run of missing rows, including those before the first and after the last present row."""
    period = float(np.median(np.diff(time))) if len(time) > 1 else 0.0
    ends = np.concatenate([time[:1] - period, time[present], time[-1:] + period])
    return max(float(np.diff(ends).max()) - period, 0.0)


def exchanges(same: Floats, crossed: Floats, price: Floats) -> Bools:
    """(row,) true for rows in which exchanging two series minimises total movement and cost.

    The method is Viterbi with two states per row.

    Args:
        same: (row,) movement since the previous row; 0 for the first row.
        crossed: the same if one of the two rows is exchanged.
        price: (row,) cost of an exchange.
    """
    cost, previous = np.array([0.0, price[0]]), np.zeros((len(price), 2), dtype=bool)
    for now in range(1, len(price)):
        total = cost[:, None] + np.array([[same[now], crossed[now]], [crossed[now], same[now]]])
        previous[now] = total.argmin(axis=0)
        cost = total.min(axis=0) + np.array([0.0, price[now]])
    states = [int(cost.argmin())]
    for now in range(len(price) - 1, 0, -1):
        states.append(int(previous[now, states[-1]]))
    return np.array(states[::-1], dtype=bool)
