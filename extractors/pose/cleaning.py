"""Cleaning of one agent's joints over time: left and right, short gaps, smoothing. The stage `timesteps` does none."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from data.store.arrays import Floats
from extractors.base import StageConfig, setting
from extractors.keypoints import INTERPOLATED_SCORE, MIRRORED, centres_of, in_blocks, sizes_of
from extractors.signals import blocks, exchanges, fill_gaps, robust_line

MIRROR_COST = 0.02  # cost of exchanging left and right in one frame, in body sizes of movement a joint
MAX_SIDE_GAP_S = 0.3  # seconds without detection after which left and right start afresh
OUTLIER = 0.05  # a joint this far from the fitted line, in body sizes, counts half


class CleaningConfig(StageConfig):
    """Settings of the cleaning of an agent's joints."""

    fix_sides: bool = setting(True, "Exchange left and right in frames that contradict their neighbours.")
    max_gap_s: float = setting(0.6, "Gaps up to this many seconds are interpolated (marked in `filled`).", ge=0)
    smoothing_s: float = setting(0.04, "Seconds: Gaussian of the line fitted to each joint; 0: none.", ge=0, le=1)


def clean_poses(times: Floats, keypoints: NDArray[np.floating], scores: Floats, config: CleaningConfig) -> Floats:
    """(N, 17, 3) joints of one agent in one shot after cleaning; interpolated ones have `INTERPOLATED_SCORE`.

    Each joint is put on a robust line that is fitted around every frame, weighted by scores. Scores stay as they are.
    `scores` (N,) of the person are 0 where there is no detection.
    """
    out: Floats = keypoints.astype(np.float64)
    out[~np.isfinite(out[..., 0]), 2] = 0.0
    detected = scores > 0
    if config.fix_sides:
        wrong = np.flatnonzero(detected)[exchanged_sides(out[detected], times[detected])]
        out[wrong] = out[wrong][:, MIRRORED]
    size = float(np.median(in_blocks(sizes_of, keypoints[detected])))
    for joint in range(out.shape[1]):
        points = out[:, joint, :2]
        weight = (detected[:, None] & np.isfinite(points)).astype(np.float64)
        points, weight = fill_gaps(times, points, weight, config.max_gap_s)
        rows = weight[:, 0] > 0
        out[rows & ~detected, joint, 2] = INTERPOLATED_SCORE
        if config.smoothing_s > 0:
            trust = np.maximum(out[rows, joint, 2], 0.01) * np.maximum(scores[rows], 0.03)
            points[rows] = robust_line(times[rows], points[rows], trust, config.smoothing_s, OUTLIER * size)
        out[rows, joint, :2] = points[rows]
    return out


def exchanged_sides(poses: Floats, times: Floats) -> NDArray[np.bool_]:
    """(M,) true where left and right joints of one person (M, 17, 3) must be exchanged; `times` (M,) seconds.

    A network often confuses the sides of a body from behind or upside down. Over time, limbs do not jump across the
    body: so the chosen sides make all joints move least, and frames with high scores keep theirs.
    """
    score = poses[:, 5:, 2].mean(axis=1)
    price = MIRROR_COST * (score / max(float(np.median(score)), 1e-6)) ** 3
    moved = np.zeros((len(poses), 2))
    for rows in blocks(len(poses)):
        some = poses[max(rows.start - 1, 0) : rows.stop]
        offsets = (some[..., :2] - centres_of(some)[:, None]) / sizes_of(some)[:, None, None]
        weight = np.sqrt(np.clip(some[1:, 5:, 2] * some[:-1, 5:, 2], 1e-6, None))
        for column, after in enumerate((offsets, offsets[:, MIRRORED])):
            steps = np.linalg.norm(after[1:, 5:] - offsets[:-1, 5:], axis=2)
            common = weight * np.isfinite(steps)
            total = (np.nan_to_num(steps) * common).sum(axis=1)
            moved[max(rows.start, 1) : rows.stop, column] = total / common.sum(axis=1).clip(1e-9)
    moved[1:][np.diff(times) > MAX_SIDE_GAP_S] = 0
    return exchanges(moved[:, 0], moved[:, 1], price)
