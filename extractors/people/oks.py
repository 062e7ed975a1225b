"""How alike two people are: object keypoint similarity (OKS), box overlap, and merging of repeated detections.

OKS follows the COCO keypoint evaluation (Ronchi and Perona, ICCV 2017): exp(-d^2 / (2 s^2 k^2)) averaged over
joints, with the published per-joint constants k = 2 sigma and the scale s^2 taken from the person's own extent.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

JOINTS = (
    *("nose", "left_eye", "right_eye", "left_ear", "right_ear"),
    *("left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist"),
    *("left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle"),
)
"""COCO-17 order, as every backend returns it."""

SIGMAS = np.repeat([0.026, 0.025, 0.035, 0.079, 0.072, 0.062, 0.107, 0.087, 0.089], [1] + [2] * 8)
"""(17,) COCO's per-joint standard deviations, relative to the square root of the person's area."""

MIRRORED = np.array([0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15])
"""(17,) index of each joint's left/right counterpart."""

SHOULDERS, HIPS = (5, 6), (11, 12)


def oks(a: NDArray[np.floating], b: NDArray[np.floating], widen: float = 1.0) -> NDArray[np.float64]:
    """Similarity 0..1 of every person in `a` to every person in `b`.

    Args:
        a: (P, 17, 3) x, y, score in pixels; a joint with score 0 or NaN counts in neither.
        b: (Q, 17, 3) likewise.
        widen: factor on the tolerance, above 1 for people who moved or who fold up between two frames.

    Returns:
        (P, Q), 0 where two people share no joint.
    """
    area = np.maximum(_area(a)[:, None], _area(b)[None])
    offset = a[:, None, :, :2].astype(np.float64) - b[None, :, :, :2]
    distance = (offset**2).sum(axis=-1)
    known = np.isfinite(distance) & (a[:, None, :, 2] > 0) & (b[None, :, :, 2] > 0)
    spread = 2 * area[..., None] * (2 * SIGMAS * widen) ** 2
    likeness = np.where(known, np.exp(-np.where(known, distance, 0.0) / np.maximum(spread, 1e-9)), 0.0)
    return np.asarray(likeness.sum(axis=-1) / np.maximum(known.sum(axis=-1), 1), dtype=np.float64)


def iou(a: NDArray[np.floating], b: NDArray[np.floating]) -> NDArray[np.float64]:
    """Intersection over union of boxes (P, 4) and (Q, 4), x1 y1 x2 y2 in pixels; (P, Q), 0 where a box is NaN."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    common = np.clip(high - low, 0, None).prod(axis=-1)
    size = [np.clip(box[:, 2:] - box[:, :2], 0, None).prod(axis=-1) for box in (a, b)]
    union = size[0][:, None] + size[1][None] - common
    return np.nan_to_num(np.asarray(common / np.maximum(union, 1e-9), dtype=np.float64))


def boxes_of(keypoints: NDArray[np.floating], min_score: float = 0.0) -> NDArray[np.float32]:
    """(P, 4) boxes around the joints of (P, 17, 3) whose score is above `min_score`; NaN where none is."""
    known = np.isfinite(keypoints[..., 0]) & (keypoints[..., 2] > min_score)
    point = np.where(known[..., None], keypoints[..., :2], np.nan)
    boxes = np.full((len(keypoints), 4), np.nan, dtype=np.float32)
    some = known.any(axis=-1)
    boxes[some] = np.concatenate([np.nanmin(point[some], axis=1), np.nanmax(point[some], axis=1)], axis=-1)
    return boxes


def keep_distinct(
    keypoints: NDArray[np.floating],
    scores: NDArray[np.floating],
    max_oks: float = 0.55,
    max_iou: float = 0.75,
) -> NDArray[np.intp]:
    """Indices of people left when every one that repeats a higher-scored one is dropped, best first.

    Two detections are one person where their OKS exceeds `max_oks`, or their boxes overlap by more than
    `max_iou` (the same body with left and right or head and feet mistaken), or where a clearly fainter one lies
    on the middle of the other (a body read askew).
    """
    order = np.argsort(-scores, kind="stable")
    boxes = boxes_of(keypoints)
    overlap = iou(boxes, boxes)
    middles, sides = (boxes[:, :2] + boxes[:, 2:]) / 2, (boxes[:, 2:] - boxes[:, :2]).max(axis=1, initial=1.0)
    apart = np.linalg.norm(middles[:, None] - middles[None], axis=-1) / sides[None]
    askew = (apart < 0.25) & (overlap > 0.2) & (scores[:, None] < 0.7 * scores[None])
    same = (oks(keypoints, keypoints) > max_oks) | (overlap > max_iou) | askew
    kept: list[int] = []
    for person in order:
        if not same[person, kept].any():
            kept.append(int(person))
    return np.array(kept, dtype=np.intp)


def _area(people: NDArray[np.floating]) -> NDArray[np.float64]:
    """(P,) square pixels: box area of the known joints, at least a sixteenth of the squared longer side."""
    boxes = boxes_of(people).astype(np.float64)
    sides = np.nan_to_num(boxes[:, 2:] - boxes[:, :2])
    return np.asarray(np.maximum(sides.prod(axis=-1), (sides.max(axis=-1, initial=0.0) ** 2) / 16), dtype=np.float64)
