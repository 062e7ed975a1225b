"""Reads keypoint files as people with COCO-17 joints: in every frame of a video, or over time without a video."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.errors import DataError, printable
from data.keypoints import csv_layouts, deeplabcut, json_layouts
from data.keypoints.entries import MAX_BYTES, METRES, Entries, Person, refuse
from data.keypoints.kinect_tables import ui_prmd_entries
from data.keypoints.marker_files import of_c3d, of_trc
from data.keypoints.nwb_files import of_nwb
from data.keypoints.skeletons import COCO17, SAME_NUMBER, coco_joint
from data.keypoints.sleap_files import is_sleap, of_sleap
from data.keypoints.time_stamps import on_clock, read_stamps
from data.keypoints.ultralytics import of_texts
from data.store import read_json
from data.store.arrays import Floats

MAX_COORDINATE = 1e6  # coordinates beyond this many pixels are no joint
MAX_SHARE = 2.0  # coordinates with a larger median are pixels, not shares of the picture
MIN_JOINTS = 4  # files with fewer COCO-17 joints are refused
MAX_FRAMES = 5_000_000  # files without a video and with more frames are refused: two days at 30 per second


@dataclass(frozen=True)
class FramePeople:
    """The people of one frame."""

    keypoints: NDArray[np.float32]  # (P, 17, 3) COCO-17: x, y in pixels and score 0..1; NaN, NaN, 0 without a joint
    scores: NDArray[np.float32]  # (P,) 0..1


@dataclass(frozen=True)
class ImportedKeypoints:
    """The content of a keypoint file."""

    frames: tuple[FramePeople, ...]  # the people of every frame of the video
    summary: str  # one line: the layout, the file's joint for each of COCO-17, and those that the file lacks


@dataclass(frozen=True)
class RecordedMotion:
    """The people of a file over time, in COCO-17 joints: pixels in two axes, or metres in three."""

    keypoints: Floats  # (frame, agent, 17, axes + 1) coordinates and score 0..1; NaN and 0 where a joint is missing
    times: Floats | None  # (frame,) seconds, ascending; None where the file has none
    summary: str  # see `ImportedKeypoints.summary`


def read_keypoints(
    path: Path, video_stem: str, size: tuple[int, int], frames: int, others: Sequence[Path] = (), layout: str = ""
) -> ImportedKeypoints:
    """Read a keypoint file, or a folder with one file a frame; the layout is recognised from the content.

    Args:
        video_stem: the video's file name without its suffix, as in `<stem>_000000000012_keypoints.json`.
        size: (width, height) of the video in pixels.
        frames: number of frames of the video.
        others: files of further people, in the same layout.
        layout: a key of `SAME_NUMBER`; empty: the number of joints decides.

    Raises:
        DataError, which names file and field: an unknown layout or another one than `layout`, a wrong count of
            numbers, a missing, repeated or impossible frame, a file that is too large.
    """
    entries = _joined([_read_entries(one, video_stem) for one in (path, *others)])
    if layout and entries.layout:
        taken_for, joints = SAME_NUMBER[layout]
        if entries.layout != taken_for:
            raise refuse(path, f"is {entries.layout}, not {layout}", "Leave out pose.import.layout")
        entries.layout, entries.joints = f"OpenPose {layout}", joints
    joint_map, columns = _joint_columns(entries)
    if entries.frames and min(entries.frames) == 1 and max(entries.frames) == frames:  # counted from 1
        entries.frames = {index - 1: people for index, people in entries.frames.items()}
    _check_frames(entries, frames)
    scale = np.array(size if entries.normalised else (1, 1), dtype=np.float64)
    people = [*entries.everybody()]
    if any(person.points.shape[1] > 3 for person in people):
        raise refuse(path, "has three coordinates a joint", "Use dataset.kind=skeletons")
    with_score = all(person.score is not None and 0 <= person.score <= 1 for person in people)
    of_video = tuple(_frame(entries.frames.get(index, []), columns, scale, with_score) for index in range(frames))
    _check_picture(entries, of_video, size)
    return ImportedKeypoints(of_video, _summary(entries.layout or "nobody in any frame", joint_map))


def read_motion(
    path: Path,
    agents: int,
    angles: Path | None = None,
    time_stamps: Path | None = None,
    others: Sequence[Path] = (),
    unit: str = "m",
) -> RecordedMotion:
    """Read a keypoint file that has no video; the layout is recognised from the content.

    The first `agents` people that the file names are kept; `angles` is the second file of UI-PRMD, `time_stamps`
    that of KIMORE, and `others` are files of further people. `unit` is that of three coordinates, a key of `METRES`,
    unless the file names its own.

    Raises DataError: an unknown or damaged layout, several people without names, or times that do not ascend.
    """
    entries = _joined([_read_entries(path, path.stem, angles), *(_read_entries(one, one.stem) for one in others)])
    if time_stamps is not None:
        entries = on_clock(entries, read_stamps(time_stamps))
    if entries.normalised:
        raise refuse(path, "x and y are parts of a picture whose size is not known", "Export pixels, or x, y and z")
    rows = sorted(entries.frames)
    people = [*entries.everybody()]
    if not people:
        raise refuse(path, "nobody is in any frame", "Leave this file out")
    if rows[0] < 0 or rows[-1] >= MAX_FRAMES:
        raise refuse(path, f"has frame {rows[-1] if rows[0] >= 0 else rows[0]}", "Number the frames from 0")
    joint_map, columns = _joint_columns(entries)
    names = _names(entries)[:agents]
    first = 0 if entries.complete else rows[0]
    keypoints = np.full((rows[-1] + 1 - first, agents, len(columns), people[0].points.shape[1]), np.nan)
    keypoints[..., -1] = 0
    for index in rows:
        for person in entries.frames[index]:
            if person.id in names:
                keypoints[index - first, names.index(person.id)] = _joints(person.points, columns)
    if keypoints.shape[-1] == 4 and not entries.in_metres:
        keypoints[..., :3] *= METRES[unit]
    times = _times(entries, len(keypoints), first) if entries.times else None
    return RecordedMotion(keypoints, times, _summary(entries.layout, joint_map))


def _names(entries: Entries) -> list[str]:
    """The names of the people in the order in which they appear; one empty name where there is only one person."""
    for index, group in entries.frames.items():
        if len({person.id for person in group}) < len(group):
            fix = "Name each person in every frame, such as in a column person"
            raise refuse(entries.path, f"frame {index}: {len(group)} people without distinct names", fix)
    named = (person.id for index in sorted(entries.frames) for person in entries.frames[index])
    return list(dict.fromkeys((*entries.people, *named)))


def _joined(files: Sequence[Entries]) -> Entries:
    """The people of files of one layout together, in the order of the files.

    Raises DataError: a file has other joints.
    """
    first, *others = files
    for number, other in enumerate(others, start=2):
        if (other.layout, other.joints) != (first.layout, first.joints):
            raise refuse(other.path, f"has other joints than {printable(first.path.name)}")
        for person in other.everybody():
            person.id = f"{number}:{person.id}"
    first.people = tuple(dict.fromkeys(person.id for one in files for person in one.everybody())) if others else ()
    for other in others:
        for index, group in other.frames.items():
            first.frames.setdefault(index, []).extend(group)
        first.times = {**other.times, **first.times}
    return first


def _times(entries: Entries, count: int, first: int) -> Floats:
    """(count,) seconds; frames without an entry are interpolated."""
    rows = np.array(sorted(entries.times))
    seconds = np.array([entries.times[row] for row in rows])
    if not np.isfinite(seconds).all() or (np.diff(seconds) <= 0).any():
        fix = "Give seconds in the column time, one frame after another"
        raise refuse(entries.path, "the times do not ascend", fix)
    return np.asarray(np.interp(np.arange(count) + first, rows, seconds), dtype=np.float64)


def _joints(points: Floats, columns: list[int]) -> Floats:
    """(..., 17, axes + 1) COCO-17 joints, scores 0..1, from a layout's joints; NaN and 0 where one is missing."""
    points = points[..., columns, :].astype(np.float64)
    usable = np.isfinite(points).all(axis=-1) & (points[..., -1] > 0) & (np.array(columns) >= 0)
    points[..., -1] = points[..., -1].clip(0, 1)
    points[~usable] = [*[np.nan] * (points.shape[-1] - 1), 0]
    return points


def _summary(layout: str, joint_map: Mapping[str, str]) -> str:
    parts = [f"{ours} <- {printable(given)}" for ours, given in joint_map.items() if ours != given]
    same = len(joint_map) - len(parts)
    parts += [f"{same} joints under their COCO names"] if same else []
    missing = [name for name in COCO17 if name not in joint_map]
    lacking = f"; missing: {', '.join(missing)}" if missing and parts else ""
    return f"{layout}{': ' if parts else ''}{', '.join(parts)}{lacking}"


def _read_entries(path: Path, stem: str, angles: Path | None = None) -> Entries:
    """The entries of a file or folder, in its own joints; `stem` is the beginning of the names of a folder's files."""
    try:
        entries = _of_layout(path, stem, angles)
    except OSError as error:
        where = error.filename or path
        raise DataError(f"cannot be read ({error.strerror or error})", where=where, fix="Check the path") from None
    if entries.normalised:
        places = [person.points[:, :2] for person in entries.everybody()]
        sizes = np.abs(np.concatenate(places)) if places else np.zeros((0, 2))
        entries.normalised = not bool(np.median([0.0, *sizes[np.isfinite(sizes)]]) > MAX_SHARE)
    return entries


def _of_layout(path: Path, stem: str, angles: Path | None) -> Entries:
    files = [path] if not path.is_dir() else sorted(path.glob("*.json")) or sorted(path.glob("*.txt"))
    total = 0
    for file in files:
        if not file.is_file():
            raise DataError("no such keypoint file", where=file, fix="Check the path")
        total += file.stat().st_size
        if total > MAX_BYTES:
            raise DataError(f"more than {MAX_BYTES >> 30} GiB of keypoints", where=path, fix="Split the video")
    if path.is_dir():
        if not files:
            raise DataError("no .json or .txt file in this folder", where=path, fix="Put one file a frame there")
        if files[0].suffix == ".txt":
            return of_texts(path, stem, files)
        return json_layouts.of_folder(path, stem, {file: _json(file) for file in files})
    reader = READERS.get(path.suffix.lower())
    if reader is not None:
        return reader(path)
    if path.suffix.lower() == ".txt":
        return ui_prmd_entries(path, angles)
    return json_layouts.of_file(path, _json(path))


def _hdf5(path: Path) -> Entries:
    return of_sleap(path) if is_sleap(path) else deeplabcut.of_h5(path)


READERS: Mapping[str, Callable[[Path], Entries]] = {
    ".csv": csv_layouts.of_file,
    ".h5": _hdf5,
    ".hdf5": _hdf5,
    ".trc": of_trc,
    ".c3d": of_c3d,
    ".slp": of_sleap,
    ".nwb": of_nwb,
}
"""Readers of one file by its ending; all others are JSON, or UI-PRMD's text."""


def _json(path: Path) -> Any:
    try:
        return read_json(path, MAX_BYTES)
    except ValueError as error:
        raise refuse(path, f"is no JSON ({str(error)[:100]})") from None


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


def _joint_columns(entries: Entries) -> tuple[dict[str, str], list[int]]:
    """The file's joint by COCO-17 joint, and its row among the file's joints for each of the 17, -1 where it has none.

    Raises DataError: too few COCO-17 joints, or two joints that mean the same.
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
        what = f"only {len(by_joint)} of its joints are COCO-17 joints ({', '.join(entries.joints[:8])})"
        raise refuse(entries.path, what, "Name the joints like left_shoulder or RKnee")
    joint_map = {name: by_joint[name] for name in COCO17 if name in by_joint}
    return joint_map, [entries.joints.index(joint_map[name]) if name in joint_map else -1 for name in COCO17]


def _frame(group: list[Person], columns: list[int], scale: NDArray[np.float64], with_score: bool) -> FramePeople:
    group = [person for person in group if len(person.points)]
    if not group:
        return FramePeople(np.zeros((0, 17, 3), np.float32), np.zeros(0, np.float32))
    points = _joints(np.stack([person.points for person in group]), columns)
    points[..., :2] *= scale
    points[~(np.abs(points[..., :2]) < MAX_COORDINATE).all(axis=-1)] = np.nan, np.nan, 0
    counts = (points[..., 2] > 0).sum(axis=1)
    means = points[..., 2].sum(axis=1) / np.maximum(counts, 1)
    scores = [p.score if with_score and p.score is not None else mean for p, mean in zip(group, means, strict=True)]
    rows = np.flatnonzero(counts)
    return FramePeople(points[rows].astype(np.float32), np.asarray(scores, dtype=np.float32)[rows])


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
