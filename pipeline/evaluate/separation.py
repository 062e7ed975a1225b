"""Which systems the held-out performances separate from a reference: paired permutation tests, corrected by Holm.

The reference is named before the test labels are read (the combination, or AIM), not the best row of a table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.store.arrays import Floats
from pipeline.evaluate.fold_summary import HeldOut

RESAMPLES = 4999
"""Permutations of a test: the least p-value, .0002, is below .05 after correction for up to 250 rows."""

LEVEL = 0.05


def separation(held: Sequence[HeldOut], scores: Mapping[str, Sequence[Floats]], against: str) -> dict[str, Any]:
    """P-values of every other system against one, and the same corrected for the number of systems.

    The statistic is the difference of Spearman's rho of all held-out predictions ranked together, averaged over the
    tasks. Under the null hypothesis the two systems' ranks of a performance, with its views and copies, can be
    exchanged. Systems without a correlation, such as one constant prediction, are left out.

    Args:
        held: the held-out rows of each task.
        scores: (runs, m) for the folds of all tasks, by system.
    """
    ranks = {name: [_ranks(task, each) for task in held] for name, each in scores.items()}
    values = {
        name: _p_value(ranks[against], other)
        for name, other in ranks.items()
        if name != against and all(np.ptp(task[0]) > 0 for task in (*other, *ranks[against]))
    }
    adjusted = holm(list(values.values()))
    rows = {name: {"p": p, "holm": h} for (name, p), h in zip(values.items(), adjusted, strict=True)}
    return {"against": against, "resamples": RESAMPLES, "rows": rows}


def holm(values: Sequence[float]) -> list[float]:
    """P-values corrected for their number (Holm 1979, Scandinavian Journal of Statistics 6)."""
    given, count = np.asarray(values, dtype=np.float64), len(values)
    order = np.argsort(given, kind="stable")
    adjusted = np.empty(count)
    adjusted[order] = np.minimum(np.maximum.accumulate(given[order] * (count - np.arange(count))), 1.0)
    return [float(value) for value in adjusted]


def separation_line(results: Mapping[str, Any]) -> str:
    """One sentence that names the rows that the data separate from the reference, and counts the ties; or empty."""
    given = results.get("separation")
    if not given or not given["rows"]:
        return ""
    against, rows = given["against"], given["rows"]
    apart = [name for name, row in rows.items() if row["holm"] < LEVEL]
    ties = len(rows) - len(apart)
    how = f"paired permutation test, p < .05 after Holm's correction for {len(rows)} rows"
    if not apart:
        return f"note: the data separate no row from {against}: all {ties} others are ties ({how})."
    rest = "none is a tie" if not ties else "the other one is a tie" if ties == 1 else f"the other {ties} are ties"
    return f"note: the data separate {against} from {', '.join(apart)}; {rest} ({how})."


_Task = tuple[Floats, Floats, NDArray[np.intp]]
"""Ranks of the predictions and of the labels (m,), and the number of each row's performance (m,)."""


def _ranks(held: HeldOut, predicted: Sequence[Floats]) -> _Task:
    from scipy.stats import rankdata

    ranks = (np.asarray(rankdata(values)) for values in (held.together(predicted), held.labels))
    return *ranks, held.performance  # type: ignore[return-value]


def _p_value(ours: Sequence[_Task], others: Sequence[_Task]) -> float:
    """Two-sided p-value of the difference, where performances exchange the ranks of the two systems."""
    from scipy.stats import permutation_test

    counts = [int(task[2].max()) + 1 for task in ours]
    starts = np.cumsum([0, *counts])

    def difference(first: Floats, second: Floats, axis: int) -> Any:
        """`first` is (..., performances), 1 where a performance has exchanged the ranks of the two systems."""
        total = np.zeros(first.shape[:-1])
        for (mine, labels, number), (other, _, _), start in zip(ours, others, starts, strict=False):
            swapped = first[..., start + number] > 0
            pairs = (np.where(swapped, other, mine), np.where(swapped, mine, other))
            total = total + _correlation(pairs[0], labels) - _correlation(pairs[1], labels)
        return total / len(ours)

    kept, exchanged = np.zeros(starts[-1]), np.ones(starts[-1])
    test = permutation_test(
        (kept, exchanged), difference, permutation_type="samples", vectorized=True, n_resamples=RESAMPLES,
        batch=500, axis=-1, rng=np.random.default_rng(0),
    )  # fmt: skip
    return float(test.pvalue)


def _correlation(ranks: Floats, labels: Floats) -> Floats:
    """(...,) correlations of ranks (..., m) with the ranks of the labels (m,); 0 where one side is constant."""
    x, y = ranks - ranks.mean(-1, keepdims=True), labels - labels.mean()
    size = np.sqrt(np.square(x).sum(-1) * np.square(y).sum())
    return np.asarray((x @ y) / np.where(size > 0, size, np.inf))
