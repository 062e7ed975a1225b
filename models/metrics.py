"""Agreement of predicted scores with the judges', and averages over folds and tasks."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

FISHER_CLIP = 0.9999  # correlations are clipped to this before Fisher's z, which is infinite at 1

LEVEL = 0.95  # coverage of intervals


def _ranks(values: Floats) -> Floats:
    """(n,) ranks from 1; ties get the mean of their ranks."""
    order = np.unique(values, return_inverse=True)[1]
    counts = np.bincount(order)
    shared: Floats = (counts.cumsum() - (counts - 1) / 2.0)[order]
    return shared


def _correlation(x: Floats, y: Floats) -> float:
    """Linear correlation; NaN (undefined) below two samples or if one side is constant.

    Each interval calls it a thousand times, so it uses numpy's cheapest functions.
    """
    count = len(x)
    if count < 2 or (x == x[0]).all() or (y == y[0]).all():
        return float("nan")
    x, y = x - np.add.reduce(x) / count, y - np.add.reduce(y) / count
    size = math.sqrt((x @ x) * (y @ y))
    return min(1.0, max(-1.0, float(x @ y) / size)) if size > 0 else float("nan")


def spearman(predicted: ArrayLike, true: ArrayLike) -> float:
    """Spearman's rank correlation with tied ranks averaged (section 5.1); NaN if undefined."""
    return _correlation(*(_ranks(values) for values in _pair(predicted, true)))


def kendall(predicted: ArrayLike, true: ArrayLike) -> float:
    """Kendall's tau-b; NaN if undefined."""
    from scipy.stats import kendalltau

    x, y = _pair(predicted, true)
    return float(kendalltau(x, y).statistic) if len(x) > 1 else float("nan")


def mse(predicted: ArrayLike, true: ArrayLike) -> float:
    """Mean squared error in squared units of the scores; NaN without samples."""
    x, y = _pair(predicted, true)
    return float(np.mean((x - y) ** 2)) if len(x) else float("nan")


def mae(predicted: ArrayLike, true: ArrayLike) -> float:
    """Mean absolute error in the units of the scores; NaN without samples."""
    x, y = _pair(predicted, true)
    return float(np.mean(np.abs(x - y))) if len(x) else float("nan")


def fisher_average(correlations: Sequence[float]) -> float:
    """tanh of the mean of atanh (Fisher's z), the paper's average over actions (section 5.1); NaN if all are NaN."""
    return math.tanh(arithmetic_average(np.arctanh(np.clip(correlations, -FISHER_CLIP, FISHER_CLIP)).tolist()))


def arithmetic_average(correlations: Sequence[float]) -> float:
    """Mean of the defined correlations; NaN without any."""
    defined = [value for value in correlations if math.isfinite(value)]
    return float(np.mean(defined)) if defined else math.nan


def _pair(a: ArrayLike, b: ArrayLike) -> tuple[Floats, Floats]:
    x, y = np.asarray(a, dtype=np.float64).ravel(), np.asarray(b, dtype=np.float64).ravel()
    if x.shape != y.shape:
        raise ValueError(f"{len(x)} predictions for {len(y)} true scores")
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise ValueError("predictions and true scores must be finite: leave unlabelled samples out")
    return x, y
