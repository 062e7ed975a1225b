"""The features of many performances as one set of arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from data.errors import DataError
from data.store import StageOutput
from data.store.arrays import Bools, Floats, Rows, Singles
from data.video import Record
from pipeline.cache import Contents, StageDescription
from pipeline.train.checkpoint import digest_of

ARRAYS = ("primary", "primary_mask", "secondary", "secondary_mask", "scene", "trial", "duration")
"""Arrays of the `timesteps` stage that a feature set gathers."""


@dataclass(frozen=True)
class FeatureSet:
    """Inputs of the networks for n performances of T time steps.

    Attributes:
        records: one per performance, with labels and groups.
        primary: (n, T, Np) float32, the primary agent.
        primary_mask: (n, T) true where the primary agent was observed.
        secondary: (n, T, A, Ns) float32, one to several secondary agents.
        secondary_mask: (n, T, A) true where that agent was observed.
        scene: (n, T, Nc) float32, whole-scene feature; Nc is 0 without a scene stage.
        trial: (n, K) float32, trial-level descriptors; K may be 0.
        duration: (n,) float64 seconds.
        stages: the stages that computed the features, with the settings that change a result.
        names: channel names by array ("primary", "secondary", "trial"); empty if unknown.
    """

    records: tuple[Record, ...]
    primary: Singles
    primary_mask: Bools
    secondary: Singles
    secondary_mask: Bools
    scene: Singles
    trial: Singles
    duration: Floats
    stages: Mapping[str, StageDescription] = field(default_factory=dict)
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.records)

    @property
    def ids(self) -> tuple[str, ...]:
        """The records' ids, in the order of the arrays."""
        return tuple(record.id for record in self.records)

    def take(self, rows: Sequence[int] | Rows) -> FeatureSet:
        """The performances at `rows`, in that order."""
        index = np.asarray(rows, dtype=np.intp)
        chosen: dict[str, Any] = {name: getattr(self, name)[index] for name in ARRAYS}
        return replace(self, records=tuple(self.records[i] for i in index), **chosen)

    def followed_by(self, other: FeatureSet) -> FeatureSet:
        """The performances of both, with the stages and names of this one."""
        arrays: dict[str, Any] = {name: np.concatenate([getattr(self, name), getattr(other, name)]) for name in ARRAYS}
        return replace(self, records=self.records + other.records, **arrays)


def task_rows(features: FeatureSet) -> dict[str, Rows]:
    """The rows of every task."""
    tasks = np.array([record.task for record in features.records])
    return {str(task): np.flatnonzero(tasks == task) for task in dict.fromkeys(tasks.tolist())}


def one_per_trial(features: FeatureSet) -> tuple[FeatureSet, Rows]:
    """Views of one trial that share everything but the scene, as one performance with the mean of their scenes.

    Two cameras on one robot have the same kinematics. Training once on such a trial halves the time.

    Returns:
        m performances with the record of their first view, and (n,) for each given performance its row among them.
    """
    shared = [name for name in ARRAYS if name != "scene"]
    places: dict[tuple[object, ...], int] = {}

    def place(row: int, record: Record) -> int:
        arrays = (getattr(features, name)[row].tobytes() for name in shared)
        alone = None if "trial" in record.groups else row
        return places.setdefault((alone, record.groups.get("trial"), record.labels, *arrays), len(places))

    became = np.array([place(*numbered) for numbered in enumerate(features.records)], dtype=np.intp)
    if len(places) == len(features):
        return features, became
    firsts, counts = np.unique(became, return_index=True)[1], np.bincount(became)
    scene = np.zeros((len(firsts), *features.scene.shape[1:]))
    np.add.at(scene, became, features.scene)
    mean = np.asarray(scene / counts[:, None, None], dtype=np.float32)
    return replace(features.take(firsts), scene=mean), became


def data_digest(features: FeatureSet, contents: Contents | None) -> str:
    """SHA-256 over id, hashes of the files and labels of all performances, in any order.

    If the files are unknown (None), the features replace their hashes.
    """
    ordered = features.take(np.argsort(features.ids))
    rows = [
        (record.id, contents and contents[record.id], record.labels and asdict(record.labels))
        for record in ordered.records
    ]
    return digest_of(rows, [] if contents else [getattr(ordered, name) for name in ARRAYS])


def feature_set(
    records: Sequence[Record], outputs: Sequence[StageOutput], stages: Mapping[str, StageDescription]
) -> FeatureSet:
    """One feature set from the `timesteps` outputs of records. Raises DataError if one does not fit the others."""
    first = outputs[0].arrays
    for record, output in zip(records, outputs, strict=True):
        for name in ARRAYS:
            shape, others = output.arrays[name].values.shape, first[name].values.shape
            if shape != others:
                fix = "Keep performances of one kind in a data set, such as joints in 2-D or in 3-D"
                raise DataError(f"'{name}' has shape {shape}, others {others}", where=record.id, fix=fix)
    arrays: dict[str, Any] = {name: np.stack([o.arrays[name].values for o in outputs]) for name in ARRAYS}
    names = {name: first[name].names for name in ("primary", "secondary", "trial")}
    return FeatureSet(records=tuple(records), stages=stages, names=names, **arrays)
