"""Joints in space from several calibrated cameras, and their reprojections: the labels of this benchmark.

A joint that several cameras see must be at one point. The distance of a detection from the reprojected point measures
the detections without any label, and the reprojected points are labels where enough cameras agree.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import cv2
import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]

SIDES = ((1, 2), (3, 4), (5, 6), (7, 8), (9, 10), (11, 12), (13, 14), (15, 16))
"""Left and right joint of every pair of COCO-17."""

MIN_VIEWS = 3
"""Cameras that must agree on a joint."""


@dataclass(frozen=True)
class Camera:
    """One calibrated camera.

    Attributes:
        matrix: (3, 3) intrinsics in pixels, pixel centres at whole numbers.
        distortion: (4,) k1, k2, p1, p2 as in OpenCV.
        rotation, position: (3, 3) from world to camera axes (x right, y down, z forward) and (3,) in millimetres.
    """

    matrix: Points
    distortion: Points
    rotation: Points
    position: Points

    @property
    def projection(self) -> Points:
        """(3, 4) from world coordinates to undistorted normalised image coordinates."""
        return np.column_stack([self.rotation, -self.rotation @ self.position])

    def undistort(self, pixels: Points) -> Points:
        """(..., 2) normalised image coordinates of pixels; NaN stays NaN."""
        flat = np.ascontiguousarray(pixels.reshape(-1, 1, 2), dtype=np.float64)
        return np.asarray(cv2.undistortPoints(flat, self.matrix, self.distortion)).reshape(pixels.shape)

    def project(self, points: Points) -> Points:
        """(..., 2) pixels of world points (..., 3) in millimetres; NaN stays NaN."""
        turned = (points - self.position) @ self.rotation.T
        flat = turned.reshape(-1, 3)
        finite = np.isfinite(flat).all(axis=1)
        pixels = np.full((len(flat), 2), np.nan)
        if finite.any():
            zero = np.zeros(3)
            pixels[finite] = cv2.projectPoints(flat[finite], zero, zero, self.matrix, self.distortion)[0][:, 0]
        return pixels.reshape(*points.shape[:-1], 2)


def read_calibration(path: Path) -> dict[str, Camera]:
    """Cameras of a Qualisys calibration by serial name.

    Qualisys stores intrinsics in 1/64 pixel and, in rows, the camera's axes in the world, with x right, y up and z
    backward. (Only with this interpretation do detections of four cameras agree.)

    Raises:
        OSError: the file cannot be read.
    """
    cameras = {}
    for entry in ElementTree.parse(path).getroot().iter("camera"):
        inner, outer = entry.find("intrinsic"), entry.find("transform")
        assert inner is not None
        assert outer is not None
        u, v = float(inner.attrib["focalLengthU"]), float(inner.attrib["focalLengthV"])
        x, y = float(inner.attrib["centerPointU"]), float(inner.attrib["centerPointV"])
        names = ("radialDistortion1", "radialDistortion2", "tangentalDistortion1", "tangentalDistortion2")
        axes = np.array([[float(outer.attrib[f"r{row}{column}"]) for column in (1, 2, 3)] for row in (1, 2, 3)])
        cameras[entry.attrib["serial"]] = Camera(
            np.array([[u / 64, 0, x / 64], [0, v / 64, y / 64], [0, 0, 1]]),
            np.array([float(inner.attrib[name]) for name in names]),
            np.diag([1.0, -1.0, -1.0]) @ axes,
            np.array([float(outer.attrib[name]) for name in "xyz"]),
        )
    return cameras


def triangulate(cameras: Sequence[Camera], pixels: Points, weights: Points) -> Points:
    """(..., 3) world points that several cameras see, by weighted linear least squares.

    Args:
        cameras: C of them.
        pixels: (C, ..., 2), NaN where a camera does not see the point.
        weights: (C, ...) such as the detections' scores.

    Returns:
        NaN where fewer than two cameras see a point.
    """
    rows = []
    weights = np.where(np.isfinite(pixels[..., 0]), weights, 0.0)
    for camera, pixel, weight in zip(cameras, pixels, weights, strict=True):
        x = np.nan_to_num(camera.undistort(pixel))
        for axis in (0, 1):
            rows.append(weight[..., None] * (x[..., axis, None] * camera.projection[2] - camera.projection[axis]))
    system = np.stack(rows, axis=-2)
    scale = np.array([1e3, 1e3, 1e3, 1.0])  # homogeneous coordinates in metres are of one order of magnitude
    solution = np.linalg.svd(system * scale)[2][..., -1, :] * scale
    with np.errstate(divide="ignore", invalid="ignore"):
        points = solution[..., :3] / solution[..., 3:]
    return np.where(((weights > 0).sum(axis=0) >= 2)[..., None], points, np.nan)


def errors_of(cameras: Sequence[Camera], points: Points, pixels: Points) -> Points:
    """(C, ...) pixels between detections (C, ..., 2) and the projections of points (..., 3)."""
    projected = np.stack([camera.project(points) for camera in cameras])
    return np.asarray(np.linalg.norm(projected - pixels, axis=-1))


def agree(
    cameras: Sequence[Camera], pixels: Points, weights: Points, limit: Points
) -> tuple[Points, NDArray[np.bool_]]:
    """Points on which as many cameras as possible agree.

    Args:
        cameras, pixels, weights: as for `triangulate`.
        limit: (C,) pixels by which a camera that agrees may be off.

    Returns:
        (..., 3) points, NaN where fewer than `MIN_VIEWS` cameras agree, and (C, ...) which cameras agree.
    """
    count = len(cameras)
    shape = pixels.shape[1:-1]
    points, used = np.full((*shape, 3), np.nan), np.zeros((count, *shape), dtype=bool)
    for size in range(count, MIN_VIEWS - 1, -1):
        open_ = np.isnan(points[..., 0])
        best = np.full(shape, np.inf)
        for chosen in itertools.combinations(range(count), size):
            rows = list(chosen)
            few = [cameras[row] for row in rows]
            there = triangulate(few, pixels[rows], weights[rows])
            error = errors_of(few, there, pixels[rows]) / limit[rows].reshape(-1, *[1] * len(shape))
            worst = np.where(np.isfinite(error).all(axis=0), error.max(axis=0), np.inf)
            better = open_ & (worst <= 1) & (worst < best)
            points[better], best[better] = there[better], worst[better]
            mask = np.zeros(count, dtype=bool)
            mask[rows] = True
            used[:, better] = mask[:, None]
    return points, used


def name_sides(cameras: Sequence[Camera], poses: Points, gain: float = 0.5) -> Points:
    """Poses (C, ..., 17, 3) with left and right exchanged in the cameras whose naming contradicts the others.

    Of all namings of a pair of joints the one with the least summed error is taken, if that is below `gain` times the
    error of the network's own naming. A naming and its mirror image are equal in this; the one that exchanges fewer
    cameras, weighted by score, is taken.
    """
    namings = list(itertools.product((False, True), repeat=len(cameras)))
    named = poses.copy()
    for pair in SIDES:
        ends = poses[..., pair, :]
        swapped, weight = ends[..., ::-1, :], ends[..., 2].mean(axis=-1)
        cost = []
        for naming in namings:
            views = np.stack([swapped[c] if crossed else ends[c] for c, crossed in enumerate(naming)])
            points = triangulate(cameras, views[..., :2], views[..., 2])
            error = np.nansum(errors_of(cameras, points, views[..., :2]) * views[..., 2], axis=(0, -1))
            against = weight[list(naming)].sum(axis=0)
            cost.append(error * (gain if len(set(naming)) == 1 else 1) + 1e-3 * against)
        crossed = np.array(namings)[np.array(cost).argmin(axis=0)]
        choice = np.moveaxis(crossed, -1, 0)[..., None, None]
        named[..., pair, :] = np.where(choice, swapped, ends)
    return np.asarray(named)


def match_people(cameras: Sequence[Camera], people: Points, limit: float) -> list[tuple[int | None, ...]]:
    """Which detection of each camera is the same person, in one frame: the combinations that meet best.

    Args:
        cameras: C of them.
        people: (C, P, 17, 3) detections with scores, NaN where there is nobody.
        limit: pixels of median error beyond which a combination is no person.

    Returns:
        Rows of `people` for every camera (None where a camera lacks the person), best combination first.
    """
    some = [[None, *np.flatnonzero(np.isfinite(view[:, 0, 0])).tolist()] for view in people]
    costs: dict[tuple[int | None, ...], float] = {}
    for rows in itertools.product(*some):
        views = [camera for camera, row in enumerate(rows) if row is not None]
        if len(views) < MIN_VIEWS:
            continue
        poses = np.stack([people[camera, rows[camera]] for camera in views])
        few = [cameras[camera] for camera in views]
        points = triangulate(few, poses[..., :2], poses[..., 2])
        error = float(np.median(errors_of(few, points, poses[..., :2])))
        if error < limit:
            costs[rows] = error + 0.3 * limit * (len(cameras) - len(views))
    taken: list[tuple[int | None, ...]] = []
    for rows in sorted(costs, key=lambda rows: costs[rows]):
        if all(a is None or a != b for other in taken for a, b in zip(rows, other, strict=True)):
            taken.append(rows)
    return taken


def torso_of(points: Points) -> Points:
    """(...,) distance between the middles of shoulders and hips of (..., 17, 2 or more) joints."""
    middle = points[..., [5, 6], :2].mean(axis=-2) - points[..., [11, 12], :2].mean(axis=-2)
    return np.asarray(np.linalg.norm(middle, axis=-1))
