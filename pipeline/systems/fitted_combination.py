"""A combination as a run folder holds it: a network's score averaged with those of fitted regressions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np

from data.store.arrays import Floats, Rows
from pipeline.features import FeatureSet
from pipeline.systems.descriptors import DESCRIPTORS
from pipeline.systems.regressors import FittedRegression, RegressionSystem

T = TypeVar("T")

NETWORK = "AIM"
"""What the network's weight is named."""


@dataclass(frozen=True)
class FittedCombination:
    """Weights and fitted regressions."""

    names: tuple[str, ...]  # of the network, then of the regressions
    weights: Floats  # (1 + k,), of sum 1
    regressions: tuple[FittedRegression, ...]  # k

    @classmethod
    def fit(
        cls, features: FeatureSet, rows: Rows, systems: Sequence[RegressionSystem], weights: Floats | None = None
    ) -> FittedCombination:
        """Regressions of the labelled performances `rows`; equal weights unless given.

        All tasks are one here, as they are for the network of a run: a new video does not name its task.
        """
        part = without_tasks(features)
        tables = _tables(part, systems)
        fitted = tuple(system.fit(part, rows, tables[system.describe]) for system in systems)
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
        for weight, values in zip(self.weights[1:], others, strict=True):  # no matrix product: bits depend on its size
            total = total + weight * values
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
        """The combination that `description` and `arrays` came from; ValueError and others where they do not fit."""
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
    """The descriptors that regressions read, each made once."""
    return {name: DESCRIPTORS[name](features) for name in dict.fromkeys(one.describe for one in regressions)}


def without_tasks(features: FeatureSet) -> FeatureSet:
    """The same performances as of one task."""
    return replace(features, records=tuple(replace(record, task="") for record in features.records))
