"""How far raters agree: intraclass correlation, rank correlations, and mean absolute difference, with intervals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.metrics import LEVEL, arithmetic_average, bootstrap_interval, kendall, mae, spearman

Floats = NDArray[np.float64]

LEAST = 3
"""Fewest videos with several raters from which their agreement is computed."""

DRAWS = 200
"""Bootstrap resamples of an interval: few, since each Kendall's tau takes a millisecond."""


@dataclass(frozen=True)
class Bounded:
    """A value with the ends of its 95 % interval; NaN where undefined."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Agreement:
    """How far raters agree who judged the same videos; the last three are means over pairs of raters."""

    videos: int
    raters: int
    icc: Bounded  # ICC(2,1), agreement in absolute value of single raters
    icc_mean: Bounded  # ICC(2,k), of the mean over these raters with the mean over as many others
    kendall: Bounded
    spearman: Bounded
    difference: Bounded  # mean absolute difference, in the unit of the scores


UNDEFINED = Bounded(np.nan, np.nan, np.nan)


def agreement(scores: ArrayLike) -> Agreement | None:
    """The agreement of (videos, raters) scores, NaN where a rater gave none; None where too few overlap.

    The two-way ICC needs every cell, so it takes the videos that all raters judged. The other values are means over
    pairs of raters, each on the videos that both judged. Their intervals resample videos; those of the ICC are exact
    for normal scores.
    """
    table = np.asarray(scores, dtype=np.float64)
    table = table[np.isfinite(table).sum(axis=1) > 1]
    table = table[:, np.isfinite(table).any(axis=0)]
    if len(table) < LEAST or table.shape[1] < 2:
        return None
    complete = table[np.isfinite(table).all(axis=1)]
    single, mean = intraclass(complete) if len(complete) >= LEAST else (UNDEFINED, UNDEFINED)
    of_pairs = (_of_pairs(table, statistic) for statistic in (kendall, spearman, mae))
    return Agreement(len(table), table.shape[1], single, mean, *of_pairs)


def intraclass(scores: Floats) -> tuple[Bounded, Bounded]:
    """ICC(2,1) and ICC(2,k) of (videos, raters) scores without gaps, with 95 % F intervals.

    Shrout and Fleiss, Intraclass correlations, Psychological Bulletin 86, 1979: two-way random effects, absolute
    agreement; the interval by Satterthwaite's approximation as in McGraw and Wong, Psychological Methods 1, 1996.
    """
    from scipy.stats import f

    n, k = scores.shape
    by_video, by_rater, grand = scores.mean(1, keepdims=True), scores.mean(0, keepdims=True), scores.mean()
    between: float = k * float(((by_video - grand) ** 2).sum()) / (n - 1)
    raters = n * float(((by_rater - grand) ** 2).sum()) / (k - 1)
    rest = float(((scores - by_video - by_rater + grand) ** 2).sum()) / ((n - 1) * (k - 1))
    scale = between + (k - 1) * rest + k * (raters - rest) / n
    if between <= 0 or scale <= 0:  # the raters see no difference between videos
        return UNDEFINED, UNDEFINED
    icc = (between - rest) / scale
    if rest <= 1e-12 * between and raters <= 1e-12 * between:
        return (Bounded(1.0, 1.0, 1.0),) * 2
    a, b = k * icc / (n * (1 - icc)), 1 + k * icc * (n - 1) / (n * (1 - icc))
    freedom = (a * raters + b * rest) ** 2 / ((a * raters) ** 2 / (k - 1) + (b * rest) ** 2 / ((n - 1) * (k - 1)))
    upper, lower = (float(f.isf((1 - LEVEL) / 2, *degrees)) for degrees in ((n - 1, freedom), (freedom, n - 1)))
    other = k * raters + (k * n - k - n) * rest
    low = n * (between - upper * rest) / (upper * other + n * between)
    high = n * (lower * between - rest) / (other + n * lower * between)

    def of_mean(value: float) -> float:
        return float(k * value / (1 + (k - 1) * value))

    return Bounded(icc, low, high), Bounded(of_mean(icc), of_mean(low), of_mean(high))


def _of_pairs(table: Floats, statistic: Callable[[Floats, Floats], float]) -> Bounded:
    """The mean of a statistic over pairs of raters, with a bootstrap interval over the videos."""

    def mean(rows: NDArray[np.intp]) -> float:
        values = []
        for a, b in combinations(table[rows].T, 2):
            common = np.isfinite(a) & np.isfinite(b)
            values.append(statistic(a[common], b[common]))
        return arithmetic_average(values).value

    return Bounded(mean(np.arange(len(table))), *bootstrap_interval(mean, len(table), draws=DRAWS))
