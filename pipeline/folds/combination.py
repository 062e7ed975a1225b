"""The combination of several systems: the mean of those that inner validation finds better than chance.

A mean of several systems that work is hard to beat with few performances, and has no weight to learn. Evaluations and
model folders fit, and predict with, the same `Combination`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.splits import bundle_numbers
from data.store.arrays import Floats, Rows
from models.chance_test import InnerTest, better_than_chance
from pipeline.folds.fold import Fold
from pipeline.systems.regressors import FittedRegression
from pipeline.systems.stored_regressions import dump_regressions, load_regressions
from pipeline.train import label_table
from pipeline.train.checkpoint import with_prefix
from pipeline.train.feature_set import FeatureSet

NETWORK = "AIM"
"""The name of the network, the first system of the combination of a model folder."""

CHANCE = 0.05
"""A system is averaged if random predictions would rank this well in a smaller share of the cases."""


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
    def of(
        cls, names: Sequence[str], values: Floats, features: FeatureSet, inner: Sequence[Fold], *, unseen_users: bool
    ) -> InnerPredictions:
        """From the predictions for the test rows of every inner fold, one fold after the other."""
        records = tuple(features.records[row] for fold in inner for row in fold.test)
        cells = [(features.records[row].task, f"fold {fold.name}") for fold in inner for row in fold.test]
        if unseen_users:
            users = [(record.task, f"user {record.groups.get('subject', '')}") for record in records]
            count = Counter(users)
            cells = [user if count[user] > 1 else cell for user, cell in zip(users, cells, strict=True)]
        order = {cell: number for number, cell in enumerate(dict.fromkeys(cells))}
        return cls(
            tuple(names),
            values,
            label_table(records)[:, 0],
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


@dataclass(frozen=True)
class Combination:
    """Which systems are averaged, and how.

    Attributes:
        names: all systems; scores are given in this order.
        used: those that are averaged.
        tests: of every system; empty without inner validation, when all are averaged.
        ranks: by task, "" for all together: (1 + used, n) labels, then inner held-out predictions of each averaged
            system for the same performances, every row sorted. Scores are averaged where there are none.
        regressions: of a model folder, the systems after the network. An evaluation trains its systems itself.
    """

    names: tuple[str, ...]
    used: tuple[str, ...]
    tests: Mapping[str, InnerTest] = field(default_factory=dict)
    ranks: Mapping[str, Floats] = field(default_factory=dict)
    regressions: tuple[FittedRegression, ...] = ()

    @classmethod
    def of_all(cls, names: Sequence[str], regressions: Sequence[FittedRegression] = ()) -> Combination:
        """The mean of all systems, without inner validation."""
        return cls(tuple(names), tuple(names), regressions=tuple(regressions))

    @classmethod
    def fit(
        cls, inner: InnerPredictions, regressions: Sequence[FittedRegression] = (), *, by_task: bool = False
    ) -> Combination:
        """The mean of the systems that are better than chance, else the one with the lowest p-value.

        Where users are unseen and several systems are averaged, it is the mean of ranks: systems differ in how far they
        trust the levels of users that they know. `by_task`: ranks follow from each task alone. A trained model counts
        all tasks as one, as its network does, since a new video does not name its task.
        """
        tests, ranks = inner.tests(), dict[str, Floats]()
        used = tuple(name for name in inner.names if tests[name].p < CHANCE)
        used = used or (min(inner.names, key=lambda name: tests[name].p),)
        if inner.unseen_users and len(used) > 1:
            tasks = inner.tasks if by_task else np.full(len(inner.true), "")
            values = np.stack([inner.true, *(inner.values[inner.names.index(name)] for name in used)])
            ranks = {task: np.sort(values.compress(tasks == task, axis=1)) for task in dict.fromkeys(tasks.tolist())}
        return cls(inner.names, used, tests, ranks, tuple(regressions))

    def share(self, name: str) -> float:
        """The weight of a system in the mean."""
        return (name in self.used) / len(self.used)

    def better_than_chance(self, name: str) -> bool:
        """Whether a system is averaged, and not only because none is better than chance."""
        return name in self.used and (name not in self.tests or self.tests[name].p < CHANCE)

    def others(self, features: FeatureSet) -> list[Floats]:
        """(m,) scores of each regression, each performance computed alone."""
        return [one.predict(features).score[0] for one in self.regressions]

    def predict(self, scores: Sequence[Floats], tasks: Sequence[str] = ()) -> Floats:
        """(..., m) score of performances, each alone, from the scores (..., m) or (m,) of every system.

        Ranks are shares of a system's inner held-out predictions below a score, from 0 to 1. The mean rank becomes a
        score again by the quantiles of the labels. `tasks` (m,) are those of the performances; none: all are one.
        """
        given = np.stack(np.broadcast_arrays(*scores)).astype(np.float64)
        given = given[[self.names.index(name) for name in self.used]]
        out = _mean(given)
        by_task = np.array(tasks or [""] * out.shape[-1])
        for task, (labels, *levels) in self.ranks.items():
            mine, places = by_task == task, (np.arange(labels.size) + 0.5) / labels.size
            ranks = [np.interp(one[..., mine], level, places) for one, level in zip(given, levels, strict=True)]
            out[..., mine] = np.interp(_mean(ranks), places, labels)
        return out

    def description(self) -> dict[str, Any]:
        """Everything but the arrays, as JSON types."""
        tests = {name: {"rho": test.rho, "p": test.p} for name, test in self.tests.items()}
        return {"names": list(self.names), "used": list(self.used), "tests": tests}

    def arrays(self) -> dict[str, NDArray[Any]]:
        """`ranks.<task>`, and `regressions` as bytes (`pipeline.systems.stored_regressions`)."""
        arrays: dict[str, NDArray[Any]] = {f"ranks.{task}": values for task, values in self.ranks.items()}
        if self.regressions:
            arrays["regressions"] = np.frombuffer(dump_regressions(self.regressions), dtype=np.uint8)
        return arrays

    @classmethod
    def from_arrays(cls, description: Mapping[str, Any], arrays: Mapping[str, Any]) -> Combination:
        """The combination of a model folder that `description` and `arrays` came from.

        Raises ValueError, LookupError or TypeError where they are damaged, hostile or do not fit together.
        """
        names, used = (tuple(map(str, description[name])) for name in ("names", "used"))
        tests = {str(name): InnerTest(_rho(one["rho"]), float(one["p"])) for name, one in description["tests"].items()}
        ranks = {task: np.asarray(given, dtype=np.float64) for task, given in with_prefix(arrays, "ranks.").items()}
        stored = arrays.get("regressions")
        regressions = () if stored is None else load_regressions(np.asarray(stored, dtype=np.uint8).tobytes())
        if not used or not set(used) <= set(names):
            raise ValueError("a combination of systems that it does not have")
        if any(one.ndim != 2 or len(one) != len(used) + 1 or not one.size for one in ranks.values()):
            raise ValueError("a combination whose parts do not fit together")
        if not all(np.isfinite(one).all() and (np.diff(one) >= 0).all() for one in ranks.values()):
            raise ValueError("a combination with numbers that are not sorted, or not finite")
        if len(names) != len(regressions) + 1 or names[0] != NETWORK:
            raise ValueError("a combination's names do not fit its regressions")
        return cls(names, used, tests, ranks, regressions)


NETWORK_ALONE = Combination.of_all((NETWORK,))
"""The combination of a model folder without regressions."""


def _mean(given: Sequence[Floats] | Floats) -> Floats:
    """Mean of arrays."""
    total = given[0]
    for one in given[1:]:
        total = total + one  # the bits of a matrix product would depend on m
    return np.asarray(total / len(given))


def _rho(value: Any) -> float | None:
    return None if value is None else float(value)
