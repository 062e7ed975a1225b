"""Geometry of COCO-17 keypoints: boxes, centres, sizes and orientations."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from data.store.arrays import Floats, Reals, Singles
from extractors.signals import ROWS, blocks

Measured = TypeVar("Measured", np.float32, np.float64)

INTERPOLATED_SCORE = 0.05  # score of an interpolated joint, below every threshold for detected joints

MIRRORED = np.array([0, *(joint + 1 if joint % 2 else joint - 1 for joint in range(1, 17))])
"""(17,) index of each joint's left/right counterpart."""

_TRUNK = np.isin(np.arange(17), [5, 6, 11, 12, 13, 14])  # (17,) true for shoulders, hips and knees


def in_blocks(measure: Callable[[Reals], NDArray[Measured]], keypoints: Reals) -> NDArray[Measured]:
    """The result of `measure` on (P, 17, 3), computed in blocks of rows to save memory."""
    if len(keypoints) <= ROWS:
        return measure(keypoints)
    return np.concatenate([measure(keypoints[rows]) for rows in blocks(len(keypoints))])


def boxes_of(keypoints: Reals) -> Singles:
    """(P, 4) x1 y1 x2 y2 around the joints of (P, 17, 3) with a score above 0; NaN without such joints."""
    scored = np.isfinite(keypoints[..., 0]) & (keypoints[..., 2] > 0)
    points = np.where(scored[..., None], keypoints[..., :2], np.nan)
    boxes = np.full((len(keypoints), 4), np.nan, dtype=np.float32)
    rows = scored.any(axis=-1)
    boxes[rows] = np.concatenate([np.nanmin(points[rows], axis=1), np.nanmax(points[rows], axis=1)], axis=-1)
    return boxes


def centres_of(keypoints: Reals) -> Floats:
    """(P, 2) centre of each body (P, 17, 3) in pixels: the score-weighted mean of shoulders, hips and knees.

    Joints may be NaN; a body without these joints has the mean of its other joints.
    """
    body = keypoints[..., :2].astype(np.float64)
    placed = np.isfinite(body).all(axis=-1)
    # Joints with score 0, and the other joints of a body without a trunk, still indicate its position.
    weight = placed * np.where(_TRUNK, np.maximum(np.nan_to_num(keypoints[..., 2]), 0.02), 1e-6)
    total = np.maximum(weight.sum(axis=1), 1e-9)[:, None]
    return np.asarray(np.einsum("pj,pjc->pc", weight, np.nan_to_num(body)) / total)


def body_sizes(keypoints: Reals) -> Floats:
    """(P,) pixels: the diagonal of the box around the joints of (P, 17, 3), at least twice the torso and 1."""
    boxes = np.nan_to_num(boxes_of(keypoints)).astype(np.float64)
    diagonal = np.hypot(*(boxes[:, 2:] - boxes[:, :2]).T)
    torsos = np.nan_to_num(np.hypot(*_spines(keypoints).T)).astype(np.float64)
    return np.asarray(np.maximum(np.maximum(diagonal, 2 * torsos), 1.0), dtype=np.float64)


def pose_distances(poses: Reals, others: Reals) -> Floats:
    """(2, ...) mean distance of the joints of poses and others (..., 17, 3) without the head, in body sizes of `poses`.

    First with the original sides, then with left and right exchanged. Joints may be NaN.
    """
    sizes = body_sizes(poses.reshape(-1, 17, 3)).reshape(poses.shape[:-2])
    apart = [np.linalg.norm((poses - other)[..., 5:, :2], axis=-1) for other in (others, others[..., MIRRORED, :])]
    placed = np.isfinite(apart)
    return np.asarray(np.where(placed, apart, 0).sum(axis=-1) / np.maximum(placed.sum(axis=-1), 1) / sizes)


def orientations_of(keypoints: Reals) -> Floats:
    """(P,) angle of the torso, hips to shoulders, in radians clockwise on screen from upright; -pi..pi."""
    x, y = _spines(keypoints).T
    return np.asarray(np.nan_to_num(np.arctan2(x, -y)), dtype=np.float64)


def interior_angles(before: Reals, joint: Reals, after: Reals) -> Floats:
    """(frame,) radians between the limbs from `joint` to its two neighbours, each (frame, 2 or 3); pi is straight."""
    first, second = before - joint, after - joint
    if first.shape[1] == 3:
        across = np.linalg.norm(np.cross(first, second), axis=1)
    else:
        across = np.abs(first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0])
    return np.asarray(np.arctan2(across, (first * second).sum(axis=1)), dtype=np.float64)


def _spines(keypoints: Reals) -> Floats:
    points = keypoints[..., :2].astype(np.float64)
    return np.asarray(0.5 * (points[:, 5] + points[:, 6] - points[:, 11] - points[:, 12]))
