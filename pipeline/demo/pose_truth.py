"""Agreement of detected people with a known truth: detection rate, identity switches, PCK. For rendered videos only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from data.store.arrays import Floats

SHOULDERS, HIPS = (5, 6), (11, 12)

FOUND_TORSOS = 0.5
"""A person counts as detected where the median joint error is below this share of the torso length."""

MIN_TORSO = 8.0
"""Pixels; a torso seen end on is short in the picture, and must not make every error large."""

FAR_TORSOS = 10.0
"""Errors are cut off here, so a missing joint and a far one count the same."""


@dataclass(frozen=True)
class Agreement:
    """Numbers of one video against the truth."""

    frames: int  # in which all people are visible
    found_all: float  # share of these frames in which every one of them was detected
    found: float  # share of (frame, person) pairs with a detection
    swaps: int  # identity switches: changes of a person's agent from one detection to the next
    pck20: float  # share of joints within .2 of a torso length; missing joints count as errors
    pck50: float  # the same within .5


def compare(keypoints: Floats, truth: Floats, visible: NDArray[np.bool_]) -> Agreement:
    """Compare detected people with the truth.

    Args:
        keypoints: (N, A, 17, 3) detected x px, y px, score; NaN where there is no detection.
        truth: (N, P, 17, 2) true x px, y px.
        visible: (N, P, 17) whether that joint is inside the picture and above the water. A person counts in a
            frame where at least half of their joints are visible.
    """
    errors = np.linalg.norm(keypoints[:, None, :, :, :2] - truth[:, :, None], axis=-1)  # (N, P, A, 17)
    torso = _torso(truth)  # (N, P)
    relative = np.where(np.isnan(errors), np.inf, errors) / torso[:, :, None, None]
    distances = np.where(visible[:, :, None, :], np.minimum(relative, FAR_TORSOS), np.nan)
    present = visible.mean(axis=-1) >= 0.5  # (N, P)
    cost = np.full(relative.shape[:3], FAR_TORSOS)
    cost[present] = np.nanmedian(distances[present], axis=-1)
    assigned = np.full(present.shape, -1)
    for n in range(len(cost)):
        rows = np.flatnonzero(present[n])
        people, agents = linear_sum_assignment(cost[n, rows])
        good = cost[n, rows[people], agents] < FOUND_TORSOS
        assigned[n, rows[people[good]]] = agents[good]
    best = np.where(assigned[..., None] >= 0, _take(relative, assigned), np.inf)  # (N, P, 17)
    joints = visible & present[..., None]
    everyone = present.all(axis=1)
    return Agreement(
        frames=int(everyone.sum()),
        found_all=float((assigned[everyone] >= 0).all(axis=1).mean()) if everyone.any() else float("nan"),
        found=float((assigned[present] >= 0).mean()) if present.any() else float("nan"),
        swaps=sum(_changes(assigned[:, person]) for person in range(present.shape[1])),
        pck20=float((best[joints] <= 0.2).mean()),
        pck50=float((best[joints] <= 0.5).mean()),
    )


def _torso(truth: Floats) -> Floats:
    length = np.linalg.norm(truth[:, :, SHOULDERS].mean(axis=2) - truth[:, :, HIPS].mean(axis=2), axis=-1)
    torso: Floats = np.maximum(np.maximum(length, np.median(length, axis=0)), MIN_TORSO)
    return torso


def _take(relative: Floats, assigned: NDArray[np.int_]) -> Floats:
    index = np.maximum(assigned, 0)[:, :, None, None]
    taken: Floats = np.take_along_axis(relative, index, axis=2)[:, :, 0]
    return taken


def _changes(agents: NDArray[np.int_]) -> int:
    assigned = agents[agents >= 0]
    return int(np.count_nonzero(np.diff(assigned)))
