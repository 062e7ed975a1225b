"""The people of a shot: paths through the bodies of its frames (`extractors.trajectories`)."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from data.store.arrays import Floats
from extractors.keypoints import centres_of, in_blocks, sizes_of
from extractors.pose.detections import Detections, merged
from extractors.trajectories import Rows, Shot


@dataclass
class People:
    """The people in each frame of a video. Kept as numbers, without an object for each."""

    frames: array[int] = field(default_factory=lambda: array("q"))  # processed frame of each, ascending
    joints: array[float] = field(default_factory=lambda: array("f"))  # 17 x (x, y in pixels, score) of each
    scores: array[float] = field(default_factory=lambda: array("d"))

    def add(self, frame: int, people: Detections) -> None:
        """Take the people of the next frame."""
        self.frames.extend([frame] * len(people))
        self.joints.frombytes(np.ascontiguousarray(people.keypoints, np.float32).tobytes())
        self.scores.extend(people.scores.tolist())

    @property
    def keypoints(self) -> NDArray[np.float32]:
        """(M, 17, 3) pixels and score of each, not copied."""
        return np.frombuffer(self.joints, np.float32).reshape(-1, 17, 3)


@dataclass
class Candidates:
    """The bodies of a video, each once a frame, and the detections in all views that they come from."""

    bodies: People = field(default_factory=People)
    detections: People = field(default_factory=People)
    body_of: array[int] = field(default_factory=lambda: array("q"))  # row of the body of each detection

    def add(self, frame: int, views: Sequence[Detections]) -> None:
        """Take the detections in all views of the next frame. Of a single view, each is a body and is kept once."""
        bodies, body_of = merged(views) if len(views) > 1 else (views[0], np.arange(len(views[0])))
        self.body_of.extend((body_of + len(self.bodies.frames)).tolist())
        self.bodies.add(frame, bodies)
        if len(views) == 1:
            self.detections = self.bodies
        else:
            self.detections.add(frame, Detections.joined(views))


@dataclass(frozen=True)
class Track:
    """A person of one shot: a path with at most one body a frame."""

    candidates: Candidates
    path: Rows  # (M,) rows of the bodies, ascending

    @property
    def frames(self) -> NDArray[np.int64]:
        """(M,) processed frames with a body, ascending."""
        return np.asarray(self.candidates.bodies.frames)[self.path]

    @property
    def keypoints(self) -> NDArray[np.float32]:
        """(M, 17, 3) pixels and score of the bodies."""
        return self.candidates.bodies.keypoints[self.path]

    @property
    def scores(self) -> Floats:
        """(M,) of the bodies: means over the views."""
        return np.asarray(self.candidates.bodies.scores)[self.path]


def people_of(candidates: Candidates, first: int, stop: int, times: Floats, floor: float) -> list[Track]:
    """The people of one shot, the best path first.

    The shot begins with frame `first` and ends before `stop`; `times` (N,) has the seconds of every frame of the video.
    A body with the score `floor` adds nothing to a path.
    """
    bodies = candidates.bodies
    rows = slice(*np.searchsorted(np.asarray(bodies.frames), [first, stop]).tolist())
    frames, scores = np.asarray(bodies.frames)[rows], np.asarray(bodies.scores)[rows]
    keypoints = bodies.keypoints[rows]
    centres, sizes = in_blocks(centres_of, keypoints), in_blocks(sizes_of, keypoints)
    shot = Shot(frames, times[frames], centres, sizes, np.log(scores / floor))
    return [Track(candidates, rows.start + path) for path in shot.people()]
