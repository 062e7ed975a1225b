"""The common form of every layout, and the checks of single fields."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from data.errors import DataError
from data.store import open_regular, read_regular
from data.store.arrays import Floats, Rows

AGAIN = "Export the keypoints again"

MAX_BYTES = 1 << 30  # larger files, or folders, are refused

MAX_FRAME = 10**15  # larger frame numbers are refused

METRES = {"m": 1.0, "cm": 0.01, "mm": 0.001}

Points = NDArray[np.floating]
Frames = NDArray[np.int64]
Skeleton = tuple[str, tuple[str, ...]]
"""Name of a layout, and of its joints."""


@dataclass(frozen=True)
class Keypoints:
    """The bodies in a file as one array: a row for each person in each frame, with named joints.

    Memory grows with the number of bodies, not with people times frames.
    """

    path: Path  # file or folder, for messages
    layout: str  # name of the layout, empty if unknown; after reading also how joints were mapped
    joints: tuple[str, ...]  # (joint,) names
    points: Points  # (row, joint, axes + 1) coordinates and score
    frames: Frames  # (row,) frame number
    people: Sequence[str]  # (row,) name or number of the person, empty if the file has none
    scores: Points  # (row,) of the person, NaN if the file has none
    entries: Frames  # (entry,) numbers of the frames in the file, with or without people
    times: Floats | None = None  # (entry,) seconds, if the file has them
    complete: bool = False  # whether the layout has an entry for every frame, even without people
    normalised: bool = False  # whether x and y are fractions of the picture's width and height
    in_metres: bool = False  # whether three coordinates are in metres, converted from the file's unit

    @classmethod
    def of_bodies(
        cls,
        path: Path,
        skeleton: Skeleton,
        points: Any,
        frames: Any,
        people: Sequence[str] | None = None,
        scores: Any = np.nan,
        entries: Any = None,
        **form: Any,
    ) -> Keypoints:
        """Keypoints from bodies in any order; entries are the frames of these bodies, unless given.

        Raises DataError: an impossible frame number.
        """
        numbers, count = frame_numbers(path, frames), len(frames)
        return cls(
            path,
            *skeleton,
            np.asarray(points, dtype=np.float64) if count else np.zeros((0, len(skeleton[1]), 3)),
            numbers,
            [""] * count if people is None else people,
            np.array(np.broadcast_to(np.array(scores, dtype=np.float64), count)),
            np.unique(numbers) if entries is None else frame_numbers(path, entries),
            **form,
        )

    @classmethod
    def of_tracks(
        cls, path: Path, layout: str, tracks: Mapping[str, Mapping[str, Floats]], entries: Frames, **form: Any
    ) -> Keypoints:
        """Keypoints from joints over time: (entry, axes + 1) coordinates and score, by person and joint.

        A frame has a person if it has any of its joints. Raises DataError: no joints, or people with different joints.
        """
        series = {(who, joint): values for who, joints in tracks.items() for joint, values in joints.items()}
        if not series:
            raise keypoint_error(path, "has no joints")
        joints = tuple(dict.fromkeys(joint for _, joint in series))
        if len(tracks) * len(joints) > 10_000 + 10 * len(series):
            raise keypoint_error(path, "its people have different joints", "Name the joints of all people alike")
        absent = np.full_like(next(iter(series.values())), np.nan)
        points = np.array([[series.get((who, joint), absent) for joint in joints] for who in tracks])
        person, entry = np.isfinite(points[..., 0]).any(axis=1).nonzero()
        people = [[*tracks][number] for number in person]
        points = points.swapaxes(1, 2)[person, entry]
        return cls.of_bodies(path, (layout, joints), points, entries[entry], people, entries=entries, **form)

    def at(self, rows: Rows, **changes: Any) -> Keypoints:
        """The keypoints with only these rows."""
        arrays = {name: getattr(self, name)[rows] for name in ("points", "frames", "scores")}
        return replace(self, **{**arrays, "people": [self.people[row] for row in rows], **changes})

    def in_frame(self, number: int) -> slice:
        """The rows of a frame; rows must be in the order of frames."""
        return slice(*np.searchsorted(self.frames, [number, number + 1]).tolist())

    def over_time(self, count: int) -> Floats:
        """(entry, person, joint, axes + 1) the first `count` people; NaN and score 0 for missing ones."""
        order = {name: number for number, name in enumerate(dict.fromkeys(self.people))}
        person = np.array([order[name] for name in self.people], dtype=np.intp)
        points = np.full((len(self.entries), count, *self.points.shape[1:]), np.nan)
        points[..., -1] = 0
        rows = np.flatnonzero(person < count)
        points[np.searchsorted(self.entries, self.frames[rows]), person[rows]] = self.points[rows]
        return points


class Bodies:
    """Collects the bodies of a file one by one; `complete` and `normalised` as in `Keypoints`."""

    def __init__(self, path: Path) -> None:
        self._path, self.complete, self.normalised = path, False, False
        self._skeleton: Skeleton = ("", ())
        self._entries: dict[int, None] = {}
        self._rows: list[tuple[Floats, int, str, float]] = []

    def begin(self, frame: int, field: Field) -> None:
        """Begin a frame. Raises DataError, which names `field`: a repeated frame."""
        if frame in self._entries:
            raise keypoint_error(field.path, f"{field.where}: frame {frame} appears twice", "Keep one entry a frame")
        self._entries[frame] = None

    def add(
        self, frame: int, skeleton: Skeleton, points: Floats, field: Field, person: str = "", score: float = math.nan
    ) -> None:
        """Add a body. Raises DataError, which names `field`: its skeleton differs from earlier ones."""
        if self._rows and self._skeleton != skeleton:
            raise field.error(f"is {skeleton[0]}, other people of the file are {self._skeleton[0]}")
        self._skeleton = skeleton
        self._entries.setdefault(frame)
        self._rows.append((points, frame, person, score))

    def keypoints(self) -> Keypoints:
        """All bodies."""
        points, frames, people, scores = zip(*self._rows, strict=True) if self._rows else [()] * 4
        form: Any = {"entries": list(self._entries), "complete": self.complete, "normalised": self.normalised}
        return Keypoints.of_bodies(self._path, self._skeleton, points, frames, people, scores, **form)


def keypoint_error(path: Path, what: str, fix: str = AGAIN) -> DataError:
    """The error for a keypoint file."""
    return DataError(what[:300], where=path, fix=fix)


@contextmanager
def readable(path: Path, kind: str, fix: str = AGAIN) -> Iterator[None]:
    """Turn any error of a library on a damaged file into DataError, which says that the file is not a `kind`.

    Raises OSError for a pipe, which would block.
    """
    open_regular(path).close()
    try:
        yield
    except DataError:
        raise
    except Exception as error:  # noqa: BLE001 -- a damaged file raises nearly any exception
        raise keypoint_error(path, f"is not a readable {kind} ({type(error).__name__})", fix) from None


def text_of(path: Path, kind: str) -> str:
    """The UTF-8 text of a file. Raises DataError, which says that the file is not `kind`, for other bytes."""
    try:
        return read_regular(path, MAX_BYTES).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise keypoint_error(path, f"is not {kind}") from None


def frame_numbers(path: Path, numbers: Sequence[int], *, once: bool = False) -> Frames:
    """Frame numbers as an array. Raises DataError: an impossible number, or with `once` a repeated one."""
    if once and (twice := [number for number, count in Counter(numbers).items() if count > 1]):
        raise keypoint_error(path, f"frame {twice[0]} appears twice", "Keep one entry a frame")
    beyond = next((number for number in numbers if abs(number) > MAX_FRAME), None)
    if beyond is not None:
        raise keypoint_error(path, f"has frame {str(beyond)[:30]}", "Number the frames from 0")
    return np.array(numbers, dtype=np.int64)


class Field(NamedTuple):
    """A value in a file. Methods raise DataError, which names the file and the field, if its type is wrong."""

    value: Any
    path: Path
    where: str = ""  # such as "[3].keypoints", empty for the whole file

    def error(self, what: str) -> DataError:
        """The error for this field."""
        return keypoint_error(self.path, f"{self.where}: {what}")

    def object(self) -> dict[str, Any]:
        """The value as a JSON object."""
        if not isinstance(self.value, dict):
            raise self.error("is not an object")
        return self.value

    def has(self, name: str) -> bool:
        """Whether this is an object with a field of this name."""
        return isinstance(self.value, dict) and name in self.value

    def get(self, *names: str) -> Field:
        """The field with the first of these names in the object; null if it has none of them."""
        inner = self.object()
        name = next((name for name in names if name in inner), names[0])
        return Field(inner.get(name), self.path, f"{self.where}.{name}".removeprefix("."))

    def items(self) -> list[Field]:
        """The fields of a list."""
        if not isinstance(self.value, list):
            raise self.error("is not a list")
        return [Field(value, self.path, f"{self.where}[{row}]") for row, value in enumerate(self.value)]

    def number(self) -> float:
        """The number; NaN for null and for numbers beyond floats."""
        return self._number(self.value)

    def numbers(self) -> Floats:
        """A list of numbers, each as in `number`."""
        if not isinstance(self.value, list):
            raise self.error("is not a list of numbers")
        return np.array([self._number(value) for value in self.value], dtype=np.float64)

    def _number(self, value: Any) -> float:
        if value is None:
            return math.nan
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise self.error(f"{str(value)[:40]!r} is not a number")
        try:
            return float(value)
        except OverflowError:
            return math.nan

    def cell(self) -> float:
        """The number in a cell of a table; NaN if empty."""
        try:
            return float(self.value) if self.value.strip() else math.nan
        except ValueError:
            raise self.error(f"{self.value[:40]!r} is not a number") from None

    def frame(self) -> int:
        """A frame index: a whole number, or the last digits of a file's name."""
        value = self.value
        if isinstance(value, str):
            digits = re.findall(r"[0-9]+", Path(value.replace("\0", "")).stem)
            value = int(digits[-1]) if digits and len(digits[-1]) <= 15 else None
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise keypoint_error(self.path, f"{self.where}: names no frame", "Number the frames from 0")
        return value
