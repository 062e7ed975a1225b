"""DeepLabCut's tables, CSV and H5: columns named by scorer, individual (where there are several), joint and x|y|..."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from data.errors import DataError
from data.keypoints.entries import MAX_BYTES, Field, Keypoints, frame_numbers, keypoint_error, readable
from data.store.arrays import Floats
from data.store.restricted_pickle import load_plain

AXES = ("x", "y", "z", "likelihood")

CSV_INSTEAD = "Export the CSV: deeplabcut.analyze_videos(..., save_as_csv=True)"


def of_table(path: Path, columns: Sequence[tuple[str, ...]], index: Sequence[Any], values: Floats) -> Keypoints:
    """The bodies in a (row, column) table, NaN for missing detections; `index` has the frame of each row.

    Columns are named (scorer, joint, coordinate) or (scorer, individual, joint, coordinate).
    """
    tracks: dict[str, dict[str, Floats]] = {}
    names = set[tuple[str, ...]]()
    axes = [axis for axis in AXES if axis != "z" or any(column[-1] == "z" for column in columns)]
    for number, column in enumerate(columns):
        if len(column) not in (3, 4) or column[-1] not in AXES:
            what = f"column {number + 1} ({'/'.join(column)}): not {', '.join(AXES)}"
            raise keypoint_error(path, what, CSV_INSTEAD)
        if column[1:] in names:
            raise keypoint_error(path, f"column {number + 1} ({'/'.join(column)}): appears twice")
        names.add(column[1:])
        # Without a likelihood, every score is 1.
        joints = tracks.setdefault(column[1] if len(column) == 4 else "", {})
        points = joints.setdefault(column[-2], np.full((len(values), len(axes)), [np.nan] * (len(axes) - 1) + [1.0]))
        points[:, axes.index(column[-1])] = values[:, number]
    frames = [Field(frame, path, f"row {row}").frame() for row, frame in enumerate(index, start=1)]
    return Keypoints.of_tracks(path, "DeepLabCut", tracks, frame_numbers(path, frames, once=True), complete=True)


def of_h5(path: Path) -> Keypoints:
    """The bodies in a table of pandas. Raises DataError: no such table, or column names that are not text."""
    import h5py

    with readable(path, "HDF5 file", CSV_INSTEAD), h5py.File(path, "r") as file:
        groups = [file[name] for name in file if isinstance(file.get(name, getlink=True), h5py.HardLink)]
        group = next((g for g in groups if isinstance(g, h5py.Group) and "table" in g), None)
        if group is None or not isinstance(group.get("table", getlink=True), h5py.HardLink):
            raise keypoint_error(path, "no DeepLabCut table in this file", CSV_INSTEAD)
        table, names = group["table"], group.attrs.get("non_index_axes")
        fields = table.dtype.names or ()
        if set(fields) != {"index", "values_block_0"} or table.external or table.is_virtual:
            raise keypoint_error(path, f"{group.name}/table: not the fields index and values_block_0", CSV_INSTEAD)
        if table.size * table.dtype.itemsize > MAX_BYTES:
            raise keypoint_error(path, f"{group.name}/table: more than {MAX_BYTES >> 30} GiB", "Split the video")
        columns, rows = _columns(path, bytes(names) if isinstance(names, bytes) else b""), table[()]
    values = np.asarray(rows["values_block_0"])
    if values.ndim != 2 or values.shape[1] != len(columns) or values.dtype.kind != "f":
        raise keypoint_error(path, f"values_block_0: shape {values.shape} for {len(columns)} columns", CSV_INSTEAD)
    index = np.asarray(rows["index"])
    return of_table(path, columns, index.tolist() if index.dtype.kind in "iu" else [None], values.astype(np.float64))


def _columns(path: Path, text: bytes) -> list[tuple[str, ...]]:
    """Column names from the attribute `non_index_axes` of pandas: [(1, [(scorer, joint, coordinate), ...])]."""
    fault = keypoint_error(path, "non_index_axes: the pickled column names are more than lists of texts", CSV_INSTEAD)
    try:
        ((axis, columns),) = load_plain(text)
        sound = axis == 1 and all(isinstance(c, tuple) and all(isinstance(p, str) for p in c) for c in columns)
    except (DataError, TypeError, ValueError):
        raise fault from None
    if not sound:
        raise fault
    return list(columns)
