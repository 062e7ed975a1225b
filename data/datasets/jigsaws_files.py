"""The text files of JIGSAWS (Gao et al., M2CAI 2014): kinematics and meta files.

Kinematics: no header, 30 rows a second, 76 numbers a row separated by blanks, in four blocks of 19:
master left, master right, and the two slaves. Each block is the tooltip's position (3, m), rotation matrix
(9, row by row), translational velocity (3, m/s), rotational velocity (3, rad/s) and gripper angle (1, rad).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data.datasets.tables import at_line, clip, read_bytes, read_text
from data.errors import DataError

COLUMNS = 76
BLOCK = 19
RATE_HZ = 30.0  # kinematics rows (and nominal video frames) a second
TASKS = ("Suturing", "Needle_Passing", "Knot_Tying")

TRIAL = re.compile(rf"({'|'.join(TASKS)})_([A-Z])(\d{{3}})", re.ASCII)
"""Task, surgeon and trial number (the supertrial) in a trial's name."""

EXPECTED = "Get the file again; expected 76 numbers a line"
_ALLOWED = b"0123456789+-.eE \t\n"
_INTEGER = re.compile(r"\d{1,9}", re.ASCII)


@dataclass(frozen=True)
class Rating:
    """One line of a meta file.

    The six items are, in this order: respect for tissue, suture and needle handling, time and motion, flow of
    operation, overall performance, quality of final product.
    """

    trial: str  # such as "Suturing_B001"
    level: str  # self-proclaimed: E (expert), I (intermediate) or N (novice)
    grs: int  # global rating score, the sum of `items`
    items: tuple[int, ...]
    where: str  # `file:line`


def parse_kinematics(path: Path) -> NDArray[np.float64]:
    """The (rows, 76) float64 numbers of a kinematics file, in file order.

    Raises DataError: empty, a row that has not 76 columns (the last one: truncated), a cell that is not a finite
    number; names the file and the line. A file cut inside the last number of its last row looks whole and is read.
    """
    content = read_bytes(path).replace(b"\r\n", b"\n").rstrip()
    if not content:
        raise DataError("empty kinematics file", where=path, fix=EXPECTED)
    lines = content.split(b"\n")
    if content.translate(None, _ALLOWED):
        raise _odd_cell(path, lines)
    counts = [len(line.split()) for line in lines]
    for index, count in enumerate(counts):
        if count != COLUMNS:
            cut = 0 < index == len(counts) - 1 and count < COLUMNS
            what = f"{'the last row is truncated: ' if cut else ''}{count} columns instead of {COLUMNS}"
            raise DataError(what, where=at_line(path, index + 1), fix=EXPECTED)
    try:
        rows = np.array([float(cell) for cell in content.split()], dtype=np.float64).reshape(len(lines), COLUMNS)
    except ValueError:
        raise _odd_cell(path, lines) from None
    if not np.isfinite(rows).all():
        raise _odd_cell(path, lines)
    return rows


def _odd_cell(path: Path, lines: list[bytes]) -> DataError:
    """The error for the first cell that is no finite number (there is one)."""
    for index, line in enumerate(lines):
        for column, cell in enumerate(line.split()):
            if not _finite(cell):
                what = f"column {column + 1} is '{clip(cell.decode('utf-8', 'backslashreplace'))}', not a finite number"
                return DataError(what, where=at_line(path, index + 1), fix=EXPECTED)
    return DataError("holds control characters", where=path, fix="Get the file again; expected plain numbers")


def _finite(cell: bytes) -> bool:
    try:
        return not cell.translate(None, _ALLOWED) and bool(np.isfinite(float(cell)))
    except ValueError:
        return False


def parse_meta(path: Path) -> tuple[Rating, ...]:
    """The ratings of a meta file, in file order; empty columns and CRLF are ignored.

    Raises DataError: a line that has not nine filled columns, an unknown trial name, a score that is no whole number,
    items that do not sum to the GRS; names the file and the line.
    """
    ratings = []
    for index, line in enumerate(read_text(path).split("\n"), start=1):
        if cells := line.split():
            ratings.append(_rating(cells, at_line(path, index)))
    if not ratings:
        raise DataError("empty meta file", where=path, fix="Get the file again")
    return tuple(ratings)


def _rating(cells: list[str], where: str) -> Rating:
    fix = "Expected: trial, level, GRS and six items that sum to it"
    if len(cells) != 9:
        raise DataError(f"{len(cells)} filled columns instead of 9", where=where, fix=fix)
    name, level, *scores = cells
    if not TRIAL.fullmatch(name):
        raise DataError(f"'{clip(name)}' is not the name of a trial", where=where, fix=f"Such as {TASKS[0]}_B001")
    for score in scores:
        if not _INTEGER.fullmatch(score):
            raise DataError(f"the score '{clip(score)}' is not a whole number", where=where, fix=fix)
    grs, *items = (int(score) for score in scores)
    if sum(items) != grs:
        raise DataError(f"the items sum to {sum(items)}, but the GRS is {grs}", where=where, fix=fix)
    return Rating(name, level, grs, tuple(items), where)
