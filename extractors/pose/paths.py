"""The people of a shot: paths through their detections (`extractors.trajectories`), with the members of each path."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from data.store.arrays import Floats
from extractors.keypoints import centres_of, distances, in_blocks, sizes_of
from extractors.pose.detections import PERSON_RADIUS, Detections, supports
from extractors.signals import blocks
from extractors.trajectories import Rows, Shot


@dataclass
class Candidates:
    """The detections of a video in all views, frame after frame. Kept as numbers, without an object for each."""

    frames: array[int] = field(default_factory=lambda: array("q"))  # processed frame of each detection, ascending
    joints: array[float] = field(default_factory=lambda: array("f"))  # 17 x (x, y in pixels, score) of each
    scores: array[float] = field(default_factory=lambda: array("d"))
    support: array[float] = field(default_factory=lambda: array("d"))  # mean score over the views that agree

    def add(self, frame: int, views: Sequence[Detections]) -> None:
        """Take the detections in all views of the next frame."""
        people = Detections.joined(views)
        self.frames.extend([frame] * len(people))
        self.joints.frombytes(np.ascontiguousarray(people.keypoints, np.float32).tobytes())
        self.scores.extend(people.scores.tolist())
        self.support.extend(supports(views).tolist())

    @property
    def keypoints(self) -> NDArray[np.float32]:
        """(M, 17, 3) pixels and score of each detection, not copied."""
        return np.frombuffer(self.joints, np.float32).reshape(-1, 17, 3)


@dataclass(frozen=True)
class Track:
    """A person of one shot: a path with one detection a frame, and the detections of that person in other views."""

    candidates: Candidates
    path: Rows  # (M,) row of the candidates, one a frame
    members: Rows  # (K,) rows of all detections of this person, ascending; they include the path's

    @property
    def frames(self) -> NDArray[np.int64]:
        """(M,) processed frames with a detection, ascending."""
        return np.asarray(self.candidates.frames)[self.path]

    @property
    def keypoints(self) -> NDArray[np.float32]:
        """(M, 17, 3) pixels and score of the path's detections."""
        return self.candidates.keypoints[self.path]

    @property
    def scores(self) -> Floats:
        """(M,) support of the path's detections."""
        return np.asarray(self.candidates.support)[self.path]


def people_of(candidates: Candidates, first: int, stop: int, times: Floats, floor: float) -> list[Track]:
    """The people of one shot, the best path first.

    The shot begins with frame `first` and ends before `stop`; `times` (N,) has the seconds of every frame of the video.
    A detection with the support `floor` adds nothing to a path.
    """
    start, end = np.searchsorted(np.asarray(candidates.frames), [first, stop])
    frames, support = np.asarray(candidates.frames)[start:end], np.asarray(candidates.support)[start:end]
    keypoints = candidates.keypoints[start:end]
    centres, sizes = in_blocks(centres_of, keypoints), in_blocks(sizes_of, keypoints)
    shot = Shot(frames, times[frames], centres, sizes, np.log(support / floor))
    return [Track(candidates, start + path, start + _members(shot, keypoints, path)) for path in shot.people()]


def _members(shot: Shot, keypoints: NDArray[np.float32], path: Rows) -> Rows:
    """Rows of the detections of the person whom a path follows, in the path's frames."""
    rows = np.arange(len(shot.frames))
    near = shot.nearest(rows, path)
    rows = rows[shot.frames[near] == shot.frames]
    apart = [
        distances(keypoints[near[some]], keypoints[some]).min(axis=0)
        for some in map(rows.__getitem__, blocks(len(rows)))
    ]
    return np.asarray(rows[np.concatenate(apart) < PERSON_RADIUS])
