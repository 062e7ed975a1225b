"""Irregular, weighted signals: gaps are interpolated, values and slopes come from one local fit."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from data.store.arrays import Floats

Bools = NDArray[np.bool_]

LONE_PERIOD_S = 0.04  # duration of a single row where there is no second one: one frame at 25 frames per second
FILL_WEIGHT = 0.5  # an interpolated value weighs half as much as the lighter of the two values around it
WINDOW_SIGMAS = 3.0  # the local fit uses rows within this many standard deviations of its Gaussian on both sides
SLOPE_RIDGE, CURVATURE_RIDGE = 1e-6, 0.1  # added to the moments 1 and 3 (in sigmas) of a full window's parabola

BLOCK, ROWS = 1 << 16, 1024
"""Numbers of one temporary array, and rows computed at a time: temporaries stay small however long a video is."""


def blocks(rows: int) -> Iterator[slice]:
    """Slices of at most `ROWS` rows that together cover `rows` rows."""
    return (slice(start, start + ROWS) for start in range(0, rows, ROWS))


def row_period(time: Floats) -> float:
    """Median seconds between rows; `LONE_PERIOD_S` where there are fewer than two."""
    steps = np.diff(time)
    steps = steps[steps > 0]
    return float(np.median(steps)) if steps.size else LONE_PERIOD_S


def runs_between(time: Floats, cuts: Floats) -> list[slice]:
    """Rows between cuts. A cut at time c starts a new run with the first row at or after c."""
    edges = np.searchsorted(time, cuts[np.isfinite(cuts)], side="left").tolist()
    return [slice(a, b) for a, b in pairwise(sorted({0, *edges, len(time)}))]


def fill_gaps(time: Floats, values: Floats, weight: Floats, longest: float) -> tuple[Floats, Floats]:
    """Values and weights (row, series) with gaps, which are rows of weight 0, interpolated by straight lines.

    Only gaps between two rows at most `longest` seconds apart are filled. Rows before the first and after the last row
    with weight stay empty.
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
    """Seconds of the longest run of rows that are not present; the time before the first and after the last counts."""
    period = float(np.median(np.diff(time))) if len(time) > 1 else 0.0
    ends = np.concatenate([time[:1] - period, time[present], time[-1:] + period])
    return max(float(np.diff(ends).max()) - period, 0.0)


def exchanges(same: Floats, crossed: Floats, price: Floats) -> Bools:
    """(row,) true in the rows where two series must be exchanged, so that total movement and cost are least.

    The method is Viterbi over two states a row.

    Args:
        same: (row,) movement since the row before; 0 for the first row.
        crossed: the same where one of the two rows is exchanged.
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


def local_line(time: Floats, values: Floats, weight: Floats, sigma: float) -> tuple[Floats, Floats, Bools]:
    """Value, slope per second, and whether there is a slope, of a line fitted around every row; each (row, series).

    A neighbour counts by its weight times a Gaussian of `sigma` seconds over its distance in time. So doubtful values
    are drawn to their surroundings, and irregular frames are handled. A signal that moves at constant speed is returned
    unchanged, ends included. The Gaussian is at least .6 of a period wide. A row has a slope where at least two
    different times have weight.

    Args:
        time: (row,) seconds, ascending.
        values: (row, series), finite.
        weight: (row, series), 0 for a missing value.
    """
    sigma = max(sigma, 0.6 * row_period(time))
    fitted, slope, sloped = np.zeros(values.shape), np.zeros(values.shape), np.zeros(values.shape, bool)
    step = max(1, BLOCK // max(len(time), 1))
    for first in range(0, values.shape[1], step):
        columns = np.s_[:, first : first + step]
        fitted[columns], slope[columns], sloped[columns] = _lines(time, values[columns], weight[columns], sigma)
    return fitted, slope, sloped


def robust_curve(time: Floats, values: Floats, weight: Floats, sigma: float, outlier: float) -> Floats:
    """Values (row, axis) of one point on parabolas fitted around each row.

    Several rows may share a time. A neighbour counts as in `local_line`. Cauchy weights, reweighted twice: a row that
    is `outlier` from its parabola counts half. `weight` (row,) is positive. Of a circle that is run through at 1 080
    degrees a second, parabolas with a `sigma` of .055 s keep 88 % of the radius; lines keep 58 %.
    """
    trust = weight
    for _ in range(3):
        fitted = values + _parabola_heights(time, values, trust, max(sigma, 0.6 * row_period(time)))
        trust = weight / (1 + (np.linalg.norm(fitted - values, axis=1) / outlier) ** 2)
    return fitted


def _parabola_heights(time: Floats, values: Floats, weight: Floats, sigma: float) -> Floats:
    """(row, axis) height at each row, relative to its value, of the parabola fitted around it.

    Slope and curvature are drawn to 0 as by `SLOPE_RIDGE` and `CURVATURE_RIDGE` of a full window: few rows have a line
    or a mean, and no parabola that swings.
    """
    powers, heights = np.zeros((5, len(time))), np.zeros((3, *values.shape))
    reach = WINDOW_SIGMAS * sigma
    widest = int((np.searchsorted(time, time + reach, side="right") - np.arange(len(time))).max(initial=1))
    for offset in range(-min(widest, len(time) - 1), min(widest, len(time) - 1) + 1):
        here = slice(max(0, -offset), len(time) - max(0, offset))
        there = slice(max(0, offset), len(time) + min(0, offset))
        u = (time[there] - time[here]) / sigma
        g = weight[there] * np.exp(-0.5 * np.square(u)) * (np.abs(u) <= WINDOW_SIGMAS)
        d = values[there] - values[here]
        for power in range(5):
            powers[power, here] += g
            if power < 3:
                heights[power, here] += g[:, None] * d
            g = g * u
    s0, s1, s2, s3, s4 = powers
    slopes, curvatures = s2 + SLOPE_RIDGE * s0, s4 + CURVATURE_RIDGE * s0
    row = np.stack([slopes * curvatures - s3 * s3, s2 * s3 - s1 * curvatures, s1 * s3 - s2 * slopes])  # of cofactors
    return np.asarray(np.einsum("kr,kra->ra", row / (row * powers[:3]).sum(axis=0), heights))


def _lines(time: Floats, values: Floats, weight: Floats, sigma: float) -> tuple[Floats, Floats, Bools]:
    """`local_line` of some series. Their moments are freed before those of the next series are made."""
    s0, s1, s2, y0, y1 = _moments(time, values, weight, sigma)
    det = s0 * s2 - s1 * s1
    sloped = det > 1e-9 * s0 * s0 * sigma * sigma
    safe = np.where(sloped, det, 1.0)
    mean = np.divide(y0, s0, out=np.zeros_like(y0), where=s0 > 0)
    fitted = values + np.where(sloped, (s2 * y0 - s1 * y1) / safe, mean)
    return fitted, np.where(sloped, (s0 * y1 - s1 * y0) / safe, 0.0), sloped


def _moments(time: Floats, values: Floats, weight: Floats, sigma: float) -> NDArray[np.float64]:
    """(5, row, series) sums of g, g u, g u^2, g d, g u d; u: time, d: value, both relative to the row itself."""
    rows = len(time)
    sums = np.zeros((5, *values.shape))
    reach = WINDOW_SIGMAS * sigma
    widest = int((np.searchsorted(time, time + reach, side="right") - np.arange(rows)).max(initial=1))
    for offset in range(-min(widest, rows - 1), min(widest, rows - 1) + 1):
        here = slice(max(0, -offset), rows - max(0, offset))
        there = slice(max(0, offset), rows + min(0, offset))
        u = (time[there] - time[here])[:, None]
        g = weight[there] * np.exp(-0.5 * np.square(u / sigma)) * (np.abs(u) <= reach)
        d = values[there] - values[here]
        for moment, part in enumerate((g, g * u, g * u * u, g * d, g * u * d)):
            sums[moment, here] += part
    return sums
