"""Cleaning of one agent's joints over time: left and right, short gaps, smoothing. The stage `timesteps` does none."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from data.store.arrays import Floats
from extractors.base import StageConfig, setting
from extractors.pose.keypoints import MIRRORED, centres_of, orientations_of, sizes_of, torsos_of
from extractors.signals import exchanges, fill_gaps, local_line

INTERPOLATED_SCORE = 0.05
"""Score of an interpolated joint: below what any reader takes for detected."""

MIRROR_COST = 0.02
"""Cost of exchanging left and right in one frame, in body sizes of movement a joint."""

MAX_SIDE_GAP_S = 0.3
"""Seconds without detection after which left and right start afresh."""

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


def clean_poses(times: Floats, keypoints: Floats, scores: Floats, config: CleaningConfig) -> Floats:
    """(N, 17, 3) joints of one agent in one shot after cleaning; interpolated ones have `INTERPOLATED_SCORE`.

    Args:
        times: (N,) seconds.
        keypoints: (N, 17, 3) x, y in pixels and score; NaN, NaN, 0 where there is no detection.
        scores: (N,) of the person, 0 where there is no detection.
    """
    out: Floats = keypoints.copy()
    detected = scores > 0
    rows = np.flatnonzero(detected)
    if config.fix_sides:
        wrong = rows[exchanged_sides(out[rows], times[rows])]
        out[wrong] = out[wrong][:, MIRRORED]
    points = out[..., :2].reshape(len(out), -1)
    weight = (detected[:, None] & np.isfinite(points)).astype(np.float64)
    points, weight = fill_gaps(times, points, weight, config.max_gap_s)
    filled = ~detected[:, None] & (weight[:, ::2] > 0)
    out[filled, :2], out[filled, 2] = points.reshape(*filled.shape, 2)[filled], INTERPOLATED_SCORE
    placed = np.flatnonzero(np.isfinite(out[..., 0]).any(axis=1))
    out[placed] = smoothed(out[placed], scores[placed], times[placed], config.smoothing_s)
    return out


def exchanged_sides(poses: Floats, times: Floats) -> NDArray[np.bool_]:
    """(M,) frames of one person (M, 17, 3) whose left and right joints are to be exchanged; `times` (M,) seconds.

    A network often confuses the sides of a body from behind or upside down. Over time, limbs do not jump across the
    body: the sides are chosen so that all joints move least, and confident frames keep theirs.
    """
    count = len(poses)
    if not count:
        return np.zeros(0, dtype=bool)
    bodies = _body_frames(poses)
    score = poses[:, 5:, 2].mean(axis=1)
    price = MIRROR_COST * (score / max(float(np.median(score)), 1e-6)) ** 3
    moved = np.zeros((count, 2))
    for now in np.flatnonzero(np.diff(times) <= MAX_SIDE_GAP_S) + 1:
        moved[now] = [_moved(bodies[now - 1], body) for body in (bodies[now], bodies[now][MIRRORED])]
    return exchanges(moved[:, 0], moved[:, 1], price)


def _body_frames(poses: Floats) -> Floats:
    """(M, 17, 3) joints relative to the body's centre, turned upright, in body sizes: rotation is no movement here."""
    offsets = _rotated(poses[..., :2] - centres_of(poses)[:, None], -orientations_of(poses))
    return np.concatenate([offsets / sizes_of(poses)[:, None, None], poses[..., 2:]], axis=-1)


def _rotated(points: Floats, angles: Floats) -> Floats:
    """(M, K, 2) points turned about the origin by (M,) radians, clockwise on screen."""
    cos, sin = np.cos(angles), np.sin(angles)
    rotation = np.stack([np.stack([cos, sin], axis=-1), np.stack([-sin, cos], axis=-1)], axis=-2)
    return np.asarray(points @ rotation)


def _moved(a: Floats, b: Floats) -> float:
    """Mean movement of the body's joints from one frame to the next, in body sizes, weighted by their scores."""
    moved = np.linalg.norm(a[5:, :2] - b[5:, :2], axis=1)
    weight = np.isfinite(moved) * np.sqrt(np.clip(a[5:, 2] * b[5:, 2], 1e-6, None))
    return float((np.nan_to_num(moved) * weight).sum() / max(weight.sum(), 1e-9))


def smoothed(poses: Floats, scores: Floats, times: Floats, sigma: float) -> Floats:
    """(M, 17, 3) the body's centre, its orientation and each joint relative to the body, each on a local line.

    In the picture, a line through the joints of a body that turns would cut off the curve and shrink it. Each line is
    fitted to the neighbourhood in time, weighted by a Gaussian of `sigma` seconds, by scores, and for joints by how
    well each frame agrees (Cauchy weights, reweighted twice). Scores stay as they are.

    Args:
        poses: (M, 17, 3) x, y in pixels and score, at `times` (M,) seconds; single joints may be NaN.
        scores: (M,) of the person; 0 where the pose is interpolated.
    """
    if len(poses) < 3 or sigma <= 0:
        return poses
    placed = np.asarray(np.isfinite(poses[..., :2]).all(axis=2))
    points = np.where(placed[..., None], poses[..., :2], 0.0)
    size, torsos, centres = float(np.median(sizes_of(poses))), torsos_of(poses), centres_of(poses)
    person = np.maximum(scores, 0.03)[:, None]
    # A torso that appears short, bent towards the camera, says little about the orientation.
    straight = np.clip(torsos / max(float(np.median(torsos)), 1e-6), 0.05, 1)[:, None]
    angles = np.unwrap(orientations_of(poses))[:, None]
    angles = local_line(times, angles, person * straight, sigma)[0][:, 0]
    bodies = _rotated(points - centres[:, None], -angles)
    centres = local_line(times, centres, np.repeat(person, 2, axis=1), sigma)[0]
    weight = trust = placed * np.maximum(poses[..., 2], 0.01) * person
    fitted = bodies
    for _ in range(ROUNDS + 1):
        weights = np.repeat(weight, 2, axis=1)
        fitted = local_line(times, bodies.reshape(len(poses), -1), weights, sigma)[0].reshape(bodies.shape)
        weight = trust / (1 + (np.linalg.norm(fitted - bodies, axis=2) / size / OUTLIER) ** 2)
    fitted = np.where(placed[..., None], _rotated(fitted, angles) + centres[:, None], np.nan)
    return np.concatenate([fitted, poses[..., 2:]], axis=2)
