"""The combination of several systems: a mean whose members are chosen by inner validation.

With few performances, a mean of several good systems is hard to beat, and has no weights to learn. Evaluations and
model folders use the same `Combination`. docs/scores.md describes the rules for known and for new people.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.splits import bundle_numbers
from data.store.arrays import Bools, Floats, Rows
from models.chance_test import InnerTest, chance_p
from pipeline.checks.held_out import HeldOut, centred
from pipeline.checks.paired_test import paired_test
from pipeline.folds.fold import Fold
from pipeline.systems.regressors import FittedRegression
from pipeline.systems.stored_regressions import dump_regressions, load_regressions
from pipeline.train import label_table
from pipeline.train.feature_set import FeatureSet

NETWORK = "AIM"
"""The name of the network, the first system of the combination of a model folder."""

CHANCE = 0.05
"""A system is better than chance if a smaller share of random predictions ranks as well."""

MANY_USERS = 20
"""Fewest users for AIM in a combination for new people; with fewer it learns to recognise them."""


@dataclass(frozen=True)
class InnerPredictions:
    """Held-out predictions of k systems for n performances inside a training part.

    Attributes:
        values: (k, n).
        true: (n,) labels.
        tasks: (n,) names.
        strata: (n,) groups ranked within: an inner fold of a task, since models differ by fold. For unseen users, a
            user of a task, since differences between known users say nothing about new ones.
        performance: (n,) equal for views and copies of one performance.
        users: number of users.
    """

    names: tuple[str, ...]
    values: Floats
    true: Floats
    tasks: NDArray[np.str_]
    strata: Rows
    performance: Rows
    users: int

    @classmethod
    def of(
        cls, names: Sequence[str], values: Floats, features: FeatureSet, inner: Sequence[Fold], *, unseen_users: bool
    ) -> InnerPredictions:
        """From the predictions for the test rows of all inner folds, fold by fold."""
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
            len({record.groups.get("subject", "") for record in records}),
        )

    def take(self, chosen: Bools) -> InnerPredictions:
        """The performances in a mask (n,)."""
        by_row = {name: getattr(self, name)[chosen] for name in ("true", "tasks", "strata", "performance")}
        return replace(self, values=self.values[:, chosen], **by_row)

    def held_out(self) -> dict[str, list[HeldOut]]:
        """By system, its predictions for each task with different labels within a stratum."""
        tasks = [self.tasks == task for task in dict.fromkeys(self.tasks.tolist())]
        tasks = [m for m in tasks if np.ptp(centred(self.true[m], self.strata[m])) > 0]  # others rank nothing
        return {
            name: [HeldOut(self.true[m], values[m], self.strata[m], self.performance[m]).once() for m in tasks]
            for name, values in zip(self.names, self.values, strict=True)
        }


@dataclass(frozen=True)
class Combination:
    """Which systems are averaged, and how.

    Attributes:
        names: all systems; scores are given in this order.
        used: the averaged systems.
        tests: of every system; empty without inner validation, when all are averaged.
        regressions: of a model folder, the systems after the network. Evaluations train their systems separately.
    """

    names: tuple[str, ...]
    used: tuple[str, ...]
    tests: Mapping[str, InnerTest] = field(default_factory=dict)
    regressions: tuple[FittedRegression, ...] = ()

    @classmethod
    def of_all(
        cls, names: Sequence[str], regressions: Sequence[FittedRegression] = (), *, new_people: bool
    ) -> Combination:
        """The mean of all systems, without inner validation; for new people without the first, the network."""
        return cls(tuple(names), tuple(names)[new_people:], regressions=tuple(regressions))

    @classmethod
    def fit(
        cls, inner: InnerPredictions, regressions: Sequence[FittedRegression] = (), *, new_people: bool
    ) -> Combination:
        """The members by inner validation; the first candidate is the network.

        For known people they are the best-ranking system, and all that are not worse and better than chance. If no
        system is better than chance, all that are not worse count. For new people they are the regressions, and the
        network if it is better than chance with at least `MANY_USERS` users.
        """
        held_out = inner.held_out()
        tests = {name: _tested(rows) for name, rows in held_out.items()}
        good = {name for name, test in tests.items() if test.p < CHANCE}
        if new_people:
            used = inner.names if inner.users >= MANY_USERS and inner.names[0] in good else inner.names[1:]
        else:
            best = max(inner.names, key=lambda name: -2.0 if (rho := tests[name].rho) is None else rho)
            _, leads = (0, {}) if tests[best].rho is None else paired_test(held_out, best)
            equal = {name for name, lead in leads.items() if lead.verdict != "worse"}
            used = tuple(name for name in inner.names if name in {best, *(good or set(inner.names)) & equal})
        return cls(inner.names, used, tests, tuple(regressions))

    def share(self, name: str) -> float:
        """The weight of a system in the mean."""
        return (name in self.used) / len(self.used)

    def better_than_chance(self, name: str) -> bool:
        """Whether a system is averaged, and better than chance if it was tested."""
        return name in self.used and (name not in self.tests or self.tests[name].p < CHANCE)

    def others(self, features: FeatureSet) -> list[Floats]:
        """(m,) scores of each regression, computed per performance."""
        return [regression.predict(features).score[0] for regression in self.regressions]

    def predict(self, scores: Sequence[Floats]) -> Floats:
        """(..., m) scores, computed per performance, from the scores (..., m) or (m,) of every system."""
        stacked = np.stack(np.broadcast_arrays(*scores)).astype(np.float64)
        total, *rest = stacked[[self.names.index(name) for name in self.used]]
        for system_scores in rest:
            total = total + system_scores  # the bits of a matrix product would depend on m
        return np.asarray(total / len(self.used))

    def description(self) -> dict[str, Any]:
        """Everything but the arrays, as JSON types."""
        tests = {name: {"rho": test.rho, "p": test.p} for name, test in self.tests.items()}
        return {"names": list(self.names), "used": list(self.used), "tests": tests}

    def arrays(self) -> dict[str, NDArray[Any]]:
        """`regressions` as bytes (`pipeline.systems.stored_regressions`), if any."""
        return {"regressions": np.frombuffer(dump_regressions(self.regressions), np.uint8)} if self.regressions else {}

    @classmethod
    def from_arrays(cls, description: Mapping[str, Any], arrays: Mapping[str, Any]) -> Combination:
        """The combination of a model folder that `description` and `arrays` came from.

        Raises ValueError, LookupError or TypeError if they are damaged, hostile or incompatible.
        """
        names, used = (tuple(map(str, description[name])) for name in ("names", "used"))
        tests = {
            str(name): InnerTest(_rho(test["rho"]), float(test["p"])) for name, test in description["tests"].items()
        }
        stored = arrays.get("regressions")
        regressions = () if stored is None else load_regressions(np.asarray(stored, dtype=np.uint8).tobytes())
        if not used or not set(used) <= set(names):
            raise ValueError("a combination of systems that it does not have")
        if len(names) != len(regressions) + 1 or names[0] != NETWORK:
            raise ValueError("a combination's names do not fit its regressions")
        return cls(names, used, tests, regressions)


NETWORK_ALONE = Combination.of_all((NETWORK,), new_people=False)
"""The combination of a model folder without regressions."""


def _tested(tasks: Sequence[HeldOut]) -> InnerTest:
    """The rank correlation that `paired_test` compares, and the p-value of the order within strata."""
    rho = np.mean([task.rho for task in tasks]) if tasks else np.nan
    rows = ([getattr(task, name) for task in tasks] for name in ("predicted", "truth", "fold"))
    return InnerTest(float(rho) if np.isfinite(rho) else None, chance_p(*map(np.concatenate, rows)) if tasks else 0.5)


def _rho(value: Any) -> float | None:
    return None if value is None else float(value)
