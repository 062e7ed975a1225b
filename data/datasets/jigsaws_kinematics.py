"""The numbers of JIGSAWS kinematics files (Gao et al., M2CAI 2014).

The files have no header, 30 rows a second, and 76 numbers a row, separated by blanks: four blocks of 19 for the left
master, the right master and the two slaves. Each block is the tooltip's position (3, m), rotation matrix (9, row by
row), translational velocity (3, m/s), rotational velocity (3, rad/s) and gripper angle (1, rad).
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from data.datasets.tables import at_line, clip, read_bytes
from data.errors import DataError
from data.store.arrays import Floats

COLUMNS = 76
BLOCK = 19
RATE_HZ = 30.0  # kinematics rows (and nominal video frames) a second

EXPECTED = "Get the file again; expected 76 numbers a line"
_ODD = bytes.maketrans(b"\x0b\x0c", b"??")  # `split` treats these as spaces


def parse_kinematics(path: Path) -> Floats:
    """The (rows, 76) float64 numbers of a kinematics file, in file order.

    Raises DataError, which names the file and the line: no row, a row without 76 columns, a cell that is not a finite
    number. A file truncated inside its last number cannot be recognised and is read.
    """
    lines = read_bytes(path).translate(_ODD).rstrip().split(b"\n")
    if lines == [b""]:
        raise DataError("empty kinematics file", where=path, fix=EXPECTED)
    rows = []
    for index, line in enumerate(lines):
        cells = line.split()
        if len(cells) != COLUMNS:
            cut = 0 < index == len(lines) - 1 and len(cells) < COLUMNS
            what = f"{'the last row is truncated: ' if cut else ''}{len(cells)} columns instead of {COLUMNS}"
            raise DataError(what, where=at_line(path, index + 1), fix=EXPECTED)
        try:
            rows.append(list(map(float, cells)))
        except ValueError:
            rows.append(list(map(_number, cells)))
        if not all(map(math.isfinite, rows[-1])) or b"_" in line:
            column = [math.isfinite(_number(cell)) for cell in cells].index(False)
            shown = clip(cells[column].decode("utf-8", "backslashreplace"))
            what = f"column {column + 1} is '{shown}', not a finite number"
            raise DataError(what, where=at_line(path, index + 1), fix=EXPECTED)
    return np.array(rows, dtype=np.float64)


def _number(cell: bytes) -> float:
    """The number in a cell; NaN for any other text."""
    try:
        return math.nan if b"_" in cell else float(cell)
    except ValueError:
        return math.nan
