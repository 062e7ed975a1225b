"""The people of a shot: paths through the bodies of its frames (`extractors.trajectories`)."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from data.store.arrays import Floats
from extractors.keypoints import body_sizes, centres_of, in_blocks
from extractors.pose.detections import Detections
from extractors.trajectories import Shot


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


@dataclass(frozen=True)
class Track:
    """A person of one shot: a path with at most one body a frame."""

    frames: NDArray[np.int64]  # (M,) processed frames with a body, ascending
    keypoints: NDArray[np.float32]  # (M, 17, 3) pixels and score of the bodies
    scores: Floats  # (M,) of the bodies: means over the views
    detections: People  # of the video, in all views


def people_of(
    bodies: People, detections: People, shot: tuple[int, int], times: Floats, floor: float, pose_cost: float = 0.0
) -> list[Track]:
    """The people of one shot, the best path first.

    `shot` has (first, one past the last) frame, `times` (N,) the seconds of every frame of the video. A body with the
    score `floor` adds nothing to a path. `pose_cost` is that of `Shot`.
    """
    rows = slice(*np.searchsorted(np.asarray(bodies.frames), shot).tolist())
    frames, scores = np.asarray(bodies.frames)[rows], np.asarray(bodies.scores)[rows]
    keypoints = bodies.keypoints[rows]
    centres, sizes = in_blocks(centres_of, keypoints), in_blocks(body_sizes, keypoints)
    found = Shot(frames, times[frames], centres, sizes, np.log(scores / floor), keypoints, pose_cost)
    return [Track(frames[path], keypoints[path], scores[path], detections) for path in found.people()]
