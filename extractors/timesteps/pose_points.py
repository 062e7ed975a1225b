"""Converts one person's keypoints to 13 points with weights and velocities.

Left and right, gaps and smoothing are handled by the `pose` stage (`extractors/pose/cleaning.py`).

The five points of the face are merged into one head. On a distant or rotated body they are a few pixels apart, and
which of them are detected depends more on the network than on the athlete.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from data.store.arrays import Bools, Floats, Reals
from extractors.base import StageConfig, setting
from extractors.signals import FILL_WEIGHT, blocks, runs_between
from extractors.smoothing import MOTION_S, derivative
from extractors.timesteps.turning import turning

POINTS = (
    "head",
    *(
        f"{side}_{joint}"
        for joint in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
        for side in ("left", "right")
    ),
)
"""The 13 points: the head, then COCO's joints 5 to 16 in their order."""

TRUNK = ("left_shoulder", "right_shoulder", "left_hip", "right_hip")
_SHOULDERS, _HIPS = ([POINTS.index(name) for name in pair] for pair in (TRUNK[:2], TRUNK[2:]))
JITTER = 0.03  # largest distance in torso lengths of keypoints from the curve whose slope is their velocity
SHORT_TORSO = 0.3  # a torso that appears shorter than this share of its length has no reliable direction
_FACE = 5  # COCO joints 0 to 4: nose, eyes, ears
_TORSO_OF_HEIGHT = 0.3  # torso length over the extent of a body, if hips and shoulders are never detected together


class PoseSettings(StageConfig):
    """Settings of the channels of people."""

    forms: tuple[Literal["place", "camera", "body", "velocity", "angle"], ...] = setting(
        ("place", "body", "angle"),
        "Which groups of channels: place (trunk in the shared frame of all agents, with velocity), camera and "
        "velocity (every point in the shared frame), body (own upright frame), angle (joints, spine, turning).",
        min_length=1,
    )
    min_score: float = setting(
        0.1, "Keypoints with a lower score count as unseen; above it the score is the weight.", ge=0, lt=1
    )


@dataclass(frozen=True)
class CleanPose:
    """One person over time: 2-D in pixels with y down, or 3-D (three axes instead of two) in metres with y up."""

    points: Floats  # (frame, 13, 2) px, 0 where the weight is 0
    velocity: Floats  # (frame, 13, 2) px per second
    weight: Floats  # (frame, 13) confidence 0..1; 0 if neither detected nor interpolated
    rated: Bools  # (frame, 13) true if the velocity is known (`extractors.smoothing.derivative`)
    turn: Floats  # (frame, 1) turning of the spine in rad/s, y up, anticlockwise positive; in 3-D (frame, 3) vectors
    turning: Bools  # (frame,) true if the turning is known
    observed: Bools  # (frame,) true if the person was detected in this frame

    @property
    def moving(self) -> Floats:
        """(frame, 13) weight of the velocity."""
        return self.weight * self.rated

    def rows(self, rows: slice) -> CleanPose:
        """Some of the frames."""
        return replace(self, **{name: values[rows] for name, values in vars(self).items()})

    def middle(self, *names: str) -> tuple[Floats, Floats, Floats]:
        """Mean point (frame, 2), its velocity (frame, 2) and the lesser weight (frame,) of the named points."""
        columns = [POINTS.index(name) for name in names]
        point, speed = self.points[:, columns].mean(axis=1), self.velocity[:, columns].mean(axis=1)
        return point, speed, self.weight[:, columns].min(axis=1)


def clean_pose(
    time: Floats, keypoints: Reals, cuts: Floats, settings: PoseSettings, filled: Bools | None = None
) -> CleanPose:
    """One person's points with weights and velocities. Positions are those of the `pose` stage.

    Args:
        time: (frame,) seconds.
        keypoints: (frame, 17, 3) x px, y px, score, or (frame, 17, 4) x, y, z, score; NaN without a detection.
        cuts: (cut,) seconds; velocities never cross a cut.
        filled: (frame,) true if the keypoints are interpolated; they get the weight of interpolated values.
    """
    filled = np.zeros(len(time), bool) if filled is None else filled
    interpolated = _interpolated_score(keypoints[..., -1], filled, settings.min_score) if filled.any() else 0.0
    axes = keypoints.shape[-1] - 1
    points, weight = np.zeros((len(time), len(POINTS), axes)), np.zeros((len(time), len(POINTS)))
    for rows in blocks(len(time)):
        joints = keypoints[rows].astype(np.float64)
        joints[filled[rows], :, -1] = interpolated
        points[rows], weight[rows] = merge_head(joints, settings.min_score)
    observed = np.asarray((weight > 0).any(axis=1)) & ~filled
    velocity, rated = np.zeros_like(points), np.zeros(weight.shape, bool)
    jitter = JITTER * (torso_length(points, weight) or np.inf)
    for rows in runs_between(time, cuts):
        velocity[rows], rated[rows] = derivative(time[rows], points[rows], weight[rows], MOTION_S, jitter)
    points[weight <= 0], velocity[weight <= 0] = 0.0, 0.0
    turn, turns = turning(time, *_spine(points, weight), cuts)
    return CleanPose(points, velocity, weight, rated, turn, turns, observed)


def _spine(points: Floats, weight: Floats) -> tuple[Floats, Floats]:
    """Vectors (frame, axis) from mid-hips to mid-shoulders, y up, and confidences (frame,), less for short ones."""
    along = points[:, _SHOULDERS].mean(axis=1) - points[:, _HIPS].mean(axis=1)
    if along.shape[1] == 2:
        along[:, 1] *= -1.0
    trust, length = weight[:, _SHOULDERS + _HIPS].min(axis=1), np.linalg.norm(along, axis=1)
    usual = float(np.percentile(length[trust > 0], 80)) if (trust > 0).any() else 1.0
    return along, trust * np.clip(length / max(SHORT_TORSO * usual, 1e-9), 0.0, 1.0)


def _interpolated_score(scores: Reals, filled: Bools, min_score: float) -> Floats:
    """(17,) score of interpolated keypoints: `FILL_WEIGHT` times the joint's mean score in frames with it."""
    score = np.where(filled[:, None], 0.0, np.nan_to_num(scores).astype(np.float64))
    count = np.maximum((score >= min_score).sum(axis=0), 1)
    mean = np.where(score >= min_score, score, 0.0).sum(axis=0) / count
    return np.where(mean > 0, np.maximum(FILL_WEIGHT * mean, min_score), 0.0)


def merge_head(keypoints: Floats, min_score: float) -> tuple[Floats, Floats]:
    """13 points (frame, 13, 2) and their weights (frame, 13) from COCO's 17.

    The head is the score-weighted mean of the face's points. Its weight is the highest of their scores.
    """
    score = np.nan_to_num(keypoints[..., -1]).clip(0.0, 1.0)
    usable = np.isfinite(keypoints[..., :-1]).all(axis=-1) & (score >= min_score) & (score > 0)
    weight = np.where(usable, score, 0.0)
    xy = np.where(usable[..., None], keypoints[..., :-1], 0.0)
    face = weight[:, :_FACE, None]
    total = face.sum(axis=1)
    head = np.divide((face * xy[:, :_FACE]).sum(axis=1), total, out=np.zeros_like(xy[:, 0]), where=total > 0)
    points = np.concatenate([head[:, None], xy[:, _FACE:]], axis=1)
    return points, np.concatenate([weight[:, :_FACE].max(axis=1, keepdims=True), weight[:, _FACE:]], axis=1)


def body_centre(pose: CleanPose) -> tuple[Floats, Bools]:
    """Weighted mean (frame, 2) px of shoulders and hips, or of all points without them, and whether it exists."""
    torso = np.isin(POINTS, TRUNK).astype(np.float64)
    has_torso = (pose.weight @ torso > 0)[:, None]
    heavy = np.where(has_torso, pose.weight * torso, pose.weight)
    total = heavy.sum(axis=1)
    sums = np.einsum("fj,fjc->fc", heavy, pose.points)
    return np.divide(sums, total[:, None], out=np.zeros_like(sums), where=total[:, None] > 0), total > 0


def torso_length(points: Floats, weight: Floats) -> float | None:
    """Length from mid-shoulders to mid-hips, in the unit of the points; None for a person who is never detected.

    A torso bent towards the camera appears shorter, never longer, hence the 80th percentile over time.

    Args:
        points: (frame, 13, axis).
        weight: (frame, 13).
    """
    shown = weight > 0
    spine = points[:, _SHOULDERS].mean(axis=1) - points[:, _HIPS].mean(axis=1)
    length = np.linalg.norm(spine[shown[:, _SHOULDERS + _HIPS].all(axis=1)], axis=1)
    if not length.size:  # by the box around the points, in frames with at least two
        rows = shown.sum(axis=1) >= 2
        points, shown = points[rows], shown[rows][..., None]
        sides = np.where(shown, points, -np.inf).max(axis=1) - np.where(shown, points, np.inf).min(axis=1)
        length = _TORSO_OF_HEIGHT * np.linalg.norm(sides, axis=1)
    length = length[length > 1e-6]
    return float(np.percentile(length, 80)) if length.size else None
