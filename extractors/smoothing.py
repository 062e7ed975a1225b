"""Curves fitted around every row of irregular, weighted signals: smoothed values, and derivatives."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.store.arrays import Bools, Floats
from extractors import signals
from extractors.signals import row_period

WINDOW_SIGMAS = 3.0  # a fit uses rows within this many standard deviations of its Gaussian on both sides

PARABOLA, QUINTIC = (0.0, 1e-6, 0.1), (0.0, 1e-9, 0.002, 0.002, 0.01, 0.03)
"""Curves of degree 2 and 5. Every coefficient (in sigmas) is drawn to 0 by this share of the weight in the window, so
few rows have a line or a mean, and no curve that swings."""

MOTION_S = 0.06
"""Width in seconds of the Gaussian that gives people's velocities. A point on a circle keeps 98 % of its speed at 1 200
degrees a second (95 % in the first and last row); slopes of lines keep 47 %."""

LEAST_PERIODS = 1.5
"""Least width in rows of the Gaussian of a derivative. With fewer rows in its window a curve passes through all of
them, so nothing tells that it is wrong. Below 25 rows a second it follows a circle up to 50 degrees a row."""

LEFT_SHARE = 0.06
"""No derivative is known where the curve leaves more than this share of what a straight line leaves in its window. On a
circle the speed is 4 % too low there."""


def smoothed(time: Floats, values: Floats, weight: Floats, sigma: float) -> Floats:
    """Values (row, series, axis) of curves of degree 5 fitted around every row.

    A neighbour counts by its weight times a Gaussian of `sigma` seconds of its distance in time. So doubtful values
    follow their neighbours, and irregular frames are supported. A signal of constant speed is returned unchanged, ends
    included. The Gaussian is at least .6 of a period wide.

    Args:
        time: (row,) seconds, ascending.
        values: (row, series, axis), finite.
        weight: (row, series), 0 for a missing value.
    """
    fitted, sigma = np.zeros(values.shape), max(sigma, 0.6 * row_period(time))
    for some in _series(values):
        fitted[:, some] = values[:, some] + _fit(time, values[:, some], weight[:, some], sigma, QUINTIC).height
    return fitted


def derivative(
    time: Floats, values: Floats, weight: Floats, sigma: float, noise: float = np.inf
) -> tuple[Floats, Bools]:
    """Slopes (row, series, axis) per second of the curves of `smoothed`, and whether they are known (row, series).

    A slope is known if at least two different times have weight, and the curve fits the values: its residual is at most
    `noise`, in their unit, or `LEFT_SHARE` of that of a straight line. So motion too fast for the window or the rows
    has no slope. Unknown slopes are 0.
    """
    slopes, known = np.zeros(values.shape), np.zeros(weight.shape, bool)
    sigma = max(sigma, LEAST_PERIODS * row_period(time))
    for some in _series(values):
        fit = _fit(time, values[:, some], weight[:, some], sigma, QUINTIC)
        known[:, some] = fit.sloped & (fit.left <= np.maximum(noise, LEFT_SHARE * fit.bent))
        slopes[:, some] = fit.slope * known[:, some, None]
    return slopes, known


def robust_curve(time: Floats, values: Floats, weight: Floats, sigma: float, outlier: float) -> Floats:
    """Values (row, axis) of one point on parabolas fitted around each row.

    Several rows may share a time. A neighbour counts as in `smoothed`, times Cauchy weights from two iterations: a row
    at the distance `outlier` from its parabola counts half. `weight` (row,) is positive. For motion on a circle at
    1 080 degrees a second, parabolas with a `sigma` of .055 s keep 88 % of the radius.
    """
    trust, sigma = weight, max(sigma, 0.6 * row_period(time))
    for _ in range(3):
        fitted = values + _fit(time, values[:, None], trust[:, None], sigma, PARABOLA).height[:, 0]
        trust = weight / (1 + (np.linalg.norm(fitted - values, axis=1) / outlier) ** 2)
    return fitted


@dataclass(frozen=True)
class _Curves:
    """One curve around each row of each series."""

    height: Floats  # (row, series, axis) of the curve at its row, relative to the value
    slope: Floats  # (row, series, axis) per second
    sloped: Bools  # (row, series) true if at least two different times have weight
    left: Floats  # (row, series) root mean square distance of the values in the window from the curve
    bent: Floats  # (row, series) the same from a straight line


def _series(values: Floats) -> Iterator[slice]:
    """Slices of the series: temporary arrays hold `signals.BLOCK` numbers, or one series."""
    step = max(1, signals.BLOCK // max(len(values), 1))
    return (slice(start, start + step) for start in range(0, values.shape[1], step))


def _fit(time: Floats, values: Floats, weight: Floats, sigma: float, drawn: Sequence[float]) -> _Curves:
    """Curves with ridge penalties `drawn` on the coefficients, such as `QUINTIC`; arguments as in `smoothed`."""
    powers, heights, squares = _moments(time, values, weight, sigma, len(drawn))
    all_rows = signals.blocks(max(len(time), 1))
    parts = [_solve(powers[:, rows], heights[:, rows], squares[rows], drawn) for rows in all_rows]
    height, slope, left, bent = (np.concatenate(each) for each in zip(*parts, strict=True))
    sloped = powers[0] * powers[2] - np.square(powers[1]) > 1e-9 * np.square(powers[0])
    return _Curves(height, slope / sigma, sloped, left, bent)


def _moments(time: Floats, values: Floats, weight: Floats, sigma: float, size: int) -> tuple[Floats, Floats, Floats]:
    """Sums of g u^k, k < 2 size - 1; of g u^k d, k < size; and of g d^2.

    u is the time in sigmas and d the value, both relative to the row.
    """
    powers, heights = np.zeros((2 * size - 1, *weight.shape)), np.zeros((size, *values.shape))
    squares, rows, reach = np.zeros(weight.shape), len(time), WINDOW_SIGMAS * sigma
    widest = int((np.searchsorted(time, time + reach, side="right") - np.arange(rows)).max(initial=1))
    for offset in range(-min(widest, rows - 1), min(widest, rows - 1) + 1):
        here = slice(max(0, -offset), rows - max(0, offset))
        there = slice(max(0, offset), rows + min(0, offset))
        u = ((time[there] - time[here]) / sigma)[:, None]
        g = weight[there] * np.exp(-0.5 * np.square(u)) * (np.abs(u) <= WINDOW_SIGMAS)
        d = values[there] - values[here]
        squares[here] += g * np.square(d).sum(axis=2)
        for power in range(2 * size - 1):
            powers[power, here] += g
            if power < size:
                heights[power, here] += g[..., None] * d
            g = g * u
    return powers, heights, squares


def _solve(powers: Floats, heights: Floats, squares: Floats, drawn: Sequence[float]) -> tuple[NDArray[Any], ...]:
    """Height and slope at u = 0, and `left` and `bent` of `_Curves`, for some rows."""
    total, size = np.where(powers[0] > 0, powers[0], 1.0), len(drawn)
    power, sums = powers / total, np.moveaxis(heights / total[..., None], 0, 2)
    power[0] = 1.0  # also of a row without weight around it
    moments = np.moveaxis(np.stack([power[k : k + size] for k in range(size)]), (0, 1), (2, 3))
    curve = np.linalg.solve(moments + np.diag(drawn), sums)
    square = squares / total
    left = square + (curve * (moments @ curve - 2 * sums)).sum(axis=(2, 3))
    trend = sums[:, :, 1] - power[1][..., None] * sums[:, :, 0]
    spare = np.maximum(power[2] - np.square(power[1]), 1e-9)
    bent = square - np.square(sums[:, :, 0]).sum(axis=2) - np.square(trend).sum(axis=2) / spare
    return curve[:, :, 0], curve[:, :, 1], np.sqrt(np.maximum(left, 0.0)), np.sqrt(np.maximum(bent, 0.0))
