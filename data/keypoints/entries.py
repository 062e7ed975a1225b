"""What every layout is read into, and the checks of single fields."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.errors import DataError

AGAIN = "Export the keypoints again"

MAX_BYTES = 1 << 30  # larger files, or folders, are refused


@dataclass
class Person:
    """points: (K, 3) x, y, score of the layout's joints, or (K, 4) x, y, z, score; score of the person, if any."""

    points: NDArray[np.float64]
    score: float | None = None
    id: str = ""


@dataclass
class Entries:
    """The frames of a file, in its own joints."""

    path: Path  # file or folder, for messages
    layout: str = ""  # name of the layout, empty until the first person is read
    joints: tuple[str, ...] = ()  # (K,) names of the joints, likewise
    complete: bool = False  # whether the layout has an entry for every frame, also for those without people
    normalised: bool = False  # whether x and y are parts of the picture's width and height
    frames: dict[int, list[Person]] = field(default_factory=dict)  # people by frame index
    times: dict[int, float] = field(default_factory=dict)  # seconds by frame index, where the file has them

    def new_frame(self, index: int, where: str, path: Path | None = None) -> list[Person]:
        """The empty list of people of a frame that has not been read yet."""
        if index in self.frames:
            raise refuse(path or self.path, f"{where}: frame {index} is there twice", "Keep one entry a frame")
        return self.frames.setdefault(index, [])

    def use(self, layout: str, joints: tuple[str, ...], where: str, path: Path | None = None) -> None:
        """Take a person's skeleton, which must be that of the others."""
        if self.joints and (self.layout, self.joints) != (layout, joints):
            raise refuse(path or self.path, f"{where}: is {layout}, other people of the file are {self.layout}")
        self.layout, self.joints = layout, joints


def refuse(path: Path, what: str, fix: str = AGAIN) -> DataError:
    """The error for a field of a file."""
    return DataError(what[:300], where=path, fix=fix)


def number(value: Any, path: Path, where: str) -> float:
    """A number; null, NaN and what no float can hold are NaN."""
    if value is None:
        return math.nan
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise refuse(path, f"{where}: {str(value)[:40]!r} is no number")
    try:
        return float(value)
    except OverflowError:
        return math.nan


def numbers(value: Any, path: Path, where: str) -> NDArray[np.float64]:
    """A list of numbers, as `number` reads each."""
    if not isinstance(value, list):
        raise refuse(path, f"{where}: is no list of numbers")
    return np.array([number(one, path, where) for one in value], dtype=np.float64)


def frame_number(value: Any, path: Path, where: str) -> int:
    """A frame index: a whole number, or the last digits of a file's name."""
    if isinstance(value, str):
        digits = re.findall(r"[0-9]+", Path(value.replace("\0", "")).stem)
        value = int(digits[-1]) if digits and len(digits[-1]) <= 15 else None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise refuse(path, f"{where}: names no frame", "Number the frames from 0")
    return value
