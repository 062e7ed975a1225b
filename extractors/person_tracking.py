"""Finds people as trajectories through the detections of a complete shot.

The best trajectory maximises the sum of its detections' gains minus the costs of its jumps (Viterbi). A jump is the
distance of the body's centre from the predicted position, and the change of its pose. The velocity of the best
trajectory so far predicts the position (per-survivor processing: Raheli et al., IEEE Trans. Communications 1995).

The second person is the best trajectory through the remaining detections, without any of the first person's body.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from data.store.arrays import Floats, Integers, Rows

REACH_S = 3.0  # longest gap of a trajectory in seconds: a person who returns later starts a new one
LEAD_S = 0.2  # seconds for which the velocity predicts the position of a missing person

MAX_JUMP, SPEED, MAX_GROWTH = 0.8, 1.2, 2.5
"""Limits of a jump: `MAX_JUMP` body sizes from the predicted place, `SPEED` more a second; sizes by `MAX_GROWTH`."""

HOP, LONG_STEP = 1.0, 0.3  # a step longer than `LONG_STEP` body sizes may cost `HOP` more than another trajectory's

PLACE = 15.0  # cost of a jump per squared share of the longest one; it grows without limit towards the longest
SAME_BODY = 0.2  # body sizes between the centres of two detections of one body in one frame
SMALLEST = 0.1  # trajectories worth less than this share of the best one are not listed: false detections reach .07


@dataclass(frozen=True)
class Shot:
    """The detections of one shot."""

    frames: Integers  # (M,) frame of each detection, ascending
    seconds: Floats  # (M,)
    centres: Floats  # (M, 2) pixels
    sizes: Floats  # (M,) pixels
    gains: Floats  # (M,) contribution of each detection to a trajectory

    def people(self) -> list[Rows]:
        """The rows of each person's trajectory, best first, preceded by those with repaired identity switches."""
        free, whole = np.arange(len(self.frames)), list[Rows]()
        while (person := self._repair_identity_switch(trajectories := self._best_trajectories(free))) is not None:
            whole.append(person)
            free = self._without(free, person)
        return [*whole, *trajectories]

    def _best_trajectories(self, rows: Rows) -> list[Rows]:
        """Trajectories through the detections `rows`, best first, each through those that remain."""
        trajectories, best = list[Rows](), 0.0
        while len(rows):
            trajectory, worth = self._best_trajectory(rows)
            best = max(best, worth)
            if worth <= SMALLEST * best:
                break
            trajectories.append(trajectory)
            rows = self._without(rows, trajectory)
        return trajectories

    def _without(self, rows: Rows, trajectory: Rows) -> Rows:
        """The detections `rows` without those of a trajectory's person."""
        near = trajectory[np.searchsorted(self.frames[trajectory], self.frames[rows]).clip(max=len(trajectory) - 1)]
        apart = np.linalg.norm(self.centres[rows] - self.centres[near], axis=1) / self.sizes[near]
        return np.asarray(rows[(apart >= SAME_BODY) | (self.frames[near] != self.frames[rows])])

    def _repair_identity_switch(self, trajectories: list[Rows]) -> Rows | None:
        """One person's complete trajectory, if another trajectory switched to that person; else None.

        Every detection adds to a trajectory, so it may switch to another person, whose trajectory then ends. The part
        after the switch is nearer to the end of that trajectory, by a cost of `HOP`.
        """
        for trajectory in trajectories:
            steps = np.linalg.norm(np.diff(self.centres[trajectory], axis=0), axis=1) / self.sizes[trajectory[1:]]
            for number in np.flatnonzero(steps > LONG_STEP) + 1:
                hop = self._cost(trajectory[number - 1], trajectory[number])
                for other in trajectories:
                    head = other[self.frames[other] < self.frames[trajectory[number]]]
                    if len(head) and self._cost(head[-1], trajectory[number]) < hop - HOP:
                        return np.concatenate([head, trajectory[number:]])
        return None

    def _best_trajectory(self, rows: Rows) -> tuple[Rows, float]:
        """The best trajectory through the detections `rows`, and its total gain."""
        seconds, worth = self.seconds[rows], self.gains[rows].copy()
        before, velocity = np.full(len(rows), -1), np.zeros((len(rows), 2))
        for start, stop in pairwise(np.flatnonzero(np.diff(self.frames[rows], prepend=-1, append=-1))):
            oldest = int(np.searchsorted(seconds, seconds[start] - REACH_S))
            if oldest == start:
                continue
            gaps = seconds[start] - seconds[oldest:start]
            jumps = self._jumps(rows[oldest:start], rows[start:stop], gaps, velocity[oldest:start])
            total = worth[oldest:start, None] - jumps
            last = total.argmax(axis=0)
            gained = total[last, np.arange(stop - start)]
            now, last = np.arange(start, stop)[gained > 0], oldest + last[gained > 0]
            worth[now] += gained[gained > 0]
            before[now] = last
            moved = self.centres[rows[now]] - self.centres[rows[last]]
            speed = moved / np.maximum(seconds[now] - seconds[last], 1e-3)[:, None]
            velocity[now] = np.where(before[last, None] < 0, speed, (velocity[last] + speed) / 2)
        trajectory = [int(worth.argmax())]
        while before[trajectory[-1]] >= 0:
            trajectory.append(int(before[trajectory[-1]]))
        return rows[trajectory[::-1]], float(worth.max())

    def _cost(self, last: np.intp, now: np.intp) -> float:
        """Cost of the jump from one detection, at rest, to a later one."""
        before, after = np.array([last]), np.array([now])
        return float(self._jumps(before, after, self.seconds[after] - self.seconds[before], np.zeros((1, 2)))[0, 0])

    def _jumps(self, before: Rows, now: Rows, gaps: Floats, velocity: Floats) -> Floats:
        """(before, now) cost of each jump over `gaps` (before,) seconds; infinite beyond the limits."""
        size = np.sqrt(self.sizes[before][:, None] * self.sizes[now])
        growth = np.abs(np.log(self.sizes[before][:, None] / self.sizes[now]))
        prediction = self.centres[before] + velocity * np.minimum(gaps, LEAD_S)[:, None]
        far = np.linalg.norm(prediction[:, None] - self.centres[now], axis=-1) / size
        far /= MAX_JUMP + SPEED * gaps[:, None]
        possible = (far < 1) & (growth < np.log(MAX_GROWTH))
        far = np.where(possible, far, 0.0) ** 2
        return np.where(possible, PLACE * far / (1 - far), np.inf)
