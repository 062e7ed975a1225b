"""What a keypoint file shows, in the form in which tests compare it: the people of each frame, or those over time."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from data import keypoints as readers


class FramePeople(NamedTuple):
    """The people of one frame: (P, 17, 3) and (P,)."""

    keypoints: NDArray[np.floating]
    scores: NDArray[np.floating]


class ImportedKeypoints(NamedTuple):
    """The people of every frame of a video."""

    frames: tuple[FramePeople, ...]
    summary: str


class RecordedMotion(NamedTuple):
    """People over time: (frame, person, 17, axes + 1)."""

    keypoints: NDArray[np.float64]
    times: NDArray[np.float64] | None
    summary: str


def read_keypoints(
    path: Path, stem: str, size: tuple[int, int], frames: int, *more: Any, **fields: Any
) -> ImportedKeypoints:
    read = readers.read_keypoints(path, stem, size, frames, *more, **fields)
    rows = [read.in_frame(number) for number in range(frames)]
    return ImportedKeypoints(tuple(FramePeople(read.points[one], read.scores[one]) for one in rows), read.layout)


def read_motion(path: Path, people: int, *more: Any, **fields: Any) -> RecordedMotion:
    read = readers.read_motion(path, *more, **fields)
    return RecordedMotion(read.over_time(people), read.times, read.layout)
