"""The features of many performances as one set of arrays, from a cache or from one packed file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.videos import Record


@dataclass(frozen=True)
class FeatureSet:
    """Everything AIM eats, for n performances of T time steps.

    Attributes:
        records: one per performance, with labels and groups.
        primary: (n, T, Np) float32, the primary agent.
        primary_mask: (n, T) true where the primary agent was observed.
        secondary: (n, T, A, Ns) float32, one to several secondary agents.
        secondary_mask: (n, T, A) true where that agent was observed.
        scene: (n, T, Nc) float32, whole-scene feature; Nc is 0 where no scene stage runs.
        trial: (n, K) float32, figures of the whole performance; K may be 0.
        duration: (n,) float64 seconds.
        settings: the result-affecting settings of every stage that made the features.
        names: channel names by array ("primary", "secondary", "trial"), where known.
    """

    records: tuple[Record, ...]
    primary: NDArray[np.float32]
    primary_mask: NDArray[np.bool_]
    secondary: NDArray[np.float32]
    secondary_mask: NDArray[np.bool_]
    scene: NDArray[np.float32]
    trial: NDArray[np.float32]
    duration: NDArray[np.float64]
    settings: Mapping[str, Any] = field(default_factory=dict)
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.records)

    @property
    def ids(self) -> tuple[str, ...]:
        """The records' ids, in the order of the arrays."""
        return tuple(record.id for record in self.records)

    def take(self, rows: Sequence[int] | NDArray[np.intp]) -> FeatureSet:
        """The performances at `rows`, in that order."""
        index = np.asarray(rows, dtype=np.intp)
        arrays = ("primary", "primary_mask", "secondary", "secondary_mask", "scene", "trial", "duration")
        chosen: dict[str, Any] = {name: getattr(self, name)[index] for name in arrays}
        return replace(self, records=tuple(self.records[i] for i in index), **chosen)
