"""A second look, with hindsight: an agent who is missing or faint in a frame is sought from the frames after it.

While a video streams, people are known only from the past. Once a stretch of frames has gone by, the agents are known
from both sides: starting at each frame in which an agent is surely seen, the frames before it (and after it) in which
the agent is not are looked at again, close up, at the place and angle that the sure frames predict.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from extractors.appearance import Appearance
from extractors.oks import oks
from extractors.pose_backends.base import Image, PoseBackend
from extractors.pose_search import Person, close_up, consensus
from extractors.tracking import FAINT, SURE, UNLIKE, Track, centre_of, lean_of, size_of

LOOKS = ((0.0, 1.0), (0.0, 1.35), (0.6, 1.0), (-0.6, 1.0), (1.3, 1.2), (-1.3, 1.2), (3.1, 1.2))
"""Radians added to the predicted lean and factors on the zoom, in the order in which they are tried."""

PATIENCE = 3
"""Frames in a row that may fail before a direction is given up."""

Pose = NDArray[np.float32]


@dataclass(frozen=True)
class Sight:
    """One agent in one frame."""

    pose: Pose
    score: float


@dataclass
class Repair:
    """Looks again at the frames of one window.

    Attributes:
        backend: the pose network.
        images: the window's pictures by position, at the size in which tracks are measured.
        zoom, pixels: of close-ups.
        sure: person score from which nothing has to be looked at again.
    """

    backend: PoseBackend
    images: Mapping[int, Image]
    zoom: float
    pixels: int
    sure: float

    def agent(
        self,
        chain: Sequence[Track],
        others: Sequence[Sequence[Track]],
        shot: tuple[int, int],
        look: Appearance,
    ) -> dict[int, Sight]:
        """What a second look finds of one agent, by position; `others` are the other agents of the shot.

        Args:
            chain: the agent's tracks.
            others: the other agents' tracks; somebody who is already one of them is not taken.
            shot: first position and one past the last.
            look: the agent's colours.
        """
        known = sights(chain)
        taken = [sights(other) for other in others]
        places = [p for p in sorted(self.images) if shot[0] <= p < shot[1]]
        size = float(np.median([size_of(sight.pose) for sight in known.values()]))
        found: dict[int, Sight] = {}
        for order in (places[::-1], places):
            for place, person in self._weak(order, known, found, size):
                sight = self._look(place, person, [t[place].pose for t in taken if place in t], look)
                here = found.get(place) or known.get(place)
                if sight and (here is None or sight.score > here.score + 0.02):
                    found[place] = sight
        return found

    def _weak(
        self, order: Sequence[int], known: Mapping[int, Sight], found: Mapping[int, Sight], size: float
    ) -> Iterator[tuple[int, Person]]:
        """Frames to look at in this direction, with where the last two seen frames predict the agent."""
        trail: list[tuple[int, Sight]] = []
        for place in order:
            here = found.get(place) or known.get(place)
            if (here is None or here.score < self.sure) and trail and abs(place - trail[-1][0]) <= PATIENCE:
                yield place, _expected(trail, place, size)
                here = found.get(place) or here
            if here is not None:
                trail = [*trail[-1:], (place, here)]

    def _look(self, place: int, person: Person, others: Sequence[Pose], look: Appearance) -> Sight | None:
        image = self.images[place]
        if look.known:
            person = _placed(person, look.locate(image, centre_of(person.pose), person.size))
        poses: list[Pose] = []
        scores: list[float] = []
        for turn, wider in LOOKS:
            zoom = self.zoom * wider
            seen = close_up(self.backend, image, person, zoom=zoom, turn=turn, pixels=self.pixels)
            for pose, score in zip(seen.keypoints, seen.scores, strict=True):
                unlike = look.known and score < SURE and look.likeness(image, pose) < UNLIKE
                if not unlike and _fits(pose, person, others, 0.4 if score >= FAINT else 0.2):
                    poses.append(pose)
                    scores.append(float(score))
            if len(poses) > 1 and max(scores) >= self.sure:
                break
        if not poses:
            return None
        best = int(np.argmax(scores))
        alike = oks(poses[best][None], np.stack(poses), widen=2.0)[0] > 0.3
        alike[best] = True
        return Sight(consensus(np.stack(poses)[alike], np.array(scores, np.float32)[alike]), scores[best])


def sights(chain: Sequence[Track]) -> dict[int, Sight]:
    """Every frame in which an agent was seen; where two of its tracks overlap, the surer one."""
    seen: dict[int, Sight] = {}
    for track in chain:
        for frame, pose, score in zip(track.frames, track.keypoints, track.scores, strict=True):
            if frame not in seen or score > seen[frame].score:
                seen[frame] = Sight(pose, score)
    return seen


def _expected(trail: Sequence[tuple[int, Sight]], place: int, size: float) -> Person:
    """The last pose of `trail` moved and turned on at the speed of its last step (for three frames at most)."""
    last, sight = trail[-1]
    pose, lean, turn, step = sight.pose.copy(), lean_of(sight.pose), 0.0, np.zeros(2)
    if len(trail) > 1 and abs(last - trail[0][0]) <= PATIENCE:
        before, earlier = trail[0]
        ratio = abs(place - last) / abs(last - before)
        step = (centre_of(sight.pose) - centre_of(earlier.pose)) * ratio
        step *= min(1.0, 0.5 * size / max(float(np.linalg.norm(step)), 1e-6))
        change = (lean - lean_of(earlier.pose) + np.pi) % (2 * np.pi) - np.pi
        turn = change * ratio if abs(change) < 1.3 else 0.0
    pose[:, :2] += step.astype(np.float32)
    return Person(pose, max(size, size_of(sight.pose)), lean + float(np.clip(turn, -1.3, 1.3)))


def _placed(person: Person, place: NDArray[np.float64] | None) -> Person:
    """The person at another place."""
    if place is None:
        return person
    pose = person.pose.copy()
    pose[:, :2] += (place - centre_of(pose)).astype(np.float32)
    return replace(person, pose=pose)


def _fits(pose: Pose, person: Person, others: Sequence[Pose], reach: float) -> bool:
    """Near the expected place, of the expected size, and nobody else."""
    away = float(np.linalg.norm(centre_of(pose) - centre_of(person.pose)))
    if away > reach * person.size or not 0.3 < size_of(pose) / person.size < 1.6:
        return False
    return all(
        oks(pose[None], other[None])[0, 0] < 0.3 and np.linalg.norm(centre_of(pose) - centre_of(other)) > 0.5 * away
        for other in others
    )
