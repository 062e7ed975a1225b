"""People per frame become tracks: who is who over time, by pose, box overlap and motion.

The tracker runs while frames stream by and keeps joints only, never pictures. Which of the tracks are the agents is
decided when the video has ended (`agents.py`).
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from extractors.people.bodies import centre_of, centres_of, lean_of, size_of, sizes_of
from extractors.people.oks import boxes_of, iou, oks
from extractors.pose_backends.base import People

FAINT = 0.2
"""Person score below which a reading counts for little: spectators and folded, blurred athletes both lie there."""

SURE, UNLIKE = 0.35, 0.4
"""A reading scored below `SURE` whose colours are less than `UNLIKE` like the person's is of something else."""

PLAIN, LOW_BAR = 0.4, 0.35
"""Usual score of a person in a good picture. Small, dark or blurred people score half of that, or less, throughout:
what counts as sure and as faint shrinks with a person's own usual score (`Track.bar`), to this share at most."""

HEED, GROWTH = 8, 1.4
"""A size is trusted once a track was seen so many times: nobody grows by more than this factor from then on."""


@dataclass(frozen=True)
class TrackSettings:
    """How people are linked from frame to frame.

    Attributes:
        new_score: a person scored below this continues a track but begins none.
        faint_score: as `new_score`, while fewer than `wanted` people are followed.
        wanted: people to follow.
        lost_s: seconds a person may stay unseen and still come back as the same track.
        gate: farthest step from the predicted place, in body sizes; grows while a person is unseen.
    """

    new_score: float = 0.2
    faint_score: float = 0.08
    wanted: int = 2
    lost_s: float = 1.0
    gate: float = 0.8


@dataclass
class Track:
    """One person of one shot.

    Attributes:
        number: counts tracks from 0 over the video.
        frames: positions (in the sequence of processed frames) at which the person was seen, ascending.
        keypoints: (17, 3) float32 for each of `frames`, pixels.
        scores: person score for each of `frames`.
        places: (2,) centre for each of `frames` with the camera's shift taken out, pixels.
    """

    number: int
    frames: list[int] = field(default_factory=list)
    keypoints: list[NDArray[np.float32]] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    places: list[NDArray[np.float64]] = field(default_factory=list)
    time: float = 0.0
    size: float = 0.0
    velocity: NDArray[np.float64] = field(default_factory=lambda: np.zeros(2))
    velocity_seen: NDArray[np.float64] = field(default_factory=lambda: np.zeros(2))
    misses: NDArray[np.float64] = field(default_factory=lambda: np.zeros(2))
    hint: tuple[float, NDArray[np.float64]] | None = None
    usual: float = 0.0
    largest: float = 0.0
    lean: float = 0.0
    spin: float = 0.0
    drift: NDArray[np.float64] = field(default_factory=lambda: np.zeros(2))

    def see(
        self, frame: int, time: float, pose: NDArray[np.float32], score: float, camera: NDArray[np.float64]
    ) -> None:
        """Add what was seen at `time`; `camera` is the background's summed shift up to now."""
        place, size, lean = centre_of(pose) - camera, size_of(pose), lean_of(pose)
        if self.frames:
            gap = max(time - self.time, 1e-3)
            ways = (self.predicted(time), self.predicted(time, with_camera=True))
            missed = [float(np.linalg.norm(centre_of(pose) - centre_of(way))) for way in ways]
            self.misses = 0.8 * self.misses + 0.2 * np.array(missed)
            share = 1.0 if len(self.frames) == 1 else 0.6 if score >= self.bar(FAINT) else 0.2
            self.velocity = (1 - share) * self.velocity + share * (place - self.places[-1]) / gap
            seen = (centre_of(pose) - centre_of(self.keypoints[-1])) / gap
            self.velocity_seen = (1 - share) * self.velocity_seen + share * seen
            turn = _wrapped(lean - self.lean)
            self.spin = 0.5 * self.spin + 0.5 * turn / gap if abs(turn) < 1.6 else 0.5 * self.spin
            # Folding up is quick and faint readings are small: the size falls slowly, so that a view never cuts off.
            self.size = max(size, 0.985 * self.size) if size < self.size else 0.7 * self.size + 0.3 * size
        else:
            self.size = self.largest = size
        self._heed(float(score), size)
        self.lean, self.time, self.drift, self.hint = lean, time, np.zeros(2), None
        self.frames.append(frame)
        self.keypoints.append(pose)
        self.scores.append(float(score))
        self.places.append(place)

    def _heed(self, score: float, size: float) -> None:
        """Learn the person's usual score and full size."""
        count = len(self.frames) + 1
        self.usual += max(1 / count, 0.04) * (score - self.usual)
        if count <= HEED or score >= self.bar(FAINT):
            share = 0.3 if size > self.largest else 0.01
            self.largest += share * (min(size, GROWTH * self.largest) - self.largest)

    def bar(self, limit: float) -> float:
        """A limit on scores, made for good pictures, for this person."""
        return limit * float(np.clip(self.usual / PLAIN, LOW_BAR, 1.0))

    def put(self, frame: int, pose: NDArray[np.float32], score: float, camera: NDArray[np.float64]) -> None:
        """Add or replace what was seen in an earlier frame; the motion state stays as it is."""
        at = bisect_left(self.frames, frame)
        if at == len(self.frames) or self.frames[at] != frame:
            self.frames.insert(at, frame)
            self.keypoints.insert(at, pose)
            self.scores.insert(at, score)
            self.places.insert(at, np.zeros(2))
        self.keypoints[at], self.scores[at], self.places[at] = pose, float(score), centre_of(pose) - camera

    def drop(self, frame: int) -> None:
        """Forget what was seen in an earlier frame, unless it is all there is."""
        at = bisect_left(self.frames, frame)
        if at < len(self.frames) > 1 and self.frames[at] == frame:
            for values in (self.frames, self.keypoints, self.scores, self.places):
                del values[at]

    def predicted(self, time: float, with_camera: bool = False) -> NDArray[np.float32]:
        """(17, 3) the last pose moved to where it should be at `time` (speed fades over half a second unseen).

        Cameras follow athletes, whose speed in the picture is therefore steadier than that against the background;
        for everybody else it is the other way round (`with_camera`).
        """
        pose = np.array(self.keypoints[-1], dtype=np.float32)
        if self.hint is not None:  # where the person's colours were last seen
            pose[:, :2] += (self.hint[1] - centre_of(pose)).astype(np.float32)
            pose[:, :2] += (self.velocity_seen * min(time - self.hint[0], 0.1)).astype(np.float32)
            return pose
        fading = 0.5 * (1 - np.exp(-(time - self.time) / 0.5))
        step = self.velocity * fading + self.drift if with_camera else self.velocity_seen * fading
        pose[:, :2] += step.astype(np.float32)
        return pose

    @property
    def with_camera(self) -> bool:
        """Whether this person is better predicted with the camera's motion than by speed in the picture."""
        return bool(self.misses[1] <= self.misses[0])

    def predicted_lean(self, time: float) -> float:
        """Radians clockwise from upright at which the body should lean at `time`."""
        turn = float(np.clip(self.spin * min(time - self.time, 0.15), -1.2, 1.2))
        return float(_wrapped(self.lean + turn))


class Tracker:
    """Links people to tracks, frame by frame.

    Each frame is one assignment (`scipy.optimize.linear_sum_assignment`) that maximises the summed likeness of
    predicted and seen people: OKS at a doubled tolerance, box overlap and distance from the predicted centre.
    A cut ends every track.
    """

    def __init__(self, settings: TrackSettings | None = None) -> None:
        self.settings = settings or TrackSettings()
        self.tracks: list[Track] = []
        self.alive: list[Track] = []
        self.camera = np.zeros(2)

    def begin(self, time: float, shift: NDArray[np.float64], cut: bool) -> None:
        """Announce the next frame: the background moved by `shift` pixels, or a new shot began."""
        self.camera = np.zeros(2) if cut else self.camera + shift
        self.alive = [] if cut else [t for t in self.alive if time - t.time <= self._wait(t)]
        for track in self.alive:
            track.drift = track.drift + shift

    def _wait(self, track: Track) -> float:
        """Seconds to wait for somebody: the whole of `lost_s` only for those who have been seen ten times."""
        return self.settings.lost_s * min(1.0, len(track.frames) / 10)

    def update(
        self, frame: int, time: float, people: People, coloured: NDArray[np.float64] | None = None
    ) -> list[Track]:
        """Take the people of one frame; returns the track of each of them in order, begun where none fits."""
        given = self.match(time, people, coloured)
        settled = sum(len(track.frames) >= HEED for track in self.alive) >= self.settings.wanted
        found: list[Track] = []
        for person in range(len(people)):
            track = given.get(person)
            score = float(people.scores[person])
            if track is None:
                track = Track(len(self.tracks))
                if score < self.settings.new_score and (settled or not self._begins(people, person)):
                    found.append(track)  # too faint to begin a track: belongs to nobody
                    continue
                self.tracks.append(track)
                self.alive.append(track)
            track.see(frame, time, people.keypoints[person], score, self.camera)
            found.append(track)
        return found

    def _begins(self, people: People, person: int) -> bool:
        """Whether somebody faint may begin a track: not as a second reading of a body that is already followed."""
        if people.scores[person] < self.settings.faint_score:
            return False
        place, size = centre_of(people.keypoints[person]), size_of(people.keypoints[person])
        return all(np.linalg.norm(place - centre_of(t.keypoints[-1])) > 0.5 * max(t.size, size) for t in self.alive)

    def match(self, time: float, people: People, coloured: NDArray[np.float64] | None = None) -> dict[int, Track]:
        """The track that each person (by row) would continue; nothing is changed.

        Args:
            time: of the frame.
            people: who is seen in it.
            coloured: (alive tracks, people) 0..1, how much each person is coloured like each track; 1 where unknown.
        """
        from scipy.optimize import linear_sum_assignment

        if not self.alive or not len(people):
            return {}
        likeness = self._likeness(time, people)
        if coloured is not None:
            off = (coloured < UNLIKE) & (people.scores < SURE)[None]
            likeness = np.where(off, 0.0, likeness * (0.5 + 0.5 * coloured))
        rows, columns = linear_sum_assignment(-likeness)
        return {int(c): self.alive[r] for r, c in zip(rows, columns, strict=True) if likeness[r, c] > 0}

    def _likeness(self, time: float, people: People) -> NDArray[np.float64]:
        """(tracks, people), 0 where a person is out of a track's reach."""
        expected = np.stack([track.predicted(time, track.with_camera) for track in self.alive])
        sizes = np.array([track.size for track in self.alive])
        unseen = np.array([time - track.time for track in self.alive])
        places = centres_of(people.keypoints)[None]
        step = np.linalg.norm(places - centres_of(expected)[:, None], axis=-1)
        away = step / np.maximum(sizes[:, None], 1.0)
        reach = self.settings.gate * (1 + 2 * np.clip(unseen - 0.1, 0, 0.5))[:, None]
        found_sizes = sizes_of(people.keypoints)
        most = np.array([[GROWTH * t.largest if len(t.frames) >= HEED else 2 * t.size] for t in self.alive])
        ratio = found_sizes[None] / np.maximum(sizes[:, None], 1.0)
        near = np.exp(-0.5 * (away / (0.4 * reach)) ** 2)
        pose = oks(expected, people.keypoints, widen=2.0)
        overlap = iou(boxes_of(expected), boxes_of(people.keypoints))
        practice = np.array([min(len(track.frames), 10) for track in self.alive])[:, None] / 10
        likeness = 0.5 * near + 0.3 * pose + 0.2 * overlap + 0.1 * practice + 0.1 * people.scores[None]
        # Faint readings are often of somebody else, or of nobody: they must lie where this person is expected.
        faint = people.scores[None] < np.array([[track.bar(FAINT)] for track in self.alive])
        allowed = (
            np.where(faint, (away < 0.4 * reach) & (ratio > 0.45), (away < reach) & (ratio > 0.3))
            & (ratio < 2.0)
            & (found_sizes[None] < most)
        )
        return np.where(allowed, likeness, 0.0)


def _wrapped(angle: float) -> float:
    """The same angle in -pi..pi."""
    return float((angle + np.pi) % (2 * np.pi) - np.pi)
