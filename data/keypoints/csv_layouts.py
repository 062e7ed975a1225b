"""Layouts in CSV: DeepLabCut's, and MediaPipe landmarks as people write them, one row a frame or one a landmark."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from data.errors import DataError
from data.keypoints.deeplabcut import of_table
from data.keypoints.entries import MAX_BYTES, Entries, Person, frame_number, refuse
from data.keypoints.json_layouts import FRAMES
from data.keypoints.kinect_tables import is_kimore, kimore_entries
from data.keypoints.skeletons import MEDIAPIPE
from data.store import read_regular

Rows = Sequence[Sequence[str]]

MARKS = ("landmark", "landmark_id", "landmark_index", "landmark_name", "joint", "keypoint")
"""Column that names the landmark in files with one row a landmark."""

PEOPLE = ("person", "person_id", "pose_id")
TIMES = ("time", "time_s", "seconds")
VISIBILITIES = ("visibility", "v", "score", "confidence")


def of_file(path: Path) -> Entries:
    """A CSV file of either tool."""
    try:
        text = read_regular(path, MAX_BYTES).decode("utf-8-sig")
        rows = [row for row in csv.reader(io.StringIO(text, newline="")) if row]
    except (csv.Error, UnicodeDecodeError) as error:
        raise DataError(f"is no CSV ({error})", where=path, fix="Export the keypoints again") from None
    if is_kimore(rows):
        return kimore_entries(path, rows)
    head = [name.strip().lower() for name in rows[0]] if rows else []
    if head[:1] == ["scorer"]:
        return _deeplabcut(path, rows)
    if {"x", "y"} <= set(head) and any(name in head for name in MARKS):
        return _long(path, head, rows[1:])
    columns = _wide_columns(head)
    if columns:
        return _wide(path, head, columns, rows[1:])
    if joints := _named_columns(head):
        return _named(path, rows[0], head, joints, rows[1:])
    raise refuse(
        path,
        f"unknown layout of keypoints (columns {', '.join(head[:6])})",
        "Known: columns <joint>_x, <joint>_y, also _z; DeepLabCut and MediaPipe CSV; docs/extend/keypoints.md",
    )


def _value(text: str, path: Path, where: str) -> float:
    """A number; an empty cell is NaN."""
    try:
        return float(text) if text.strip() else math.nan
    except ValueError:
        raise refuse(path, f"{where}: {text[:40]!r} is no number") from None


def _width(path: Path, row: Sequence[str], width: int, line: int) -> None:
    if len(row) != width:
        raise refuse(path, f"row {line}: {len(row)} cells, the header has {width}")


def _deeplabcut(path: Path, rows: Rows) -> Entries:
    names = [row[0].strip().lower() for row in rows[:4]]
    count = 4 if names == ["scorer", "individuals", "bodyparts", "coords"] else 3
    if names[:count] not in (["scorer", "individuals", "bodyparts", "coords"], ["scorer", "bodyparts", "coords"]):
        raise refuse(path, f"header rows {', '.join(names)}: not scorer, [individuals,] bodyparts, coords")
    for line, row in enumerate(rows, start=1):
        _width(path, row, len(rows[0]), line)
    columns = [tuple(row[place] for row in rows[:count]) for place in range(1, len(rows[0]))]
    values = [
        [_value(cell, path, f"row {line}, column {place}") for place, cell in enumerate(row[1:], start=2)]
        for line, row in enumerate(rows[count:], start=count + 1)
    ]
    table = np.array(values, dtype=np.float64).reshape(len(values), len(columns))
    return of_table(path, columns, [row[0] for row in rows[count:]], table)


def _wide_columns(head: Sequence[str]) -> list[tuple[int, int, int]]:
    """Columns of x, y and visibility (-1: none) of the 33 landmarks; empty where these are not there.

    They are named `left_knee_x` or `x25`, counted from 0 or 1.
    """
    place = {name: column for column, name in enumerate(head)}
    first = 0 if "x0" in place else 1
    columns = []
    for mark, name in enumerate(MEDIAPIPE):
        x, y = (place.get(f"{name}_{axis}", place.get(f"{axis}{mark + first}", -1)) for axis in ("x", "y"))
        columns.append((x, y, max(place.get(f"{name}_{v}", place.get(f"{v}{mark + first}", -1)) for v in VISIBILITIES)))
    return columns if all(x >= 0 and y >= 0 for x, y, _ in columns) else []


def _named_columns(head: Sequence[str]) -> dict[str, list[int]]:
    """Columns of x, y, where all have it z, and the score (-1: none) of joints named `<joint>_x` and so on."""
    place = {name: column for column, name in enumerate(head)}
    joints = [name.removesuffix("_x") for name in head if name.endswith("_x") and f"{name[:-1]}y" in place]
    axes = "xyz" if all(f"{joint}_z" in place for joint in joints) else "xy"
    return {
        joint: [*(place[f"{joint}_{axis}"] for axis in axes), _column(head, [f"{joint}_{v}" for v in VISIBILITIES])]
        for joint in joints
    }


def _named(path: Path, given: Sequence[str], head: Sequence[str], joints: dict[str, list[int]], rows: Rows) -> Entries:
    """One row a frame and person; the columns `frame`, `time` (seconds) and `person` may be missing."""
    frame, time, who = _column(head, FRAMES), _column(head, TIMES), _column(head, PEOPLE)
    names = tuple(  # capitals separate words, as in ShoulderLeft
        "nose" if joint == "head" and "nose" not in joints else given[columns[0]].strip()[:-2]
        for joint, columns in joints.items()
    )
    entries = Entries(path, "named columns, " + ("3-D" if len(next(iter(joints.values()))) == 4 else "2-D"))
    entries.complete = frame < 0
    entries.use(entries.layout, names, "header")
    for line, row in enumerate(rows, start=2):
        _width(path, row, len(head), line)
        where, index = f"row {line}", line - 2
        if frame >= 0:
            index = frame_number(row[frame], path, f"{where}, {head[frame]}")
        points = [[_value(row[c], path, where) if c >= 0 else 1.0 for c in columns] for columns in joints.values()]
        group = entries.frames.setdefault(index, []) if who >= 0 else entries.new_frame(index, where)
        group.append(Person(np.array(points), id=row[who] if who >= 0 else ""))
        if time >= 0:
            entries.times[index] = _value(row[time], path, f"{where}, {head[time]}")
    return entries


def _column(head: Sequence[str], names: Sequence[str]) -> int:
    """The column that has one of these names; -1: none."""
    return next((head.index(name) for name in names if name in head), -1)


def _wide(path: Path, head: Sequence[str], columns: Sequence[tuple[int, int, int]], rows: Rows) -> Entries:
    frame, who = _column(head, FRAMES), _column(head, PEOPLE)
    entries = Entries(path, "MediaPipe", MEDIAPIPE, complete=frame < 0, normalised=True)
    for line, row in enumerate(rows, start=2):
        _width(path, row, len(head), line)
        index = line - 2 if frame < 0 else frame_number(row[frame], path, f"row {line}, {head[frame]}")
        where = f"row {line}"
        points = np.array(
            [[_value(row[c], path, where) if c >= 0 else 1.0 for c in columns_of] for columns_of in columns]
        )
        group = entries.frames.setdefault(index, []) if who >= 0 else entries.new_frame(index, where)
        group.append(Person(points, id=row[who] if who >= 0 else ""))
    return entries


def _long(path: Path, head: Sequence[str], rows: Rows) -> Entries:
    frame, mark, who, *marked = (
        _column(head, names) for names in (FRAMES, MARKS, PEOPLE, ("x",), ("y",), VISIBILITIES)
    )
    if frame < 0:
        raise refuse(path, "no column of frames", "Name it frame, and count from 0")
    entries = Entries(path, "MediaPipe", MEDIAPIPE, normalised=True)
    people: dict[tuple[int, str], dict[int, list[float]]] = {}
    numbered = {name: place for place, name in enumerate(MEDIAPIPE)} | {str(place): place for place in range(33)}
    for line, row in enumerate(rows, start=2):
        _width(path, row, len(head), line)
        place = numbered.get(row[mark].strip().lower())
        if place is None:
            raise refuse(path, f"row {line}, {head[mark]}: {row[mark][:40]!r} is none of the 33 landmarks")
        key = (frame_number(row[frame], path, f"row {line}, {head[frame]}"), row[who] if who >= 0 else "")
        person = people.setdefault(key, {})
        if place in person:
            raise refuse(path, f"row {line}: landmark {row[mark]} of frame {key[0]} is there twice")
        person[place] = [_value(row[c], path, f"row {line}") if c >= 0 else 1.0 for c in marked]
    for (index, name), marks in people.items():
        if len(marks) != len(MEDIAPIPE):
            raise refuse(path, f"frame {index}: {len(marks)} landmarks, not {len(MEDIAPIPE)}")
        points = np.array([marks[place] for place in range(len(MEDIAPIPE))])
        entries.frames.setdefault(index, []).append(Person(points, id=name))
    return entries
