"""Outputs of the stages `pose` and `skeleton` from planted joints, and a body to plant."""

import numpy as np

from data.store.arrays import Array, StageOutput
from extractors.skeleton.stage import SkeletonJoints

STANDING = np.array(
    [[0, -62], [3, -65], [-3, -65], [7, -62], [-7, -62], [14, -45], [-14, -45], [20, -28], [-20, -28], [22, -12],
     [-22, -12], [9, 0], [-9, 0], [10, 26], [-10, 26], [10, 52], [-10, 52]], float,
)  # fmt: skip
"""(17, 2) px, y down, about the hips; the torso is 45 px long."""


def pose_output(
    keypoints,
    time=None,
    cuts=(),
    size=(640, 360),
):
    """A `pose` output with these keypoints (frame, agent, 17, 3), 25 frames a second unless `time` says otherwise."""
    arrays = {
        "time": Array(np.arange(len(keypoints)) / 25 if time is None else time, ("frame",), "s"),
        "keypoints": Array(keypoints, ("frame", "agent", "joint", "xyc"), "mixed"),
        "cuts": Array(np.array(cuts), ("cut",), "s"),
        "size": Array(np.array(size), ("side",), "px"),
    }
    return StageOutput(arrays, {"found_rate": 0.97})


def pose_of(people, time=None, score=0.8, cuts=()):
    """A `pose` output of people (frame, 17, 2) px, NaN where not detected."""
    points = np.stack(people, axis=1)
    scores = np.where(np.isfinite(points).all(axis=-1, keepdims=True), score, 0)
    return pose_output(np.concatenate([points, scores], axis=-1), time, cuts)


def skeleton_of(*people):
    """A `skeleton` output of people (frame, 17, axes), 30 frames a second, unsmoothed."""
    points = np.stack(people, axis=1)
    joints = np.concatenate([points, np.ones((*points.shape[:3], 1))], axis=-1)
    values = {
        "time": np.arange(len(points)) / 30,
        "keypoints": joints.astype(np.float32),
        "filled": np.zeros(points.shape[:2], bool),
        "centre": np.zeros((len(points), points.shape[-1]), np.float32),
    }
    return StageOutput.of(SkeletonJoints.arrays, values)


def flow_output(pairs):
    """A `camera_flow` output of three cells, 25 pairs a second: steady motion, and the second cell masked."""
    time = np.stack([np.arange(pairs), np.arange(pairs) + 1], axis=1) / 25
    mask = np.tile([True, False, True], (pairs, 1))
    return StageOutput(
        {
            "time": Array(time, ("pair", "2"), "s"),
            "cells": Array(np.full((pairs, 3, 2), 0.5, np.float32), ("pair", "cell", "2"), "1/s"),
            "cell_mask": Array(mask, ("pair", "cell"), "1"),
            "motion": Array(np.tile(np.float32([0.5, 0.25, 0, 0]), (pairs, 1)), ("pair", "4"), "mixed"),
            "inliers": Array(np.full(pairs, 0.75, np.float32), ("pair",), "1"),
        }
    )


def motion_of_camera(motion, time):
    """The times (pair, 2) and the motion (pair, 4) of a `camera_flow` output."""
    return StageOutput({"time": Array(time, ("pair", "2"), "s"), "motion": Array(motion, ("pair", "4"), "mixed")})
