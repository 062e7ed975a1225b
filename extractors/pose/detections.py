"""People detected in one picture, and bodies detected in several views of a frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from data.store.arrays import Reals
from extractors.keypoint_geometry import pose_distances

PERSON_RADIUS, POSE_RADIUS = 0.5, 0.1
"""Mean distance of the joints of two detections in `body_sizes`: below the first they are one person; at the
second, one counts half for the pose of the other. Views contradict each other on people who are bent or turned."""


@dataclass(frozen=True)
class Detections:
    """The people that a network detects in one picture."""

    keypoints: Reals  # (P, 17, 3) COCO-17: x, y in pixels (pixel centres at .5) and score 0..1
    scores: Reals  # (P,) score of each person, 0..1

    def __len__(self) -> int:
        return len(self.scores)

    @classmethod
    def none(cls) -> Detections:
        """No people."""
        return cls(np.zeros((0, 17, 3), np.float32), np.zeros(0, np.float32))

    @classmethod
    def of_joints(cls, points: Any, joints: Any) -> Detections:
        """People from (P, >= 17, 2) positions and (P, >= 17) scores; a person's score is the mean over joints."""
        joints = np.clip(np.asarray(joints, dtype=np.float32)[:, :17], 0, 1)
        points = np.asarray(points, dtype=np.float32)[:, :17]
        return cls(np.concatenate([points, joints[..., None]], axis=-1), joints.mean(axis=1))

    def best(self, min_score: float) -> Detections:
        """People with at least this score, best first."""
        order = np.argsort(-self.scores, kind="stable")
        rows = order[self.scores[order] >= min_score]
        return Detections(self.keypoints[rows], self.scores[rows])

    @staticmethod
    def joined(groups: Sequence[Detections]) -> Detections:
        """All people of several groups, in order."""
        groups = groups or [Detections.none()]
        return Detections(np.concatenate([g.keypoints for g in groups]), np.concatenate([g.scores for g in groups]))


def bodies_of(views: Sequence[Detections]) -> list[list[int]]:
    """The detections of each body of one frame, numbered over all views, with the highest score first.

    A body is a detection with the nearest detection of the same person in each other view. Detections with exchanged
    left and right are two bodies, and the trajectory decides between them.
    """
    people = Detections.joined(views)
    if len(views) == 1:
        return [[row] for row in range(len(people))]
    view = np.repeat(np.arange(len(views)), [len(each) for each in views])
    same, crossed = pose_distances(people.keypoints[:, None], people.keypoints[None])
    free, bodies = np.ones(len(people), bool), list[list[int]]()
    for row in np.argsort(-people.scores, kind="stable").tolist():
        if free[row]:
            near = free & (view != view[row]) & (same[row] < PERSON_RADIUS) & (same[row] <= crossed[row])
            of_views = (np.flatnonzero(near & (view == number)).tolist() for number in set(view[near]))
            bodies.append([row, *(min(rows, key=same[row].__getitem__) for rows in of_views)])
            free[bodies[-1]] = False
    return bodies
