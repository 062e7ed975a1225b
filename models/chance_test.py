"""Whether predictions rank performances better than chance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class InnerTest:
    """The ranking of a system's inner held-out predictions, compared with random order."""

    rho: float | None  # mean over tasks of Spearman's rho after subtracting means of strata; None if undefined
    p: float  # one-sided; .5 without any ranking

    @property
    def shown_p(self) -> str:
        """`p` with three decimals, never as zero."""
        return f"{self.p:.3f}" if self.p >= 0.0005 else "< 0.001"


def chance_p(predicted: Floats, true: Floats, strata: NDArray[np.intp]) -> float:
    """One-sided p-value of the rank correlation of predictions (n,) with labels (n,) within strata of performances.

    In each stratum of m performances, Spearman's rho of random orders has mean 0 and variance 1 / (m - 1), even with
    ties. The mean rho is weighted by m - 1, and its p-value is that of the normal distribution. Strata of equal labels
    or equal predictions do not count; without other strata p is .5.
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
