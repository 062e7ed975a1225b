"""Left and right kept apart over time: a pose network that sees a body from behind or upside down swaps sides.

The vector from a right joint to its left counterpart turns slowly in the body's own frame. Where the vectors
of two neighbouring frames point against each other, one of the frames has its sides swapped. Which frames
these are follows from the whole sequence at once: states "as found" and "swapped" per frame, an agreement
between neighbours, and a small price for every swapped frame, solved exactly (Viterbi).
"""

from __future__ import annotations

import numpy as np

from data.store.arrays import Floats
from extractors.timesteps.channels import Bools

LEFT = (1, 3, 5, 7, 9, 11, 13, 15)
"""COCO's left joints; the right ones follow directly."""

_LIMBS = LEFT[2:]

PRICE = 0.06
"""Price of one swapped frame, where full agreement of two neighbours is worth 1. A swap that lasts longer than
about 30 frames is believed.

Measured on eight rendered dives with MoveNet's tracked rotations: prices of .05 to .08 raise the joints within .2
(.5) of a torso length of the truth from .768 to .783 (.857 to .869); .03 and .12 to .777 and .776."""

_CLOSE = 0.15
"""Counterparts that are closer than this many torso lengths, as in a side view, say little."""


def swapped_frames(keypoints: Floats) -> Bools:
    """(frame,) true where left and right are to be exchanged.

    Args:
        keypoints: (frame, 17, 3) x px, y px, score of one person in one shot; NaN where unseen.
    """
    frames = len(keypoints)
    seen = np.flatnonzero(np.isfinite(keypoints[..., :2]).all(axis=(1, 2)))
    swapped = np.zeros(frames, dtype=bool)
    if len(seen) < 2:
        return swapped
    agreement = _agreement(keypoints[seen])
    swapped[seen] = _cheapest(agreement)
    return swapped


def exchange_sides(keypoints: Floats, rows: Bools) -> Floats:
    """`keypoints` (frame, 17, …) with left and right exchanged in `rows` (frame,)."""
    order = np.arange(17)
    order[list(LEFT)], order[[i + 1 for i in LEFT]] = order[[i + 1 for i in LEFT]], order[list(LEFT)]
    out: Floats = keypoints.copy()
    out[rows] = keypoints[rows][:, order]
    return out


def _agreement(keypoints: Floats) -> Floats:
    """(frame - 1,) from -1 (sides swapped between the two frames) to 1 (kept)."""
    left, right = keypoints[:, list(_LIMBS)], keypoints[:, [i + 1 for i in _LIMBS]]
    apart = left[..., :2] - right[..., :2]
    trunk = keypoints[:, 5:7, :2].mean(axis=1) - keypoints[:, 11:13, :2].mean(axis=1)
    length = np.linalg.norm(trunk, axis=1)
    along = trunk / np.maximum(length, 1e-9)[:, None]
    across = np.stack([along[:, 1], -along[:, 0]], axis=1)
    unit = max(float(np.percentile(length, 80)), 1e-9)
    own = np.stack([np.einsum("fjc,fc->fj", apart, axis) for axis in (across, along)], axis=2) / unit
    trust = np.minimum(left[..., 2], right[..., 2])
    pair = np.minimum(trust[1:], trust[:-1])
    dot = (pair * (own[1:] * own[:-1]).sum(axis=2)).sum(axis=1)
    size = np.square(own).sum(axis=2)
    most = (pair * np.sqrt(size[1:] * size[:-1])).sum(axis=1)
    return np.asarray(dot / (most + _CLOSE**2 * pair.sum(axis=1) + 1e-12))


def _cheapest(agreement: Floats) -> Bools:
    """The sequence of states that agrees best, as found or swapped."""
    cost = np.array([0.0, PRICE])
    came = np.zeros((len(agreement), 2), dtype=np.intp)
    for step, value in enumerate(agreement):
        through = cost[:, None] + np.array([[-value, value], [value, -value]])
        came[step] = through.argmin(axis=0)
        cost = through.min(axis=0) + np.array([0.0, PRICE])
    state = int(cost.argmin())
    states = [state]
    for step in range(len(agreement) - 1, -1, -1):
        state = int(came[step, state])
        states.append(state)
    return np.array(states[::-1], dtype=bool)
