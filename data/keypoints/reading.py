"""One file or folder of keypoints becomes the people of every frame, with COCO-17 joints in pixels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.errors import DataError, printable
from data.keypoints import csv_layouts, deeplabcut, json_layouts
from data.keypoints.entries import MAX_BYTES, Entries, Person, refuse
from data.keypoints.kinect_tables import ui_prmd_entries
from data.keypoints.skeletons import COCO17, coco_joint
from data.store import read_json

MAX_COORDINATE = 1e6  # coordinates beyond this many pixels are no joint
MIN_JOINTS = 4  # fewer joints than this of a person's are no pose


@dataclass(frozen=True)
class FramePeople:
    """The people of one frame."""

    keypoints: NDArray[np.float32]  # (P, 17, 3) COCO-17: x, y in pixels and score 0..1; NaN, NaN, 0 without a joint
    scores: NDArray[np.float32]  # (P,) 0..1
    ids: tuple[str, ...]  # (P,) the file's own names of the people; empty strings where it has none


@dataclass(frozen=True)
class ImportedKeypoints:
    """What a file holds."""

    layout: str  # name of the layout, such as "OpenPose BODY_25"
    frames: tuple[FramePeople, ...]  # the people of every frame of the video
    joint_map: Mapping[str, str]  # the file's joint by COCO-17 joint

    @property
    def summary(self) -> str:
        """See `joint_summary`."""
        return joint_summary(self.layout, self.joint_map)


def joint_summary(layout: str, joint_map: Mapping[str, str]) -> str:
    """One line for people: the layout, which joint became which, and which COCO-17 joints the file does not have."""
    parts = [f"{ours} <- {printable(given)}" for ours, given in joint_map.items() if ours != given]
    same = len(joint_map) - len(parts)
    parts += [f"{same} joints under their COCO names"] if same else []
    missing = [name for name in COCO17 if name not in joint_map]
    lacking = f"; missing: {', '.join(missing)}" if missing and parts else ""
    return f"{layout}{': ' if parts else ''}{', '.join(parts)}{lacking}"


def read_keypoints(path: Path, video_stem: str, size: tuple[int, int], frames: int) -> ImportedKeypoints:
    """Read a keypoint file, or a folder with one file a frame; the layout is recognised from the content.

    Args:
        path: the file or folder.
        video_stem: the video's file name without its suffix, as in `<stem>_000000000012_keypoints.json`.
        size: (width, height) of the video in pixels.
        frames: number of frames of the video.

    Raises:
        DataError: an unknown layout, a wrong count of numbers, a missing, repeated or impossible frame, a file that is
            too large. Named with file and field.
    """
    entries = read_entries(path, video_stem)
    joint_map, columns = joint_columns(entries)
    _check_frames(entries, frames)
    scale = np.array(size if entries.normalised else (1, 1), dtype=np.float64)
    people = [person for group in entries.frames.values() for person in group]
    if any(person.points.shape[1] > 3 for person in people):
        raise refuse(path, "has three coordinates a joint", "Use dataset.kind=skeletons: docs/datasets/skeletons.md")
    with_score = all(person.score is not None and 0 <= person.score <= 1 for person in people)
    with_id = all(len({p.id for p in group}) == len(group) for group in entries.frames.values())
    of_video = tuple(
        _frame(entries.frames.get(index, []), columns, scale, with_score, with_id) for index in range(frames)
    )
    _check_picture(entries, of_video, size)
    return ImportedKeypoints(entries.layout or "nobody in any frame", of_video, joint_map)


def read_entries(path: Path, stem: str, angles: Path | None = None) -> Entries:
    """A file or folder in its own joints; `stem` is the name with which a folder's files begin.

    `angles` is the second file of UI-PRMD. Raises DataError: see `read_keypoints`.
    """
    try:
        return _read_entries(path, stem, angles)
    except OSError as error:
        where = error.filename or path
        raise DataError(f"cannot be read ({error.strerror or error})", where=where, fix="Check the path") from None


def _read_entries(path: Path, stem: str, angles: Path | None) -> Entries:
    files = sorted(path.glob("*.json")) if path.is_dir() else [path]
    total = 0
    for file in files:
        if not file.is_file():
            raise DataError("no such keypoint file", where=file, fix="Check the path")
        total += file.stat().st_size
        if total > MAX_BYTES:
            raise DataError(f"more than {MAX_BYTES >> 30} GiB of keypoints", where=path, fix="Split the video")
    if path.is_dir():
        if not files:
            raise DataError("no .json file in this folder", where=path, fix="Put one file a frame there")
        return json_layouts.of_folder(path, stem, {file: _json(file) for file in files})
    if path.suffix.lower() in (".h5", ".hdf5"):
        return deeplabcut.of_h5(path)
    if path.suffix.lower() == ".txt":
        return ui_prmd_entries(path, angles)
    if path.suffix.lower() == ".csv":
        return csv_layouts.of_file(path)
    return json_layouts.of_file(path, _json(path))


def _json(path: Path) -> Any:
    try:
        return read_json(path, MAX_BYTES)
    except ValueError as error:
        raise DataError(f"is no JSON ({str(error)[:100]})", where=path, fix="Export the keypoints again") from None


def _check_frames(entries: Entries, frames: int) -> None:
    beyond = next((index for index in entries.frames if not 0 <= index < frames), None)
    if beyond is not None:
        what = f"has frame {beyond}, but the video has the frames 0 to {frames - 1}"
        raise refuse(entries.path, what, "Export the keypoints of this very video, with frames counted from 0")
    missing = [index for index in range(frames) if index not in entries.frames] if entries.complete else []
    if missing:
        shown = ", ".join(map(str, missing[:5])) + (", …" if len(missing) > 5 else "")
        what = f"has no entry for {len(missing)} of {frames} frames: {shown}"
        raise refuse(entries.path, what, "Export every frame; a frame without people has an empty entry")


def joint_columns(entries: Entries) -> tuple[dict[str, str], list[int]]:
    """The file's joint by COCO-17 joint, and the (17,) row of each in the file's joints, -1 where it has none.

    Raises DataError: too few joints of COCO-17, or two of one meaning.
    """
    by_joint: dict[str, str] = {}
    for name in entries.joints:
        joint = coco_joint(name)
        if joint in by_joint:
            what = f"the joints '{by_joint[joint]}' and '{name}' both mean {joint}"
            raise refuse(entries.path, what, "Rename one of them")
        if joint is not None:
            by_joint[joint] = name
    if entries.joints and len(by_joint) < MIN_JOINTS:
        what = f"of its joints {len(by_joint)} are joints of COCO-17: {', '.join(entries.joints[:8])}"
        raise refuse(entries.path, what, "Name the joints like left_shoulder or RKnee")
    joint_map = {name: by_joint[name] for name in COCO17 if name in by_joint}
    return joint_map, [entries.joints.index(joint_map[name]) if name in joint_map else -1 for name in COCO17]


def _frame(
    group: list[Person], columns: list[int], scale: NDArray[np.float64], with_score: bool, with_id: bool
) -> FramePeople:
    group = [person for person in group if len(person.points)]
    if not group:
        return FramePeople(np.zeros((0, 17, 3), np.float32), np.zeros(0, np.float32), ())
    points = np.stack([person.points for person in group])[:, columns].astype(np.float64)
    points[..., :2] *= scale
    with np.errstate(invalid="ignore"):
        usable = np.isfinite(points).all(axis=-1) & (points[..., 2] > 0) & (np.array(columns) >= 0)
        usable &= (np.abs(points[..., :2]) < MAX_COORDINATE).all(axis=-1)
    points[..., 2] = np.clip(points[..., 2], 0, 1)
    points[~usable] = np.nan, np.nan, 0
    counts = usable.sum(axis=1)
    means = points[..., 2].sum(axis=1) / np.maximum(counts, 1)
    scores = [p.score if with_score and p.score is not None else mean for p, mean in zip(group, means, strict=True)]
    rows = np.flatnonzero(counts)
    return FramePeople(
        points[rows].astype(np.float32),
        np.asarray(scores, dtype=np.float32)[rows],
        tuple(group[row].id if with_id else "" for row in rows),
    )


def _check_picture(entries: Entries, frames: tuple[FramePeople, ...], size: tuple[int, int]) -> None:
    """Refuse coordinates of another picture size: most joints outside, or all of them in the first pixel."""
    points = [frame.keypoints[frame.keypoints[..., 2] > 0][:, :2] for frame in frames]
    joints = np.concatenate(points) if points else np.zeros((0, 2))
    outside = ((joints < 0) | (joints > np.array(size))).any(axis=1)
    if len(joints) and (outside.mean() > 0.5 or (joints.max() <= 1 and min(size) > 8)):
        what = f"all coordinates are at most 1, but the picture has {size[0]}x{size[1]} pixels"
        if outside.any():
            what = f"{outside.sum()} of {len(joints)} joints are outside the picture of {size[0]}x{size[1]} pixels"
        raise refuse(entries.path, what, "Export the keypoints in pixels of this very video")
