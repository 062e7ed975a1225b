"""The result of an evaluation: one rank correlation of held-out predictions with a 95 % interval that holds.

Each fold's mean is subtracted from its predictions and from its labels, and all are ranked together. A network trained
without a fold of high scores predicts that fold too low, so uncorrected fold means would lower the correlation.

The interval is symmetric in Fisher's z. Its standard deviation is the jackknife's over performances, which also holds
for labels and errors with heavy tails. If users are held out, it is over users, which differ in more than their scores,
with Student's t. `python -m benchmarks.interval_coverage` measures the coverage.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np

from data.store.arrays import Rows
from models.estimate import Estimate
from models.metrics import FISHER_CLIP
from pipeline.checks.held_out import HeldOut

Units = Literal["performances", "folds", "groups"]
"""The independent units of an interval: performances; folds, if each fold is a user; or groups, such as users, if a
fold holds out several performances of each."""

NORMAL = 1.959963984540054
"""Standard deviations on either side of a 95 % interval."""

LEAST = 8
"""Fewest performances for an interval, minus the fold means after the first. For a true correlation of .85, intervals
of 5 and 6 performances hold in 82 and 91 of 100 simulated sets; of 8, in 96."""


def rank_agreement(tasks: Sequence[HeldOut], units: Units = "performances") -> Estimate:
    """The rank correlation of one task, or the average of several by Fisher's z, with its 95 % interval over `units`.

    Tasks without a correlation are left out of the average. With groups, each performance is ranked; else views and
    copies of one performance count once.
    """
    each = tasks if units == "groups" else [task.once() for task in tasks]
    ranked = [task for task in each if math.isfinite(task.rho)]
    if not ranked:
        return Estimate(None)
    value = ranked[0].rho if len(ranked) == 1 else math.tanh(_mean_z(ranked))
    if units == "performances":
        reach = _over_performances(ranked)
    else:
        reach = _over_users(ranked, [task.fold if units == "folds" else task.group for task in ranked])
    if not math.isfinite(reach):
        return Estimate(value)
    low, high = (math.tanh(_mean_z(ranked) + sign * reach) for sign in (-1, 1))
    return Estimate(value, min(low, value), max(high, value))


def _mean_z(tasks: Sequence[HeldOut]) -> float:
    return float(np.mean([np.arctanh(np.clip(task.rho, -FISHER_CLIP, FISHER_CLIP)) for task in tasks]))


def _over_performances(tasks: Sequence[HeldOut]) -> float:
    """Half the length of the interval in z; infinite for a task with too few performances, or a deviation of 0."""
    if any(len(task.truth) - len(np.unique(task.fold)) + 1 < LEAST for task in tasks):
        return math.inf
    deviations = [_jackknife([task], [np.arange(len(task.truth))])[0] for task in tasks]
    return NORMAL * math.hypot(*deviations) / len(tasks) or math.inf


def _over_users(tasks: Sequence[HeldOut], users: Sequence[Rows]) -> float:
    """The same over users or other groups; infinite for two of them, or if one decides alone."""
    from scipy.stats import t

    deviation, count = _jackknife(tasks, users)
    return float(t.ppf(0.975, count - 1)) * deviation if count > 2 and deviation > 0 else math.inf


def _jackknife(tasks: Sequence[HeldOut], units: Sequence[Rows]) -> tuple[float, int]:
    """The standard deviation of the mean z by leaving out each unit once, and the number of units."""
    numbers, pairs = np.unique(np.concatenate(units)), [*zip(tasks, units, strict=True)]
    each = np.array([_mean_z([task.take(unit != number) for task, unit in pairs]) for number in numbers])
    return math.sqrt((len(each) - 1) * float(each.var())), len(each)
