"""Agreement of predicted scores with the judges', and averages over folds and tasks."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

FISHER_CLIP = 0.9999  # correlations are clipped to this size before Fisher's z, which is infinite at 1

DRAWS = 1000
"""Bootstrap resamples of an interval."""


def _order(values: Floats) -> NDArray[np.intp]:
    """(n,) whole numbers in the order of the values; equal values have the same."""
    return np.unique(values, return_inverse=True)[1]


def _ranks_of(order: NDArray[np.intp]) -> Floats:
    """(n,) ranks from 1; equal ones share the mean of their ranks."""
    counts = np.bincount(order)
    shared: Floats = (counts.cumsum() - (counts - 1) / 2.0)[order]
    return shared


def _correlation(x: Floats, y: Floats) -> float:
    """Linear correlation; NaN (undefined) below two samples or where one side is constant.

    Intervals call it a thousand times each, so it uses numpy's cheapest calls.
    """
    count = len(x)
    if count < 2 or (x == x[0]).all() or (y == y[0]).all():
        return float("nan")
    x, y = x - np.add.reduce(x) / count, y - np.add.reduce(y) / count
    size = math.sqrt((x @ x) * (y @ y))
    return min(1.0, max(-1.0, float(x @ y) / size)) if size > 0 else float("nan")


def spearman(predicted: ArrayLike, true: ArrayLike) -> float:
    """Spearman's rank correlation with tied ranks averaged (section 5.1); NaN where undefined."""
    return _correlation(*(_ranks_of(_order(values)) for values in _pair(predicted, true)))


def spearman_of_rows(predicted: ArrayLike, true: ArrayLike) -> Callable[[NDArray[np.intp]], float]:
    """`spearman` of any rows of the two, to the bit; sorts once, which resampling a thousand times needs."""
    x, y = map(_order, _pair(predicted, true))
    return lambda rows: _correlation(_ranks_of(x[rows]), _ranks_of(y[rows]))


def kendall(predicted: ArrayLike, true: ArrayLike) -> float:
    """Kendall's tau-b; NaN where undefined."""
    from scipy.stats import kendalltau

    x, y = _pair(predicted, true)
    return float(kendalltau(x, y).statistic) if len(x) > 1 else float("nan")


def relative_l2(predicted: ArrayLike, true: ArrayLike, low: float, high: float) -> float:
    """R-l2 x 100 (Yu et al., CoRe, 2021): mean of (|error| / (high - low)) squared, in per cent.

    `low` and `high` are the range of the training part's scores or of the scale, never of the test part.
    """
    x, y = _pair(predicted, true)
    if len(x) == 0 or high <= low:
        return float("nan")
    return float(np.mean(((x - y) / (high - low)) ** 2) * 100)


def mse(predicted: ArrayLike, true: ArrayLike) -> float:
    """Mean squared error in the units of the scores, squared; NaN without samples."""
    x, y = _pair(predicted, true)
    return float(np.mean((x - y) ** 2)) if len(x) else float("nan")


def mae(predicted: ArrayLike, true: ArrayLike) -> float:
    """Mean absolute error in the units of the scores; NaN without samples."""
    x, y = _pair(predicted, true)
    return float(np.mean(np.abs(x - y))) if len(x) else float("nan")


@dataclass(frozen=True)
class Average:
    """A mean of correlations."""

    value: float  # the mean over the defined ones; NaN where none is
    undefined: int  # how many entries were NaN and left out
    clipped: int = 0  # how many were clipped to +-`FISHER_CLIP`


def fisher_average(correlations: Sequence[float]) -> Average:
    """tanh of the mean of atanh (Fisher's z), as the paper averages over actions (section 5.1)."""
    given = np.asarray(correlations, dtype=np.float64)
    defined = given[np.isfinite(given)]
    if len(defined) == 0:
        return Average(float("nan"), len(given))
    clipped = np.clip(defined, -FISHER_CLIP, FISHER_CLIP)
    value = float(np.tanh(np.mean(np.arctanh(clipped))))
    return Average(value, len(given) - len(defined), int(np.sum(clipped != defined)))


def arithmetic_average(correlations: Sequence[float]) -> Average:
    """Plain mean over the defined correlations."""
    given = np.asarray(correlations, dtype=np.float64)
    defined = given[np.isfinite(given)]
    return Average(float(defined.mean()) if len(defined) else float("nan"), len(given) - len(defined))


def bootstrap(
    statistic: Callable[[NDArray[np.intp]], float], count: int, *, draws: int = DRAWS, seed: int = 0
) -> Floats:
    """(draws,) values of a statistic over samples drawn with replacement; none without rows.

    `statistic` takes an array of row numbers, of `count` rows, and may return NaN for a draw in which it is undefined.
    """
    rng = np.random.default_rng(seed)
    return np.array([statistic(rng.integers(0, count, count)) for _ in range(draws if count else 0)])


def percentile_interval(values: Floats, *, level: float = 0.95) -> tuple[float, float]:
    """Lower and upper end of what holds the share `level` of bootstrapped values; NaN where none is defined."""
    values = values[np.isfinite(values)]
    if len(values) == 0:
        return float("nan"), float("nan")
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def bootstrap_interval(
    statistic: Callable[[NDArray[np.intp]], float], count: int, *, draws: int = DRAWS, seed: int = 0
) -> tuple[float, float]:
    """The 95 % `percentile_interval` of `bootstrap`, which takes these arguments."""
    return percentile_interval(bootstrap(statistic, count, draws=draws, seed=seed))


def _pair(a: ArrayLike, b: ArrayLike) -> tuple[Floats, Floats]:
    x, y = np.asarray(a, dtype=np.float64).ravel(), np.asarray(b, dtype=np.float64).ravel()
    if x.shape != y.shape:
        raise ValueError(f"{len(x)} predictions for {len(y)} true scores")
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise ValueError("predictions and true scores must be finite; leave unlabelled samples out")
    return x, y
