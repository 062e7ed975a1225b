"""Which rows rank the held-out performances better or worse than a reference: paired permutation tests.

The reference is named before the test labels are read (the combination, or AIM), not the best row of a table. All rows
share one correction (Bonferroni), so the intervals of their differences hold together, and an interval that excludes
zero is a corrected p-value below .05.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from data.errors import counted
from data.store.arrays import Floats, Rows
from pipeline.evaluate.evaluation_results import Comparison, Estimate, EvaluationResults, Lead, Verdict
from pipeline.evaluate.rank_agreement import RankedRows

RESAMPLES = 4999
"""Permutations of a test: the least p-value, .0002, is below .05 after correction for up to 249 rows."""

LEVEL = 0.05

BATCH = 500
"""Permutations at once, which bounds the memory."""


def compare(rows: Mapping[str, Sequence[RankedRows]], against: str, *, users: bool = False) -> Comparison:
    """Every row beside the one named `against`.

    The statistic is the difference of Spearman's rho of all held-out predictions ranked together without fold means,
    averaged over the tasks. Under the null hypothesis the two systems' ranks of a performance can be exchanged; where
    each fold is a user, those of all performances of a user. Rows without a correlation, such as one constant
    prediction, are left out.

    Args:
        rows: by system, its held-out predictions of each task.
    """
    once = {name: [task.once() for task in tasks] for name, tasks in rows.items()}
    once = {name: tasks for name, tasks in once.items() if all(math.isfinite(task.rho) for task in tasks)}
    if against not in once:
        return Comparison(against, 0, {})
    units, count = _units(once[against], users)
    ours, others = _ranks(once[against]), {name: _ranks(tasks) for name, tasks in once.items() if name != against}
    labels = [_centred_ranks(task.without_fold_means()[1]) for task in once[against]]
    leads = {name: _lead(ours, other, labels, units, count, len(others)) for name, other in others.items()}
    return Comparison(against, count, leads)


def _units(tasks: Sequence[RankedRows], users: bool) -> tuple[list[Rows], int]:
    """For each task the number of what is exchanged with each row, and how many there are in all tasks."""
    if users:
        names = np.unique(np.concatenate([task.fold for task in tasks]))
        return [np.searchsorted(names, task.fold) for task in tasks], len(names)
    sizes = [len(task.true) for task in tasks]
    starts = np.cumsum([0, *sizes])
    return [start + np.arange(size) for start, size in zip(starts, sizes, strict=False)], int(starts[-1])


def _ranks(tasks: Sequence[RankedRows]) -> list[Floats]:
    return [_centred_ranks(task.without_fold_means()[0]) for task in tasks]


def _centred_ranks(values: Floats) -> Floats:
    """(m,) ranks less their mean; equal values share a rank."""
    from scipy.stats import rankdata

    ranks = np.asarray(rankdata(values))
    return np.asarray(ranks - ranks.mean())


def _lead(
    ours: Sequence[Floats], other: Sequence[Floats], labels: Sequence[Floats], units: Sequence[Rows], count: int,
    rows: int,
) -> Lead:  # fmt: skip
    def difference(swapped: NDArray[np.bool_]) -> Floats:
        """(draws,) differences where the units of `swapped` (draws, units) have exchanged the two systems' ranks."""
        total = np.zeros(len(swapped))
        for a, b, true, unit in zip(ours, other, labels, units, strict=True):
            turned = swapped[:, unit]
            total += _correlation(np.where(turned, b, a), true) - _correlation(np.where(turned, a, b), true)
        return total / len(ours)

    value = float(difference(np.zeros((1, count), bool))[0])
    sizes = np.sort(np.abs(np.concatenate([difference(draw) for draw in _exchanges(count)])))[::-1]
    exact = 2**count <= RESAMPLES
    hits, total = int((sizes >= abs(value) - 1e-12).sum()), len(sizes)
    p = hits / total if exact else (hits + 1) / (total + 1)
    # The most exchanges that may reach as far as a difference that the corrected test finds; exact ones come in pairs.
    most = math.ceil(LEVEL / rows * total) - 1 if exact else math.ceil(LEVEL / rows * (total + 1)) - 2
    enough = most >= (2 if exact else 0)
    ends = (value - float(sizes[most]), value + float(sizes[most])) if enough else (None, None)
    return Lead(Estimate(value, *ends), min(1.0, p * rows))


def _exchanges(count: int) -> Iterator[NDArray[np.bool_]]:
    """Which of `count` units are exchanged, (draws, count) at a time: all ways if they are few, else random ones."""
    if 2**count <= RESAMPLES:
        yield (np.arange(2**count)[:, None] >> np.arange(count) & 1).astype(bool)
        return
    rng = np.random.default_rng(0)
    for start in range(0, RESAMPLES, BATCH):
        yield rng.integers(0, 2, (min(BATCH, RESAMPLES - start), count)).astype(bool)


def _correlation(ranks: Floats, labels: Floats) -> Floats:
    """(draws,) correlations of ranks (draws, m) with the centred ranks of the labels (m,); 0 where constant."""
    x = ranks - ranks.mean(-1, keepdims=True)
    size = np.sqrt(np.square(x).sum(-1) * np.square(labels).sum())
    return np.asarray((x @ labels) / np.where(size > 0, size, np.inf))


def separation_line(results: EvaluationResults) -> str:
    """One sentence: which rows rank better or worse than the reference, and how many are ties; or empty."""
    given = results.comparison
    if given is None or not given.rows:
        return ""
    count, by = len(given.rows), {verdict: _named(given, verdict) for verdict in ("better", "worse", "tie")}
    how = f"paired permutation test, p < .05 after correction for {counted(count, 'row')}"
    if all(lead.difference.interval is None for lead in given.rows.values()):
        units = counted(given.units, "user" if results.users else "performance")
        return f"note: {units} are too few to separate {counted(count, 'row')} from {given.against}"
    ties = len(by["tie"])
    if ties == count:
        all_others = "the other one is a tie" if count == 1 else f"all {count} others are ties"
        return f"note: no row is separated from {given.against}: {all_others} ({how})"
    said = [f"{given.against} ranks better than {', '.join(by['worse'])}"] if by["worse"] else []
    if by["better"]:
        said.append(f"{', '.join(by['better'])} {'ranks' if len(by['better']) == 1 else 'rank'} better than "
                    f"{given.against}")  # fmt: skip
    said.append(
        "none is a tie" if not ties else "the other one is a tie" if ties == 1 else f"the other {ties} are ties"
    )
    return f"note: {'; '.join(said)} ({how})"


def _named(given: Comparison, verdict: Verdict) -> list[str]:
    return [name for name, lead in given.rows.items() if lead.verdict == verdict]
