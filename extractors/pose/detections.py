"""People of one picture, views of a frame for a pose network, and the merging of detections from several views."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from extractors.keypoints import MIRRORED, sizes_of

Image = NDArray[np.uint8]

AGREEMENT = 0.5  # detections of one body are at most this many body sizes apart, in the mean over its joints


@dataclass(frozen=True)
class Detections:
    """The people that a network detects in one picture."""

    keypoints: NDArray[np.floating]  # (P, 17, 3) COCO-17: x, y in pixels (pixel centres at .5) and score 0..1
    scores: NDArray[np.floating]  # (P,) score of each person, 0..1

    def __len__(self) -> int:
        return len(self.scores)

    @classmethod
    def none(cls) -> Detections:
        """No people."""
        return cls(np.zeros((0, 17, 3), np.float32), np.zeros(0, np.float32))

    @classmethod
    def of_joints(cls, points: Any, joints: Any) -> Detections:
        """People from (P, 17 or more, 2) places and (P, 17 or more) scores; a person's score is the mean of theirs."""
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

    @staticmethod
    def merged(views: Sequence[Detections]) -> Detections:
        """Each body once, best first, from the detections in several views of one frame, in pixels of the frame.

        Detections of different views agree where their joints are near each other. A joint's place and score are means
        over them, weighted by joint score squared times person score. The person score is a mean over all views, 0 in
        those that lack the body: it says how many views agree. Detections that agree with left and right exchanged
        remain two bodies; the path over time decides between them.
        """
        people = Detections.joined(views)
        view = np.repeat(np.arange(len(views)), [len(each) for each in views])
        points, sizes = people.keypoints[..., :2], sizes_of(people.keypoints)
        free = np.ones(len(people), dtype=bool)
        bodies: list[NDArray[np.float64]] = []
        scores: list[float] = []
        for row in np.argsort(-people.scores, kind="stable"):
            if not free[row]:
                continue
            apart = _apart(points, points[row])
            agrees = free & (view != view[row]) & (apart < AGREEMENT * sizes[row])
            agrees &= apart <= _apart(points[:, MIRRORED], points[row])
            nearest = [min(np.flatnonzero(agrees & (view == one)), key=lambda r: apart[r]) for one in set(view[agrees])]
            members = [row, *nearest]
            free[members] = False
            weight = people.keypoints[members, :, 2:] ** 2 * people.scores[members, None, None] + 1e-9
            bodies.append((people.keypoints[members] * weight).sum(axis=0) / weight.sum(axis=0))
            scores.append(float(people.scores[members].sum()) / len(views))
        return Detections(np.reshape(bodies, (-1, 17, 3)), np.array(scores)).best(0.0)


def _apart(poses: NDArray[np.floating], pose: NDArray[np.floating]) -> NDArray[np.float64]:
    """(P,) pixels between the joints of poses (P, 17, 2) and of one pose (17, 2), in the mean without the head."""
    return np.asarray(np.linalg.norm(poses[:, 5:] - pose[5:], axis=-1).mean(axis=-1), dtype=np.float64)


def turns_of(views: int, frame: int) -> Sequence[int]:
    """Clockwise quarter turns of each view of a frame by its number: upright first; the second of two views varies."""
    if views == 2:
        return 0, 1 + frame % 3
    return (0, 1, 3) if views == 3 else range(views)


def turned_back(people: Detections, turns: int, width: int, height: int) -> Detections:
    """Detections of a view in clockwise quarter turns, in pixels of its frame (width, height)."""
    x, y, score = np.moveaxis(people.keypoints, -1, 0)
    places = ((x, y), (y, height - x), (width - x, height - y), (width - y, x))[turns]
    return Detections(np.stack([*places, score], axis=-1), people.scores)
