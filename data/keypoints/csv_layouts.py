"""Layouts in CSV: DeepLabCut's, and MediaPipe landmarks as scripts write them, one row per frame or per landmark.

Cells are separated by commas, semicolons or tabs.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from data.keypoints.deeplabcut import of_table
from data.keypoints.entries import MAX_BYTES, Field, Keypoints, frame_numbers, keypoint_error
from data.keypoints.json_layouts import FRAMES
from data.keypoints.kimore_and_ui_prmd import is_kimore, kimore_keypoints
from data.keypoints.skeletons import SKELETONS
from data.store import read_regular

MEDIAPIPE = SKELETONS["MediaPipe"]

CsvRows = Sequence[Sequence[str]]

MARKS = ("landmark", "landmark_id", "landmark_index", "landmark_name", "joint", "keypoint")
"""Column that names the landmark in files with one row a landmark."""

PEOPLE = ("person", "person_id", "pose_id")
TIMES = ("time", "time_s", "seconds")
VISIBILITIES = ("visibility", "v", "score", "confidence")


def of_file(path: Path) -> Keypoints:
    """The bodies in a CSV file, whose header shows the layout. Raises DataError: not CSV, or an unknown layout."""
    try:
        text = read_regular(path, MAX_BYTES).decode("utf-8-sig")
        delimiter = max(",;\t", key=text.partition("\n")[0].count)
        rows: CsvRows = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if row]
    except (csv.Error, UnicodeDecodeError) as error:
        raise keypoint_error(path, f"is not CSV ({error})") from None
    if is_kimore(rows):
        return kimore_keypoints(path, rows)
    head = [name.strip().lower() for name in rows[0]] if rows else []
    if head[:1] == ["scorer"]:
        return _deeplabcut(path, rows)
    if {"x", "y"} <= set(head) and any(name in head for name in MARKS):
        rows = _widened(path, head, rows[1:])
        head = [name.lower() for name in rows[0]]
    if rows and (wide := _wide(path, rows[0], head, rows[1:])):
        return wide
    fix = "Known: columns <joint>_x, <joint>_y, also _z; DeepLabCut and MediaPipe CSV"
    raise keypoint_error(path, f"unknown layout of keypoints (columns {', '.join(head[:6])})", fix)


def _lines(path: Path, rows: CsvRows, width: int, start: int) -> Iterator[tuple[str, Sequence[str]]]:
    """The place of each row, such as "row 2", and its cells. Raises DataError: a row is not as long as the header."""
    for line, row in enumerate(rows, start=start):
        if len(row) != width:
            raise keypoint_error(path, f"row {line}: {len(row)} cells, the header has {width}")
        yield f"row {line}", row


def _deeplabcut(path: Path, rows: CsvRows) -> Keypoints:
    names = [row[0].strip().lower() for row in rows[:4]]
    count = 4 if names == ["scorer", "individuals", "bodyparts", "coords"] else 3
    if names[:count] not in (["scorer", "individuals", "bodyparts", "coords"], ["scorer", "bodyparts", "coords"]):
        raise keypoint_error(path, f"header rows {', '.join(names)}: not scorer, [individuals,] bodyparts, coords")
    lines = list(_lines(path, rows, len(rows[0]), 1))
    columns = [tuple(row[column] for row in rows[:count]) for column in range(1, len(rows[0]))]
    values = [
        [Field(cell, path, f"{where}, column {column}").cell() for column, cell in enumerate(row[1:], start=2)]
        for where, row in lines[count:]
    ]
    table = np.array(values, dtype=np.float64).reshape(len(values), len(columns))
    return of_table(path, columns, [row[0] for row in rows[count:]], table)


def _wide(path: Path, original_head: Sequence[str], head: Sequence[str], rows: CsvRows) -> Keypoints | None:
    """One body per row: columns `<joint>_x`, `_y`, `_z` (if every joint has it) and scores; None without such columns.

    The columns `frame`, `time` (seconds) and `person` are optional. MediaPipe's 33 landmarks may be numbered from 0 or
    1, as in `x25`; their x and y are fractions of the picture size, and z is ignored.
    """
    first = 0 if "x0" in head else 1
    landmarks = {f"{v}{n}": f"{mark}_{v}" for n, mark in enumerate(MEDIAPIPE, first) for v in ("x", "y", *VISIBILITIES)}
    if {f"x{first}", f"x{first + 32}"} <= {*head}:
        head = [landmarks.get(name, name) for name in head]
    positions = {name: column for column, name in enumerate(head)}
    joints = [name.removesuffix("_x") for name in positions if name.endswith("_x") and f"{name[:-1]}y" in positions]
    if not joints:
        return None
    normalised = {*joints} >= {*MEDIAPIPE}
    joints = [*MEDIAPIPE] if normalised else joints
    axes = "xyz" if not normalised and all(f"{joint}_z" in positions for joint in joints) else "xy"
    names = (
        MEDIAPIPE
        if normalised
        else tuple(  # capitals separate words, as in ShoulderLeft
            "nose" if joint == "head" and "nose" not in joints else original_head[positions[f"{joint}_x"]].strip()[:-2]
            for joint in joints
        )
    )
    columns = [
        [*(positions[f"{joint}_{axis}"] for axis in axes), _column(head, [f"{joint}_{v}" for v in VISIBILITIES])]
        for joint in joints
    ]
    frame, time, who = (_column(head, names) for names in (FRAMES, TIMES, PEOPLE))
    fields = [
        [Field(cell, path, f"{where}, {name}") for cell, name in zip(row, head, strict=True)]
        for where, row in _lines(path, rows, len(head), 2)
    ]
    points = [[[row[c].cell() if c >= 0 else 1.0 for c in joint] for joint in columns] for row in fields]
    numbers = [row[frame].frame() for row in fields] if frame >= 0 else range(len(fields))
    _, first_rows = np.unique(frame_numbers(path, numbers, once=who < 0), return_index=True)
    return Keypoints.of_bodies(
        path,
        ("MediaPipe" if normalised else f"named columns, {len(axes)}-D", names),
        points,
        numbers,
        [row[who].value for row in fields] if who >= 0 else None,
        times=None if time < 0 or normalised else np.array([fields[row][time].cell() for row in first_rows]),
        complete=frame < 0,
        normalised=normalised,
    )


def _column(head: Sequence[str], names: Sequence[str]) -> int:
    """The index of the column with one of these names, else -1."""
    return next((head.index(name) for name in names if name in head), -1)


def _widened(path: Path, head: Sequence[str], rows: CsvRows) -> CsvRows:
    """A table of one row per joint, converted to one row per body; joints may be MediaPipe's numbers."""
    frame, mark, who = (_column(head, names) for names in (FRAMES, MARKS, PEOPLE))
    if frame < 0:
        raise keypoint_error(path, "no column of frames", "Name it frame, and count from 0")
    values = [column for column, name in enumerate(head) if name in (*"xyz", *VISIBILITIES)]
    bodies: dict[tuple[str, str], dict[str, Sequence[str]]] = {}
    for where, row in _lines(path, rows, len(head), 2):
        joint, body = row[mark].strip(), bodies.setdefault((row[frame], row[who] if who >= 0 else ""), {})
        if joint in body:
            raise keypoint_error(path, f"{where}: joint {joint} of frame {row[frame]} appears twice")
        body[joint] = [f"{Field(row[column], path, f'{where}, {head[column]}').cell()}" for column in values]
    joints = [*dict.fromkeys(joint for body in bodies.values() for joint in body)]
    columns = [(joint, head[value]) for joint in joints for value in values]
    names = [f"{value}{joint}" if joint.isdecimal() else f"{joint}_{value}" for joint, value in columns]
    absent = [""] * len(values)
    made = [[*key, *(cell for joint in joints for cell in body.get(joint, absent))] for key, body in bodies.items()]
    return [["frame", "person", *names], *made]
