"""Best possible detections of upright people in one view: the whole frame, then four crops of each person."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.pose.box import Image, Network, load_network
from data.video import decode
from extractors.keypoints import boxes_of

MIRRORED = np.array([0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15])
"""COCO-17 with left and right exchanged."""

CROPS = ((1.3, 320), (1.8, 384))
"""Side of a crop in sides of the person's box, and the network's input in pixels; each is also shown mirrored."""

PEOPLE, MIN_SCORE, MIN_HEIGHT = 3, 0.2, 0.15
"""Most people in a frame, lowest score of a person, and lowest height of a person's box in heights of the frame."""


def detect_view(path: Path) -> NDArray[np.float32]:
    """(N, PEOPLE, 17, 3) joints in pixels with scores, best person first, NaN where there is nobody."""
    return detect_all(frame.image for frame in decode(path))


def detect_all(images: Iterable[Image]) -> NDArray[np.float32]:
    """As `detect_view`, for frames in memory."""
    whole = load_network(384)
    networks = [load_network(pixels) for _, pixels in CROPS]
    rows = []
    for image in images:
        people = whole.detect(image)
        boxes = boxes_of(people.keypoints)
        height = boxes[:, 3] - boxes[:, 1]
        kept = people.take((people.scores >= MIN_SCORE) & (height >= MIN_HEIGHT * image.shape[0]))
        row = np.full((PEOPLE, 17, 3), np.nan, np.float32)
        for number, pose in enumerate(kept.keypoints[:PEOPLE]):
            poses = [pose]
            for (factor, _), network in zip(CROPS, networks, strict=True):
                for mirror in (False, True):
                    poses += _in_crop(network, image, pose, factor, mirror)
            row[number] = weighted_median(np.stack(poses))
        rows.append(row)
    return np.stack(rows)


def _in_crop(
    network: Network, image: Image, pose: NDArray[np.float32], factor: float, mirror: bool
) -> list[NDArray[np.float32]]:
    """The person of `pose` as the network sees it in a crop; empty where it sees somebody else or nobody."""
    low, high = pose[:, :2].min(axis=0), pose[:, :2].max(axis=0)
    side = int(factor * (high - low).max())
    corner = (low + high) / 2 - side / 2
    matrix = np.array([[1, 0, -corner[0]], [0, 1, -corner[1]]], dtype=np.float64)
    crop = cv2.warpAffine(image, matrix, (side, side), flags=cv2.INTER_NEAREST)
    people = network.detect(np.ascontiguousarray(crop[:, ::-1]) if mirror else crop).keypoints.copy()
    if not len(people):
        return []
    if mirror:
        people = people[:, MIRRORED]
        people[..., 0] = side - people[..., 0]
    people[..., :2] += corner.astype(np.float32)
    away = np.median(np.linalg.norm(people[..., :2] - pose[:, :2], axis=-1), axis=1)
    nearest = int(away.argmin())
    return [people[nearest]] if away[nearest] < 0.15 * (high - low).max() else []


def weighted_median(poses: NDArray[np.float32]) -> NDArray[np.float32]:
    """(17, 3) medians of several poses (V, 17, 3) weighted by the joints' scores, which become their mean."""
    joined = np.empty(poses.shape[1:], np.float32)
    for axis in (0, 1):
        order = poses[..., axis].argsort(axis=0)
        value, weight = (np.take_along_axis(poses[..., k], order, axis=0) for k in (axis, 2))
        total = np.cumsum(weight + 1e-6, axis=0)
        middle = (total >= total[-1] / 2).argmax(axis=0)
        joined[:, axis] = np.take_along_axis(value, middle[None], axis=0)[0]
    joined[:, 2] = poses[..., 2].mean(axis=0)
    return joined


def read_detections(folder: Path, videos: Sequence[Path]) -> list[NDArray[np.float32]]:
    """Detections of every video, read from `folder` where an earlier run stored them."""
    detections = []
    for video in videos:
        stored = folder / f"detections_{video.parent.name}_{video.stem}.npy"
        if not stored.is_file():
            folder.mkdir(parents=True, exist_ok=True)
            np.save(stored, detect_view(video))
        detections.append(np.load(stored))
    return detections
