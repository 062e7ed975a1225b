"""The people of a shot: paths through the bodies of its frames (`extractors.trajectories`)."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.store.arrays import Floats, Rows
from extractors.keypoints import body_sizes, centres_of
from extractors.pose.detections import Detections, bodies_of
from extractors.signals import blocks
from extractors.trajectories import Shot


class People:
    """The detections in all views of a shot, and the bodies that they make. Kept as numbers, without objects."""

    def __init__(self, views: int = 1, scale: Sequence[float] | Floats = (1.0, 1.0, 1.0)) -> None:
        self.views = views
        self.scale = np.array(scale)  # of x, y and score as they are kept: gives pixels of the video
        self.frames = array("i")  # processed frame of each detection, ascending
        self.body = array("i")  # number of its body, ascending
        self.joints = array("f")  # 17 x (x, y, score) of each
        self.scores = array("f")

    def add(self, frame: int, views: Sequence[Detections]) -> None:
        """Take the detections in the views of the next frame."""
        people, first = Detections.joined(views), len(self)
        bodies = bodies_of([Detections(view.keypoints * self.scale, view.scores) for view in views])
        rows = [row for body in bodies for row in body]
        self.frames.extend([frame] * len(rows))
        self.body.extend(first + number for number, body in enumerate(bodies) for _ in body)
        self.joints.frombytes(np.ascontiguousarray(people.keypoints[rows], np.float32).tobytes())
        self.scores.extend(people.scores[rows].tolist())

    def __len__(self) -> int:
        """Number of bodies."""
        return self.body[-1] + 1 if self.body else 0

    def places(self, rows: Rows, joints: Rows | slice = slice(None)) -> Floats:
        """(rows, 17, 3) pixels and scores of the joints of detections, or (rows, 3) of one joint of each."""
        return np.asarray(np.frombuffer(self.joints, np.float32).reshape(-1, 17, 3)[rows, joints] * self.scale)

    def bodies(self, numbers: Rows) -> Detections:
        """The bodies with these numbers.

        A joint's place and score are means of the body's detections, weighted by joint score squared times person
        score. The score of a body is the mean over all views, 0 in those that lack it.
        """
        edges = np.searchsorted(np.asarray(self.body), np.array([numbers, numbers + 1], np.int32))
        members = edges[0][:, None] + np.arange(self.views)
        there = members < edges[1][:, None]
        members[~there] = 0
        poses, scores = self.places(members), np.asarray(self.scores)[members] * there
        weights = there[..., None, None] * (poses[..., 2:] ** 2 * scores[..., None, None] + 1e-9)
        merged = (poses * weights).sum(axis=1) / weights.sum(axis=1) if self.views > 1 else poses[:, 0]
        return Detections(merged.astype(np.float32), scores.sum(axis=1).astype(np.float64) / self.views)


@dataclass(frozen=True)
class Track:
    """A person of one shot: a path with at most one body a frame."""

    people: People  # of the shot
    bodies: Rows  # (M,) numbers of the path's bodies, ascending
    frames: NDArray[np.int64]  # (M,) processed frames of the bodies, ascending
    centres: Floats  # (M, 2) pixels
    sizes: Floats  # (M,) pixels
    scores: Floats  # (M,) means over the views

    def poses(self, rows: slice = slice(None)) -> NDArray[np.floating]:
        """(M, 17, 3) pixels and scores of the path's bodies, made anew: they are kept as detections alone."""
        return self.people.bodies(self.bodies[rows]).keypoints


def people_of(people: People, times: Floats, floor: float, pose_cost: float = 0.0) -> list[Track]:
    """The people of one shot, the best path first.

    `times` (N,) has the seconds of every frame of the video so far. A body with the score `floor` adds nothing to a
    path. `pose_cost` is that of `Shot`.
    """
    numbers, frames = np.arange(len(people)), np.zeros(len(people), np.int64)
    frames[people.body] = people.frames
    centres, sizes, scores = np.zeros((len(people), 2)), np.zeros(len(people)), np.zeros(len(people))
    for rows in blocks(len(people)):
        bodies = people.bodies(numbers[rows])
        centres[rows], sizes[rows] = centres_of(bodies.keypoints), body_sizes(bodies.keypoints)
        scores[rows] = bodies.scores
    gains = np.log(scores / floor)
    shot = Shot(frames, times[frames], centres, sizes, gains, lambda rows: people.bodies(rows).keypoints, pose_cost)
    return [Track(people, path, frames[path], centres[path], sizes[path], scores[path]) for path in shot.people()]
