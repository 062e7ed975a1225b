"""Detections of successive frames are linked to tracks: one track is one person of one shot.

Association in two stages, confident detections first and the others to the tracks that are left, follows ByteTrack
(Zhang et al., ECCV 2022); the cost compares poses (OKS) and centres with the place predicted by a constant velocity.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from extractors.keypoints import centres_of, oks, orientations_of, sizes_of, wrapped
from extractors.pose.detections import Detections

LOW_SCORE_REACH = 0.5  # detections with a low score must be this much nearer to the predicted place than confident ones
MAX_EXTRAPOLATION_S = 0.2  # a person who is missing for longer is expected where the velocity led until then


@dataclass
class Track:
    """One person of one shot. Detections are kept as numbers, without an object for each: an hour has many."""

    number: int  # counts tracks from 0 over the video
    frames: array[int] = field(default_factory=lambda: array("q"))  # processed frames with a detection, ascending
    joints: array[float] = field(default_factory=lambda: array("f"))  # the numbers of `keypoints`
    scores: array[float] = field(default_factory=lambda: array("d"))  # person score for each of `frames`
    time: float = 0.0  # seconds of the latest detection
    size: float = 0.0  # running mean of the body size in pixels
    velocity: NDArray[np.float64] = field(default_factory=lambda: np.zeros(2))  # pixels per second of the centre
    spin: float = 0.0  # radians per second clockwise of the orientation

    def add(self, frame: int, time: float, pose: NDArray[np.float32], score: float) -> None:
        """Take the detection of the frame at `time`."""
        centre, size = centres_of(pose[None])[0], float(sizes_of(pose[None])[0])
        if self.frames:
            gap = max(time - self.time, 1e-3)
            share = 1.0 if len(self.frames) == 1 else 0.6
            moved = (centre - centres_of(self.keypoints[-1][None])[0]) / gap
            self.velocity = (1 - share) * self.velocity + share * moved
            turn = wrapped(float(orientations_of(pose[None])[0]) - self.orientation)
            # More than a quarter turn from one frame to the next is a head taken for feet, not a rotation.
            self.spin = 0.5 * self.spin + (0.5 * turn / gap if abs(turn) < np.pi / 2 else 0.0)
            size = 0.8 * self.size + 0.2 * size
        self.time, self.size = time, size
        self.frames.append(frame)
        self.joints.frombytes(np.asarray(pose, np.float32).tobytes())
        self.scores.append(score)

    @property
    def keypoints(self) -> NDArray[np.float32]:
        """(M, 17, 3) pixels and score of each detection; a view that must be gone before the next one is added."""
        return np.asarray(self.joints, np.float32).reshape(-1, 17, 3)

    @property
    def orientation(self) -> float:
        """Radians clockwise from upright in the latest detection."""
        return float(orientations_of(self.keypoints[-1][None])[0])

    def predicted(self, time: float) -> NDArray[np.float32]:
        """(17, 3) the latest pose, moved by the velocity to `time`."""
        pose: NDArray[np.float32] = self.keypoints[-1].copy()
        pose[:, :2] += (self.velocity * min(time - self.time, MAX_EXTRAPOLATION_S)).astype(np.float32)
        return pose

    def predicted_orientation(self, time: float) -> float:
        """Radians clockwise from upright expected at `time`."""
        return wrapped(self.orientation + self.spin * min(time - self.time, MAX_EXTRAPOLATION_S))


class Tracker:
    """Links detections to tracks, frame by frame. A cut ends every track.

    The parameters are the stage's settings; `max_step` grows to twice its value while a person is missing.
    """

    def __init__(self, new_score: float, max_missing_s: float, max_step: float) -> None:
        self.new_score, self.max_missing_s, self.max_step = new_score, max_missing_s, max_step
        self.tracks: list[Track] = []
        self.active: list[Track] = []

    def begin(self, time: float, new_shot: bool) -> None:
        """Announce the next frame."""
        self.active = [] if new_shot else [t for t in self.active if time - t.time <= self.max_missing_s]

    def update(self, frame: int, time: float, detections: Detections) -> None:
        """Give every detection of a frame to the track that it continues, or begin a track."""
        matches = self.match(time, detections)
        for row, score in enumerate(detections.scores.tolist()):
            track = matches.get(row)
            if track is None:
                if score < self.new_score:
                    continue
                track = Track(len(self.tracks))
                self.tracks.append(track)
                self.active.append(track)
            track.add(frame, time, detections.keypoints[row], score)

    def match(self, time: float, detections: Detections) -> dict[int, Track]:
        """The track that each detection (by row) continues; changes nothing."""
        from scipy.optimize import linear_sum_assignment

        matches: dict[int, Track] = {}
        confident = detections.scores >= self.new_score
        for rows, reach in ((np.flatnonzero(confident), 1.0), (np.flatnonzero(~confident), LOW_SCORE_REACH)):
            free = [track for track in self.active if not any(track is taken for taken in matches.values())]
            if not free or not len(rows):
                continue
            gain = self._similarity(time, detections.take(rows), free, reach)
            for number, column in zip(*linear_sum_assignment(-gain), strict=True):
                if gain[number, column] > 0:
                    matches[int(rows[column])] = free[number]
        return matches

    def _similarity(self, time: float, people: Detections, tracks: list[Track], reach: float) -> NDArray[np.float64]:
        """(tracks, people), 0 where a detection cannot be that person."""
        expected = np.stack([track.predicted(time) for track in tracks])
        sizes = np.array([track.size for track in tracks])[:, None]
        missing = np.array([time - track.time for track in tracks])[:, None]
        distance = np.linalg.norm(centres_of(people.keypoints)[None] - centres_of(expected)[:, None], axis=-1)
        limit = reach * self.max_step * (1 + np.clip(2 * missing - 0.1, 0, 1))
        steps, ratio = distance / sizes / limit, sizes_of(people.keypoints)[None] / sizes
        near = np.exp(-0.5 * (steps / 0.4) ** 2)
        gain = 0.6 * near + 0.4 * oks(expected, people.keypoints, widen=2.0) + 0.1 * people.scores[None]
        return np.where((steps < 1) & (ratio > 0.35) & (ratio < 2.2), gain, 0.0)
