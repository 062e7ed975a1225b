"""Finds people as paths through the detections of a shot, when all its frames are known.

The best path has the largest sum of its detections' log scores minus its jumps (Viterbi). A jump is the distance of the
body's centre from the predicted place. The velocity of the best path up to there predicts the place (per-survivor
processing: Raheli et al., IEEE Trans. Communications 1995).

The second person is the best path through the rest, without the first path and other detections of that body.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from data.store.arrays import Floats
from extractors.keypoints import centres_of, in_blocks, sizes_of
from extractors.pose.detections import Detections

Rows = NDArray[np.intp]

REACH_S = 3.0  # longest gap of a path in seconds: a person who comes back later begins another path
LEAD_S = 0.2  # seconds for which the velocity predicts the place of a missing person

MAX_JUMP, SPEED, MAX_GROWTH = 0.8, 1.2, 2.5
"""Limits of a jump: `MAX_JUMP` body sizes from the predicted place, `SPEED` more a second; sizes by `MAX_GROWTH`."""

PLACE = 15.0  # cost of a jump per squared share of the farthest one; it rises without limit towards the farthest
SAME_BODY = 0.2  # body sizes between the centres of two detections of one body in one frame
SMALLEST = 0.05  # paths worth less than this share of the shot's best path are not listed


@dataclass
class Candidates:
    """The detections of a video, each body once a frame. Kept as numbers, without an object for each."""

    frames: array[int] = field(default_factory=lambda: array("q"))  # processed frame of each detection, ascending
    joints: array[float] = field(default_factory=lambda: array("f"))  # 17 x (x, y in pixels, score) of each
    scores: array[float] = field(default_factory=lambda: array("d"))

    def add(self, frame: int, people: Detections) -> None:
        """Take the bodies of the next frame."""
        self.frames.extend([frame] * len(people))
        self.joints.frombytes(np.ascontiguousarray(people.keypoints, np.float32).tobytes())
        self.scores.extend(people.scores.tolist())


@dataclass(frozen=True)
class Track:
    """A person of one shot: a path with at most one detection a frame."""

    frames: NDArray[np.int64]  # (M,) processed frames with a detection, ascending
    keypoints: NDArray[np.float32]  # (M, 17, 3) pixels and score
    scores: Floats  # (M,)


def people_of(candidates: Candidates, first: int, stop: int, times: Floats, floor: float) -> list[Track]:
    """The people of one shot, the best path first.

    The shot begins with frame `first` and ends before `stop`; `times` (N,) has the seconds of every frame of the video.
    A detection with the score `floor` adds nothing to a path.
    """
    rows = slice(*np.searchsorted(np.asarray(candidates.frames), [first, stop]))
    frames, scores = np.asarray(candidates.frames)[rows], np.asarray(candidates.scores)[rows]
    keypoints = np.frombuffer(candidates.joints, np.float32).reshape(-1, 17, 3)[rows]
    centres, sizes = in_blocks(centres_of, keypoints), in_blocks(sizes_of, keypoints)
    shot = _Shot(frames, times[frames], centres, sizes, np.log(scores / floor))
    people: list[Track] = []
    free = np.arange(len(frames))
    best = 0.0
    while len(free):
        path, worth = shot.best_path(free)
        best = max(best, worth)
        if worth <= SMALLEST * best:
            break
        people.append(Track(frames[path], keypoints[path], scores[path]))
        nearest = path[np.searchsorted(frames[path], frames[free]).clip(max=len(path) - 1)]
        apart = np.linalg.norm(centres[free] - centres[nearest], axis=1)
        free = free[(frames[nearest] != frames[free]) | (apart >= SAME_BODY * sizes[nearest])]
    return people


@dataclass(frozen=True)
class _Shot:
    frames: NDArray[np.int64]  # (M,) frame of each detection, ascending
    seconds: Floats  # (M,)
    centres: Floats  # (M, 2)
    sizes: Floats  # (M,)
    gains: Floats  # (M,) what a detection adds to a path

    def best_path(self, rows: Rows) -> tuple[Rows, float]:
        """The best path through the detections `rows`, and its worth."""
        seconds, worth = self.seconds[rows], self.gains[rows].copy()
        before, velocity = np.full(len(rows), -1), np.zeros((len(rows), 2))
        for start, stop in pairwise(np.flatnonzero(np.diff(self.frames[rows], prepend=-1, append=-1))):
            oldest = int(np.searchsorted(seconds, seconds[start] - REACH_S))
            if oldest == start:
                continue
            gaps = seconds[start] - seconds[oldest:start]
            jumps = self._jumps(rows[oldest:start], rows[start:stop], gaps, velocity[oldest:start])
            total = worth[oldest:start, None] - jumps
            last = total.argmax(axis=0)
            gained = total[last, np.arange(stop - start)]
            now, last = np.arange(start, stop)[gained > 0], oldest + last[gained > 0]
            worth[now] += gained[gained > 0]
            before[now] = last
            moved = self.centres[rows[now]] - self.centres[rows[last]]
            speed = moved / np.maximum(seconds[now] - seconds[last], 1e-3)[:, None]
            velocity[now] = np.where(before[last, None] < 0, speed, (velocity[last] + speed) / 2)
        path = [int(worth.argmax())]
        while before[path[-1]] >= 0:
            path.append(int(before[path[-1]]))
        return rows[path[::-1]], float(worth.max())

    def _jumps(self, before: Rows, now: Rows, gaps: Floats, velocity: Floats) -> Floats:
        """(before, now) cost of each jump over `gaps` (before,) seconds; infinite beyond the limits."""
        size = np.sqrt(self.sizes[before][:, None] * self.sizes[now])
        growth = np.abs(np.log(self.sizes[before][:, None] / self.sizes[now]))
        place = self.centres[before] + velocity * np.minimum(gaps, LEAD_S)[:, None]
        far = np.linalg.norm(place[:, None] - self.centres[now], axis=-1) / size
        far /= MAX_JUMP + SPEED * gaps[:, None]
        possible = (far < 1) & (growth < np.log(MAX_GROWTH))
        far = np.where(possible, far, 0.0) ** 2
        return np.where(possible, PLACE * far / (1 - far), np.inf)
