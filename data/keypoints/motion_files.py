"""A keypoint file without a video becomes the joints of each person over time, in two or three dimensions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data.keypoints.entries import Entries, Person, refuse
from data.keypoints.reading import joint_columns, joint_summary, read_entries
from data.store.arrays import Floats

MAX_FRAMES = 5_000_000  # more frames are refused: two days at 30 per second


@dataclass(frozen=True)
class RecordedMotion:
    """The people of a file over time, in COCO-17 joints: pixels in two axes, or the file's unit in three."""

    keypoints: Floats  # (frame, agent, 17, axes + 1) coordinates and score 0..1; NaN and 0 where a joint is missing
    times: Floats | None  # (frame,) seconds, ascending; None where the file has none
    summary: str  # the layout and the joint map in one line


def read_motion(path: Path, agents: int, angles: Path | None = None) -> RecordedMotion:
    """Read a keypoint file that has no video; the layout is recognised from the content.

    The first `agents` people that the file names are kept; `angles` is the second file of UI-PRMD.

    Raises DataError: an unknown or damaged layout, several people without names, or times that do not ascend.
    """
    entries = read_entries(path, path.stem, angles)
    if entries.normalised:
        raise refuse(path, "x and y are parts of a picture whose size is not known", "Export pixels, or x, y and z")
    rows = sorted(entries.frames)
    people = [person for index in rows for person in entries.frames[index]]
    if not people:
        raise refuse(path, "nobody is in any frame", "Leave this file out")
    if rows[0] < 0 or rows[-1] >= MAX_FRAMES:
        raise refuse(path, f"has frame {rows[-1] if rows[0] >= 0 else rows[0]}", "Number the frames from 0")
    joint_map, columns = joint_columns(entries)
    names = _names(entries)[:agents]
    first = 0 if entries.complete else rows[0]
    keypoints = np.full((rows[-1] + 1 - first, agents, len(columns), people[0].points.shape[1]), np.nan)
    keypoints[..., -1] = 0
    for index in rows:
        for person in entries.frames[index]:
            if person.id in names:
                keypoints[index - first, names.index(person.id)] = _joints(person, columns)
    times = _times(entries, len(keypoints), first) if entries.times else None
    return RecordedMotion(keypoints, times, joint_summary(entries.layout, joint_map))


def _names(entries: Entries) -> list[str]:
    """The names of the people in the order in which they appear; one empty name where there is only one person."""
    for index, group in entries.frames.items():
        if len({person.id for person in group}) < len(group):
            fix = "Name each person in every frame, such as in a column person"
            raise refuse(entries.path, f"frame {index}: {len(group)} people without distinct names", fix)
    return list(dict.fromkeys(person.id for index in sorted(entries.frames) for person in entries.frames[index]))


def _joints(person: Person, columns: list[int]) -> Floats:
    points = person.points[columns].astype(np.float64)
    usable = np.isfinite(points).all(axis=1) & (points[:, -1] > 0) & (np.array(columns) >= 0)
    points[:, -1] = points[:, -1].clip(0, 1)
    points[~usable] = [*[np.nan] * (points.shape[1] - 1), 0]
    return points


def _times(entries: Entries, count: int, first: int) -> Floats:
    """(count,) seconds; frames without an entry are interpolated."""
    rows = np.array(sorted(entries.times))
    seconds = np.array([entries.times[row] for row in rows])
    if not np.isfinite(seconds).all() or (np.diff(seconds) <= 0).any():
        fix = "Give seconds in the column time, one frame after another"
        raise refuse(entries.path, "the times do not ascend", fix)
    return np.asarray(np.interp(np.arange(count) + first, rows, seconds), dtype=np.float64)
