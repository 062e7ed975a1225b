"""Curves over time for a video's page: bodies, tools and the camera.

Bodies are compared independent of size and position in the picture: joints are relative to the middle of the hips, in
torso lengths (the body's median over the video).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.store import StageOutput
from data.store.arrays import Floats
from extractors.smoothing import MOTION_S, derivative
from extractors.timesteps.people_names import people_names
from extractors.timesteps.pose_points import JITTER
from pipeline.report.page_data import Skeleton, Traces
from pipeline.score.movement import known_mean

BODY_PARTS = {"head": (0, 1, 2, 3, 4), "trunk": (5, 6, 11, 12), "arms": (7, 8, 9, 10), "legs": (13, 14, 15, 16)}
"""COCO-17 joints by body part."""

LEAST_SCORE = 0.05
"""Curves of bodies ignore joints below this score."""

LEAST_PAN = 0.1
"""Smallest height of the chart of the camera's pan, in picture widths or heights."""

SMOOTHING = 5
"""Frames of the moving average of joint curves, which removes jitter of the pose estimator."""

_MASTER_CHARTS = (("Speed of the tools", "m/s", "speed_m_s"), ("Gripper angle", "rad", "gripper_rad"))


def skeleton(pose: StageOutput) -> Skeleton:
    """The people of a `pose` output, ready to draw, with names such as "left athlete"."""
    width, height = (float(side) for side in pose.arrays["size"].values)
    points = pose.floats("keypoints")
    return Skeleton(pose.floats("time"), points, (width, height), people_names(points))


def pose_difference(pose: StageOutput) -> Traces | None:
    """Distance between the first two bodies by part, and of their hips, in torso lengths; None for one body.

    `hips` is the change of the vector between the hips since the first frames: zero for synchronous dives side by side.
    """
    points = pose.floats("keypoints")
    if points.shape[1] < 2:
        return None
    bodies = [_body(points[:, agent]) for agent in (0, 1)]
    if any(torso is None for _, _, torso in bodies):
        return None
    (shape_a, hips_a, torso_a), (shape_b, hips_b, torso_b) = bodies
    gaps = np.linalg.norm(shape_a - shape_b, axis=-1)
    series = {part: smooth(known_mean(gaps[:, joints], axis=1)) for part, joints in BODY_PARTS.items()}
    apart = (hips_a - hips_b) / (0.5 * ((torso_a or 0.0) + (torso_b or 0.0)))
    series["hips"] = smooth(np.linalg.norm(apart - _start(apart), axis=-1))
    about = "Bodies are aligned at the hips. The curve of the hips shows how far these moved relative to each other."
    return Traces("Difference between the two", "torso lengths", pose.floats("time"), series, about)


def body_speed(pose: StageOutput) -> Traces | None:
    """Speed of each part of the first body relative to its hips, in torso lengths/s; None if never detected."""
    time = pose.floats("time")
    shape, _, torso = _body(pose.floats("keypoints")[:, 0])
    if torso is None or len(time) < 3:
        return None
    velocity, known = derivative(time, np.nan_to_num(shape), np.isfinite(shape[..., 0]) * 1.0, MOTION_S, JITTER)
    speed = np.where(known & np.isfinite(shape[..., 0]), np.linalg.norm(velocity, axis=-1), np.nan)
    series = {part: known_mean(speed[:, joints], axis=1) for part, joints in BODY_PARTS.items()}
    return Traces(
        "Movement of the body",
        "torso lengths/s",
        time,
        series,
        "Relative to the hips: rotation and limbs, without the fall.",
    )


def tool_difference(kinematics: StageOutput) -> Traces | None:
    """Master minus slave speed of each hand in m/s, from the channels `left_speed_m_s`, `right_speed_m_s`."""
    series = {}
    for hand in ("left", "right"):
        master, slave = (_channel(kinematics, role, f"{hand}_speed_m_s") for role in ("master", "slave"))
        if master is not None and slave is not None:
            series[f"{hand} tool"] = master - slave
    if not series:
        return None
    return Traces("Master minus slave speed", "m/s", kinematics.floats("time"), series, "At zero the slave follows.")


def tool_traces(kinematics: StageOutput) -> tuple[Traces, ...]:
    """Charts of the stored channels: speed and gripper angle of all tools, distance of the hands."""
    time = kinematics.floats("time")
    charts = []
    for title, unit, channel in _MASTER_CHARTS:
        series = {
            f"{hand} {role}": values
            for role in ("master", "slave")
            for hand in ("left", "right")
            if (values := _channel(kinematics, role, f"{hand}_{channel}")) is not None
        }
        if series:
            charts.append(Traces(title, unit, time, series))
    apart = _channel(kinematics, "slave", "hands_distance_m")
    if apart is not None:
        charts.append(Traces("Distance of the slave tips", "m", time, {"distance": apart}))
    return tuple(charts)


def camera_pan(flow: StageOutput) -> Traces | None:
    """Direction of the camera relative to the first frame, from the motion of the content in `camera_flow`.

    The content moves opposite to the camera, so its motion is summed with inverted sign. Between sampled pairs, the
    motion of the next pair is used. Unknown motion counts as zero.
    """
    times = flow.floats("time")
    if len(times) == 0:
        return None
    motion = np.nan_to_num(flow.floats("motion")[:, :2])
    ends = np.concatenate([times[:1, 0], times[:, 1]])
    moved = motion * np.diff(ends)[:, None]
    total = np.concatenate([np.zeros((1, 2)), np.cumsum(moved, axis=0)])
    pan = {"right": -total[:, 0], "down": -total[:, 1]}
    return Traces("Camera pan", "picture widths / heights", ends, pan, least=LEAST_PAN)


def smooth(values: NDArray[np.floating[Any]]) -> Floats:
    """Centred mean over `SMOOTHING` values without NaN; NaN stays NaN."""
    padded = np.pad(np.asarray(values, dtype=np.float64), SMOOTHING // 2, constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(padded, SMOOTHING)
    return np.where(np.isfinite(values), known_mean(windows, axis=1), np.nan)


def _body(points: Floats) -> tuple[Floats, Floats, float | None]:
    """(frame, 17, 2) joints relative to the hips in torso lengths, (frame, 2) hips and the torso length in pixels."""
    joints = np.where(points[..., 2:] >= LEAST_SCORE, points[..., :2], np.nan)
    hips = known_mean(joints[:, (11, 12)], axis=1)
    lengths = np.linalg.norm(known_mean(joints[:, (5, 6)], axis=1) - hips, axis=-1)
    valid = lengths[np.isfinite(lengths) & (lengths > 0)]
    torso = float(np.median(valid)) if valid.size else None
    return (joints - hips[:, None]) / (torso or np.nan), hips, torso


def _start(values: Floats) -> Floats:
    """Median of the first finite rows."""
    finite = values[np.isfinite(values).all(axis=-1)]
    return np.median(finite[:5], axis=0) if len(finite) else np.full(values.shape[-1], np.nan)


def _channel(output: StageOutput, role: str, name: str) -> Floats | None:
    array = output.arrays.get(role)
    if array is None or name not in array.names:
        return None
    return np.asarray(array.values[:, array.names.index(name)], dtype=np.float64)
