"""Cleaning of one agent's joints over time: left and right, short gaps, smoothing. The stage `timesteps` does none."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from data.store.arrays import Floats
from extractors.base import StageConfig, setting
from extractors.keypoints import (
    INTERPOLATED_SCORE,
    MIRRORED,
    centres_of,
    in_blocks,
    orientations_of,
    sizes_of,
    torsos_of,
)
from extractors.signals import BLOCK, blocks, exchanges, fill_gaps, local_line

MIRROR_COST = 0.02  # cost of exchanging left and right in one frame, in body sizes of movement a joint
MAX_SIDE_GAP_S = 0.3  # seconds without detection after which left and right start afresh

OUTLIER, ROUNDS = 0.05, 2
"""A joint this far from the fitted line, in body sizes, counts half; the line is fitted again so many times."""


class CleaningConfig(StageConfig):
    """How the joints of an agent are cleaned over time."""

    fix_sides: bool = setting(True, "Exchange left and right in frames that contradict their neighbours.")
    max_gap_s: float = setting(
        0.6, "Gaps up to this many seconds are interpolated (marked in `filled`); 0: none.", ge=0
    )
    smoothing_s: float = setting(
        0.06, "Width in seconds of the Gaussian of the line fitted to each joint; 0 keeps detections.", ge=0, le=1
    )


def clean_poses(times: Floats, keypoints: NDArray[np.floating], scores: Floats, config: CleaningConfig) -> Floats:
    """(N, 17, 3) joints of one agent in one shot after cleaning; interpolated ones have `INTERPOLATED_SCORE`.

    A shot may last for hours: one copy of the joints is worked on, in blocks of rows or joint by joint.

    Args:
        times: (N,) seconds.
        keypoints: (N, 17, 3) x, y in pixels and score; NaN, NaN, 0 where there is no detection.
        scores: (N,) of the person, 0 where there is no detection.
    """
    out: Floats = keypoints.astype(np.float64)
    detected = scores > 0
    rows = np.flatnonzero(detected)
    if config.fix_sides:
        wrong = rows[exchanged_sides(out if len(rows) == len(out) else out[rows], times[rows])]
        out[wrong] = out[wrong][:, MIRRORED]
    for joint in range(out.shape[1]):
        points = out[:, joint, :2]
        weight = (detected[:, None] & np.isfinite(points)).astype(np.float64)
        points, weight = fill_gaps(times, points, weight, config.max_gap_s)
        filled = ~detected & (weight[:, 0] > 0)
        out[filled, joint, :2], out[filled, joint, 2] = points[filled], INTERPOLATED_SCORE
    placed = np.isfinite(out[..., 0]).any(axis=1)
    if placed.all():
        smooth(out, scores, times, config.smoothing_s)
    else:
        poses = out[placed]
        smooth(poses, scores[placed], times[placed], config.smoothing_s)
        out[placed] = poses
    return out


def exchanged_sides(poses: Floats, times: Floats) -> NDArray[np.bool_]:
    """(M,) frames of one person (M, 17, 3) whose left and right joints are to be exchanged; `times` (M,) seconds.

    A network often confuses the sides of a body from behind or upside down. Over time, limbs do not jump across the
    body: the sides are chosen so that all joints move least, and confident frames keep theirs.
    """
    count = len(poses)
    if not count:
        return np.zeros(0, dtype=bool)
    score = poses[:, 5:, 2].mean(axis=1)
    price = MIRROR_COST * (score / max(float(np.median(score)), 1e-6)) ** 3
    moved = np.zeros((count, 2))
    bodies = (body for rows in blocks(count) for body in _body_frames(poses[rows]))
    for now, (before, body) in enumerate(pairwise(bodies), start=1):
        if times[now] - times[now - 1] <= MAX_SIDE_GAP_S:
            moved[now] = _moved(before, body), _moved(before, body[MIRRORED])
    return exchanges(moved[:, 0], moved[:, 1], price)


def _body_frames(poses: Floats) -> Floats:
    """(M, 17, 3) joints relative to the body's centre, turned upright, in body sizes: rotation is no movement here."""
    offsets = _rotated(poses[..., :2] - centres_of(poses)[:, None], -orientations_of(poses))
    return np.concatenate([offsets / sizes_of(poses)[:, None, None], poses[..., 2:]], axis=-1)


def _rotated(points: Floats, angles: Floats) -> Floats:
    """(M, K, 2) points turned about the origin by (M,) radians, clockwise on screen."""
    cos, sin = np.cos(angles), np.sin(angles)
    return np.asarray(points @ np.stack([cos, sin, -sin, cos], axis=-1).reshape(-1, 2, 2))


def _moved(a: Floats, b: Floats) -> float:
    """Mean movement of the body's joints from one frame to the next, in body sizes, weighted by their scores."""
    moved = np.linalg.norm(a[5:, :2] - b[5:, :2], axis=1)
    weight = np.isfinite(moved) * np.sqrt(np.clip(a[5:, 2] * b[5:, 2], 1e-6, None))
    return float((np.nan_to_num(moved) * weight).sum() / max(weight.sum(), 1e-9))


def smooth(poses: Floats, scores: Floats, times: Floats, sigma: float) -> None:
    """Put the body's centre, its orientation and each joint relative to the body, each on a local line.

    In the picture, a line through the joints of a body that turns would cut off the curve and shrink it. Each line is
    fitted to the neighbourhood in time, weighted by a Gaussian of `sigma` seconds, by scores, and for joints by how
    well each frame agrees (Cauchy weights, reweighted twice). Scores stay as they are.

    Args:
        poses: (M, 17, 3) x, y in pixels and score, at `times` (M,) seconds; single joints may be NaN.
        scores: (M,) of the person; 0 where the pose is interpolated.
    """
    if len(poses) < 3 or sigma <= 0:
        return
    placed = np.asarray(np.isfinite(poses[..., :2]).all(axis=2))
    size, torsos = float(np.median(in_blocks(sizes_of, poses))), in_blocks(torsos_of, poses)
    centres = in_blocks(centres_of, poses)
    person = np.maximum(scores, 0.03)[:, None]
    # A torso that appears short, bent towards the camera, says little about the orientation.
    straight = np.clip(torsos / max(float(np.median(torsos)), 1e-6), 0.05, 1)[:, None]
    angles = np.unwrap(in_blocks(orientations_of, poses))[:, None]
    angles = local_line(times, angles, person * straight, sigma)[0][:, 0]
    for rows in blocks(len(poses)):
        points = np.where(placed[rows, :, None], poses[rows, :, :2], 0.0)
        poses[rows, :, :2] = _rotated(points - centres[rows, None], -angles[rows])
    centres = local_line(times, centres, np.repeat(person, 2, axis=1), sigma)[0]
    joints = max(1, BLOCK // (2 * len(poses)))
    for first in range(0, poses.shape[1], joints):
        some = slice(first, first + joints)
        bodies = poses[:, some, :2]
        weight = trust = placed[:, some] * np.maximum(poses[:, some, 2], 0.01) * person
        fitted = bodies
        for _ in range(ROUNDS + 1):
            weights = np.repeat(weight, 2, axis=1)
            fitted = local_line(times, bodies.reshape(len(poses), -1), weights, sigma)[0].reshape(bodies.shape)
            weight = trust / (1 + (np.linalg.norm(fitted - bodies, axis=2) / size / OUTLIER) ** 2)
        poses[:, some, :2] = fitted
    for rows in blocks(len(poses)):
        points = _rotated(poses[rows, :, :2], angles[rows]) + centres[rows, None]
        poses[rows, :, :2] = np.where(placed[rows, :, None], points, np.nan)
