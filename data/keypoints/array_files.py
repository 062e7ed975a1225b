"""Reads arrays of joints: NumPy's `.npy` and `.npz`, and the annotations of PySKL and MMAction2 (`.pkl`)."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from data.keypoints.entries import MAX_BYTES, Keypoints, keypoint_error, readable
from data.keypoints.skeletons import BY_NUMBER, SKELETONS
from data.store import read_regular
from data.store.arrays import Floats
from data.store.numpy_reading import numpy_arrays
from data.store.restricted_pickle import load_plain

AXES = "Save (frame, joint, n) or (frame, person, joint, n), where n is x, y in pixels or x, y, z, and a score"
MAX_SCORE, MIN_PIXELS = 2.0, 10.0
"""The last of three numbers is a score if all are 0..2 and a position is beyond 10 pixels; else it is z."""


def of_arrays(path: Path, stem: str) -> Keypoints:
    """The bodies of the only array of a file, or of the one called `keypoints`, whose joints `joints` may name.

    Without names the number of joints decides, or they are called 0, 1, …. Without scores, joints count unless they are
    at 0. A person without joints is absent. Of several annotations, `stem` names one. Raises DataError: other arrays.
    """
    with readable(path, "file of joints", AXES):
        arrays = {"": partial(_annotation, path, stem)} if path.suffix.lower() == ".pkl" else numpy_arrays(path)
        (read,) = [arrays["keypoints"]] if "keypoints" in arrays else arrays.values()
        values = np.asarray(read(), dtype=np.float64)
        values = _with_scores(values[:, None] if values.ndim == 3 else values)
        count, _, joints, numbers = values.shape
        layout = "KIMORE" if (joints, numbers) == (25, 4) else BY_NUMBER.get(joints, "")  # NTU RGB+D has Kinect's too
        names = SKELETONS.get(layout, range(joints))
        if "joints" in arrays:
            layout, names = "named", arrays["joints"]().reshape(joints)
        frames, people = (values[..., -1] > 0).any(axis=2).nonzero()
        return Keypoints.of_bodies(
            path,
            (f"array, {layout or 'numbered'}", tuple(map(str, names))),
            values[frames, people, : len(names)],
            frames,
            [str(person) for person in people],
            entries=range(count),
            complete=True,
        )


def _annotation(path: Path, stem: str) -> Floats:
    """(frame, person, joint, n) of `keypoint` (person, frame, joint, axes) and, if there are any, `keypoint_score`."""
    read = load_plain(read_regular(path, MAX_BYTES), path)
    several = read.get("annotations", [read]) if isinstance(read, dict) else read
    named = [one for one in several if len(several) == 1 or one["frame_dir"] == stem]
    if len(named) != 1:
        what = f"{len(named)} of {len(several)} annotations have the frame_dir '{stem}'"
        raise keypoint_error(path, what, "Keep one of this name")
    values = [np.asarray(named[0]["keypoint"], np.float64)]
    if "keypoint_score" in named[0]:
        values.append(named[0]["keypoint_score"][..., None])
    return np.asarray(np.concatenate(values, axis=-1).swapaxes(0, 1))


def _with_scores(values: Floats) -> Floats:
    """The values with a score as the last number of each joint."""
    last = np.nan_to_num(values[..., -1])
    in_range = last.min() >= 0 and last.max() <= MAX_SCORE and np.nanmax(values[..., :2]) > MIN_PIXELS
    if values.shape[-1] == 4 or (values.shape[-1] == 3 and in_range):
        return values
    if values.shape[-1] not in (2, 3):
        raise ValueError("neither coordinates nor a score")
    return np.append(values, (values != 0).any(axis=-1, keepdims=True), axis=-1)
