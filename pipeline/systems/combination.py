"""The combination of several systems, weighted by inner validation; it needs no label of a test part.

A system whose inner predictions rank no better than chance has no weight. The others have non-negative least-squares
weights of sum 1. `SHRINKAGE` pulls these towards equal weights, since a mean of several good systems is hard to beat
with few performances. Where a protocol holds out whole users, ranks within each user are fitted, because the protocol
reports the correlation per user. If the best system still has a higher inner correlation than the weighted mean, that
system alone is the combination.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from data.splits import bundle_numbers
from data.store.arrays import Floats, Rows
from models.metrics import arithmetic_average, fisher_average, spearman
from pipeline.systems.descriptors import DESCRIPTORS
from pipeline.systems.inner_folds import Part
from pipeline.systems.interface import Predicted, System, Trainings, as_many_runs
from pipeline.systems.regressors import FittedRegression, RegressionSystem, regression_systems, trial_regressions
from pipeline.systems.selection import predict_inside, sortable
from pipeline.train import label_table
from pipeline.train.features import FeatureSet

Texts = NDArray[np.str_]

T = TypeVar("T")

COMBINED = "combined"
BEST_SINGLE = "best single system by inner validation"
"""Names of the rows."""

NETWORK = "AIM"
"""The name of the network's weight in a `FittedCombination`."""

SHRINKAGE = 5.0
"""Strength of the pull towards equal weights, as a number of performances."""

CHANCE = 1.645
"""A system has a weight if its inner correlation exceeds 0 by so many standard errors: one-sided 95 %."""

BLOCKS = 10
"""The jackknife leaves out each user, or each of so many groups of performances."""

REGRESSIONS = (
    "trial descriptors, SVR",
    "trial descriptors, Gaussian process",
    "trial descriptors, pooled ridge",
    "Pose+DCT",
    "DCT+DFT+ApEn",
)
"""Regressions that every combination tries."""


def regressions_for(features: FeatureSet, kinds: Sequence[str]) -> tuple[RegressionSystem, ...]:
    """The regressions of a combination; where `kinds` has "subject", also those that fit new people best."""
    systems = {system.name: replace(system, kinds=tuple(kinds)) for system in regression_systems(features)}
    chosen = [systems[name] for name in REGRESSIONS if name in systems]
    if "subject" in kinds and features.trial.shape[-1]:
        chosen += [systems[system.name] for system in trial_regressions()]
    return tuple(dict.fromkeys(chosen))


@dataclass(frozen=True)
class Combined(System):
    """The weighted mean of several systems.

    Every candidate predicts inner folds over all tasks of the training part. The weights follow from these predictions
    and hold for all tasks.
    """

    candidates: tuple[System, ...]
    validate: bool = True  # False: equal weights, without inner folds
    name: str = COMBINED
    pool: bool = True

    def fit(self, train: FeatureSet, trainings: Trainings) -> WeightedMean:
        """See `System.fit`."""
        names = [candidate.name for candidate in self.candidates]
        inner = trainings.cuts.inner(train) if self.validate else []
        if not inner:
            return WeightedMean(self, train, trainings, np.full(len(names), 1.0 / len(names)), {})
        inside = [predict_inside(candidate, train, inner, trainings) for candidate in self.candidates]
        predicted = [np.stack([one.score.mean(0) for one in each]) for each in zip(*inside, strict=True)]
        choice = InnerPredictions.gather(train, inner, predicted, trainings.cuts.kinds).choice(names)
        return WeightedMean(self, train, trainings, np.array([choice["weights"][name] for name in names]), choice)


@dataclass(frozen=True)
class WeightedMean:
    """A fitted combination. Each candidate trains when it predicts, so that its own row can share the training."""

    system: Combined
    train: FeatureSet
    trainings: Trainings
    weights: Floats  # (candidates,)
    choice: Mapping[str, Any]  # `InnerPredictions.choice`, empty without inner validation

    def predict(self, features: FeatureSet) -> Predicted:
        """See `pipeline.systems.interface.Model.predict`; `Predicted.weighting` is `choice`."""
        each = [self.trainings.predict(one, self.train, features).score for one in self.system.candidates]
        return Predicted(np.tensordot(self.weights, np.stack(as_many_runs(each)), 1), weighting=self.choice)


@dataclass(frozen=True)
class InnerPredictions:
    """Held-out predictions of all candidates inside a training part."""

    values: Floats  # (n, candidates)
    true: Floats  # (n,) labels
    tasks: Texts  # (n,)
    users: Texts  # (n,)
    folds: Texts  # (n,) inner folds
    bundles: Texts  # (n,) equal for views and copies of one performance
    by_user: bool  # whole users are held out, so ranks within a user count, and differences between users do not

    @classmethod
    def gather(
        cls, features: FeatureSet, cuts: Sequence[Part], predicted: Sequence[Floats], kinds: Sequence[str]
    ) -> InnerPredictions:
        """The predictions (candidates, m) of each inner fold's test rows, with labels; no fold splits `kinds`."""
        rows = np.concatenate([cut.test for cut in cuts])
        records = [features.records[row] for row in rows]
        return cls(
            np.concatenate(predicted, axis=1).T,
            label_table(features.records)[rows, 0],
            np.array([record.task for record in records]),
            np.array([record.groups.get("subject", "") for record in records]),
            np.array([cut.fold for cut in cuts for _ in cut.test]),
            bundle_numbers(records).astype(str),
            "subject" in kinds,
        )

    def take(self, chosen: Any) -> InnerPredictions:
        """The performances that a mask chooses."""
        return replace(self, **{name: getattr(self, name)[chosen] for name in _BY_ROW})

    def weights(self) -> Floats:
        """(candidates,) weights of sum 1: `fitted_weights`, or 1 for the best candidate if it ranks better alone."""
        fitted, several = self.fitted_weights(), len(set(self.folds.tolist())) > 1
        if several and self.rank(self.crossed()) < max(map(self.rank, self.values.T)):
            return self._best_alone()
        return fitted

    def fitted_weights(self) -> Floats:
        """(candidates,) least-squares weights of those that rank better than chance; if none does, 1 for the best."""
        from scipy.optimize import nnls

        measured = [self._jackknifed(values, self.by_user) for values in self.values.T]
        good = [i for i, (value, error) in enumerate(measured) if sortable(value) > CHANCE * error]
        if not good:
            return self._best_alone()
        a, b = self.values[:, good], self.true.copy()
        for mine in self._compared():
            if self.by_user:
                a[mine], b[mine] = _ranks(a[mine]), _ranks(b[mine])
            spread = 1.0 if self.by_user else float(b[mine].std()) or 1.0
            a[mine], b[mine] = (a[mine] - a[mine].mean(0)) / spread, (b[mine] - b[mine].mean()) / spread
        size = np.sqrt(max(float(np.square(b).sum()), 1e-12))
        pull, count = np.sqrt(SHRINKAGE / len(np.unique(self.bundles))), len(good)
        left = [a / size, pull * np.eye(count), np.full((1, count), 1e3)]  # the last row makes the sum 1
        solved, _ = nnls(np.concatenate(left), np.concatenate([b / size, np.full(count, pull / count), [1e3]]))
        weights = np.zeros(self.values.shape[1])
        weights[good] = solved / solved.sum()
        return weights

    def rank(self, values: Floats) -> float:
        """The correlation by which predictions (n,) are compared; -2 where it is undefined."""
        return sortable(float((self._per_user if self.by_user else self._together)(values, [])[0]))

    def _best_alone(self) -> Floats:
        best = int(np.argmax([self.rank(values) for values in self.values.T]))
        return np.asarray(np.eye(self.values.shape[1])[best])

    def _compared(self) -> list[Any]:
        """(n,) masks of the performances that are ranked together."""
        return _groups(np.char.add(np.char.add(self.tasks, "\n"), self.users) if self.by_user else self.tasks)

    def choice(self, names: Sequence[str]) -> dict[str, Any]:
        """Weights and `figures` by the names of the candidates, as JSON types; the last figures are `COMBINED`'s."""
        figures = dict(zip([*names, COMBINED], self.figures(), strict=True))
        return {"weights": dict(zip(names, self.weights().tolist(), strict=True)), "figures": figures}

    def crossed(self) -> Floats:
        """(n,) predictions of the combination; each inner fold has the weights that the other inner folds give."""
        out = np.zeros(len(self.true))
        for mine in _groups(self.folds):
            out[mine] = self.values[mine] @ self.take(~mine).fitted_weights()
        return out

    def figures(self) -> list[dict[str, float | None]]:
        """Inner correlations of every candidate and of the weighted mean, with their jackknife standard errors.

        "together" is Spearman's rho of all performances of a task, averaged over the tasks by Fisher's z. "users", only
        with `by_user`, is the mean of each user's own rho.
        """
        return [self._figure(values) for values in [*self.values.T, self.crossed()]]

    def _figure(self, values: Floats) -> dict[str, float | None]:
        out: dict[str, float | None] = {}
        for name, per_user in [("together", False), *([("users", True)] if self.by_user else [])]:
            value, error = self._jackknifed(values, per_user)
            out |= {name: _or_none(value), f"{name}_error": _or_none(error)}
        return out

    def _jackknifed(self, values: Floats, per_user: bool) -> tuple[float, float]:
        """A correlation of predictions (n,) and its jackknife standard error, NaN with fewer than two groups."""
        value, *without = (self._per_user if per_user else self._together)(values, self._left_out)
        if len(without) < 2:
            return float(value), np.nan
        spread = np.array(without) - np.mean(without)
        return float(value), float(np.sqrt((len(without) - 1) * np.mean(np.square(spread))))

    @cached_property
    def _left_out(self) -> list[Any]:
        """Masks (n,) of what the jackknife leaves out."""
        return _groups(self.users if self.by_user else _blocks(self.bundles))

    @cached_property
    def _rows_by_user(self) -> list[Rows]:
        """The rows of each user in each task."""
        cells = [mine & user for mine in _groups(self.tasks) for user in _groups(self.users)]
        return [np.flatnonzero(cell) for cell in cells if cell.any()]

    def _together(self, values: Floats, left_out: Sequence[Any]) -> Floats:
        """(1 + k,) correlations averaged over tasks: of all performances, and without each of k masks."""

        def average(kept: Any) -> float:
            each = [spearman(values[mine & kept], self.true[mine & kept]) for mine in _groups(self.tasks)]
            return fisher_average(each).value

        return np.array([average(np.ones(len(values), dtype=bool)), *(average(~mask) for mask in left_out)])

    def _per_user(self, values: Floats, left_out: Sequence[Any]) -> Floats:
        """(1 + k,) means of the users' own correlations: of all users, and without each of k masks of whole users."""
        rows = self._rows_by_user
        each = np.array([spearman(values[mine], self.true[mine]) for mine in rows])
        kept = [np.ones(len(rows), dtype=bool), *(np.array([not mask[mine[0]] for mine in rows]) for mask in left_out)]
        return np.array([arithmetic_average(each[chosen]).value for chosen in kept])


@dataclass(frozen=True)
class FittedCombination:
    """A combination as a run folder holds it: the weighted mean of a network's score and of fitted regressions."""

    names: tuple[str, ...]  # of the network, then of the regressions
    weights: Floats  # (1 + k,) of sum 1
    regressions: tuple[FittedRegression, ...]  # k

    @classmethod
    def fit(
        cls, features: FeatureSet, rows: Rows, systems: Sequence[RegressionSystem], weights: Floats | None = None
    ) -> FittedCombination:
        """Fit the regressions to the labelled performances `rows`; weights are equal unless given.

        All tasks count as one, as for the network of a run, since a new video does not name its task.
        """
        part = without_tasks(features)
        tables = _tables(part, systems)
        learnt = part.take(rows)
        fitted = tuple(system.fitted(learnt, tables[system.describe][rows]) for system in systems)
        names = (NETWORK, *(system.name for system in systems))
        return cls(names, np.full(len(names), 1 / len(names)) if weights is None else weights, fitted)

    def others(self, features: FeatureSet) -> Floats:
        """(k, n) scores of the regressions, each performance computed alone."""
        part = without_tasks(features)
        tables = _tables(part, self.regressions)
        return np.stack([one.predict(part, tables[one.describe]) for one in self.regressions])

    def combine(self, network: Floats, others: Floats) -> Floats:
        """(..., n) weighted mean of the network's scores (..., n) and the regressions' (k, n)."""
        total = self.weights[0] * network
        for weight, values in zip(self.weights[1:], others, strict=True):
            total = total + weight * values  # the bits of a matrix product would depend on n
        return np.asarray(total)

    def description(self) -> dict[str, Any]:
        """Everything but the arrays, as JSON types."""
        return {
            "names": list(self.names),
            "weights": self.weights.tolist(),
            "regressions": [one.description() for one in self.regressions],
        }

    def arrays(self) -> dict[str, Floats]:
        """The numbers of the regressions by `<place>.<name>`."""
        return {f"{i}.{name}": v for i, one in enumerate(self.regressions) for name, v in one.arrays().items()}

    @classmethod
    def from_arrays(cls, description: Mapping[str, Any], arrays: Mapping[str, Floats]) -> FittedCombination:
        """The combination that `description` and `arrays` came from.

        Raises ValueError, LookupError or TypeError where they do not fit together.
        """
        regressions = tuple(
            FittedRegression.from_arrays(one, part_of(arrays, f"{i}."))
            for i, one in enumerate(description["regressions"])
        )
        names, weights = tuple(map(str, description["names"])), np.array(description["weights"], dtype=np.float64)
        if not len(names) == len(weights) == len(regressions) + 1 or not np.isfinite(weights).all():
            raise ValueError("a combination's weights do not fit its regressions")
        return cls(names, weights, regressions)


def part_of(values: Mapping[str, T], prefix: str) -> dict[str, T]:
    """The values whose names begin with `prefix`, by the rest of their names."""
    return {name.removeprefix(prefix): value for name, value in values.items() if name.startswith(prefix)}


def _tables(
    features: FeatureSet, regressions: Sequence[RegressionSystem] | Sequence[FittedRegression]
) -> dict[str, Floats]:
    """The descriptors that the regressions read, by name."""
    return {name: DESCRIPTORS[name](features) for name in dict.fromkeys(one.describe for one in regressions)}


def without_tasks(features: FeatureSet) -> FeatureSet:
    """The same performances, all of one task."""
    return replace(features, records=tuple(replace(record, task="") for record in features.records))


_BY_ROW = ("values", "true", "tasks", "users", "folds", "bundles")


def _groups(names: Texts) -> list[Any]:
    """One mask (n,) for each distinct name."""
    return [names == name for name in dict.fromkeys(names.tolist())]


def _ranks(values: Floats) -> Floats:
    """Ranks along the first axis."""
    from scipy.stats import rankdata

    return np.asarray(rankdata(values, axis=0))


def _blocks(bundles: Texts) -> Texts:
    """(n,) number of each performance's block; consecutive bundles are in different blocks."""
    order = {name: str(i % BLOCKS) for i, name in enumerate(sorted(set(bundles.tolist()), key=int))}
    return np.array([order[name] for name in bundles.tolist()])


def _or_none(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
