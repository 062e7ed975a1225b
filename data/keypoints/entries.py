"""The common form of every layout, and the checks of single fields."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from data.errors import DataError
from data.store.arrays import Floats

AGAIN = "Export the keypoints again"

MAX_BYTES = 1 << 30  # larger files, or folders, are refused

METRES = {"m": 1.0, "cm": 0.01, "mm": 0.001}


@dataclass
class Person:
    """One person in one frame, in the layout's joints."""

    points: NDArray[np.float64]  # (K, 3) x, y, score, or (K, 4) x, y, z, score
    score: float | None = None  # of the person, where the file has one
    id: str = ""  # name or number of the person, likewise


@dataclass
class Entries:
    """The frames of a file, in its own joints."""

    path: Path  # file or folder, for messages
    layout: str = ""  # name of the layout, empty until the first person is read
    joints: tuple[str, ...] = ()  # (K,) names of the joints, likewise
    complete: bool = False  # whether the layout has an entry for every frame, also for those without people
    normalised: bool = False  # whether x and y are parts of the picture's width and height
    in_metres: bool = False  # whether three coordinates are in metres, since the file names its unit
    frames: dict[int, list[Person]] = field(default_factory=dict)  # people by frame index
    times: dict[int, float] = field(default_factory=dict)  # seconds by frame index, where the file has them
    people: tuple[str, ...] = ()  # `Person.id` in order, where the files decide it; else in order of appearance

    def everybody(self) -> Iterator[Person]:
        """The people of all frames."""
        return (person for group in self.frames.values() for person in group)

    def new_frame(self, index: int, field: Field) -> list[Person]:
        """The empty list of people of a frame that has not been read yet; `field` names the frame."""
        if index in self.frames:
            raise refuse(field.path, f"{field.where}: frame {index} appears twice", "Keep one entry a frame")
        return self.frames.setdefault(index, [])

    def use(self, layout: str, joints: tuple[str, ...], field: Field) -> None:
        """Set the file's skeleton. Raises DataError: the person in `field` has another one than those before."""
        if self.joints and (self.layout, self.joints) != (layout, joints):
            raise field.refuse(f"is {layout}, other people of the file are {self.layout}")
        self.layout, self.joints = layout, joints


def refuse(path: Path, what: str, fix: str = AGAIN) -> DataError:
    """The error for a file."""
    return DataError(what[:300], where=path, fix=fix)


def of_series(path: Path, layout: str, people: Mapping[str, Mapping[str, Floats]], frames: Sequence[int]) -> Entries:
    """The entries of joints over time: (frame, axes + 1) coordinates and score, by person and joint.

    A person is in the frames that have one of its joints. Raises DataError: a frame number appears twice.
    """
    joints = tuple(dict.fromkeys(joint for one in people.values() for joint in one))
    entries = Entries(path, layout, joints)
    for frame in frames:
        entries.new_frame(frame, Field(frame, path, "frames"))
    for person, series in people.items():
        absent = np.full_like(next(iter(series.values())), np.nan)
        points = np.stack([series.get(joint, absent) for joint in joints], axis=1)
        for row in np.flatnonzero(np.isfinite(points[..., 0]).any(axis=1)).tolist():
            entries.frames[frames[row]].append(Person(points[row], id=person))
    return entries


class Field(NamedTuple):
    """A value of a file. Methods raise DataError, which names the file and the field, if it is of another kind."""

    value: Any
    path: Path
    where: str = ""  # such as "[3].keypoints", empty for the whole file

    def refuse(self, what: str) -> DataError:
        """The error for this field."""
        return refuse(self.path, f"{self.where}: {what}")

    def object(self) -> dict[str, Any]:
        """The value, a JSON object."""
        if not isinstance(self.value, dict):
            raise self.refuse("is no object")
        return self.value

    def has(self, name: str) -> bool:
        """Whether this is an object with a field of this name."""
        return isinstance(self.value, dict) and name in self.value

    def get(self, *names: str) -> Field:
        """The field with the first of these names that the object has; null where it has none."""
        inner = self.object()
        name = next((name for name in names if name in inner), names[0])
        return Field(inner.get(name), self.path, f"{self.where}.{name}".removeprefix("."))

    def items(self) -> list[Field]:
        """The fields of a list."""
        if not isinstance(self.value, list):
            raise self.refuse("is no list")
        return [Field(value, self.path, f"{self.where}[{row}]") for row, value in enumerate(self.value)]

    def number(self) -> float:
        """A number; NaN for null and for numbers that no float can hold."""
        return self._number(self.value)

    def numbers(self) -> NDArray[np.float64]:
        """A list of numbers, each as in `number`."""
        if not isinstance(self.value, list):
            raise self.refuse("is no list of numbers")
        return np.array([self._number(value) for value in self.value], dtype=np.float64)

    def _number(self, value: Any) -> float:
        if value is None:
            return math.nan
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise self.refuse(f"{str(value)[:40]!r} is no number")
        try:
            return float(value)
        except OverflowError:
            return math.nan

    def cell(self) -> float:
        """The number in a cell of a table; NaN where it is empty."""
        try:
            return float(self.value) if self.value.strip() else math.nan
        except ValueError:
            raise self.refuse(f"{self.value[:40]!r} is no number") from None

    def frame(self) -> int:
        """A frame index: a whole number, or the last digits of a file's name."""
        value = self.value
        if isinstance(value, str):
            digits = re.findall(r"[0-9]+", Path(value.replace("\0", "")).stem)
            value = int(digits[-1]) if digits and len(digits[-1]) <= 15 else None
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise refuse(self.path, f"{self.where}: names no frame", "Number the frames from 0")
        return value
