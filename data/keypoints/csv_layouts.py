"""Layouts in CSV: DeepLabCut's, and MediaPipe landmarks as people write them, one row a frame or one a landmark.

Cells are separated by commas, semicolons or tabs.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from data.keypoints.deeplabcut import of_table
from data.keypoints.entries import MAX_BYTES, Entries, Field, Person, refuse
from data.keypoints.json_layouts import FRAMES
from data.keypoints.kinect_tables import is_kimore, kimore_entries
from data.keypoints.skeletons import MEDIAPIPE
from data.store import read_regular

CsvRows = Sequence[Sequence[str]]

MARKS = ("landmark", "landmark_id", "landmark_index", "landmark_name", "joint", "keypoint")
"""Column that names the landmark in files with one row a landmark."""

PEOPLE = ("person", "person_id", "pose_id")
TIMES = ("time", "time_s", "seconds")
VISIBILITIES = ("visibility", "v", "score", "confidence")


def of_file(path: Path) -> Entries:
    """The entries of a CSV file, whose header shows the layout. Raises DataError: no CSV, or an unknown layout."""
    try:
        text = read_regular(path, MAX_BYTES).decode("utf-8-sig")
        delimiter = max(",;\t", key=text.partition("\n")[0].count)
        rows = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if row]
    except (csv.Error, UnicodeDecodeError) as error:
        raise refuse(path, f"is no CSV ({error})") from None
    if is_kimore(rows):
        return kimore_entries(path, rows)
    head = [name.strip().lower() for name in rows[0]] if rows else []
    if head[:1] == ["scorer"]:
        return _deeplabcut(path, rows)
    if {"x", "y"} <= set(head) and any(name in head for name in MARKS):
        return _long(path, head, rows[1:])
    if landmarks := _wide_columns(head):
        entries = Entries(path, "MediaPipe", MEDIAPIPE, normalised=True)
        return _fill(entries, head, landmarks, rows[1:])
    if rows and (named := _named(path, rows[0], head, rows[1:])):
        return named
    fix = "Known: columns <joint>_x, <joint>_y, also _z; DeepLabCut and MediaPipe CSV"
    raise refuse(path, f"unknown layout of keypoints (columns {', '.join(head[:6])})", fix)


def _lines(path: Path, rows: CsvRows, width: int, start: int) -> Iterator[tuple[str, Sequence[str]]]:
    """The place of each row, such as "row 2", and its cells. Raises DataError: a row is not as long as the header."""
    for line, row in enumerate(rows, start=start):
        if len(row) != width:
            raise refuse(path, f"row {line}: {len(row)} cells, the header has {width}")
        yield f"row {line}", row


def _deeplabcut(path: Path, rows: CsvRows) -> Entries:
    names = [row[0].strip().lower() for row in rows[:4]]
    count = 4 if names == ["scorer", "individuals", "bodyparts", "coords"] else 3
    if names[:count] not in (["scorer", "individuals", "bodyparts", "coords"], ["scorer", "bodyparts", "coords"]):
        raise refuse(path, f"header rows {', '.join(names)}: not scorer, [individuals,] bodyparts, coords")
    lines = list(_lines(path, rows, len(rows[0]), 1))
    columns = [tuple(row[place] for row in rows[:count]) for place in range(1, len(rows[0]))]
    values = [
        [Field(cell, path, f"{where}, column {place}").cell() for place, cell in enumerate(row[1:], start=2)]
        for where, row in lines[count:]
    ]
    table = np.array(values, dtype=np.float64).reshape(len(values), len(columns))
    return of_table(path, columns, [row[0] for row in rows[count:]], table)


def _wide_columns(head: Sequence[str]) -> list[list[int]]:
    """Columns of x, y and visibility (-1: none) of the 33 landmarks; empty where a landmark is missing.

    They are named `left_knee_x` or `x25`, counted from 0 or 1.
    """
    place = {name: column for column, name in enumerate(head)}
    first = 0 if "x0" in place else 1
    columns = []
    for mark, name in enumerate(MEDIAPIPE):
        x, y = (place.get(f"{name}_{axis}", place.get(f"{axis}{mark + first}", -1)) for axis in ("x", "y"))
        columns.append([x, y, max(place.get(f"{name}_{v}", place.get(f"{v}{mark + first}", -1)) for v in VISIBILITIES)])
    return columns if all(x >= 0 and y >= 0 for x, y, _ in columns) else []


def _named(path: Path, given: Sequence[str], head: Sequence[str], rows: CsvRows) -> Entries | None:
    """The entries of columns `<joint>_x`, `_y`, `_z` (if every joint has it) and scores; None without such columns."""
    place = {name: column for column, name in enumerate(head)}
    joints = [name.removesuffix("_x") for name in place if name.endswith("_x") and f"{name[:-1]}y" in place]
    if not joints:
        return None
    axes = "xyz" if all(f"{joint}_z" in place for joint in joints) else "xy"
    columns = [
        [*(place[f"{joint}_{axis}"] for axis in axes), _column(head, [f"{joint}_{v}" for v in VISIBILITIES])]
        for joint in joints
    ]
    names = tuple(  # capitals separate words, as in ShoulderLeft
        "nose" if joint == "head" and "nose" not in joints else given[places[0]].strip()[:-2]
        for joint, places in zip(joints, columns, strict=True)
    )
    return _fill(Entries(path, f"named columns, {len(axes)}-D", names), head, columns, rows)


def _fill(entries: Entries, head: Sequence[str], joints: Sequence[Sequence[int]], rows: CsvRows) -> Entries:
    """Add one person a row to `entries`; the columns `frame`, `time` (seconds) and `person` may be missing."""
    path, frame, time, who = entries.path, _column(head, FRAMES), _column(head, TIMES), _column(head, PEOPLE)
    entries.complete = frame < 0
    for index, (where, row) in enumerate(_lines(path, rows, len(head), 2)):
        if frame >= 0:
            index = Field(row[frame], path, f"{where}, {head[frame]}").frame()
        points = [[Field(row[c], path, where).cell() if c >= 0 else 1.0 for c in columns] for columns in joints]
        group = entries.frames.setdefault(index, []) if who >= 0 else entries.new_frame(index, Field(row, path, where))
        group.append(Person(np.array(points), id=row[who] if who >= 0 else ""))
        if time >= 0 and not entries.normalised:
            entries.times[index] = Field(row[time], path, f"{where}, {head[time]}").cell()
    return entries


def _column(head: Sequence[str], names: Sequence[str]) -> int:
    """The column that has one of these names; -1: none."""
    return next((head.index(name) for name in names if name in head), -1)


def _long(path: Path, head: Sequence[str], rows: CsvRows) -> Entries:
    frame, mark, who, *marked = (
        _column(head, names) for names in (FRAMES, MARKS, PEOPLE, ("x",), ("y",), VISIBILITIES)
    )
    if frame < 0:
        raise refuse(path, "no column of frames", "Name it frame, and count from 0")
    entries = Entries(path, "MediaPipe", MEDIAPIPE, normalised=True)
    people: dict[tuple[int, str], dict[int, list[float]]] = {}
    names = {row[mark].strip() for row in rows if len(row) == len(head)}
    base = int("33" in names and "0" not in names)
    numbered = {name: place for place, name in enumerate(MEDIAPIPE)} | {str(place + base): place for place in range(33)}
    for where, row in _lines(path, rows, len(head), 2):
        place = numbered.get(row[mark].strip().lower())
        if place is None:
            raise refuse(path, f"{where}, {head[mark]}: {row[mark][:40]!r} is none of the 33 landmarks")
        key = (Field(row[frame], path, f"{where}, {head[frame]}").frame(), row[who] if who >= 0 else "")
        person = people.setdefault(key, {})
        if place in person:
            raise refuse(path, f"{where}: landmark {row[mark]} of frame {key[0]} appears twice")
        person[place] = [Field(row[c], path, where).cell() if c >= 0 else 1.0 for c in marked]
    for (index, name), marks in people.items():
        if len(marks) != len(MEDIAPIPE):
            raise refuse(path, f"frame {index}: {len(marks)} landmarks, not {len(MEDIAPIPE)}")
        points = np.array([marks[place] for place in range(len(MEDIAPIPE))])
        entries.frames.setdefault(index, []).append(Person(points, id=name))
    return entries
