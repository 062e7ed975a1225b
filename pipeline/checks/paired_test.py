"""Paired permutation tests: which systems rank held-out performances better or worse than a reference.

All systems share one correction (Westfall and Young 1993, single-step max T). Every exchange is done in all of them at
once. A difference must exceed the largest of their differences, each in its own standard deviations. So the intervals
hold simultaneously, and an interval that excludes zero means a corrected p-value below .05.

Fold means are removed before ranks are exchanged. In a fold of m performances this leaves 1 - 1 / m of the variance of
two systems' difference. So differences are widened by sqrt(m / (m - 1)) before the exchange. Without it, some row of
eight equal systems differs in .05 to .08 of simulated sets.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from data.store.arrays import Floats, Rows
from models.estimate import Estimate
from pipeline.checks.held_out import HeldOut

RESAMPLES = 4999
"""Permutations of a test; the smallest p-value is .0002."""

LEVEL = 0.05

BATCH = 500
"""Permutations at once, which bounds the memory."""


Verdict = Literal["better", "worse", "tie"]
"""How a system ranks held-out performances compared with the reference."""


@dataclass(frozen=True)
class Lead:
    """The reference's rank correlation minus another system's, mean over the tasks.

    Attributes:
        difference: its interval holds for all systems at once.
        corrected: p-value, corrected for all systems.
    """

    difference: Estimate
    corrected: float

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid", "allow_inf_nan": False}

    @property
    def verdict(self) -> Verdict:
        """Whether the other system ranks better or worse than the reference, beyond chance."""
        ends = self.difference.interval
        if ends is None or ends[0] <= 0 <= ends[1]:
            return "tie"
        return "worse" if ends[0] > 0 else "better"


def paired_test(
    rows: Mapping[str, Sequence[HeldOut]], against: str, *, users: bool = False
) -> tuple[int, dict[str, Lead]]:
    """Compare every system with `against`: the number of exchanged units, and the lead by name.

    The statistic is the difference of Spearman's rho of all held-out predictions ranked together without fold means,
    averaged over the tasks. Under the null hypothesis the two systems' ranks of a performance are exchangeable. If each
    fold is a user, a user's ranks are exchanged together. Systems without a correlation, such as a constant prediction,
    are left out.

    Args:
        rows: by system, its held-out predictions of each task.
    """
    once = {name: [task.once() for task in tasks] for name, tasks in rows.items()}
    once = {name: tasks for name, tasks in once.items() if all(math.isfinite(task.rho) for task in tasks)}
    if against not in once:
        return 0, {}
    units, count = _units(once[against], users)
    labels = [_centred_ranks(task.without_fold_means()[1]) for task in once[against]]
    widened = [np.ones(len(task.fold)) if users else _widening(task.fold) for task in once[against]]
    ranks = {name: [_centred_ranks(task.without_fold_means()[0]) for task in tasks] for name, tasks in once.items()}
    pairs = {
        name: [*zip(ranks[against], other, labels, widened, units, strict=True)]
        for name, other in ranks.items()
        if name != against
    }
    return count, _leads(pairs, count) if pairs else {}


def _units(tasks: Sequence[HeldOut], users: bool) -> tuple[list[Rows], int]:
    """For each task the exchange unit of each row, and the number of units in all tasks."""
    if users:
        names = np.unique(np.concatenate([task.fold for task in tasks]))
        return [np.searchsorted(names, task.fold) for task in tasks], len(names)
    sizes = [len(task.truth) for task in tasks]
    starts = np.cumsum([0, *sizes])
    return [start + np.arange(size) for start, size in zip(starts, sizes, strict=False)], int(starts[-1])


def _centred_ranks(values: Floats) -> Floats:
    """(m,) ranks minus their mean; equal values share a rank."""
    from scipy.stats import rankdata

    ranks = np.asarray(rankdata(values))
    return np.asarray(ranks - ranks.mean())


def _widening(fold: Rows) -> Floats:
    """(m,) sqrt(n / (n - 1)) of the n rows of each row's fold; 1 for a fold of one."""
    sizes = np.bincount(fold)[fold]
    return np.asarray(np.sqrt(sizes / np.maximum(sizes - 1, 1)))


TaskPair = tuple[Floats, Floats, Floats, Floats, Rows]
"""Of one task: centred ranks of the reference, of another row and of the labels, factors of `_widening`, units."""


def _exchanged(pair: Sequence[TaskPair], signs: Floats) -> Floats:
    """(draws,) differences with units exchanged that have sign -1 in `signs` (draws, units)."""
    total = np.zeros(len(signs))
    for a, b, true, wide, unit in pair:
        mean, apart = (a + b) / 2, signs[:, unit] * (wide * (a - b) / 2)
        total += _correlation(mean + apart, true) - _correlation(mean - apart, true)
    return np.asarray(total / len(pair))


def _leads(pairs: Mapping[str, Sequence[TaskPair]], count: int) -> dict[str, Lead]:
    differences = (
        [_correlation(a, true) - _correlation(b, true) for a, b, true, *_ in pair] for pair in pairs.values()
    )
    values = np.array([np.mean(by_task) for by_task in differences])
    parts = [[_exchanged(pair, signs) for pair in pairs.values()] for signs in _exchanges(count)]
    null = np.concatenate([np.array(part) for part in parts], axis=1)  # (row, draw)
    deviations = np.sqrt(np.square(null).mean(axis=1))
    safe = np.where(deviations > 0, deviations, 1.0)
    largest = np.sort(np.abs(null / safe[:, None]).max(axis=0))[::-1]
    exact, total = 2**count <= RESAMPLES, len(largest)
    # The most exchanges that may reach a significant difference; exact ones come in pairs.
    most = math.ceil(LEVEL * total) - 1 if exact else math.ceil(LEVEL * (total + 1)) - 2
    found = {}
    for name, value, deviation, divisor in zip(pairs, values.tolist(), deviations.tolist(), safe.tolist(), strict=True):
        hits, reach = int((largest >= abs(value) / divisor - 1e-12).sum()), deviation * float(largest[most])
        enough = most >= (2 if exact else 0)
        ends = (value - reach, value + reach) if enough else (None, None)
        found[name] = Lead(Estimate(value, *ends), hits / total if exact else (hits + 1) / (total + 1))
    return found


def _exchanges(count: int) -> Iterator[Floats]:
    """Signs of `count` units, (draws, count) at a time, -1: exchanged; all combinations of few units, else random."""
    if 2**count <= RESAMPLES:
        yield np.where(np.arange(2**count)[:, None] >> np.arange(count) & 1, -1.0, 1.0)
        return
    rng = np.random.default_rng(0)
    for start in range(0, RESAMPLES, BATCH):
        yield np.where(rng.integers(0, 2, (min(BATCH, RESAMPLES - start), count)), -1.0, 1.0)


def _correlation(ranks: Floats, labels: Floats) -> Floats:
    """(…) correlations of ranks (…, m) with the centred ranks of the labels (m,); 0 where constant."""
    x = ranks - ranks.mean(-1, keepdims=True)
    size = np.sqrt(np.square(x).sum(-1) * np.square(labels).sum())
    return np.asarray((x @ labels) / np.where(size > 0, size, np.inf))
