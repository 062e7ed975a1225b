"""The people of a shot: trajectories through the bodies of its frames (`extractors.person_tracking`)."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from data.store.arrays import Floats, Integers, Reals, Rows
from extractors.keypoint_geometry import body_sizes, centres_of
from extractors.person_tracking import Shot
from extractors.pose.detections import Detections, bodies_of
from extractors.signals import blocks


class People:
    """The detections in all views of a shot, body after body, as arrays to save memory."""

    def __init__(self, scale: Sequence[float] = (1.0, 1.0, 1.0)) -> None:
        self.scale = np.array(scale)  # times `scale`, the joints are in pixels of the video
        self.frames = array("i")  # processed frame of each detection, ascending
        self.joints = array("f")  # 17 x (x, y, score) of each
        self.scores = array("f")  # of each, divided by the number of views of its frame
        self.views = array("i")  # number of views of each body's frame
        self.starts = array("i", [0])  # number of the first detection of each body, and of all detections

    def add(self, frame: int, views: Sequence[Detections]) -> None:
        """Append the detections in the views of the next frame."""
        people = Detections.joined(views)
        bodies = bodies_of([Detections(view.keypoints * self.scale, view.scores) for view in views])
        for rows in bodies:
            self.joints.frombytes(people.keypoints[rows].astype(np.float32).tobytes())
            self.scores.extend((people.scores[rows] / len(views)).tolist())
            self.frames.extend([frame] * len(rows))
            self.views.append(len(views))
            self.starts.append(len(self.frames))

    def places(self, rows: Rows, joints: Rows | slice = slice(None)) -> Floats:
        """(rows, 17, 3) pixels and scores of the joints of detections, or (rows, 3) of one joint of each."""
        return np.asarray(np.frombuffer(self.joints, np.float32).reshape(-1, 17, 3)[rows, joints] * self.scale)

    def bodies(self, numbers: Rows) -> Detections:
        """The bodies with these numbers. Scores are means over the frame's views, with 0 for views without the body.

        A joint's position and score are means of its detections, weighted by joint score squared times person score.
        """
        starts = np.asarray(self.starts)
        members = starts[numbers, None] + np.arange(max(self.views, default=1))
        there = members < starts[numbers + 1, None]
        poses, scores = self.places(members * there), np.asarray(self.scores)[members * there] * there
        weights = there[..., None, None] * (poses[..., 2:] ** 2 * scores[..., None, None] + 1e-9)
        merged = (poses * weights).sum(axis=1) / weights.sum(axis=1)
        return Detections(merged.astype(np.float32), scores.sum(axis=1).astype(np.float64))


@dataclass(frozen=True)
class Track:
    """A person of one shot: a trajectory with at most one body per frame."""

    people: People  # of the shot
    bodies: Rows  # (M,) numbers of the track's bodies, ascending
    frames: Integers  # (M,) processed frames of the bodies, ascending
    centres: Floats  # (M, 2) pixels
    sizes: Floats  # (M,) pixels
    scores: Floats  # (M,) means over the views

    def poses(self, rows: slice = slice(None)) -> Reals:
        """(M, 17, 3) pixels and scores of the track's bodies, computed from the stored detections."""
        return self.people.bodies(self.bodies[rows]).keypoints


def people_of(people: People, times: Floats, min_score: float) -> list[Track]:
    """The people of one shot, the best trajectory first; `times` are the seconds of the video's frames so far."""
    frames = np.asarray(people.frames)[people.starts[:-1]].astype(np.int64)
    bodies = (people.bodies(np.arange(len(frames))[rows]) for rows in blocks(max(len(frames), 1)))
    parts = [(centres_of(some.keypoints), body_sizes(some.keypoints), some.scores) for some in bodies]
    centres, sizes, scores = (np.concatenate(each) for each in zip(*parts, strict=True))
    gains = np.log(scores * np.asarray(people.views) / (0.75 * max(min_score, 0.01)))  # above 0 for a single view
    shot = Shot(frames, times[frames], centres, sizes, gains)
    return [Track(people, rows, frames[rows], centres[rows], sizes[rows], scores[rows]) for rows in shot.people()]
