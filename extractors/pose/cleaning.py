"""Cleaning of one agent's joints over time: left and right, short gaps, smoothing. The stage `timesteps` does none."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from extractors.base import StageConfig, setting
from extractors.pose.keypoints import MIRRORED, centres_of, orientations_of, sizes_of, torsos_of, wrapped
from extractors.signals import local_line

INTERPOLATED_SCORE = 0.05
"""Score of an interpolated joint: below what any reader takes for detected."""

MIRROR_COST = 0.02
"""Cost of exchanging left and right in one frame, in body sizes of movement a joint."""

MAX_SIDE_GAP_S = 0.3
"""Seconds without detection after which left and right start afresh."""

OUTLIER, ROUNDS = 0.05, 2
"""A joint this far from the fitted line, in body sizes, counts half; the line is fitted again so many times."""

Poses = NDArray[np.float64]


class CleaningConfig(StageConfig):
    """How the joints of an agent are cleaned over time."""

    fix_sides: bool = setting(True, "Exchange left and right in frames that contradict their neighbours.")
    max_gap_s: float = setting(
        0.6, "Gaps up to this many seconds are interpolated (marked in `filled`); 0: none.", ge=0
    )
    smoothing_s: float = setting(
        0.06, "Width in seconds of the Gaussian of the line fitted to each joint; 0 keeps detections.", ge=0, le=1
    )
    robust: bool = True
    line: str = "body"


def clean_poses(
    times: NDArray[np.float64], keypoints: Poses, scores: NDArray[np.floating], config: CleaningConfig
) -> Poses:
    """Joints of one agent in one shot after cleaning.

    Args:
        times: (N,) seconds.
        keypoints: (N, 17, 3) x, y in pixels and score; NaN where there is no detection.
        scores: (N,) of the person, 0 where there is no detection.

    Returns:
        (N, 17, 3); joints of interpolated frames have `INTERPOLATED_SCORE`.
    """
    rows = np.flatnonzero(scores > 0)
    out = keypoints.copy()
    if config.fix_sides:
        wrong = rows[exchanged_sides(out[rows], times[rows])]
        out[wrong] = out[wrong][:, MIRRORED]
    if config.max_gap_s:
        _interpolate(out, rows, times, config.max_gap_s, config.line)
    placed = np.flatnonzero(np.isfinite(out[..., 0]).any(axis=1))
    out[placed] = smoothed(out[placed], scores[placed], times[placed], config.smoothing_s, config.robust)
    return out


def exchanged_sides(poses: Poses, times: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(M,) frames of one person whose left and right joints are to be exchanged.

    A network that sees a body from behind or upside down often confuses its sides. Over time, limbs do not jump across
    the body: the sides are chosen so that all joints move least (Viterbi over two states a frame).

    Args:
        poses: (M, 17, 3) the person in the frames with a detection.
        times: (M,) seconds of those frames.
    """
    count = len(poses)
    cost, previous = np.zeros((count, 2)), np.zeros((count, 2), dtype=int)
    bodies = _body_frames(poses)
    cost[:1] = (0.0, MIRROR_COST)
    for now in range(1, count):
        step = np.zeros((2, 2))
        if times[now] - times[now - 1] <= MAX_SIDE_GAP_S:
            same, crossed = (_moved(bodies[now - 1], body) for body in (bodies[now], bodies[now][MIRRORED]))
            step = np.array([[same, crossed], [crossed, same]])
        total = cost[now - 1][:, None] + step
        previous[now] = total.argmin(axis=0)
        cost[now] = total.min(axis=0) + np.array([0.0, MIRROR_COST])
    state = np.zeros(count, dtype=int)
    for now in range(count - 1, -1, -1):
        state[now] = cost[now].argmin() if now == count - 1 else previous[now + 1, state[now + 1]]
    return state.astype(bool)


def _body_frames(poses: Poses) -> Poses:
    """(M, 17, 3) joints relative to the body's centre, turned upright, in body sizes: a rotation is no movement here."""
    angle = orientations_of(poses)
    cos, sin = np.cos(angle), np.sin(angle)
    rotation = np.stack([np.stack([cos, -sin], axis=-1), np.stack([sin, cos], axis=-1)], axis=-2)
    points = (poses[..., :2] - centres_of(poses)[:, None]) / sizes_of(poses)[:, None, None]
    return np.concatenate([points @ rotation, poses[..., 2:]], axis=-1)


def _moved(a: Poses, b: Poses) -> float:
    """Mean movement of the body's joints from one frame to the next, in body sizes, weighted by their scores."""
    moved = np.linalg.norm(a[5:, :2] - b[5:, :2], axis=1)
    weight = np.isfinite(moved) * np.sqrt(np.clip(a[5:, 2] * b[5:, 2], 1e-6, None))
    return float((np.nan_to_num(moved) * weight).sum() / max(weight.sum(), 1e-9))


def _interpolate(poses: Poses, rows: NDArray[np.intp], times: NDArray[np.float64], max_gap_s: float, line: str) -> None:
    """Fill gaps of at most `max_gap_s` between the detections at `rows`, in place."""
    for before, after in itertools.pairwise(rows):
        if after - before > 1 and times[after] - times[before] <= max_gap_s + 1e-6:
            for row in range(before + 1, after):
                share = (times[row] - times[before]) / (times[after] - times[before])
                if line == "joint":
                    poses[row] = (1 - share) * poses[before] + share * poses[after]
                    poses[row, :, 2] = INTERPOLATED_SCORE
                else:
                    poses[row] = between(poses[before], poses[after], share)


def between(first: Poses, last: Poses, share: float) -> Poses:
    """(17, 3) a body part of the way from one pose to another: the centre moves, the trunk turns, the limbs follow.

    Straight lines from joint to joint would shrink a body that turns.
    """
    ends = np.stack([first, last])
    angles = orientations_of(ends)
    turn = wrapped(angles[1] - angles[0]) if torsos_of(ends).min() >= 1 else 0.0
    centres = centres_of(ends)
    bodies = [
        _rotated(pose[:, :2] - centre, angle)
        for pose, centre, angle in zip(ends, centres, (share * turn, (share - 1) * turn), strict=True)
    ]
    points = (1 - share) * (centres[0] + bodies[0]) + share * (centres[1] + bodies[1])
    return np.column_stack([points, np.full(17, INTERPOLATED_SCORE)])


def _rotated(points: Poses, angle: float) -> Poses:
    """Points turned about the origin by `angle` radians, clockwise on screen."""
    cos, sin = np.cos(angle), np.sin(angle)
    return np.asarray(points @ np.array([[cos, sin], [-sin, cos]]))


def smoothed(
    poses: Poses, scores: NDArray[np.floating], times: NDArray[np.float64], sigma: float, robust: bool = True
) -> Poses:
    """(M, 17, 3) each joint on a straight line fitted to its neighbourhood in time. Scores stay as they are.

    The fit is weighted by a Gaussian of `sigma` seconds, by the joint's score times the person's, and by how well each
    frame agrees (Cauchy weights, reweighted twice).

    Args:
        poses: (M, 17, 3) x, y in pixels and score; single joints may be NaN.
        scores: (M,) of the person; 0 where the pose is interpolated.
        times: (M,) seconds, ascending.
        sigma: seconds.
    """
    if len(poses) < 3 or sigma <= 0:
        return poses
    placed = np.isfinite(poses[..., :2]).all(axis=2)
    points = np.where(placed[..., None], poses[..., :2], 0.0)
    size = float(np.median(sizes_of(poses)))
    trust = placed * np.maximum(poses[..., 2], 0.01) * np.maximum(scores, 0.03)[:, None]
    weight, fitted = trust, points
    for _ in range(ROUNDS + 1 if robust else 1):
        both = np.repeat(weight, 2, axis=1)
        fitted = local_line(times, points.reshape(len(poses), -1), both, sigma)[0].reshape(points.shape)
        distance = np.linalg.norm(fitted - points, axis=2) / size
        weight = trust / (1 + (distance / OUTLIER) ** 2)
    return np.concatenate([np.where(placed[..., None], fitted, np.nan), poses[..., 2:]], axis=2)
