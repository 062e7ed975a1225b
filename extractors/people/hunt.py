"""Close-ups of one agent where it is missing or faint, and what each reading of it is worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from extractors.people.appearance import Appearance
from extractors.people.bodies import centre_of, size_of
from extractors.people.oks import oks
from extractors.people.path import Sight
from extractors.people.search import Person, close_up, consensus
from extractors.people.tracking import GROWTH, SURE, UNLIKE
from extractors.pose_backends.base import Image, PoseBackend

LOOKS = (
    *((0.0, 1.0, False), (0.0, 1.35, True), (0.6, 1.0, False), (-0.6, 1.0, True)),
    *((1.3, 1.2, False), (-1.3, 1.2, True), (3.1, 1.2, False), (0.3, 1.15, True), (-0.3, 1.15, False)),
    *((0.9, 1.35, True), (-0.9, 1.35, False), (0.0, 0.85, True)),
)
"""Radians added to the predicted lean, factors on the zoom, mirrored or not, in the order in which they are tried."""

BONES = ((5, 11), (6, 12), (5, 7), (6, 8), (7, 9), (8, 10), (11, 13), (12, 14), (13, 15), (14, 16))
"""Joints at both ends of the bones whose length is looked at."""

Pose = NDArray[np.float32]


@dataclass
class Hunt:
    """Close-ups of one agent.

    Attributes:
        backend: the pose network.
        images: the window's pictures by position.
        zoom, pixels: of close-ups.
        sure: person score from which nothing has to be looked at again.
        size: its size in pixels.
        look: its colours.
        taken: what is known of each other agent, by position.
        bones: (len(BONES),) the longest that each bone looks, in pixels; None where that is not known.
    """

    backend: PoseBackend
    images: Mapping[int, Image]
    zoom: float
    pixels: int
    sure: float
    size: float
    look: Appearance
    taken: Sequence[Mapping[int, Sight]]
    bones: NDArray[np.float64] | None

    def fitting(self, place: int, readings: Sequence[Sight], own: Sight | None = None) -> list[Sight]:
        """Those of the readings of one frame that may be this agent, with their worth.

        `own` is what the tracker took for it: that is not questioned where the agent lies before another one.
        """
        image, others = self.images[place], [known[place].pose for known in self.taken if place in known]
        kept: list[Sight] = []
        for sight in [own, *readings] if own else readings:
            if any(np.array_equal(sight.pose, other.pose) for other in kept):
                continue
            if not self._fits(sight.pose, () if sight is own else others):
                continue
            if self.look.known and sight.score < SURE:
                like = self.look.likeness(image, sight.pose)
                if like < UNLIKE:
                    continue
                sight = replace(sight, worth=sight.weight * (0.4 + 0.6 * like))
            if self.bones is not None:
                sight = replace(sight, worth=sight.weight * _sound(sight.pose, self.bones))
            kept.append(sight)
        return kept

    def look_again(self, place: int, person: Person) -> list[Sight]:
        """At most two readings of one frame, each the consensus of the close-ups that agree."""
        image = self.images[place]
        if self.look.known:
            person = _placed(person, self.look.locate(image, centre_of(person.pose), person.size))
        poses: list[Pose] = []
        scores: list[float] = []
        looks = 0
        for turn, wider, mirror in LOOKS:
            looks += 1
            zoom, pixels = self.zoom * wider, self.pixels
            seen = close_up(self.backend, image, person, zoom=zoom, turn=turn, mirror=mirror, pixels=pixels)
            near = np.array([np.linalg.norm(centre_of(p) - centre_of(person.pose)) for p in seen.keypoints])
            poses += [p for p, away in zip(seen.keypoints, near, strict=True) if away < 0.6 * person.size]
            scores += [float(s) for s, away in zip(seen.scores, near, strict=True) if away < 0.6 * person.size]
            if len(poses) > 1 and max(scores) >= self.sure:
                break
        return self.fitting(place, _agreed(poses, scores, looks)) if poses else []

    def _fits(self, pose: Pose, others: Sequence[Pose]) -> bool:
        """Of the expected size, and nobody else."""
        if not 0.3 < size_of(pose) / self.size < GROWTH:
            return False
        return all(oks(pose[None], other[None])[0, 0] < 0.3 for other in others)


def _lengths(pose: Pose) -> NDArray[np.float64]:
    return np.array([np.linalg.norm(pose[a, :2] - pose[b, :2]) for a, b in BONES])


def longest_bones(known: Sequence[Sight], sure: float) -> NDArray[np.float64] | None:
    """How long each bone looks at most in the sure frames."""
    lengths = [_lengths(sight.pose) for sight in known if sight.score >= sure]
    return np.percentile(lengths, 80, axis=0) if len(lengths) >= 5 else None


def _sound(pose: Pose, bones: NDArray[np.float64]) -> float:
    """0..1: a bone may look shorter than it is, never much longer."""
    excess = np.maximum(_lengths(pose) / np.maximum(1.3 * bones, 1.0) - 1, 0)
    return float(np.exp(-2 * np.minimum(excess, 1).sum()))


def _agreed(poses: Sequence[Pose], scores: Sequence[float], looks: int) -> list[Sight]:
    """The two readings that most others agree with, of `looks` close-ups.

    A reading is worth the scores of all that agree with it: a faint body is read alike from many sides, what is read
    into the background is not.
    """
    stack, score = np.stack(poses), np.array(scores, np.float32)
    likeness = oks(stack, stack, widen=2.0)
    free = np.ones(len(stack), dtype=bool)
    found: list[Sight] = []
    while free.any() and len(found) < 2:
        support = likeness @ (score * free)
        best = int(np.where(free, support, -1.0).argmax())
        alike = free & (likeness[best] > 0.3)
        alike[best] = True
        pose, top = consensus(stack[alike], score[alike]), float(score[alike].max())
        found.append(Sight(pose, top, 3 * float(support[best]) / max(looks, 3)))
        free &= ~alike
    return found


def _placed(person: Person, place: NDArray[np.float64] | None) -> Person:
    """The person at another place."""
    if place is None:
        return person
    pose = person.pose.copy()
    pose[:, :2] += (place - centre_of(pose)).astype(np.float32)
    return replace(person, pose=pose)
