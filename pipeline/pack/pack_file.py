"""One file with the features of a whole data set, for sharing and for training elsewhere.

It is a file in the cache's format (`data/store/hdf5.py`) with the stage "pack". It has the arrays of a feature set with
a first dimension `performance`. Its header has the records (without paths) and the settings of the features.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from data.errors import PROGRAM, CacheError, DataError, UsageError, nearest, printable
from data.store import Array, StageOutput
from data.store import hdf5 as store
from data.video import Labels, Record
from data.video.records import MAX_LABEL
from pipeline.cache import read_stages, stages_as_json
from pipeline.settings.environment import software
from pipeline.train.feature_set import ARRAYS, FeatureSet

PACK_VERSION = 2

AGAIN = f"Make it again with: {PROGRAM} pack"

DIMS: dict[str, tuple[tuple[str, ...], str]] = {
    "primary": (("performance", "step", "channel"), "mixed"),
    "primary_mask": (("performance", "step"), "1"),
    "secondary": (("performance", "step", "agent", "channel"), "mixed"),
    "secondary_mask": (("performance", "step", "agent"), "1"),
    "scene": (("performance", "step", "class"), "1"),
    "trial": (("performance", "descriptor"), "mixed"),
    "duration": (("performance",), "s"),
}


def write_pack(path: Path, features: FeatureSet) -> None:
    """Write a feature set as one file, atomically."""
    arrays = {name: Array(getattr(features, name), *DIMS[name], "", features.names.get(name, ())) for name in ARRAYS}
    header = {
        "stage": "pack",
        "stage_version": PACK_VERSION,
        "settings": stages_as_json(features.stages),
        "records": [_record_out(record) for record in features.records],
        "software": software(),
    }
    store.write(path, header, StageOutput(arrays))


def read_pack(path: str | Path) -> FeatureSet:
    """The feature set of a packed file. Raises DataError if it is missing, damaged or not a pack."""
    try:
        stored = store.read(path)
    except FileNotFoundError:
        raise DataError("no such file", where=path, fix=f"Make it with: {PROGRAM} pack") from None
    except CacheError as error:
        raise DataError(error.what, where=path, fix=AGAIN) from error
    header = stored.header
    if header.get("stage") != "pack" or header.get("stage_version") != PACK_VERSION:
        raise DataError("not a file made by `pack`, or of another version", where=path, fix=AGAIN)
    stored_arrays = stored.output.arrays
    fault = next(_array_faults(stored_arrays), None)
    if fault is None:
        try:
            records, stages = tuple(_record_in(entry) for entry in header["records"]), read_stages(header["settings"])
            fault = next(_record_faults(records, len(stored_arrays["duration"].values)), None)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            fault = f"its description cannot be read ({str(error)[:80]})"
    if fault is not None:
        raise DataError(f"this pack is damaged: {fault}", where=path, fix=AGAIN)
    arrays: dict[str, Any] = {name: stored_arrays[name].values for name in ARRAYS}
    names = {name: stored_arrays[name].names for name in ("primary", "secondary", "trial")}
    return FeatureSet(records=records, stages=stages, names=names, **arrays)


def read_labelled(path: Path, tasks: Sequence[str] = ()) -> FeatureSet:
    """The labelled performances of a pack, of `tasks` alone if given.

    Raises as `read_pack`, UsageError for a task without performances, DataError if no performance has a label.
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
    """A record as JSON types; missing judges' scores are left out."""
    labels = asdict(record.labels) if record.labels else None
    return {
        "id": printable(record.id),
        "task": record.task,
        "labels": labels and {name: value for name, value in labels.items() if name != "judges" or value},
        "groups": dict(record.groups),
        "split": record.split,
    }


def _record_in(entry: dict[str, Any]) -> Record:
    fields = entry["labels"]
    labels = Labels(**{**fields, "judges": tuple(fields.get("judges", ()))}) if fields else None
    return Record(entry["id"], None, {}, entry["task"], labels, entry["groups"], entry["split"])


def _array_faults(arrays: Mapping[str, Array]) -> Iterator[str]:
    """Faults of the arrays that training would not notice."""
    lengths: dict[str, int] = {}
    for name in ARRAYS:
        if name not in arrays:
            yield f"the array '{name}' is missing"
            return
        values, (dims, _) = arrays[name].values, DIMS[name]
        if arrays[name].dims != dims or (values.dtype.kind, name.endswith("_mask")) not in (("f", False), ("b", True)):
            yield f"the array '{name}' is not of {', '.join(dims)}"
            return
        if values.dtype.kind == "f" and np.isinf(values).any():
            yield f"the array '{name}' has infinite values"
        for dim, length in zip(dims[:-1] if dims[-1] == "channel" else dims, values.shape, strict=False):
            if lengths.setdefault(dim, length) != length:
                yield f"the array '{name}' has {length} entries of {dim}, others have {lengths[dim]}"


def _record_faults(records: Sequence[Record], performances: int) -> Iterator[str]:
    """Faults of the list of performances that could assign labels to the wrong features."""
    if len(records) != performances:
        yield f"it lists {len(records)} performances and has the features of {performances}"
    for record in records:
        if not all(isinstance(text, str) for text in (record.id, record.task, record.split or "")) or not record.id:
            yield "the id, task or split of a performance is not text"
            return
        if not isinstance(record.groups, dict) or not all(
            isinstance(text, str) for pair in record.groups.items() for text in pair
        ):
            yield f"the groups of '{record.id}' are not text"
        labels = asdict(record.labels or Labels())
        judges = labels.pop("judges")
        for name, value in (*labels.items(), *(("judges", judge) for judge in judges)):
            if value is not None and (isinstance(value, bool) or not isinstance(value, (int, float))):
                yield f"the {name} of '{record.id}' is not a number"
            elif value is not None and not abs(value) <= MAX_LABEL:
                yield f"the {name} of '{record.id}' is not finite or too large"
    repeated = [name for name, count in Counter(record.id for record in records).items() if count > 1]
    if repeated:
        yield f"'{repeated[0]}' is in it twice"
