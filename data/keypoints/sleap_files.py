"""Reads files of SLEAP: `.slp` through `sleap-io`, and its analysis `.h5`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from data.errors import of_extra
from data.keypoints.entries import MAX_BYTES, Keypoints, keypoint_error, readable
from data.store.arrays import Floats
from data.store.hdf5 import stored_values

AS_CSV = "Export the joints again, or as a CSV with the columns <joint>_x, <joint>_y"

NAMES = ("node_names", "track_names")
"""Datasets of an analysis file with the names of joints and people."""


def of_sleap(path: Path) -> Keypoints:
    """The bodies in SLEAP's labels: the user's, and predictions that the user has not replaced.

    Raises UsageError: the extra is missing; DataError: damaged, or of several videos.
    """
    with of_extra("sleap", "SLEAP", where=path):
        import sleap_io
    with readable(path, "file of SLEAP", AS_CSV):
        labels = sleap_io.load_slp(str(path), open_videos=False)
        videos, skeletons = len(labels.videos), [tuple(skeleton.node_names) for skeleton in labels.skeletons]
        rows = [
            (
                _points(instance),
                frame.frame_idx,
                instance.track.name if instance.track else "",
                getattr(instance, "score", None),
            )
            for frame in labels.labeled_frames
            for instance in (*frame.user_instances, *frame.unused_predictions)
        ]
    if videos > 1 or len(set(skeletons)) != 1:
        what = f"has {videos} videos and {len(skeletons)} skeletons"
        raise keypoint_error(path, what, "Export a file of one skeleton for each video")
    return Keypoints.of_bodies(path, ("SLEAP", skeletons[0]), *(zip(*rows, strict=True) if rows else ((), ())))


def _points(instance: Any) -> Floats:
    """(joint, 3) of a person; joints that a user placed lack a score and get 1."""
    points = np.asarray(instance.numpy(), dtype=np.float64)
    scores = np.ones(len(points))
    if "score" in (instance.points.dtype.names or ()):
        scores = np.nan_to_num(np.asarray(instance.points["score"], dtype=np.float64), nan=1.0)
    return np.column_stack([points, scores])


def of_analysis(path: Path) -> Keypoints:
    """The bodies in an analysis file; scores, which old versions of SLEAP lack, default to 1.

    Raises DataError: damaged.
    """
    import h5py

    with readable(path, "file of SLEAP", AS_CSV), h5py.File(path, "r", locking=False) as file:
        axes = json.loads(file["tracks"].attrs.get("dims", '["track", "xy", "node", "frame"]'))
        order = [axes.index(axis) for axis in ("track", "node", "frame", "xy")]
        places = np.transpose(stored_values(file, "tracks", MAX_BYTES).astype(np.float64), order)
        points = np.insert(places, 2, 1.0, axis=3)
        if "point_scores" in file:
            scores = np.transpose(stored_values(file, "point_scores", MAX_BYTES), np.argsort(np.argsort(order[:3])))
            points[..., 2] = np.nan_to_num(scores, nan=1.0)
        joints, people = ([text.decode() for text in stored_values(file, name, MAX_BYTES)] for name in NAMES)
        tracks = {who: dict(zip(joints, track, strict=True)) for who, track in zip(people or [""], points, strict=True)}
        return Keypoints.of_tracks(path, "SLEAP", tracks, np.arange(points.shape[2]))
