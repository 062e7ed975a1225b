"""Left and right put back: a network that sees a body from behind or upside down often names its sides wrongly.

In a single picture either naming may be right; over time limbs do not jump across the body. For every stretch of
frames the naming is chosen that makes all joints move least (Viterbi over two states a frame), while each frame's
own naming keeps a say in proportion to how often networks are right.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from extractors.people.bodies import centre_of, lean_of, size_of
from extractors.people.oks import MIRRORED

DISTRUST = 0.02
"""Cost of going against the network's naming in one frame, in body sizes of movement a joint."""

LONGEST = 0.3
"""Seconds unseen after which the naming starts afresh."""


def wrong_sides(poses: NDArray[np.float32], times: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(M,) frames of one person whose left and right joints are to be exchanged.

    Args:
        poses: (M, 17, 3) the person in the frames in which it was seen.
        times: (M,) seconds of those frames.
    """
    count = len(poses)
    cost = np.zeros((count, 2))
    came = np.zeros((count, 2), dtype=int)
    bodies = [_own_frame(pose) for pose in poses]
    cost[:1] = (0.0, DISTRUST)
    for now in range(1, count):
        step = np.zeros((2, 2))
        if times[now] - times[now - 1] <= LONGEST:
            same, crossed = _moved(bodies[now - 1], bodies[now]), _moved(bodies[now - 1], bodies[now][MIRRORED])
            step = np.array([[same, crossed], [crossed, same]])
        total = cost[now - 1][:, None] + step
        came[now] = total.argmin(axis=0)
        cost[now] = total.min(axis=0) + np.array([0.0, DISTRUST])
    state = np.zeros(count, dtype=int)
    for now in range(count - 1, -1, -1):
        state[now] = cost[now].argmin() if now == count - 1 else came[now + 1, state[now + 1]]
    return state.astype(bool)


def _own_frame(pose: NDArray[np.float32]) -> NDArray[np.float64]:
    """(17, 3) joints relative to the body's centre, turned upright, in body sizes: turning is no movement here."""
    angle = lean_of(pose)
    cos, sin = np.cos(angle), np.sin(angle)
    upright = (pose[:, :2] - centre_of(pose)) @ np.array([[cos, -sin], [sin, cos]]) / size_of(pose)
    return np.column_stack([upright, pose[:, 2]])


def _moved(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Mean movement of the body's joints from one frame to the next, in body sizes; faint joints count less."""
    weight = np.sqrt(np.clip(a[5:, 2] * b[5:, 2], 1e-6, None))
    return float((np.linalg.norm(a[5:, :2] - b[5:, :2], axis=1) * weight).sum() / weight.sum())
