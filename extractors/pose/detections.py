"""People of one picture, views of a frame for a pose network, and how far they support each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from extractors.keypoints import distances

Image = NDArray[np.uint8]

PERSON_RADIUS, POSE_RADIUS = 0.5, 0.18
"""Mean distance of the joints of two detections in body sizes (`sizes_of`): below the first they are one person, below
the second they agree on the pose. Views contradict each other where a person is bent or turned."""

CONTRADICTION = 0.5  # share of its score by which a detection of the same person in another pose supports one


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


def supports(views: Sequence[Detections]) -> NDArray[np.float64]:
    """(P,) support of each detection in the views of one frame, joined: the mean over the views of the score there.

    The score in a view is that of the detection which agrees on the pose, or `CONTRADICTION` of that of another one of
    the same person. Left and right may be exchanged: the path over time decides between them.
    """
    people = Detections.joined(views)
    view = np.repeat(np.arange(len(views)), [len(each) for each in views])
    apart = distances(people.keypoints[:, None], people.keypoints[None]).min(axis=0)
    share = np.where(apart < POSE_RADIUS, 1.0, CONTRADICTION * (apart < PERSON_RADIUS))
    share[view[:, None] == view] = 0
    np.fill_diagonal(share, 1)
    in_views = [(share * people.scores)[:, view == one].max(axis=1, initial=0.0) for one in range(len(views))]
    return np.asarray(np.mean(in_views, axis=0))


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
