"""Reads keypoint files as people with COCO-17 joints: in every frame of a video, or over time without a video."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from data.errors import DataError, nearest, printable
from data.keypoints import csv_layouts, deeplabcut, json_layouts
from data.keypoints.array_files import of_arrays
from data.keypoints.entries import MAX_BYTES, METRES, Keypoints, keypoint_error, readable
from data.keypoints.kimore_and_ui_prmd import ui_prmd_keypoints
from data.keypoints.marker_files import of_c3d, of_qualisys, of_trc
from data.keypoints.nwb_files import of_nwb
from data.keypoints.skeletons import COCO17, SAME_NUMBER, SKELETONS, TABLES, coco_joint
from data.keypoints.sleap_files import of_analysis, of_sleap
from data.keypoints.time_stamps import on_clock, read_stamps
from data.keypoints.ultralytics import of_texts
from data.store import read_json
from data.store.arrays import Floats
from data.store.hdf5 import dataset_paths

MAX_COORDINATE = 1e6  # coordinates beyond this many pixels are not a joint
MAX_SHARE = 2.0  # coordinates with a larger median are pixels, not fractions of the picture size
MIN_JOINTS = 4  # files with fewer COCO-17 joints are refused
SPAN, SPAN_PER_ENTRY = 10_000, 100
"""Most frames from the first to the last of a file without a video: a constant, plus a number per existing frame."""


def read_keypoints(
    path: Path, video_stem: str, size: tuple[int, int], frames: int, others: Sequence[Path] = (), layout: str = ""
) -> Keypoints:
    """Read a keypoint file, or a folder with one file per frame; the layout is recognised from the content.

    Args:
        video_stem: the video's file name without its suffix, as in `<stem>_000000000012_keypoints.json`.
        size: (width, height) of the video in pixels.
        frames: number of frames of the video.
        others: files of further people, in the same layout.
        layout: a key of `SAME_NUMBER`; empty: the number of joints decides.

    Returns:
        The bodies in COCO-17 joints and the order of frames: (row, 17, 3) x, y in pixels and score 0..1; NaN, NaN, 0
        for a missing joint. Each body has at least one joint, and a score 0..1 of the person.

    Raises:
        DataError, which names file and field: an unknown layout or not `layout`; a wrong count of numbers; a missing,
            repeated or impossible frame; a too large file.
    """
    read = _joined([_read(file, video_stem) for file in (path, *others)])
    if layout and read.layout:
        tool, same, more = read.layout.partition(SAME_NUMBER[layout])
        if not same or more:
            raise keypoint_error(path, f"is {read.layout}, not {layout}", "Leave out pose.import.layout")
        read = replace(read, layout=f"{tool}{layout}", joints=SKELETONS[layout])
    read = _in_coco(read, {})
    if len(read.entries) and read.entries.min() == 1 and read.entries.max() == frames:  # counted from 1
        read = replace(read, frames=read.frames - 1, entries=read.entries - 1)
    _check_frames(read, frames)
    if read.points.shape[-1] > 3 and len(read.points):
        raise keypoint_error(path, "has three coordinates a joint", "Use dataset.kind=skeletons")
    points = read.points * [*(size if read.normalised else (1, 1)), 1]
    points[~(np.abs(points[..., :2]) < MAX_COORDINATE).all(axis=-1)] = np.nan, np.nan, 0
    counts = (points[..., 2] > 0).sum(axis=1)
    scores = read.scores
    if not ((scores >= 0) & (scores <= 1)).all():
        scores = points[..., 2].sum(axis=1) / np.maximum(counts, 1)
    order = np.argsort(read.frames, kind="stable")
    rows = order[counts[order] > 0]
    _check_picture(path, points[rows], size)
    return read.at(rows, points=points[rows].astype(np.float32), scores=scores[rows].astype(np.float32))


def read_motion(
    path: Path,
    angles: Path | None = None,
    time_stamps: Path | None = None,
    others: Sequence[Path] = (),
    unit: str = "m",
    joints: Mapping[str, str] | None = None,
) -> Keypoints:
    """Read a keypoint file that has no video; the layout is recognised from the content.

    `angles` is the second file of UI-PRMD, `time_stamps` that of KIMORE, and `others` are files of further people.
    `unit`, a key of `METRES`, applies to three coordinates, unless the file names its own. `joints` maps COCO-17 joints
    to unusual names in the file.

    Returns the bodies in COCO-17 joints, (row, 17, axes + 1): pixels in two axes, or metres in three, and score 0..1;
    NaN and 0 for a missing joint. Every frame from the first to the last is an entry. `times` ascend.

    Raises DataError: an unknown or damaged layout, several unnamed people, frames that are far apart, or times that do
    not ascend.
    """
    read = _joined([_read(path, path.stem, angles), *(_read(other, other.stem) for other in others)])
    if time_stamps is not None:
        read = on_clock(read, read_stamps(time_stamps))
    if read.normalised:
        fix = "Export pixels, or x, y and z"
        raise keypoint_error(path, "x and y are parts of a picture whose size is not known", fix)
    if not len(read.points):
        raise keypoint_error(path, "nobody is in any frame", "Leave this file out")
    first, last = 0 if read.complete else int(read.entries[0]), int(read.entries[-1])
    if read.entries[0] < 0 or last - first >= SPAN + SPAN_PER_ENTRY * len(read.entries):
        what = f"has {len(read.entries)} frames from {read.entries[0]} to {last}"
        raise keypoint_error(path, what, "Number the frames from 0, one after another")
    twice = Counter(zip(read.frames.tolist(), read.people, strict=True))
    if (unnamed := twice.most_common(1)[0])[1] > 1:
        fix = "Name each person in every frame, such as in a column person"
        raise keypoint_error(path, f"frame {unnamed[0][0]}: {unnamed[1]} people without distinct names", fix)
    entries, times = np.arange(first, last + 1), None
    if read.times is not None:
        if not np.isfinite(read.times).all() or (np.diff(read.times) <= 0).any():
            raise keypoint_error(path, "the times do not ascend", "Give seconds in the column time")
        times = np.interp(entries, read.entries, read.times)
    read = _in_coco(read, joints or {})
    if read.points.shape[-1] == 4 and not read.in_metres:
        read.points[..., :3] *= METRES[unit]
    return replace(read, entries=entries, times=times)


def _joined(files: Sequence[Keypoints]) -> Keypoints:
    """The people in several files of one layout, in the order of the files.

    Raises DataError: a file has other joints.
    """
    first, *others = files
    for other in others:
        if (other.layout, other.joints, other.points.shape[2]) != (first.layout, first.joints, first.points.shape[2]):
            raise keypoint_error(other.path, f"has other joints than {printable(first.path.name)}")
    if not others:
        return first
    people = [*first.people, *(f"{k}:{name}" for k, other in enumerate(others, start=2) for name in other.people)]
    entries, rows = np.unique(np.concatenate([file.entries for file in files]), return_index=True)
    clocks = [file.times for file in files if file.times is not None]
    return replace(
        first,
        points=np.concatenate([file.points for file in files]),
        frames=np.concatenate([file.frames for file in files]),
        people=people,
        scores=np.concatenate([file.scores for file in files]),
        entries=entries,
        times=np.concatenate(clocks)[rows] if len(clocks) == len(files) else None,
    )


def _in_coco(read: Keypoints, settings: Mapping[str, str]) -> Keypoints:
    """The same bodies in COCO-17 joints: scores 0..1, NaN and 0 for missing joints; the layout names the mapping.

    Raises DataError: too few COCO-17 joints, or two joints that mean the same.
    """
    joint_map = _joint_map(read, settings)
    columns = [read.joints.index(joint_map[name]) if name in joint_map else -1 for name in COCO17]
    points = np.pad(read.points, ((0, 0), (0, 1), (0, 0)), constant_values=np.nan)[:, columns]
    usable = np.isfinite(points).all(axis=-1) & (points[..., -1] > 0)
    points[..., -1] = points[..., -1].clip(0, 1)
    points[~usable] = [*[np.nan] * (points.shape[-1] - 1), 0]
    return replace(read, layout=_summary(read.layout or "nobody in any frame", joint_map), joints=COCO17, points=points)


def _summary(layout: str, joint_map: Mapping[str, str]) -> str:
    parts = [f"{ours} <- {printable(name)}" for ours, name in joint_map.items() if ours != name]
    same = len(joint_map) - len(parts)
    parts += [f"{same} joints under their COCO names"] if same else []
    missing = [name for name in COCO17 if name not in joint_map]
    lacking = f"; missing: {', '.join(missing)}" if missing and parts else ""
    return f"{layout}{': ' if parts else ''}{', '.join(parts)}{lacking}"


def _read(path: Path, stem: str, angles: Path | None = None) -> Keypoints:
    """The bodies in a file or folder with its original joints, in the order of frames; `stem` as `video_stem`."""
    try:
        read = _of_layout(path, stem, angles)
    except OSError as error:
        where = error.filename or path
        raise DataError(f"cannot be read ({error.strerror or error})", where=where, fix="Check the path") from None
    sizes = np.abs(read.points[..., :2])
    in_pixels = np.median(np.append(sizes[np.isfinite(sizes)], 0.0)) > MAX_SHARE
    order = np.argsort(read.entries, kind="stable")
    return read.at(
        np.argsort(read.frames, kind="stable"),
        entries=read.entries[order],
        times=None if read.times is None else read.times[order],
        normalised=read.normalised and not bool(in_pixels),
    )


def _of_layout(path: Path, stem: str, angles: Path | None) -> Keypoints:
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
            raise DataError("no .json or .txt file in this folder", where=path, fix="Put one file per frame there")
        if files[0].suffix == ".txt":
            return of_texts(path, stem, files)
        return json_layouts.of_folder(path, stem, {file: _json(file) for file in files})
    reader = READERS.get(path.suffix.lower())
    if reader is not None:
        return reader(path)
    if path.suffix.lower() == ".txt":
        return ui_prmd_keypoints(path, angles)
    if path.suffix.lower() in ARRAYS:
        return of_arrays(path, stem)
    return json_layouts.of_file(path, _json(path))


def _hdf5(path: Path) -> Keypoints:
    with readable(path, "HDF5 file", deeplabcut.CSV_INSTEAD):
        names = dataset_paths(path)
    return of_analysis(path) if "tracks" in names else deeplabcut.of_h5(path)


READERS: Mapping[str, Callable[[Path], Keypoints]] = {
    ".csv": csv_layouts.of_file,
    ".h5": _hdf5,
    ".hdf5": _hdf5,
    ".trc": of_trc,
    ".tsv": of_qualisys,
    ".c3d": of_c3d,
    ".slp": of_sleap,
    ".nwb": of_nwb,
}
"""Readers of one file by its ending; all others are arrays, JSON, or UI-PRMD's text."""

ARRAYS = (".npy", ".npz", ".pkl")

SUFFIXES = (".json", *READERS, *ARRAYS)


def _json(path: Path) -> Any:
    try:
        return read_json(path, MAX_BYTES)
    except ValueError as error:
        fix = f"Expected JSON, or a file that ends in {' '.join(SUFFIXES[1:])}"
        raise keypoint_error(path, f"is not JSON ({str(error)[:100]})", fix) from None


def _check_frames(read: Keypoints, frames: int) -> None:
    beyond = next((index for index in read.entries.tolist() if not 0 <= index < frames), None)
    if beyond is not None:
        what = f"has frame {beyond}, but the video has the frames 0 to {frames - 1}"
        raise keypoint_error(read.path, what, "Export the keypoints of this very video, with frames counted from 0")
    missing = np.setdiff1d(np.arange(frames), read.entries).tolist() if read.complete else []
    if missing:
        shown = ", ".join(map(str, missing[:5])) + (", …" if len(missing) > 5 else "")
        what = f"has no entry for {len(missing)} of {frames} frames: {shown}"
        raise keypoint_error(read.path, what, "Export every frame; a frame without people has an empty entry")


def _joint_map(read: Keypoints, settings: Mapping[str, str]) -> dict[str, str]:
    """The file's joint by COCO-17 joint: that of the settings, else of a table, else one whose name means it.

    Raises DataError: too few COCO-17 joints, two joints that mean the same, or none of a name in the settings.
    """
    bare = {re.sub("^mixamorig[:_]?", "", name): name for name in read.joints}
    known = {*map(coco_joint, bare)}  # a file that names all joints itself needs no table: its LFoot is not the ankle
    table = next((t for t in TABLES if bare.keys() >= {*t.values()} and not known >= t.keys()), {})
    given = {**{joint: bare[name] for joint, name in table.items()}, **settings}
    if read.joints and (absent := [name for name in settings.values() if name not in read.joints]):
        raise keypoint_error(read.path, f"has no joint '{absent[0]}'", nearest(absent[0], read.joints))
    by_joint = dict(given)
    for name in read.joints:
        joint = coco_joint(name)
        if joint is None or joint in given or name in given.values():
            continue
        if joint in by_joint:
            what = f"the joints '{by_joint[joint]}' and '{name}' both mean {joint}"
            raise keypoint_error(read.path, what, "Rename one of them")
        by_joint[joint] = name
    if read.joints and len(by_joint) < MIN_JOINTS:
        what = f"only {len(by_joint)} of its joints are COCO-17 joints ({', '.join(read.joints[:8])})"
        raise keypoint_error(read.path, what, "Name the joints like left_shoulder or RKnee")
    return {joint: by_joint[joint] for joint in COCO17 if joint in by_joint}


def _check_picture(path: Path, points: Floats, size: tuple[int, int]) -> None:
    """Refuse coordinates for another picture size: most joints outside the picture, or all in its first pixel."""
    joints = points.astype(np.float32)[points[..., 2] > 0][:, :2]
    outside = ((joints < 0) | (joints > np.array(size))).any(axis=1)
    if len(joints) and (outside.mean() > 0.5 or (joints.max() <= 1 and min(size) > 8)):
        what = f"all coordinates are at most 1, but the picture has {size[0]}x{size[1]} pixels"
        if outside.any():
            what = f"{outside.sum()} of {len(joints)} joints are outside the picture of {size[0]}x{size[1]} pixels"
        raise keypoint_error(path, what, "Export the keypoints in pixels of this very video")
