"""Angular velocity of a direction, from the angles between frames.

Curves through positions on a circle cannot follow many turns a second. The angle grows evenly, so its slope is right up
to the limit of the frame rate.
"""

from __future__ import annotations

import math

import numpy as np

from data.store.arrays import Bools, Floats
from extractors.signals import runs_between
from extractors.smoothing import MOTION_S, derivative

FASTEST_STEP = 0.75 * math.pi
"""Largest angle in rad from one frame to the next. From half a turn on, the other direction looks alike."""

UNSTEADY = 0.06
"""Largest distance in rad of a direction from the curve whose slope is its turning."""


def turning(time: Floats, along: Floats, weight: Floats, cuts: Floats) -> tuple[Floats, Bools]:
    """Angular velocity of a direction in rad/s, and whether it is known; it never crosses cuts or missing rows.

    Args:
        time: (frame,) seconds.
        along: (frame, 2) or (frame, 3) vectors of any length.
        weight: (frame,) confidence, 0 for a missing vector.
        cuts: (cut,) seconds.

    Returns (frame, 1) rates, anticlockwise positive, or in three dimensions (frame, 3) vectors along the axis; and
    (frame,) true if the rate is known.
    """
    rate, known = np.zeros((len(along), 1 if along.shape[1] == 2 else 3)), np.zeros(len(along), bool)
    steps, sizes = _steps(along[:-1], along[1:])
    joined = (weight[:-1] > 0) & (weight[1:] > 0) & (sizes <= FASTEST_STEP)
    for run in runs_between(time, cuts):
        joined[max(run.start - 1, 0) : run.start] = False
    turned = np.concatenate([np.zeros((1, steps.shape[1])), np.cumsum(np.where(joined[:, None], steps, 0.0), axis=0)])
    ends = np.flatnonzero(~np.concatenate([joined, [False]])) + 1
    for start, end in zip([0, *ends[:-1].tolist()], ends.tolist(), strict=True):
        if end - start > 1:
            rows = slice(start, end)
            derivatives = derivative(time[rows], turned[rows, None], weight[rows, None], MOTION_S, UNSTEADY)
            rate[rows], known[rows] = (values[:, 0] for values in derivatives)
    return rate, known


def _steps(before: Floats, after: Floats) -> tuple[Floats, Floats]:
    """Rotations (n, 1 or 3) in rad from each vector of `before` to that of `after`, and their sizes (n,)."""
    dot = (before * after).sum(axis=1)
    if before.shape[1] == 2:
        angle = np.arctan2(before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0], dot)
        return angle[:, None], np.abs(angle)
    axis = np.cross(before, after)
    length = np.linalg.norm(axis, axis=1)
    size = np.arctan2(length, dot)
    return axis * np.divide(size, length, out=np.zeros_like(size), where=length > 0)[:, None], size
