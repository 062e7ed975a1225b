"""Reads arrays of joints: NumPy's `.npy` and `.npz`, and the annotations of PySKL and MMAction2 (`.pkl`)."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np

from data.keypoints.entries import MAX_BYTES, Keypoints, keypoint_error, readable
from data.keypoints.skeletons import BY_NUMBER, SKELETONS
from data.store import read_regular
from data.store.restricted_pickle import load_plain

AXES = "Save (frame, joint, 3) or (frame, person, joint, 3): x, y in pixels and score; 4 numbers are x, y, z and score"


def of_numpy(path: Path) -> Keypoints:
    """The bodies in one array, in an archive the array `keypoints`; the array `joints` has the names of joints.

    Axes are as in `AXES`. Without names, the number of joints decides. Raises DataError: other arrays.
    """
    with readable(path, "NumPy file", AXES):
        stored = np.load(io.BytesIO(read_regular(path, MAX_BYTES)), allow_pickle=False)
        archive = {} if isinstance(stored, np.ndarray) else stored
        values = np.asarray(archive.get("keypoints", stored), dtype=np.float64)
        names = tuple(map(str, archive["joints"])) if "joints" in archive else ()
    return _of_array(path, "NumPy", values[:, None] if values.ndim == 3 else values, names)


def of_annotations(path: Path, stem: str) -> Keypoints:
    """The bodies in an annotation with `keypoint` (person, frame, joint, 2) and `keypoint_score`, may be empty.

    Of several annotations, the one whose `frame_dir` is the video's name. Raises DataError: missing, or another form.
    """
    with readable(path, "pickle of annotations"):
        found: Any = load_plain(read_regular(path, MAX_BYTES), path)
        found = found.get("annotations", [found]) if isinstance(found, dict) else found
        found = [one for one in found if len(found) == 1 or Path(one["frame_dir"]).stem == stem]
        if len(found) != 1:
            raise keypoint_error(
                path, f"{len(found)} annotations have the frame_dir '{stem}'", "Keep one of this video"
            )
        places, scores = (np.asarray(found[0][name], dtype=np.float64) for name in ("keypoint", "keypoint_score"))
        values = np.concatenate([places, scores[..., None]], axis=-1).swapaxes(0, 1)
    return _of_array(path, "PySKL", values, ())


def _of_array(path: Path, layout: str, values: Any, names: tuple[str, ...]) -> Keypoints:
    """The bodies in (frame, person, joint, axes + 1) coordinates and scores, without people whose scores are all 0."""
    joints = names or SKELETONS.get(BY_NUMBER.get(values.shape[2] if values.ndim == 4 else 0, ""), ())
    if values.ndim != 4 or values.shape[-1] not in (3, 4) or not joints or len(names) not in (0, values.shape[2]):
        raise keypoint_error(path, f"its array has the shape {values.shape}, and {len(names)} joints are named", AXES)
    if np.nanmax(values[..., -1], initial=0) > 2:
        raise keypoint_error(path, "the last number of a joint is above 2, so it is not its score", AXES)
    frames, people = (np.nan_to_num(values[..., -1]) > 0).any(axis=2).nonzero()
    return Keypoints.of_bodies(
        path,
        (f"{layout} {'named joints' if names else BY_NUMBER[values.shape[2]]}", joints),
        values[frames, people, : len(joints)],
        frames,
        [str(person) for person in people] if values.shape[1] > 1 else None,
        entries=np.arange(len(values)),
        complete=True,
    )
