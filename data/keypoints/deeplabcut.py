"""DeepLabCut's tables, CSV and H5: columns named by scorer, individual (where there are several), joint and x|y|..."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.errors import DataError
from data.keypoints.entries import MAX_BYTES, Entries, Field, Person, refuse
from data.store import open_regular
from data.store.restricted_pickle import load_plain

CSV_INSTEAD = "Export the CSV: deeplabcut.analyze_videos(..., save_as_csv=True)"


def of_table(
    path: Path, columns: Sequence[tuple[str, ...]], index: Sequence[Any], values: NDArray[np.float64]
) -> Entries:
    """The entries of a (row, column) table, NaN where nothing was detected; `index` has the frame of each row.

    Columns are named (scorer, joint, coordinate) or (scorer, individual, joint, coordinate).
    """
    place: dict[tuple[str, str, str], int] = {}
    for number, column in enumerate(columns):
        if len(column) not in (3, 4) or column[-1] not in ("x", "y", "likelihood"):
            raise refuse(path, f"column {number + 1} ({'/'.join(column)}): not x, y or likelihood", CSV_INSTEAD)
        key = (column[1] if len(column) == 4 else "", column[-2], column[-1])
        if key in place:
            raise refuse(path, f"column {number + 1} ({'/'.join(column)}): appears twice")
        place[key] = number
    joints = tuple(dict.fromkeys(joint for _, joint, _ in place))
    entries = Entries(path, "DeepLabCut", joints, complete=True)
    parts: dict[str, NDArray[np.float64]] = {}
    for name in dict.fromkeys(individual for individual, _, _ in place):
        # A joint that this individual does not have reads as NaN; without a likelihood every joint counts fully.
        parts[name] = np.full((len(values), len(joints), 3), [np.nan, np.nan, 1.0])
        for k, joint in enumerate(joints):
            for axis, coordinate in enumerate(("x", "y", "likelihood")):
                if (name, joint, coordinate) in place:
                    parts[name][:, k, axis] = values[:, place[name, joint, coordinate]]
    for row, frame in enumerate(index):
        field = Field(frame, path, f"row {row + 1}")
        group = entries.new_frame(field.frame(), field)
        for name, points in parts.items():
            if np.isfinite(points[row, :, 0]).any():
                group.append(Person(points[row], id=name))
    return entries


def of_h5(path: Path) -> Entries:
    """The entries of a table that pandas wrote. Raises DataError: no such table, or column names that are no texts."""
    import h5py

    try:
        open_regular(path).close()  # refuses a pipe, which would never end
        with h5py.File(path, "r") as file:
            groups = [file[name] for name in file if isinstance(file.get(name, getlink=True), h5py.HardLink)]
            group = next((g for g in groups if isinstance(g, h5py.Group) and "table" in g), None)
            if group is None or not isinstance(group.get("table", getlink=True), h5py.HardLink):
                raise refuse(path, "no DeepLabCut table in this file", CSV_INSTEAD)
            table, names = group["table"], group.attrs.get("non_index_axes")
            fields = table.dtype.names or ()
            if set(fields) != {"index", "values_block_0"} or table.external or table.is_virtual:
                raise refuse(path, f"{group.name}/table: not the fields index and values_block_0", CSV_INSTEAD)
            if table.size * table.dtype.itemsize > MAX_BYTES:
                raise refuse(path, f"{group.name}/table: more than {MAX_BYTES >> 30} GiB", "Split the video")
            columns, rows = _columns(path, bytes(names) if isinstance(names, bytes) else b""), table[()]
    except DataError:
        raise
    except Exception as error:  # noqa: BLE001 -- a damaged HDF5 file raises nearly any exception
        raise refuse(path, f"no readable HDF5 file ({type(error).__name__})", CSV_INSTEAD) from None
    values = np.asarray(rows["values_block_0"])
    if values.ndim != 2 or values.shape[1] != len(columns) or values.dtype.kind != "f":
        raise refuse(path, f"values_block_0: shape {values.shape} for {len(columns)} columns", CSV_INSTEAD)
    index = np.asarray(rows["index"])
    return of_table(path, columns, index.tolist() if index.dtype.kind in "iu" else [None], values.astype(np.float64))


def _columns(path: Path, text: bytes) -> list[tuple[str, ...]]:
    """Column names from the attribute `non_index_axes` of pandas: [(1, [(scorer, joint, coordinate), ...])]."""
    fault = refuse(path, "non_index_axes: the pickled column names are more than lists of texts", CSV_INSTEAD)
    try:
        ((axis, columns),) = load_plain(text)
        sound = axis == 1 and all(isinstance(c, tuple) and all(isinstance(p, str) for p in c) for c in columns)
    except (DataError, TypeError, ValueError):
        raise fault from None
    if not sound:
        raise fault
    return list(columns)
