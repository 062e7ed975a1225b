"""Reads pose estimates in NWB files (ndx-pose), whose schema defines the HDF5 layout."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from data.keypoints.entries import MAX_BYTES, Keypoints, keypoint_error, readable
from data.store.arrays import Floats
from data.store.hdf5 import stored_values

AGAIN = "Write the file again, by pynwb and ndx-pose"


def of_nwb(path: Path) -> Keypoints:
    """The bodies in an NWB file, with one person for each `PoseEstimation`. Time 0 is frame 0.

    Raises DataError: damaged, without poses, or two times in one frame.
    """
    import h5py

    series: dict[str, dict[str, tuple[Floats, Floats]]] = {}

    def visit(name: str, item: object) -> None:
        if isinstance(item, h5py.Group) and item.attrs.get("neurodata_type") == "PoseEstimationSeries":
            person = item.parent.name.rpartition("/")[2].removeprefix("track=")
            series.setdefault(person, {})[name.rpartition("/")[2]] = _series(item)

    with readable(path, "NWB file", AGAIN), h5py.File(path, "r", locking=False) as file:
        file.visititems(visit)
    clocks = [times for joints in series.values() for times, _ in joints.values()]
    union = np.unique(np.concatenate(clocks)) if clocks else np.zeros(0)
    if not union.size:
        raise keypoint_error(path, "no PoseEstimationSeries in this file", AGAIN)
    period = float(np.median(np.diff(union))) if len(union) > 1 else 1.0
    frames = np.rint(union / period).astype(int)
    if all(np.array_equal(times, union) for times in clocks):  # a row for every frame, also at an uneven rate
        frames = frames[0] + np.arange(len(union))
    if (np.diff(frames) <= 0).any():
        raise keypoint_error(path, "two times of its series belong to one frame", AGAIN)
    people: dict[str, dict[str, Floats]] = {person: {} for person in series}
    for person, joints in series.items():
        for joint, (times, points) in joints.items():
            people[person][joint] = np.full((len(union), points.shape[1]), np.nan)
            people[person][joint][np.searchsorted(union, times)] = points
    return Keypoints.of_tracks(path, "NWB", people, frames, times=union)


def _series(group: Any) -> tuple[Floats, Floats]:
    """Times (row,) and points (row, axes + 1) with the confidence, which is 1 if missing."""
    import h5py

    values: dict[str, Floats] = {}
    for name in ("data", "timestamps", "starting_time", "confidence"):
        if isinstance(group.get(name, getlink=True), h5py.HardLink):
            values[name] = stored_values(group, name, MAX_BYTES).astype(np.float64)
    count = len(values["data"])
    if "timestamps" not in values:
        rate = float(group["starting_time"].attrs["rate"])
        values["timestamps"] = values["starting_time"] + np.arange(count) / rate
    return values["timestamps"], np.column_stack([values["data"], values.get("confidence", np.ones(count))])
