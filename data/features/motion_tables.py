"""Reads motion files of OpenSim and Sports2D (`.mot`, `.sto`): joint angles or other series, one row per frame."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from data.store.arrays import Floats
from data.store.files import read_regular

MAX_BYTES = 1 << 30

SPORTS2D = re.compile(r"(?:[^/]+_Sports2D/)?([^/]+)_Sports2D_angles_person([0-9]+)$")


def motion_table(path: Path) -> Floats:
    """The (row, series) values of a file, without times. Raises ValueError: damaged, or rows of different lengths."""
    lines = [line.rstrip() for line in read_regular(path, MAX_BYTES).decode("utf-8-sig").split("\n")]
    end = next((number for number, line in enumerate(lines) if line.lower() == "endheader"), None)
    if end is None or len(lines) <= end + 1:
        raise ValueError("no line endheader and names of columns")
    names = lines[end + 1].split("\t")
    if names[0].strip().lower() != "time" or len(names) < 2:
        raise ValueError(f"columns {', '.join(names)[:60]}: the first is not time")
    rows = [line.split("\t") for line in lines[end + 2 :] if line]
    for number, row in enumerate(rows, start=end + 3):
        if len(row) != len(names):
            raise ValueError(f"line {number}: {len(row)} cells, not {len(names)}")
    return np.array([[float(cell) for cell in row[1:]] for row in rows]).reshape(-1, len(names) - 1)


def video_of(name: str) -> str:
    """The name of a file without the suffixes that Sports2D adds to the video's name.

    >>> video_of("a/dive_Sports2D/dive_Sports2D_angles_person00"), video_of("a/dive")
    ('a/dive', 'a/dive')
    """
    return SPORTS2D.sub(r"\1", name)


def person_of(name: str) -> int | None:
    """The number of the person in the name of a file of angles by Sports2D; None for other files.

    >>> person_of("dive_Sports2D_angles_person01"), person_of("dive")
    (1, None)
    """
    named = SPORTS2D.search(name)
    return int(named[2]) if named else None
