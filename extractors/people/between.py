"""A body between two poses: the way in which gaps are bridged and unseen people are expected."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from extractors.people.bodies import centre_of, lean_of, torso_of

FILLED_SCORE = 0.05
"""Score of an interpolated joint: below what any reader takes for seen."""


def between(first: NDArray[np.float32], last: NDArray[np.float32], share: float) -> NDArray[np.float32]:
    """A body (17, 3) part of the way from one pose to another: the centre moves, the trunk turns, the limbs follow.

    Straight lines from joint to joint would shrink a body that turns.
    """
    turn = (lean_of(last) - lean_of(first) + np.pi) % (2 * np.pi) - np.pi
    if min(torso_of(first), torso_of(last)) < 1:
        turn = 0.0
    ends = [
        _turned(first[:, :2], centre_of(first), share * turn),
        _turned(last[:, :2], centre_of(last), (share - 1) * turn),
    ]
    bodies = [end - centre for end, centre in zip(ends, (centre_of(first), centre_of(last)), strict=True)]
    centre = (1 - share) * centre_of(first) + share * centre_of(last)
    points = centre + (1 - share) * bodies[0] + share * bodies[1]
    return np.column_stack([points, np.full(17, FILLED_SCORE)]).astype(np.float32)


def _turned(points: NDArray[np.float32], centre: NDArray[np.float64], angle: float) -> NDArray[np.float64]:
    """Points turned about `centre` by `angle` radians, clockwise on screen."""
    cos, sin = np.cos(angle), np.sin(angle)
    return np.asarray(centre + (points - centre) @ np.array([[cos, sin], [-sin, cos]]))
