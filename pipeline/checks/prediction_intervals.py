"""Prediction intervals from held-out residuals, correct for finite samples: CV+ with groups.

CV+ is from Barber, Candès, Ramdas and Tibshirani 2021, "Predictive inference with the jackknife+", section 3. Networks
m_k(i), trained without the fold k(i) of performance i, have the residuals R_i = |y_i - m_k(i)(x_i)|. The interval at a
new x extends from a low quantile of m_k(i)(x) - R_i to a high quantile of m_k(i)(x) + R_i. For any learner its coverage
is at least 1 - 2a, minus a term that vanishes with the fold size; in practice it is close to 1 - a.

Groups (Lee, Barber and Willett 2023, "Distribution-free inference with hierarchical data"): views and copies of one
performance are not independent evidence. There are G groups of n_g performances each. Every residual has the weight
1 / ((G + 1) n_g), the new performance 1 / (G + 1). Groups of one give the standard rank ceil((1 - a)(n + 1)).
"""

from __future__ import annotations

import math

import numpy as np

from data.store.arrays import Floats, Rows

LEVELS = (0.80, 0.95)
"""Levels of the two intervals of every score."""

_ROUNDING = 1e-9
"""Tolerance for sums of weights that equal the level up to rounding."""


def group_weights(groups: Rows) -> Floats:
    """(n,) weight of each performance: 1 / ((G + 1) n_g); their sum is G / (G + 1)."""
    _, inverse, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    return np.asarray(1.0 / ((len(sizes) + 1) * sizes[inverse]))


def needed(level: float) -> int:
    """Fewest independent performances for an interval of this level: 4 for 80 %, 19 for 95 %."""
    return math.ceil(level / (1 - level) - _ROUNDING)


def upper_quantile(values: Floats, weights: Floats, level: float) -> Floats:
    """Smallest value of each column whose cumulative weight reaches `level`, (m,); infinite if none does.

    `values` are (n, m). `weights` (n,) are those of `group_weights`; the rest up to 1 belongs to infinite values.
    """
    order = np.argsort(values, axis=0, kind="stable")
    reached = np.cumsum(weights[order], axis=0) >= level - _ROUNDING  # (n, m)
    rank = np.argmax(reached, axis=0)
    quantiles = np.take_along_axis(values, np.take_along_axis(order, rank[None], axis=0), axis=0)[0]
    return np.where(reached.any(axis=0), quantiles, np.inf)


def cross_interval(centres: Floats, residuals: Floats, weights: Floats, level: float) -> Floats | None:
    """(m, 2) low and high ends of CV+ intervals; None with too few performances for this level.

    Args:
        centres: (n, m) m_k(i)(x_j) for every calibration performance i and new performance j.
        residuals: (n,) R_i.
        weights: (n,) of `group_weights`.
    """
    reach = residuals[:, None]
    high = upper_quantile(centres + reach, weights, level)
    low = -upper_quantile(reach - centres, weights, level)
    return np.stack([low, high], axis=1) if np.isfinite(high).all() and np.isfinite(low).all() else None


def reach(values: Floats, groups: Rows, level: float) -> float:
    """The bound that a new value, exchangeable with `values` (n,), exceeds with probability at most 1 - level.

    Views and copies have equal `groups` (n,) and count once. The bound is infinite with too few groups.
    """
    return float(upper_quantile(values[:, None], group_weights(groups), level)[0])
