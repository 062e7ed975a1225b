"""Reads files of SLEAP (`.slp`, analysis `.h5`) through `sleap-io`, and NWB's pose estimation (ndx-pose)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from data.errors import UsageError
from data.keypoints.entries import MAX_BYTES, Entries, Person, of_series, refuse
from data.store import open_regular
from data.store.arrays import Floats

AS_CSV = "Export the joints again, or as a CSV with the columns <joint>_x, <joint>_y"


def of_sleap(path: Path) -> Entries:
    """The entries of SLEAP's labels: a user's, and the predictions that none replaces.

    Raises UsageError: the extra is missing; DataError: damaged, or of several videos.
    """
    try:
        import sleap_io
    except ImportError:
        fix = 'Type: python -m pip install -e ".[sleap]"'
        raise UsageError("SLEAP needs the package 'sleap-io', which is not installed", where=path, fix=fix) from None
    open_regular(path).close()  # refuses a pipe, which would never end
    entries = Entries(path)
    try:
        if path.suffix.lower() == ".slp":
            labels = sleap_io.load_slp(str(path), open_videos=False)
        else:  # with a video that is not opened, in place of the one that the file names
            labels = sleap_io.load_analysis_h5(str(path), sleap_io.Video(path.name, open_backend=False))
        videos, skeletons = len(labels.videos), [tuple(one.node_names) for one in labels.skeletons]
        for frame in labels.labeled_frames:
            people = [*frame.user_instances, *frame.unused_predictions]
            entries.frames[int(frame.frame_idx)] = [_instance(one) for one in people]
    except Exception as error:  # noqa: BLE001 -- a damaged file raises nearly any exception
        raise refuse(path, f"is no readable file of SLEAP ({type(error).__name__})", AS_CSV) from None
    if videos > 1 or len(set(skeletons)) != 1:
        what = f"has {videos} videos and {len(skeletons)} skeletons"
        raise refuse(path, what, "Export a file of one skeleton for each video")
    entries.layout, entries.joints = "SLEAP", skeletons[0]
    return entries


def _instance(one: Any) -> Person:
    """A person; joints that a user placed have no score, or NaN, and count fully."""
    points = np.asarray(one.numpy(), dtype=np.float64)
    scores = np.ones(len(points))
    if "score" in (one.points.dtype.names or ()):
        scores = np.nan_to_num(np.asarray(one.points["score"], dtype=np.float64), nan=1.0)
    score = getattr(one, "score", None)
    person_score = None if score is None or np.isnan(score) else float(score)
    return Person(np.column_stack([points, scores]), person_score, one.track.name if one.track else "")


def is_sleap(path: Path) -> bool:
    """Whether an HDF5 file is an analysis file of SLEAP."""
    import h5py

    try:
        open_regular(path).close()
        with h5py.File(path, "r", locking=False) as file:
            return "node_names" in file and "tracks" in file
    except (OSError, RuntimeError):
        return False


def of_nwb(path: Path) -> Entries:
    """The entries of every `PoseEstimation` of an NWB file, each one person. Time 0 is frame 0.

    Raises DataError: damaged, without poses, or with times that give two rows to one frame.
    """
    import h5py

    series: dict[str, dict[str, tuple[Floats, Floats]]] = {}

    def visit(name: str, item: object) -> None:
        if isinstance(item, h5py.Group) and item.attrs.get("neurodata_type") == "PoseEstimationSeries":
            person = item.parent.name.rpartition("/")[2].removeprefix("track=")
            series.setdefault(person, {})[name.rpartition("/")[2]] = _series(item)

    try:
        open_regular(path).close()
        with h5py.File(path, "r", locking=False) as file:
            file.visititems(visit)
    except Exception as error:  # noqa: BLE001 -- a damaged HDF5 file raises nearly any exception
        raise refuse(path, f"is no readable NWB file ({type(error).__name__})", AS_CSV) from None
    clocks = [times for joints in series.values() for times, _ in joints.values()]
    union = np.unique(np.concatenate(clocks)) if clocks else np.zeros(0)
    if not union.size:
        raise refuse(path, "no PoseEstimationSeries in this file", AS_CSV)
    period = float(np.median(np.diff(union))) if len(union) > 1 else 1.0
    frames = np.rint(union / period).astype(int)
    if all(np.array_equal(times, union) for times in clocks):  # a row for every frame, also at an uneven rate
        frames = frames[0] + np.arange(len(union))
    if (np.diff(frames) <= 0).any():
        raise refuse(path, "two times of its series belong to one frame", AS_CSV)
    people: dict[str, dict[str, Floats]] = {person: {} for person in series}
    for person, joints in series.items():
        for joint, (times, points) in joints.items():
            people[person][joint] = np.full((len(union), points.shape[1]), np.nan)
            people[person][joint][np.searchsorted(union, times)] = points
    entries = of_series(path, "NWB", people, frames.tolist())
    entries.times = dict(zip(frames.tolist(), union.tolist(), strict=True))
    return entries


def _series(group: Any) -> tuple[Floats, Floats]:
    """Times (row,) and points (row, axes + 1) with the confidence, which is 1 where the file has none."""
    import h5py

    values: dict[str, Floats] = {}
    for name in ("data", "timestamps", "starting_time", "confidence"):
        if isinstance(group.get(name, getlink=True), h5py.HardLink):
            dataset = group[name]
            if dataset.external or dataset.is_virtual or dataset.nbytes > MAX_BYTES:
                raise ValueError(f"'{name}' is not stored in the file itself")
            values[name] = np.asarray(dataset[()], dtype=np.float64)
    count = len(values["data"])
    if "timestamps" not in values:
        rate = float(group["starting_time"].attrs["rate"])
        values["timestamps"] = values["starting_time"] + np.arange(count) / rate
    return values["timestamps"], np.column_stack([values["data"], values.get("confidence", np.ones(count))])
