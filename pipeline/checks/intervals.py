"""Prediction intervals from held-out residuals, correct for finite samples: CV+ with groups.

CV+ (Barber, Candès, Ramdas and Tibshirani 2021, "Predictive inference with the jackknife+", section 3): with
residuals R_i = |y_i - m_k(i)(x_i)| of networks m_k that were trained without the fold k(i) of performance i, the
interval at a new x extends from a low quantile of m_k(i)(x) - R_i to a high quantile of m_k(i)(x) + R_i. It covers
with probability at least 1 - 2a for any learner (less a term that vanishes with the fold size), and in practice
close to the nominal 1 - a.

Groups (Lee, Barber and Willett 2023, "Distribution-free inference with hierarchical data"): views and copies of one
performance are no independent evidence. With G groups, each of n_g performances, every residual has the weight
1 / ((G + 1) n_g) and the new performance 1 / (G + 1); for groups of one the standard rank is ceil((1 - a)(n + 1)).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from data.store.arrays import Floats, Rows

LEVELS = (0.80, 0.95)
"""Levels of the two intervals of every score."""

_ROUNDING = 1e-9
"""Tolerance for sums of weights that equal the level up to rounding."""


def group_weights(groups: Rows) -> Floats:
    """(n,) weight of each performance: 1 / ((G + 1) n_g); all together G / (G + 1)."""
    _, inverse, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    return np.asarray(1.0 / ((len(sizes) + 1) * sizes[inverse]))


def needed(level: float) -> int:
    """Fewest independent performances for an interval of this level: 4 for 80 %, 19 for 95 %."""
    return math.ceil(level / (1 - level) - _ROUNDING)


def upper_quantile(values: Floats, weights: Floats, level: float) -> Floats:
    """Smallest value (m,) whose cumulative weight reaches `level`, for each column; infinite where none does.

    `values` are (n, m), `weights` (n,) those of `group_weights`: the rest to 1 is at infinity.
    """
    order = np.argsort(values, axis=0, kind="stable")
    reached = np.cumsum(weights[order], axis=0) >= level - _ROUNDING  # (n, m)
    rank = np.argmax(reached, axis=0)
    quantiles = np.take_along_axis(values, np.take_along_axis(order, rank[None], axis=0), axis=0)[0]
    return np.where(reached.any(axis=0), quantiles, np.inf)


def cross_interval(centres: Floats, residuals: Floats, weights: Floats, level: float) -> Floats | None:
    """(m, 2) low and high ends of CV+ intervals; None where there are too few performances for this level.

    Args:
        centres: (n, m) for every calibration performance i and new performance j, m_k(i)(x_j).
        residuals: (n,) R_i.
        weights: (n,) of `group_weights`.
    """
    reach = residuals[:, None]
    high = upper_quantile(centres + reach, weights, level)
    low = -upper_quantile(reach - centres, weights, level)
    return np.stack([low, high], axis=1) if np.isfinite(high).all() and np.isfinite(low).all() else None


def threshold(values: Floats, weights: Floats, level: float) -> float:
    """A bound that an exchangeable new value exceeds with probability at most 1 - level.

    With too few values it is the greatest one, exceeded with probability at most 1 / (G + 1).
    """
    bound = float(upper_quantile(values[:, None], weights, level)[0])
    return bound if math.isfinite(bound) else float(values.max())


def binomial_range(count: int, chance: float, level: float = 0.95) -> tuple[int, int]:
    """Range of the number of hits in `count` draws, at `level`."""
    from scipy.stats import binom

    low, high = binom.interval(level, count, chance)
    return int(low), int(high)


def held_out_intervals(
    truth: Sequence[float],
    predicted: Sequence[float],
    fold: Sequence[str],
    level: float,
    group: Sequence[str] | None = None,
) -> list[tuple[float, float] | None]:
    """Intervals about the held-out predictions of an evaluation, each from the residuals of the other folds.

    Where no true score is negative, intervals end at zero.

    Args:
        truth, predicted: (n,) of one task.
        fold: (n,) which fold held it out; with a single fold there are no residuals and no intervals.
        group: (n,) equal for views and copies of one performance; all different where left out.
    """
    values, folds = np.asarray(predicted, dtype=np.float64), np.asarray(fold)
    residuals = np.abs(np.asarray(truth, dtype=np.float64) - values)
    groups = np.unique(np.arange(len(values)) if group is None else group, return_inverse=True)[1]
    floor = 0.0 if np.nanmin(np.asarray(truth, dtype=np.float64), initial=np.inf) >= 0 else -math.inf
    intervals: list[tuple[float, float] | None] = [None] * len(values)
    for name in np.unique(folds):
        others = (folds != name) & np.isfinite(residuals)
        if not others.any():
            continue
        reach = float(upper_quantile(residuals[others][:, None], group_weights(groups[others]), level)[0])
        for row in np.flatnonzero(folds == name) if math.isfinite(reach) else ():
            low = max(float(values[row] - reach), min(floor, float(values[row])))
            intervals[row] = (low, float(values[row] + reach))
    return intervals


def coverage_line(intervals: Sequence[tuple[float, float] | None], truth: Sequence[float], level: float) -> str:
    """Number of true scores inside their intervals, with the range that chance allows at this level.

    Such as "15 of 20 (75 %), nominal 80 %: 12 to 19 by chance". Videos without an interval are left out.
    """
    pairs = [(ends, value) for ends, value in zip(intervals, truth, strict=True) if ends is not None]
    if not pairs:
        return "no intervals"
    hits = sum(low <= value <= high for (low, high), value in pairs)
    low, high = binomial_range(len(pairs), level)
    share = f"{hits} of {len(pairs)} ({100 * hits / len(pairs):.0f} %)"
    return f"{share}, nominal {100 * level:.0f} %: {low} to {high} by chance"
