"""Where a pose network is asked to look: the whole frame in four rotations, or close-ups of people already known.

MoveNet fails on people who are upside down, as divers are for half of a dive. Two remedies:
- `four`: the whole frame is shown in all four quarter turns, and people found more than once are merged;
- `tracked`: each known person is shown in a close-up, turned so that the body, which leans as it did a frame ago,
  stands upright, and scaled to fill the network's input. That needs one small forward a person. All four rotations
  of the whole frame are searched at the start of a shot, every `search_s` seconds and when somebody is lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from extractors.people.bodies import centre_of, centres_of
from extractors.people.oks import keep_distinct, oks
from extractors.people.tracking import Track
from extractors.pose_backends.base import Image, People, PoseBackend, View

Rotations = Literal["none", "four", "tracked"]


@dataclass(frozen=True)
class Person:
    """Where a person is expected.

    Attributes:
        pose: (17, 3) predicted joints in frame pixels.
        size: body size in pixels (diagonal of the box).
        lean: radians clockwise from upright.
    """

    pose: NDArray[np.float32]
    size: float
    lean: float

    @classmethod
    def of(cls, track: Track, time: float) -> Person:
        """What a track predicts for `time`."""
        return cls(track.predicted(time, track.with_camera), track.size, track.predicted_lean(time))


def merge(people: People, max_oks: float = 0.55) -> People:
    """One entry per person, best first: what several views say of one person becomes their consensus."""
    kept = keep_distinct(people.keypoints, people.scores, max_oks)
    if len(kept) == len(people):
        return people.take(kept)
    likeness = oks(people.keypoints[kept], people.keypoints, widen=2.0)
    nearest = likeness.argmax(axis=0)
    poses = []
    for row, best in enumerate(kept):
        # A faint or very different reading of the body would pull the joints off.
        same = (nearest == row) & (likeness[row] > 0.3) & (people.scores > 0.3 * people.scores[best])
        same[best] = True
        poses.append(consensus(people.keypoints[same], people.scores[same]))
    return People.of(np.stack(poses), people.scores[kept])


def consensus(poses: NDArray[np.float32], scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """(17, 3) the joints on which several readings (V, 17, 3) of one person agree.

    Each joint is the weighted medoid of its readings, averaged with those nearby; weights are the joint's score
    times the person's. (Measured on rendered dives, four views: 4 % more joints within half a torso than by the
    best view alone, 1 % more than by averaging.)
    """
    weight = poses[:, :, 2] * scores[:, None] + 1e-9
    apart = np.linalg.norm(poses[:, None, :, :2] - poses[None, :, :, :2], axis=-1)
    middle = (apart * weight[None]).sum(axis=1).argmin(axis=0)
    joint = np.arange(poses.shape[1])
    reach = 0.15 * (poses[:, :, :2].max(axis=1) - poses[:, :, :2].min(axis=1)).max(axis=1)
    near = np.where(reach[middle] >= apart[middle, :, joint].T, weight, 0.0)
    points = (poses[:, :, :2] * near[..., None]).sum(axis=0) / near.sum(axis=0)[:, None]
    best = np.where(near > 0, poses[:, :, 2], 0.0).max(axis=0)
    return np.concatenate([points, best[:, None]], axis=1).astype(np.float32)


class Counted:
    """A backend that counts its forwards."""

    def __init__(self, backend: Any) -> None:
        self.backend, self.count = backend, 0

    def detect(self, image: Image) -> People:
        """As the backend's."""
        self.count += 1
        found: People = self.backend.detect(image)
        return found

    def close_up(self, image: Image) -> People:
        """As the backend's."""
        self.count += 1
        found: People = self.backend.close_up(image)
        return found


def whole_frame(backend: PoseBackend, image: Image, turns: Sequence[int] = (0, 1, 2, 3)) -> People:
    """People of the whole frame (H, W, 3), searched in the given quarter turns and merged."""
    found = []
    for turn in turns:
        view = View.quarter(turn, image.shape[1], image.shape[0])
        found.append(view.seen(backend.detect(view.draw(image))))
    return merge(People.joined(found))


def close_up(
    backend: PoseBackend,
    image: Image,
    person: Person,
    *,
    zoom: float = 1.7,
    turn: float = 0.0,
    mirror: bool = False,
    pixels: int = 256,
) -> People:
    """People in a square of `zoom` body sizes around `person`, turned upright (plus `turn` radians).

    People who stand in the outer part of the square are other people, cut off by its border: their score is
    halved, so that a view of their own wins over this one.
    """
    centre, side = centre_of(person.pose), zoom * max(person.size, 16.0)
    view = View.around(centre, side, person.lean + turn, pixels, mirror)
    found = view.seen(backend.close_up(view.draw(image)))
    away = np.linalg.norm(centres_of(found.keypoints) - centre, axis=-1) / side
    return People(found.keypoints, np.where(away < 0.3, found.scores, 0.5 * found.scores), found.boxes)


VIEWS = ((0.0, False, 1.0), (0.0, True, 1.15), (0.3, False, 1.15), (-0.3, True, 1.0))
"""Extra turn in radians, mirrored, factor on the zoom: the views of one person whose joints are averaged."""


def close_ups(
    backend: PoseBackend, image: Image, people: Sequence[Person], zoom: float, pixels: int, views: int = 1
) -> People:
    """The first `views` of `VIEWS` for each of `people`, merged."""
    found = [
        close_up(backend, image, person, zoom=zoom * wider, turn=turn, mirror=mirror, pixels=pixels)
        for person in people
        for turn, mirror, wider in VIEWS[:views]
    ]
    return merge(People.joined(found))
