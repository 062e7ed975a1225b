"""Agreement of raters: ICC, Krippendorff's alpha, rank correlations and mean absolute difference."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike

from models.estimate import Estimate
from models.metrics import LEVEL, Floats, arithmetic_average, kendall, mae, spearman

LEAST = 3
"""Fewest videos with several raters for computing their agreement."""

SHUFFLES = 999
"""Number of random tables for the test against chance."""


@dataclass(frozen=True)
class Agreement:
    """Agreement of raters of the same videos; the last three are means over pairs of raters."""

    videos: int  # judged by two raters or more
    raters: int
    complete: int  # videos that all raters judged; both ICC use only these
    chance: float  # probability of an alpha this large if every rater gave these scores to random videos
    reliability: float  # of the mean scores: the share of their variance that is not error, from alpha
    alpha: float  # Krippendorff's, for interval scales
    icc: Estimate  # ICC(2,1), agreement in absolute value of single raters
    icc_mean: Estimate  # ICC(2,k), of the mean over these raters with the mean over equally many others
    kendall: float
    spearman: float
    difference: float  # mean absolute difference, in the unit of the scores


def agreement(scores: ArrayLike) -> Agreement | None:
    """The agreement of (videos, raters) scores, NaN for missing ones; None if too few videos have two scores.

    The two-way ICC needs every cell, so it uses the videos that all raters judged; alpha uses every video with two
    scores. The last three values are means over pairs of raters, each on the videos that both judged. Only the ICC have
    intervals, which are exact for normal scores; for the others, the bootstrap over videos gave too narrow intervals.
    """
    table = np.asarray(scores, dtype=np.float64)
    table = table[np.isfinite(table).sum(axis=1) > 1]
    table = table[:, np.isfinite(table).any(axis=0)]
    if len(table) < LEAST or table.shape[1] < 2:
        return None
    complete = table[np.isfinite(table).all(axis=1)]
    single, mean = intraclass(complete) if len(complete) >= LEAST else (Estimate(None), Estimate(None))
    alpha = krippendorff(table)
    judges = float(np.isfinite(table).sum(axis=1).mean())
    return Agreement(
        len(table),
        table.shape[1],
        len(complete),
        chance_of(table, alpha),
        of_mean(alpha, judges),
        alpha,
        single,
        mean,
        *(_of_pairs(table, statistic) for statistic in (kendall, spearman, mae)),
    )


def krippendorff(table: Floats) -> float:
    """Krippendorff's alpha of (videos, raters) scores on an interval scale; NaN if all scores are equal.

    K. Krippendorff, Content Analysis, 2004, chapter 11. Videos with one score do not count.
    """
    judges = np.isfinite(table).sum(axis=1)
    table, judges = table[judges > 1], judges[judges > 1]
    values = table[np.isfinite(table)]
    if not len(values) or np.ptp(values) == 0:
        return float("nan")
    observed = (judges * np.nanvar(table, axis=1) * judges / (judges - 1)).sum() / len(values)
    return float(1 - observed / values.var(ddof=1))


def of_mean(alpha: float, judges: float) -> float:
    """The reliability, at least 0, of the mean of `judges` from that of one judge (Spearman and Brown)."""
    return judges * alpha / (1 + (judges - 1) * alpha) if alpha > 0 else 0.0


def chance_of(table: Floats, alpha: float) -> float:
    """The share of tables with at least this alpha after shuffling each rater's scores; NaN if alpha is NaN."""
    if np.isnan(alpha):
        return float("nan")
    rng, judged = np.random.default_rng(0), np.isfinite(table)
    centred = table - table[judged].mean()
    sums, squares = np.zeros((2, SHUFFLES, len(table)))
    for rater, rows in enumerate(judged.T):
        shuffled = rng.permuted(np.tile(centred[rows, rater], (SHUFFLES, 1)), axis=1)
        sums[:, rows] += shuffled
        squares[:, rows] += shuffled**2
    judges = judged.sum(axis=1)
    several = judges > 1
    within = (squares - sums**2 / np.maximum(judges, 1))[:, several] * (judges / np.maximum(judges - 1, 1))[several]
    expected = centred[judged & several[:, None]].var(ddof=1)
    alphas = 1 - within.sum(axis=1) / judges[several].sum() / expected
    return float((1 + (alphas >= alpha - 1e-9).sum()) / (1 + SHUFFLES))


def intraclass(scores: Floats) -> tuple[Estimate, Estimate]:
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
        return Estimate(None), Estimate(None)
    icc = (between - rest) / scale
    if rest <= 1e-12 * between and raters <= 1e-12 * between:
        return (Estimate(1.0, 1.0, 1.0),) * 2
    a, b = k * icc / (n * (1 - icc)), 1 + k * icc * (n - 1) / (n * (1 - icc))
    freedom = (a * raters + b * rest) ** 2 / ((a * raters) ** 2 / (k - 1) + (b * rest) ** 2 / ((n - 1) * (k - 1)))
    upper, lower = (float(f.isf((1 - LEVEL) / 2, *degrees)) for degrees in ((n - 1, freedom), (freedom, n - 1)))
    other = k * raters + (k * n - k - n) * rest
    low = n * (between - upper * rest) / (upper * other + n * between)
    high = n * (lower * between - rest) / (other + n * lower * between)

    # Below this pole of the Spearman-Brown formula, the reliability of a mean is 0, but the formula exceeds 1.
    pole = -1 / (k - 1)
    of_mean, *ends = (k * v / (1 + (k - 1) * v) if v > pole else None for v in (icc, low, high))
    return Estimate(icc, low, high), Estimate(of_mean, *ends) if None not in ends else Estimate(of_mean)


def _of_pairs(table: Floats, statistic: Callable[[Floats, Floats], float]) -> float:
    """The mean of a statistic over pairs of raters, each on the videos that both judged."""
    values = []
    for a, b in combinations(table.T, 2):
        common = np.isfinite(a) & np.isfinite(b)
        values.append(statistic(a[common], b[common]))
    return arithmetic_average(values)
