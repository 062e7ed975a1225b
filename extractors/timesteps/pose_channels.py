"""Channels of tracked people: their position in a common coordinate frame, and their pose in a body-fixed one.

Groups of channels:

- "place" (of the trunk), "camera" and "velocity" (of every point) have one origin and one unit for all agents. So
  AIM's subtraction preserves differences between agents in height, phase and distance.
- "body" is the pose, independent of position, size and rotation. In three dimensions (stage `skeleton`), x points to
  the body's left, y along the spine and z forward.
- "angle" has interior angles in radians, the spine's direction as a unit vector, and its turning in radians per second,
  anticlockwise positive. In three dimensions the turning is a speed without a sign (`torso.turn_speed`).

Two halves of one body can be two agents: left and right, or upper and lower. Both halves have the same channels in the
same order (table: docs/features.md), so AIM subtracts corresponding joints. Coordinates are those of the whole body,
not mirrored, so a difference of `x` is the distance of two joints.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from data.store import StageOutput
from data.store.arrays import Floats
from extractors.keypoint_geometry import interior_angles
from extractors.timesteps.channels import Channels, make_channels
from extractors.timesteps.pose_points import (
    POINTS,
    SHORT_TORSO,
    TRUNK,
    CleanPose,
    PoseSettings,
    body_centre,
    clean_pose,
    torso_length,
)

ANGLES = {
    f"{side}_{name}": tuple(f"{side}_{joint}" for joint in joints)
    for name, joints in {
        "elbow": ("shoulder", "elbow", "wrist"),
        "shoulder": ("elbow", "shoulder", "hip"),
        "hip": ("shoulder", "hip", "knee"),
        "knee": ("hip", "knee", "ankle"),
    }.items()
    for side in ("left", "right")
}
"""Interior angles: the middle joint of three."""

LEVELS = {
    "upper": {"shoulder": "root", "elbow": "middle", "wrist": "end"},
    "lower": {"hip": "root", "knee": "middle", "ankle": "end"},
}
"""Names that arms and legs share, by half and joint."""

SIDE_MARK = "side."
"""Prefix of the channels of a left or right half. Its mirror image is the other agent."""

_JOINT = re.compile(r"(left|right)_([a-z]+)", re.ASCII)
_FAR = 6.0  # body-fixed coordinates are clipped to this many torso lengths, as limbs are shorter


@dataclass(frozen=True)
class SharedFrame:
    """The coordinate frame of all agents of a performance."""

    origin: Floats  # (2,) px, for the whole performance
    unit: float  # px per unit, the mean of the agents' torso lengths
    torso: float = 1.0  # px, the torso length of the current agent


def pose_channels(output: StageOutput, agents: Sequence[int], settings: PoseSettings) -> list[Channels]:
    """Channels of the `agents` of a `pose` output, all in one shared frame.

    An undetected agent has all its channels, with weight 0. The input arrays are `time` (frame,), `keypoints` (frame,
    agent, 17, 3 or 4) and, if present, `cuts` (cut,) and `filled` (frame, agent).
    """
    arrays = output.arrays
    time = output.floats("time")
    keypoints = np.asarray(arrays["keypoints"].values)
    cuts = output.floats("cuts") if "cuts" in arrays else np.zeros(0)
    shape, poses = (len(time), *keypoints.shape[2:]), []
    for agent in agents:
        detected = agent < keypoints.shape[1]
        filled = np.asarray(arrays["filled"].values[:, agent], dtype=bool) if detected and "filled" in arrays else None
        joints = keypoints[:, agent] if detected else np.broadcast_to(np.float32(np.nan), shape)
        poses.append(clean_pose(time, joints, cuts, settings, filled))
    del output, arrays, keypoints, joints  # for an hour of video they take a fourth as much memory as the channels
    frame = _shared_frame(poses)
    return [_one_agent(time, poses.pop(0), frame, settings.forms) for _ in agents]


def half_of(channels: Channels, half: str) -> Channels:
    """The channels of one half of a body from those of the whole; both halves have the same names and order."""
    named = []
    for column, name in enumerate(channels.names):
        match = _JOINT.search(name)
        side, joint = match.groups() if match else ("", "")
        if half in LEVELS and joint in LEVELS[half]:
            name = name.replace(joint, LEVELS[half][joint])
        elif side == half:
            name = SIDE_MARK + name.replace(f"{side}_", "")
        elif match:
            continue  # a joint of the other half
        named.append((name, column))
    names, columns = zip(*sorted(named), strict=True)  # arms and legs are listed in different orders
    picked = list(columns)
    values, weight = channels.values[:, picked], channels.weight[:, picked]
    return replace(channels, kind="half", names=names, values=values, weight=weight)


def _shared_frame(poses: Sequence[CleanPose]) -> SharedFrame:
    """Origin and unit for all agents: the median of their centres, and the mean of their torso lengths."""
    scales = [scale for pose in poses if (scale := torso_length(pose.points, pose.weight)) is not None]
    centres = [body_centre(pose) for pose in poses]
    valid_centres = np.concatenate([middle[valid] for middle, valid in centres])
    origin = np.median(valid_centres, axis=0) if len(valid_centres) else np.zeros(poses[0].points.shape[-1])
    return SharedFrame(origin, float(np.mean(scales)) if scales else 1.0)


def _one_agent(time: Floats, pose: CleanPose, frame: SharedFrame, forms: Sequence[str]) -> Channels:
    placed = replace(frame, torso=torso_length(pose.points, pose.weight) or frame.unit)

    def columns(rows: slice) -> Columns:
        some = pose.rows(rows)
        return dict(column for form in forms for column in _FORMS[form](some, placed).items())

    def rows_of(rows: slice) -> tuple[Floats, Floats]:
        values, weight = zip(*columns(rows).values(), strict=True)
        return np.stack(values, axis=1), np.stack(weight, axis=1)

    return make_channels("pose", tuple(columns(slice(0))), time, rows_of, observed=pose.observed)


Columns = dict[str, tuple[Floats, Floats]]  # values (frame,) and weights (frame,) of channels by name


def _axes(name: str, places: Floats, weight: Floats) -> Columns:
    """The columns of (frame, axis) positions; x, y or z is appended to `name`."""
    return {name + axis: (column, weight) for axis, column in zip("xyz", places.T, strict=False)}


def _points(form: str, places: Floats, weight: Floats) -> Columns:
    made: Columns = {}
    for row, point in enumerate(POINTS):
        made |= _axes(f"{form}.{point}.", places[:, row], weight[:, row])
    return made


def _place(pose: CleanPose, frame: SharedFrame) -> Columns:
    """Position and velocity of the trunk in the shared frame."""
    middle, speed, weight = pose.middle(*TRUNK)
    rated = pose.moving[:, [POINTS.index(name) for name in TRUNK]].min(axis=1)
    columns = _axes("place.", _upright(middle - frame.origin) / frame.unit, weight)
    return columns | _axes("place.v", _upright(speed) / frame.unit, rated)


def _camera(pose: CleanPose, frame: SharedFrame) -> Columns:
    return _points("camera", _upright(pose.points - frame.origin) / frame.unit, pose.weight)


def _velocity(pose: CleanPose, frame: SharedFrame) -> Columns:
    return _points("velocity", _upright(pose.velocity) / frame.unit, pose.moving)


def _body(pose: CleanPose, frame: SharedFrame) -> Columns:
    spine, middle, trust = _torso(pose, frame)
    if spine.shape[1] == 2:
        axes = [np.stack([spine[:, 1], -spine[:, 0]], axis=1), spine]
    else:
        axes, trust = _body_axes(pose, spine, trust)
    offset = _upright(pose.points) - middle[:, None]
    xy = np.stack([np.einsum("fjc,fc->fj", offset, axis) for axis in axes], axis=2)
    return _points("body", (xy / frame.torso).clip(-_FAR, _FAR), pose.weight * np.sqrt(trust)[:, None])


def _body_axes(pose: CleanPose, spine: Floats, trust: Floats) -> tuple[list[Floats], Floats]:
    """In 3-D: unit vectors (frame, 3) to the body's left, along the spine and forward, and confidences (frame,)."""
    left, _, left_weight = pose.middle("left_shoulder", "left_hip")
    right, _, right_weight = pose.middle("right_shoulder", "right_hip")
    across = left - right
    across = across - (across * spine).sum(axis=1, keepdims=True) * spine
    length = np.linalg.norm(across, axis=1, keepdims=True)
    across = np.divide(across, length, out=np.zeros_like(across), where=length > 0)
    weight = np.minimum(left_weight, right_weight) * (length[:, 0] > 0)
    return [across, spine, np.cross(across, spine)], np.minimum(trust, weight)


def _angle(pose: CleanPose, frame: SharedFrame) -> Columns:
    made: Columns = {}
    for name, joints in ANGLES.items():
        a, b, c = (POINTS.index(joint) for joint in joints)
        angle = interior_angles(pose.points[:, a], pose.points[:, b], pose.points[:, c])
        made[f"angle.{name}"] = angle, pose.weight[:, [a, b, c]].min(axis=1)
    spine, _, trust = _torso(pose, frame)
    made |= _axes("torso.", spine, trust)
    known = trust * pose.turning
    if spine.shape[1] == 2:
        return made | {"torso.turn": (pose.turn[:, 0], known)}
    return made | {"torso.turn_speed": (np.linalg.norm(pose.turn, axis=1), known)}


def _torso(pose: CleanPose, frame: SharedFrame) -> tuple[Floats, Floats, Floats]:
    """Spine (frame, 2) as a unit vector, middle (frame, 2) px, confidence (frame,); y up."""
    top, _, top_weight = pose.middle("left_shoulder", "right_shoulder")
    low, _, low_weight = pose.middle("left_hip", "right_hip")
    along = _upright(top - low)
    length = np.linalg.norm(along, axis=1)
    least = SHORT_TORSO * frame.torso
    up = np.tile([0.0, 1.0, 0.0][: along.shape[1]], (len(along), 1))
    spine = np.divide(along, length[:, None], out=up, where=length[:, None] > 0)
    trust = np.minimum(top_weight, low_weight) * np.clip(length / least, 0.0, 1.0)
    return spine, _upright((top + low) / 2), trust


def _upright(xy: Floats) -> Floats:
    """Coordinates with y pointing up; in a picture, y points down."""
    return np.asarray(xy * np.array([1.0, -1.0])) if xy.shape[-1] == 2 else xy


_FORMS = {"place": _place, "camera": _camera, "body": _body, "velocity": _velocity, "angle": _angle}
"""The forms that `PoseSettings.forms` may name."""
