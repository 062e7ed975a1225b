"""Whether predictions rank performances better than chance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class InnerTest:
    """How well a system's inner held-out predictions rank, against random order."""

    rho: float | None  # Spearman's rho of each task without means of strata, averaged; None where undefined
    p: float  # one-sided; .5 where nothing is ranked

    @property
    def shown_p(self) -> str:
        """`p` with three decimals, never as zero."""
        return f"{self.p:.3f}" if self.p >= 0.0005 else "< 0.001"


def chance_p(predicted: Floats, true: Floats, strata: NDArray[np.intp]) -> float:
    """One-sided p-value of the order that predictions (n,) give to labels (n,) within strata of performances.

    In each stratum of m performances, random order gives Spearman's rho a mean of 0 and a variance of 1 / (m - 1),
    whatever ties there are. The mean rho is weighted by m - 1, and its p-value is that of the normal distribution. A
    stratum of equal labels or equal predictions has no order and does not count; without any order p is .5.
    """
    from scipy.stats import norm, rankdata

    total = weight = 0.0
    for stratum in np.unique(strata):
        x, y = (rankdata(values[strata == stratum]) for values in (predicted, true))
        x, y = x - x.mean(), y - y.mean()
        size = float(np.sqrt(np.square(x).sum() * np.square(y).sum()))
        if size > 0:
            total += (len(x) - 1) * float(x @ y) / size
            weight += len(x) - 1
    return float(norm.sf(total / np.sqrt(weight))) if weight else 0.5
