"""One person's way through a stretch of video: of all readings of all frames, those that make the best path.

Followed frame by frame, a faint person is soon confused with what the network reads into the background, and one wrong
step leads to the next. With hindsight the whole way is chosen at once (Viterbi): sure readings anchor it, faint ones
count where they lie on the way between anchors, and frames without a fitting reading are left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from extractors.people.bodies import centre_of, size_of

Pose = NDArray[np.float32]

DOUBT = 0.35
"""Worth of a reading, in usual scores, below which it is better left out."""

CAP = 1.5
"""A reading is worth the square of its score in usual scores, which are capped here: few sure readings outweigh many
faint ones."""

MISSING = 0.04
"""Cost of a frame left out."""

PACE, SPREAD = 0.12, 0.35
"""Usual step in body sizes from one frame to the next (growing with the root of the time between), and its cost."""

LONGEST = 1.5
"""Seconds that a path may do without a reading."""

FRAME = 0.04
"""Seconds between frames for which `PACE` holds."""


@dataclass(frozen=True)
class Sight:
    """One reading of a person in one frame.

    Attributes:
        pose: (17, 3) joints.
        score: the network's score of the person.
        worth: what the reading says for itself, in the same unit: its score, or the summed scores of the readings
            that agree, less where the colours are not the person's.
    """

    pose: Pose
    score: float
    worth: float = -1.0

    @property
    def weight(self) -> float:
        """`worth`, or the score where nothing else is known."""
        return self.score if self.worth < 0 else self.worth


def best_path(
    pool: Mapping[int, Sequence[Sight]],
    times: Sequence[float],
    cameras: Sequence[NDArray[np.float64]],
    size: float,
    usual: float,
) -> dict[int, Sight]:
    """At most one reading for each frame: those on the way of most worth.

    Args:
        pool: readings by position.
        times: seconds of every position.
        cameras: (2,) summed shift of the background of every position.
        size: the person's size in pixels.
        usual: the person's usual score.
    """
    nodes = [(place, sight) for place in sorted(pool) for sight in pool[place]]
    if not nodes:
        return {}
    frames = np.array([place for place, _ in nodes])
    seconds = np.array([times[place] for place in frames])
    seen = np.array([centre_of(sight.pose) for _, sight in nodes])
    world = seen - np.array([cameras[place] for place in frames])
    sizes = np.log([size_of(sight.pose) for _, sight in nodes])
    worth = np.minimum(np.array([sight.weight for _, sight in nodes]) / usual, CAP) ** 2 - DOUBT**2
    total, came = worth.copy(), np.full(len(nodes), -1)
    for node in range(len(nodes)):
        first = int(np.searchsorted(seconds, seconds[node] - LONGEST))
        before = slice(first, int(np.searchsorted(frames, frames[node])))
        if before.start >= before.stop:
            continue
        gap = np.maximum(seconds[node] - seconds[before], 1e-3)
        step = np.minimum(
            np.linalg.norm(seen[before] - seen[node], axis=1), np.linalg.norm(world[before] - world[node], axis=1)
        )
        away = step / (PACE * size * np.sqrt(1 + gap / FRAME))
        cost = SPREAD * np.where(away > 1, 2 * away - 1, away**2) + 0.3 * np.abs(sizes[before] - sizes[node])
        gain = total[before] - cost - MISSING * (frames[node] - frames[before] - 1)
        best = int(gain.argmax())
        if gain[best] > 0:
            total[node], came[node] = worth[node] + gain[best], before.start + best
    path: dict[int, Sight] = {}
    node = int(total.argmax())
    while node >= 0:
        path[nodes[node][0]] = nodes[node][1]
        node = int(came[node])
    return path
