"""The combination of several systems: the mean of those that inner validation finds better than chance.

A mean of several systems that work is hard to beat with few performances, and has no weight to learn. Evaluations and
run folders use the same `Combination`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.store.arrays import Floats, Rows
from pipeline.systems.inner_tests import InnerPredictions, InnerTest
from pipeline.systems.interface import FoldPredictions, Predictions, ResultRow, RowKind, System, as_many_runs
from pipeline.systems.regressors import FittedRegression, RegressionSystem
from pipeline.systems.stored_regressions import dump_regressions, load_regressions
from pipeline.train.features import FeatureSet

COMBINED = "combined"
"""Name of the row."""

NETWORK = "AIM"
"""The name of the network in the combination of a run folder."""

CHANCE = 0.05
"""A system is averaged if random predictions would rank this well in a smaller share of the cases."""


@dataclass(frozen=True)
class Combination:
    """Which systems are averaged, and how.

    Attributes:
        names: all systems; scores are given in this order.
        used: those that are averaged.
        tests: of every system; empty without inner validation, when all are averaged.
        levels: (used, n) each system's inner held-out predictions, sorted; (used, 0) where scores are averaged, not
            ranks.
        scores: (n,) labels of the same performances, sorted; (0,) likewise.
    """

    names: tuple[str, ...]
    used: tuple[str, ...]
    tests: Mapping[str, InnerTest]
    levels: Floats
    scores: Floats

    @classmethod
    def of_all(cls, names: Sequence[str]) -> Combination:
        """The mean of all systems, without inner validation."""
        return cls(tuple(names), tuple(names), {}, np.zeros((len(names), 0)), np.zeros(0))

    @classmethod
    def fit(cls, inner: InnerPredictions, used: Sequence[str] = ()) -> Combination:
        """The mean of `used`, else of those better than chance, else of the one with the lowest p-value.

        Where users are unseen and several systems are averaged, it is the mean of ranks: systems differ in how far they
        trust the levels of users that they know.
        """
        tests = inner.tests()
        used = tuple(used or (name for name in inner.names if tests[name].p < CHANCE))
        used = used or (min(inner.names, key=lambda name: tests[name].p),)
        rows = [inner.names.index(name) for name in used]
        levels, scores = np.sort(inner.values[rows], axis=1), np.sort(inner.true)
        if not inner.unseen_users or len(used) < 2:
            levels, scores = levels[:, :0], scores[:0]
        return cls(inner.names, used, tests, levels, scores)

    def share(self, name: str) -> float:
        """The weight of a system in the mean."""
        return (name in self.used) / len(self.used)

    def combine(self, scores: Sequence[Floats]) -> Floats:
        """(..., m) score of performances, from the scores (..., m) of every system; each performance alone.

        Ranks are shares of the system's inner held-out predictions below a score, from 0 to 1. The mean rank becomes a
        score again by the quantiles of the training scores.
        """
        given = [np.asarray(scores[self.names.index(name)], dtype=np.float64) for name in self.used]
        if self.scores.size:
            places = (np.arange(self.scores.size) + 0.5) / self.scores.size
            given = [np.interp(one, level, places) for one, level in zip(given, self.levels, strict=True)]
        total = given[0]
        for one in given[1:]:
            total = total + one  # the bits of a matrix product would depend on m
        mean = total / len(given)
        return np.asarray(np.interp(mean, places, self.scores) if self.scores.size else mean)

    def description(self) -> dict[str, Any]:
        """Everything but `levels` and `scores`, as JSON types."""
        tests = {name: {"rho": test.rho, "p": test.p} for name, test in self.tests.items()}
        return {"names": list(self.names), "used": list(self.used), "tests": tests}

    def arrays(self) -> dict[str, Floats]:
        """The rest."""
        return {"levels": self.levels, "scores": self.scores}

    @classmethod
    def from_arrays(cls, description: Mapping[str, Any], arrays: Mapping[str, Any]) -> Combination:
        """The combination of `description` and `arrays`. Raises ValueError, LookupError or TypeError for damage."""
        names, used = (tuple(map(str, description[name])) for name in ("names", "used"))
        tests = {str(name): InnerTest(_rho(one["rho"]), float(one["p"])) for name, one in description["tests"].items()}
        levels, scores = (np.asarray(arrays[name], dtype=np.float64) for name in ("levels", "scores"))
        if not used or not set(used) <= set(names) or levels.shape != (len(used), scores.size):
            raise ValueError("a combination whose parts do not fit together")
        if not all(np.isfinite(one).all() and (np.diff(one) >= 0).all() for one in (*levels, scores)):
            raise ValueError("a combination with numbers that are not sorted, or not finite")
        return cls(names, used, tests, levels, scores)


def _rho(value: Any) -> float | None:
    return None if value is None else float(value)


@dataclass(frozen=True)
class Combined(ResultRow):
    """The row of a combination. What is averaged follows from all tasks together, ranks from each task alone."""

    candidates: tuple[System, ...]
    validated: bool = True  # False: all candidates count, without inner folds
    name: str = COMBINED
    kind: RowKind = "ours"

    @property
    def systems(self) -> tuple[System, ...]:
        """See `ResultRow.systems`."""
        return self.candidates

    @property
    def inner_systems(self) -> tuple[System, ...]:
        """See `ResultRow.inner_systems`."""
        return self.candidates if self.validated else ()

    def read(self, fold: FoldPredictions) -> Predictions:
        """See `ResultRow.read`; `Predictions.chosen` names the systems that are averaged."""
        names = [candidate.name for candidate in self.candidates]
        scores = np.stack(as_many_runs([fold.test(one).score for one in self.candidates]))  # (k, runs, m)
        if not self.validated or not fold.inner:
            return Predictions(Combination.of_all(names).combine(list(scores)))
        inside = [fold.inside(candidate) for candidate in self.candidates]
        predicted = [np.stack([one.score.mean(0) for one in each]) for each in zip(*inside, strict=True)]
        gathered = InnerPredictions.gather(names, fold.train, fold.inner, predicted, unseen_users=fold.unseen_users)
        whole, out = Combination.fit(gathered), np.zeros(scores.shape[1:])
        rows = np.concatenate([part.test for part in fold.inner])
        inner_tasks = np.array([fold.train.records[row].task for row in rows])
        test_tasks = np.array(fold.test_tasks)
        for task in dict.fromkeys(fold.test_tasks):
            mine, known = test_tasks == task, inner_tasks == task
            of_task = Combination.fit(gathered.take(known), whole.used) if known.any() else Combination.of_all(names)
            out[:, mine] = of_task.combine(list(scores[..., mine]))
        return Predictions(out, chosen=whole.used, tests=whole.tests)


@dataclass(frozen=True)
class FittedCombination:
    """A combination with its fitted regressions, as a run folder holds it. The network is the first system."""

    rule: Combination
    regressions: tuple[FittedRegression, ...]

    @classmethod
    def fit(
        cls, features: FeatureSet, rows: Rows, systems: Sequence[RegressionSystem], rule: Combination | None = None
    ) -> FittedCombination:
        """Fit the regressions to the labelled performances `rows`; without a rule all count alike.

        All tasks count as one, as for the network of a run, since a new video does not name its task.
        """
        part = features.take(rows)
        names = (NETWORK, *(system.name for system in systems))
        fitted = tuple(system.fitted(part) for system in systems)
        return cls(rule or Combination.of_all(names), fitted)

    @property
    def network_share(self) -> float:
        """The weight of the network in the mean."""
        return self.rule.share(NETWORK)

    def others(self, features: FeatureSet) -> Floats:
        """(k, n) scores of the regressions, each performance computed alone."""
        return np.stack([one.predict(features).score[0] for one in self.regressions])

    def combine(self, network: Floats, others: Floats) -> Floats:
        """(..., n) score, from the network's scores (..., n) and the regressions' (k, n)."""
        return self.rule.combine([network, *(np.broadcast_to(one, network.shape) for one in others)])

    def description(self) -> dict[str, Any]:
        """Everything but the arrays, as JSON types."""
        return self.rule.description()

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The arrays of the rule, and the regressions as bytes (`pipeline.systems.stored_regressions`)."""
        return {**self.rule.arrays(), "regressions": np.frombuffer(dump_regressions(self.regressions), dtype=np.uint8)}

    @classmethod
    def from_arrays(cls, description: Mapping[str, Any], arrays: Mapping[str, Any]) -> FittedCombination:
        """The combination that `description` and `arrays` came from.

        Raises ValueError, LookupError or TypeError where they are damaged, hostile or do not fit together.
        """
        rule = Combination.from_arrays(description, arrays)
        regressions = load_regressions(np.asarray(arrays["regressions"], dtype=np.uint8).tobytes())
        if len(rule.names) != len(regressions) + 1 or rule.names[0] != NETWORK:
            raise ValueError("a combination's names do not fit its regressions")
        return cls(rule, regressions)
