"""Where a body is, how large it looks and how it leans, from its 17 joints in pixels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from extractors.people.oks import HIPS, SHOULDERS


def centres_of(keypoints: NDArray[np.floating]) -> NDArray[np.float64]:
    """(P, 2) centre of each body (P, 17, 3): the score-weighted mean of shoulders, hips and knees."""
    body = keypoints[:, [5, 6, 11, 12, 13, 14]].astype(np.float64)
    weight = np.maximum(body[..., 2:], 0.02)
    return np.asarray((body[..., :2] * weight).sum(axis=1) / weight.sum(axis=1))


def centre_of(keypoints: NDArray[np.floating]) -> NDArray[np.float64]:
    """(2,) centre of one body (17, 3)."""
    return np.asarray(centres_of(keypoints[None])[0])


def size_of(keypoints: NDArray[np.floating]) -> float:
    """Pixels: the diagonal of the box around all joints, at least twice the torso."""
    return float(sizes_of(keypoints[None])[0])


def sizes_of(keypoints: NDArray[np.floating]) -> NDArray[np.float64]:
    """(P,) pixels, `size_of` each body (P, 17, 3)."""
    points = keypoints[..., :2]
    diagonal, torso = np.hypot(*(points.max(axis=1) - points.min(axis=1)).T), np.hypot(*_axes(keypoints).T)
    return np.asarray(np.maximum(np.maximum(diagonal, 2 * torso), 1.0), dtype=np.float64)


def torso_of(keypoints: NDArray[np.floating]) -> float:
    """Pixels from the middle of the hips to the middle of the shoulders."""
    return float(np.hypot(*_axes(keypoints[None])[0]))


def lean_of(keypoints: NDArray[np.floating]) -> float:
    """Radians clockwise (on screen) from upright at which the torso points, hips to shoulders; -pi..pi."""
    return float(leans_of(keypoints[None])[0])


def leans_of(keypoints: NDArray[np.floating]) -> NDArray[np.float64]:
    """(P,) radians, `lean_of` each body (P, 17, 3)."""
    x, y = _axes(keypoints).T
    return np.asarray(np.arctan2(x, -y), dtype=np.float64)


def _axes(keypoints: NDArray[np.floating]) -> NDArray[np.float64]:
    """(P, 2) from the middle of the hips to that of the shoulders."""
    (a, b), (c, d) = SHOULDERS, HIPS
    twice = keypoints[:, a, :2] + keypoints[:, b, :2] - keypoints[:, c, :2] - keypoints[:, d, :2]
    return np.asarray(0.5 * twice, dtype=np.float64)
