"""Reads files of SLEAP, `.slp` and its analysis `.h5`, through `sleap-io`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from data.errors import of_extra
from data.keypoints.entries import Keypoints, keypoint_error, readable
from data.store import open_regular
from data.store.arrays import Floats

AS_CSV = "Export the joints again, or as a CSV with the columns <joint>_x, <joint>_y"


def of_sleap(path: Path) -> Keypoints:
    """The bodies of SLEAP's labels: a user's, and the predictions that none replaces.

    Raises UsageError: the extra is missing; DataError: damaged, or of several videos.
    """
    with of_extra("sleap", "SLEAP", where=path):
        import sleap_io
    with readable(path, "file of SLEAP", AS_CSV):
        if path.suffix.lower() == ".slp":
            labels = sleap_io.load_slp(str(path), open_videos=False)
        else:  # with a video that is not opened, in place of the one that the file names
            labels = sleap_io.load_analysis_h5(str(path), sleap_io.Video(path.name, open_backend=False))
        videos, skeletons = len(labels.videos), [tuple(skeleton.node_names) for skeleton in labels.skeletons]
        entries = list(dict.fromkeys(int(frame.frame_idx) for frame in labels.labeled_frames))
        instances = [
            (int(frame.frame_idx), instance)
            for frame in labels.labeled_frames
            for instance in (*frame.user_instances, *frame.unused_predictions)
        ]
        points = [_points(instance) for _, instance in instances]
        people = [instance.track.name if instance.track else "" for _, instance in instances]
        scores = [getattr(instance, "score", None) for _, instance in instances]
    if videos > 1 or len(set(skeletons)) != 1:
        what = f"has {videos} videos and {len(skeletons)} skeletons"
        raise keypoint_error(path, what, "Export a file of one skeleton for each video")
    frames = [frame for frame, _ in instances]
    return Keypoints.of_bodies(path, ("SLEAP", skeletons[0]), points, frames, people, scores, entries)


def _points(instance: Any) -> Floats:
    """(joint, 3) of a person; joints that a user placed have no score, or NaN, and count fully."""
    points = np.asarray(instance.numpy(), dtype=np.float64)
    scores = np.ones(len(points))
    if "score" in (instance.points.dtype.names or ()):
        scores = np.nan_to_num(np.asarray(instance.points["score"], dtype=np.float64), nan=1.0)
    return np.column_stack([points, scores])


def is_sleap(path: Path) -> bool:
    """Whether an HDF5 file is an analysis file of SLEAP."""
    import h5py

    try:
        open_regular(path).close()
        with h5py.File(path, "r", locking=False) as file:
            return "node_names" in file and "tracks" in file
    except (OSError, RuntimeError):
        return False
