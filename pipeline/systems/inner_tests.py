"""Whether systems rank the performances that inner folds hold out better than chance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from data.splits import bundle_numbers
from data.store.arrays import Floats, Rows
from pipeline.systems.inner_folds import TaskFold
from pipeline.train import label_table
from pipeline.train.feature_set import FeatureSet


@dataclass(frozen=True)
class InnerTest:
    """How well a system's inner held-out predictions rank, against random order."""

    rho: float | None  # Spearman's rho within strata, averaged; None where undefined
    p: float  # one-sided; .5 where rho is undefined

    @property
    def shown_p(self) -> str:
        """`p` with three decimals, never as zero."""
        return f"{self.p:.3f}" if self.p >= 0.0005 else "< 0.001"


def better_than_chance(predicted: Floats, true: Floats, strata: Rows, performance: Rows) -> InnerTest:
    """Test Spearman's rho of predictions (n,) with labels (n,), one-sided, in strata of performances.

    In each stratum of m performances, random order gives rho a mean of 0 and a variance of 1 / (m - 1), whatever ties
    there are. The mean rho is weighted by m - 1, and its p-value is that of the normal distribution. Rows of one
    `performance`, such as views, are averaged first and count once. A stratum of equal labels or equal predictions has
    no order and does not count; without any order p is .5.
    """
    from scipy.stats import norm, rankdata

    total = weight = 0.0
    for stratum in np.unique(strata):
        mine = strata == stratum
        _, member = np.unique(performance[mine], return_inverse=True)
        count = np.bincount(member)
        if len(count) < 2:
            continue
        x, y = (rankdata(np.bincount(member, values[mine]) / count) for values in (predicted, true))
        x, y = x - x.mean(), y - y.mean()
        size = float(np.sqrt(np.square(x).sum() * np.square(y).sum()))
        if size > 0:
            total += (len(count) - 1) * float(x @ y) / size
            weight += len(count) - 1
    if not weight:
        return InnerTest(None, 0.5)
    return InnerTest(total / weight, float(norm.sf(total / np.sqrt(weight))))


@dataclass(frozen=True)
class InnerPredictions:
    """Held-out predictions of k systems for n performances inside a training part.

    Attributes:
        values: (k, n).
        true: (n,) labels.
        tasks: (n,) names.
        strata: (n,) what is ranked together: an inner fold of a task, since each fold has models of its own. Where
            users are unseen it is a user of a task, since what tells users apart says nothing about another one.
        performance: (n,) equal for views and copies of one performance.
    """

    names: tuple[str, ...]
    values: Floats
    true: Floats
    tasks: NDArray[np.str_]
    strata: Rows
    performance: Rows
    unseen_users: bool

    @classmethod
    def gather(
        cls,
        names: Sequence[str],
        train: FeatureSet,
        inner: Sequence[TaskFold],
        predicted: Sequence[Floats],
        *,
        unseen_users: bool,
    ) -> InnerPredictions:
        """From the predictions (k, m) for the test rows of every inner fold of the training part."""
        rows = np.concatenate([part.test for part in inner])
        records = [train.records[row] for row in rows]
        cells = [(record.task, f"fold {part.fold}") for part, record in zip(_repeated(inner), records, strict=True)]
        if unseen_users:
            users = [(record.task, f"user {record.groups.get('subject', '')}") for record in records]
            count = Counter(users)
            cells = [user if count[user] > 1 else cell for user, cell in zip(users, cells, strict=True)]
        order = {cell: number for number, cell in enumerate(dict.fromkeys(cells))}
        return cls(
            tuple(names),
            np.concatenate(predicted, axis=1),
            label_table(train.records)[rows, 0],
            np.array([record.task for record in records]),
            np.array([order[cell] for cell in cells], dtype=np.intp),
            np.asarray(bundle_numbers(records)),
            unseen_users,
        )

    def take(self, chosen: NDArray[np.bool_]) -> InnerPredictions:
        """The performances that a mask (n,) chooses."""
        by_row = {name: getattr(self, name)[chosen] for name in ("true", "tasks", "strata", "performance")}
        return replace(self, values=self.values[:, chosen], **by_row)

    def tests(self) -> dict[str, InnerTest]:
        """The test of every system."""
        given = zip(self.names, self.values, strict=True)
        return {name: better_than_chance(row, self.true, self.strata, self.performance) for name, row in given}


def _repeated(inner: Sequence[TaskFold]) -> list[TaskFold]:
    return [part for part in inner for _ in part.test]
