"""People cut out of real footage, with their labelled joints, and real backgrounds without people.

A person is cut out by GrabCut, which starts from the labelled skeleton and learns the colours of person and
surroundings. `whole` footage keeps its rectangular surroundings instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.pose.athlete import ATHLETE, places
from benchmarks.pose.labels import SHARED, VIEWS, read_labels, smooth
from benchmarks.pose.multiview_detections import detect_all
from benchmarks.pose.triangulate import torso_of
from data.video import decode

SCALE, STRIDE = 0.35, 2
"""Footage is reduced to this size, and every second frame of 60 a second is used."""

PARK, PARK_SIZE = SHARED / "clips" / "one_person_sports2d.mp4", (1768, 994)
SIDE_FRAMES, MIN_JOINT_SCORE = (192, 222), 0.12

LIMBS = ((5, 7), (7, 9), (6, 8), (8, 10), (11, 13), (13, 15), (12, 14), (14, 16), (5, 11), (6, 12), (5, 12), (6, 11))

Pixels = NDArray[np.float64]


@dataclass(frozen=True)
class Sprite:
    """Cut-out footage.

    Attributes:
        images: (N, H, W, 4) uint8 RGB and opacity.
        joints: (N, P, 17, 2) pixels of `images`, NaN where unknown.
        height: pixels from head to feet of the first person, in most frames.
    """

    images: NDArray[np.uint8]
    joints: Pixels
    height: float


def read_sprite(folder: Path, group: str, camera: int, person: int | None) -> Sprite:
    """One person of a view, or the whole view for None; made once and kept in `folder`.

    The group `crouch` is the athlete of one_person_sports2d.mp4 seen from the side, landing in a crouch and running on.
    """
    stored = folder / f"sprite_{group}_{camera}_{person}.npz"
    if not stored.is_file():
        made = _side_view() if group == "crouch" else _cut_out(folder, group, camera, person)
        np.savez(stored, images=made.images, joints=made.joints, height=made.height)
    return _read(stored)


@lru_cache(maxsize=6)
def _read(path: Path) -> Sprite:
    with np.load(path) as file:
        return Sprite(file["images"], file["joints"], float(file["height"]))


def _frames(group: str, camera: int) -> NDArray[np.uint8]:
    video = VIEWS / group / f"cam0{camera}.mp4"
    frames = [f.image for f in decode(video) if f.index % STRIDE == 0]
    size = round(frames[0].shape[1] * SCALE), round(frames[0].shape[0] * SCALE)
    return np.stack([cv2.resize(image, size, interpolation=cv2.INTER_AREA) for image in frames])


def _cut_out(folder: Path, group: str, camera: int, person: int | None) -> Sprite:
    frames = _frames(group, camera)
    joints = read_labels(folder, group).pixels[camera - 1, ::STRIDE] * SCALE
    if person is None:
        shape = frames.shape[1:3]
        border = np.zeros(shape, np.uint8)
        border[8:-8, 4:-4] = 255
        alpha = [cv2.GaussianBlur(border, (0, 0), 3)] * len(frames)
    else:
        plate, hidden = _plate(folder, camera)
        visible = ~hidden[:, : frames.shape[2]]
        pairs = zip(frames, joints, strict=True)
        alpha = [_matte(image, pose[person], _unchanged(image, plate) & visible) for image, pose in pairs]
        joints = joints[:, person : person + 1]
    height = float(np.median(np.nanmax(joints[:, 0, :, 1], axis=1) - np.nanmin(joints[:, 0, :, 1], axis=1))) * 1.15
    return _trimmed(frames, alpha, joints, height)


def _trimmed(frames: NDArray[np.uint8], alpha: Sequence[NDArray[np.uint8]], joints: Pixels, height: float) -> Sprite:
    """A sprite without the borders that are never shown."""
    images = np.concatenate([frames, np.stack(alpha)[..., None]], axis=-1)
    used = np.stack(alpha).max(axis=0) > 0
    (top, bottom), (left, right) = (np.flatnonzero(used.any(axis=1 - axis))[[0, -1]] for axis in (0, 1))
    images = np.ascontiguousarray(images[:, top : bottom + 1, left : right + 1])
    return Sprite(images, joints - (left, top), height)


def _side_view() -> Sprite:
    """The athlete of the park, whose joints are detected at full resolution; uncertain ones are NaN.

    One camera cannot confirm the joints, so they were inspected by eye. Each frame is moved so that the torso
    stays in place.
    """
    first, last = SIDE_FRAMES
    corner, scale = np.array([900, 300]), 0.6
    indices = list(range(first, last + 1))
    crops = [f.image[corner[1] :, corner[0] :] for f in decode(PARK, indices)]
    detections = detect_all(crops).astype(np.float64)
    expected = places(ATHLETE, np.array(indices)) * PARK_SIZE - corner
    away = np.linalg.norm(detections[..., :2].mean(axis=2) - expected[:, None], axis=-1)
    poses = detections[np.arange(len(detections)), np.nanargmin(away, axis=1)]
    times = np.arange(len(poses)) / 30
    drawn = smooth(poses[..., :2], times) * scale
    joints = np.where(poses[..., 2:] > MIN_JOINT_SCORE, drawn, np.nan)
    plate = np.asarray(np.median([f.image for f in decode(PARK, list(range(0, 230, 14)))], axis=0), dtype=np.uint8)
    plate = plate[corner[1] :, corner[0] :]
    small, empty = (_reduced(images, scale) for images in (crops, [plate]))
    alpha = [_matte(image, pose, _unchanged(image, empty[0])) for image, pose in zip(small, drawn, strict=True)]
    side, middle = 360, np.array([180, 180])
    shifts = [middle - np.mean(pose[[5, 6, 11, 12]], axis=0) for pose in drawn]
    moved = [
        cv2.warpAffine(np.dstack([image, a]), np.column_stack([np.eye(2), shift]), (side, side))
        for image, a, shift in zip(small, alpha, shifts, strict=True)
    ]
    stack = np.stack(moved).astype(np.uint8)
    joints = (joints + np.array(shifts)[:, None])[:, None]
    return _trimmed(stack[..., :3], list(stack[..., 3]), joints, 3 * float(np.median(torso_of(drawn))))


def _reduced(images: Sequence[NDArray[np.uint8]], scale: float) -> NDArray[np.uint8]:
    return np.stack([cv2.resize(i, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) for i in images])


def _matte(image: NDArray[np.uint8], pose: Pixels, unchanged: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """(H, W) opacity of the person of one labelled pose (17, 2); `unchanged` pixels look like the empty place."""
    torso = max(float(torso_of(pose)), 0.15 * float(np.nanmax(pose[:, 1]) - np.nanmin(pose[:, 1])))
    reach, core = (_drawn(image.shape[:2], pose, torso, width) for width in (0.55, 0.16))
    mask = np.full(image.shape[:2], cv2.GC_BGD, np.uint8)
    mask[reach > 0], mask[core > 0] = cv2.GC_PR_BGD, cv2.GC_FGD
    mask[(_drawn(image.shape[:2], pose, torso, 0.3) > 0) & (core == 0)] = cv2.GC_PR_FGD
    mask[unchanged & (core == 0)] = cv2.GC_BGD
    rows, columns = np.flatnonzero(reach.any(axis=1)), np.flatnonzero(reach.any(axis=0))
    box = slice(max(rows[0] - 12, 0), rows[-1] + 13), slice(max(columns[0] - 12, 0), columns[-1] + 13)
    cut = np.ascontiguousarray(mask[box])
    cv2.setRNGSeed(0)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(np.ascontiguousarray(image[box]), cut, None, *models, 4, cv2.GC_INIT_WITH_MASK)
    person = np.isin(cut, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8)
    _, parts, areas, _ = cv2.connectedComponentsWithStats(person)
    person = (parts == 1 + areas[1:, cv2.CC_STAT_AREA].argmax()).astype(np.uint8)
    person = cv2.morphologyEx(person, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    alpha = np.zeros(image.shape[:2], np.uint8)
    alpha[box] = cv2.GaussianBlur(255 * person, (0, 0), 0.8)
    return alpha


def _drawn(shape: tuple[int, ...], pose: Pixels, torso: float, width: float) -> NDArray[np.uint8]:
    """(H, W) a body of limbs `width` torso lengths thick, with head, hands and feet."""
    drawn = np.zeros(shape, np.uint8)
    thick = max(int(width * torso), 2)

    def line(a: Pixels, b: Pixels, wider: float = 1.0) -> None:
        if np.isfinite([a, b]).all():
            cv2.line(drawn, tuple(int(v) for v in a), tuple(int(v) for v in b), 255, max(int(thick * wider), 2))

    for a, b in LIMBS:
        line(pose[a], pose[b])
    middle, neck = pose[[11, 12]].mean(axis=0), pose[[5, 6]].mean(axis=0)
    line(neck, middle, 1.6)
    head = np.nanmean(pose[:5], axis=0)
    line(neck, head + 0.25 * (head - neck), 1.3)
    for elbow, wrist in ((7, 9), (8, 10)):
        line(pose[wrist], pose[wrist] + 0.35 * (pose[wrist] - pose[elbow]))
    for knee, ankle in ((13, 15), (14, 16)):
        line(pose[ankle], pose[ankle] + 0.15 * (pose[ankle] - pose[knee]))
        if width > 0.2 and np.isfinite(pose[ankle]).all():
            cv2.circle(drawn, tuple(int(v) for v in pose[ankle]), int((0.1 + width / 2) * torso), 255, -1)
    return drawn


def read_background(folder: Path, name: str) -> NDArray[np.uint8]:
    """(576, 1024, 3) a real place without its people: `park`, or `lab1`..`lab4` for the cameras of one_person."""
    stored = folder / f"background_{name}.png"
    if not stored.is_file():
        made = _park() if name == "park" else _lab(folder, int(name[-1]))
        cv2.imwrite(str(stored), made[..., ::-1])
    return np.ascontiguousarray(np.asarray(cv2.imread(str(stored)))[..., ::-1])


def _park() -> NDArray[np.uint8]:
    frames = [f.image for f in decode(PARK) if f.index % 10 == 0]
    frames = [cv2.resize(image, (1024, 576), interpolation=cv2.INTER_AREA) for image in frames]
    return np.asarray(np.median(np.stack(frames), axis=0), dtype=np.uint8)


def _lab(folder: Path, camera: int) -> NDArray[np.uint8]:
    plate = _plate(folder, camera)[0]
    height = round(plate.shape[1] * 9 / 16)
    top = round(0.12 * plate.shape[0])
    return np.asarray(cv2.resize(plate[top : top + height], (1024, 576), interpolation=cv2.INTER_CUBIC), dtype=np.uint8)


def _plate(folder: Path, camera: int) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """(H, W, 3) a view of one_person without the person, and (H, W) what is always hidden, which is painted over.

    Every pixel is the median over the frames in which it is not on the person.
    """
    frames = _frames("one_person", camera)
    joints = read_labels(folder, "one_person").pixels[camera - 1, ::STRIDE, 0] * SCALE
    covered = np.stack([_drawn(frames.shape[1:3], pose, float(torso_of(pose)), 0.5) > 0 for pose in joints])
    masked = np.ma.array(frames, mask=np.broadcast_to(covered[..., None], frames.shape))
    plate = np.ma.median(masked, axis=0).filled(0).astype(np.uint8)
    hidden = covered.mean(axis=0) > 0.95
    plate = cv2.inpaint(plate, cv2.dilate(hidden.astype(np.uint8), np.ones((5, 5), np.uint8)), 5, cv2.INPAINT_TELEA)
    width = round(1088 * SCALE) - plate.shape[1]
    return np.pad(plate, ((0, 0), (0, width), (0, 0)), "edge"), np.pad(hidden, ((0, 0), (0, width)), "edge")


def _unchanged(image: NDArray[np.uint8], plate: NDArray[np.uint8], limit: float = 14) -> NDArray[np.bool_]:
    """(H, W) where a picture looks like the empty place, whose brightness is first matched to it."""
    height, width = image.shape[:2]
    a = cv2.GaussianBlur(image, (0, 0), 1.2).astype(np.float32)
    b = cv2.GaussianBlur(plate[:height, :width], (0, 0), 1.2).astype(np.float32)
    for channel in range(3):
        x, y = b[..., channel], a[..., channel]
        alike = np.abs(x - y) < 40
        gain, offset = np.polyfit(x[alike], y[alike], 1)
        b[..., channel] = gain * x + offset
    return np.asarray(np.abs(a - b).max(axis=2) < limit)
