"""One file with the features of a whole data set, for sharing and for training elsewhere.

It is a file of the cache's format (`data/store/hdf5.py`) whose stage is "pack": the arrays of a feature set with a
first dimension `performance`, and in the header the records (without paths) and the settings that made the features.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from data.errors import CacheError, DataError, UsageError, nearest, printable
from data.store import Array, StageOutput
from data.store import hdf5 as store
from data.video import Labels, Record
from pipeline.cache import software
from pipeline.features import ARRAYS, FeatureSet

PACK_VERSION = 1

DIMS: dict[str, tuple[tuple[str, ...], str]] = {
    "primary": (("performance", "step", "channel"), "mixed"),
    "primary_mask": (("performance", "step"), "1"),
    "secondary": (("performance", "step", "agent", "channel"), "mixed"),
    "secondary_mask": (("performance", "step", "agent"), "1"),
    "scene": (("performance", "step", "class"), "1"),
    "trial": (("performance", "figure"), "mixed"),
    "duration": (("performance",), "s"),
}


def write_pack(path: Path, features: FeatureSet) -> None:
    """Write a feature set as one file, atomically.

    Raises:
        OSError: the folder cannot be written.
    """
    arrays = {}
    for name in ARRAYS:
        dims, unit = DIMS[name]
        arrays[name] = Array(getattr(features, name), dims, unit, "", features.names.get(name, ()))
    header = {
        "stage": "pack",
        "stage_version": PACK_VERSION,
        "settings": dict(features.settings),
        "records": [_record_out(record) for record in features.records],
        "software": software(),
    }
    store.write(path, header, StageOutput(arrays))


def read_pack(path: Path) -> FeatureSet:
    """The feature set of a packed file.

    Raises:
        DataError: no such file, damaged, or not a pack.
    """
    try:
        stored = store.read(path)
    except FileNotFoundError:
        raise DataError("no such file", where=path, fix="Make it with: python run_pipeline.py pack") from None
    except CacheError as error:
        raise DataError(error.what, where=path, fix="Make it again with: python run_pipeline.py pack") from error
    header = stored.header
    if header.get("stage") != "pack" or header.get("stage_version") != PACK_VERSION:
        raise DataError("not a file made by `pack`, or of another version", where=path, fix="Make it again with `pack`")
    stored_arrays = stored.output.arrays
    arrays: dict[str, Any] = {name: stored_arrays[name].values for name in ARRAYS}
    names = {name: stored_arrays[name].names for name in ("primary", "secondary", "trial")}
    records = tuple(_record_in(entry) for entry in header["records"])
    return FeatureSet(records=records, settings=header["settings"], names=names, **arrays)


def read_labelled(path: Path, tasks: Sequence[str] = ()) -> FeatureSet:
    """A pack's labelled performances for training, of `tasks` alone where some are named.

    Raises:
        UsageError: no performance of a task.
        DataError: see `read_pack`, or none has a label.
    """
    features = read_pack(path)
    tasks_in_pack = {record.task for record in features.records}
    if missing := [task for task in tasks if task not in tasks_in_pack]:
        raise UsageError(
            f"no performance of task '{missing[0]}' in it", where=path, fix=nearest(missing[0], tasks_in_pack)
        )
    wanted = [
        number
        for number, record in enumerate(features.records)
        if record.labels is not None and (not tasks or record.task in tasks)
    ]
    if not wanted:
        raise DataError("no performance in it has a score", where=path, fix="Pack a data set that has labels")
    return features.take(wanted)


def _record_out(record: Record) -> dict[str, Any]:
    return {
        "id": printable(record.id),
        "task": record.task,
        "labels": asdict(record.labels) if record.labels else None,
        "groups": dict(record.groups),
        "split": record.split,
    }


def _record_in(entry: dict[str, Any]) -> Record:
    labels = Labels(**entry["labels"]) if entry["labels"] else None
    return Record(entry["id"], None, {}, entry["task"], labels, entry["groups"], entry["split"])
