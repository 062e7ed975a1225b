"""The movement of one diver: stance, arm swing, take-off, somersaults, entry.

On the platform, the pose is prescribed over time, and the body is balanced over its feet. In the air, only the joint
angles are prescribed. The centre of mass follows a parabola, and the body rotates with constant angular momentum, so
tucking makes it faster. The momentum is chosen to reach the entry angle. Frame: x to the diver's front, y up from the
water, z to the right, metres; time in seconds from take-off.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from data.store.arrays import Floats
from synthetic.body import POINTS, BodyPose, P, centre_of_mass, mass_points, points, rotate
from synthetic.judging import BEST_SPEED, GRAVITY, ExecutionErrors, Shape

PLATFORM = 10.0  # height of the platform over the water, metres
STEP = 1.0 / 200.0  # time step of the mechanics, seconds
ENTRY_HEIGHT = 1.02  # height of the centre of mass when the hands of a stretched diver touch the water, metres
Keys = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Motion:
    """One diver's movement on a regular clock of `STEP`."""

    time: Floats  # (N,) seconds from take-off
    points: Floats  # (N, len(POINTS), 3) metres, in the frame of this module
    entry: float  # seconds from take-off until the hands touch the water


def track(time: Floats, keys: Keys) -> Floats:
    """Values at `time` (N,) through `keys` (time, value), with slope 0 at each key (smoothstep between)."""
    positions = np.array([key for key, _ in keys])
    values = np.array([value for _, value in keys])
    left = np.clip(np.searchsorted(positions, time, side="right") - 1, 0, len(positions) - 2)
    share = np.clip((time - positions[left]) / np.maximum(positions[left + 1] - positions[left], 1e-9), 0.0, 1.0)
    return np.asarray(values[left] + (values[left + 1] - values[left]) * share * share * (3.0 - 2.0 * share))


def flight_time(errors: ExecutionErrors, start: float = PLATFORM + 1.12) -> float:
    """Seconds from take-off until the hands touch the water, from the height `start` of the centre of mass."""
    speed = BEST_SPEED - errors.weak
    return (speed + float(np.sqrt(speed**2 + 2 * GRAVITY * (start - ENTRY_HEIGHT)))) / GRAVITY


def _shape_keys(shape: Shape, errors: ExecutionErrors, tempo: float) -> Keys:
    """Keys (time, value) of the shape: 0 is stretched, 1 is tuck, pike or layout."""
    entry = flight_time(errors)
    if shape.halves == 1:
        enter, opened = (0.22, 0.58), (0.56 * entry, 0.82 * entry)
    else:
        hold = {3: 0.56, 5: 0.62, 7: 0.69}[shape.halves]
        enter, opened = (0.10, 0.34), (hold * entry, hold * entry + 0.24)
    times = (enter[0] + 0.6 * tempo, enter[1] + tempo, opened[0] + tempo, opened[1] + tempo)
    return list(zip(times, (0.0, 1.0, 1.0, 0.0), strict=True))


def _launch(time: Floats, low: float, high: float, back: float) -> Floats:
    """(N,) angle from `high` to `low` in the crouch, then with increasing speed to `back` at take-off."""
    crouch = track(time, [(-0.80, high), (-0.32, low)])
    push = np.clip((time + 0.32) / 0.32, 0.0, 1.0) ** 2.0
    return crouch + (back - low) * push


def pose_over_time(time: Floats, shape: Shape, errors: ExecutionErrors, tempo: float) -> BodyPose:
    """The joint angles of a dive with its execution errors at `time` (N,) from take-off."""
    keys = _shape_keys(shape, errors, tempo)
    held = track(time, keys)
    bent, flat = held * (shape.position != "straight"), held * (shape.position == "straight")
    tucked = held * (shape.position == "tuck")
    air = track(time, [(0.0, 0.0), (0.22, 1.0)])
    loose = errors.loose
    arch = 9.0 if shape.rotation < 0 else -2.0
    hip = _launch(time, 78.0, 2.0, 2.0) - arch * air * (1 - bent) * 0.6 + bent * (132.0 - 52.0 * loose)
    knee = _launch(time, 86.0, 3.0, 2.0) + tucked * (138.0 - 42.0 * loose) + air * (1 - tucked) * errors.knees
    split = 1.0 + air * errors.apart + tucked * 6.0
    leg_scale = np.stack([np.ones_like(time), np.full_like(time, 0.86)], axis=1)
    arm, out, reach = _arms(time, shape, errors, keys[-1][0], flat)
    return BodyPose(
        spine=_launch(time, 16.0, 2.0, -2.0) - arch * air * (1 - bent) * 0.7 + bent * (42.0 - 16.0 * loose),
        neck=track(time, [(-2.0, -2.0), (-0.32, -12.0), (0.0, -14.0), (0.25, 0.0)]) + bent * 14.0,
        hip=hip[:, None] * np.ones((1, 2)),
        knee=knee[:, None] * leg_scale,
        split=split[:, None] * np.ones((1, 2)),
        foot=np.full_like(time, 72.0) - 0.35 * errors.knees,
        arm=arm,
        arm_out=out,
        reach=reach,
        grab=bent * (1.0 - 0.15 * loose),
        grab_at=0.42 if shape.position == "tuck" else 0.72,
    )


def _arms(
    time: Floats, shape: Shape, errors: ExecutionErrors, opened: float, flat: Floats
) -> tuple[Floats, Floats, Floats]:
    """Forward angle, outward angle and reach of the arms: raised, swung down and up, in the shape, then joined."""
    joined = opened + 0.10
    arm = track(time, [(-1.95, 2.0), (-1.40, 172.0), (-0.85, 172.0), (-0.50, -28.0), (-0.34, -10.0), (0.0, 168.0),
                       (opened, 168.0), (joined, 179.0)])  # fmt: skip
    side = 75.0 if shape.facing < 0 else 20.0
    out = track(time, [(-1.95, 5.0), (-1.68, side), (-1.40, 4.0), (-0.85, 4.0), (-0.50, 14.0), (0.0, 6.0),
                       (opened, 10.0), (joined, -14.0 + 1.6 * errors.apart)])  # fmt: skip
    wave = np.exp(-(((time - opened + 0.04) / 0.09) ** 2)) * (shape.halves > 1)
    out = out + wave * 55.0
    reach = np.full_like(time, 0.98)
    if shape.position == "straight" and shape.halves == 1:
        arm, out = arm + flat * (95.0 - arm), out + flat * (84.0 - out)
    elif shape.position == "straight":
        arm, out, reach = arm + flat * (38.0 - arm), out + flat * (-18.0 - out), reach - 0.45 * flat
    return arm, out, reach


def move(shape: Shape, errors: ExecutionErrors, start: float, end: float, tempo: float = 0.0) -> Motion:
    """The movement from `start` (< 0) to `end` seconds from take-off; `tempo` delays the somersault."""
    first = int(np.floor(min(start, -2 * STEP) / STEP))
    time = np.arange(first, int(np.ceil(end / STEP)) + 2, dtype=np.float64) * STEP
    standing = time <= 1e-9
    pose = pose_over_time(time, shape, errors, tempo)
    body, pitch, place = np.empty((len(time), len(POINTS), 3)), np.empty(len(time)), np.empty((len(time), 3))
    ground, pitch[standing], foot = _stand(_select(pose, standing), time[standing], shape)
    pose.foot[standing] = foot
    air = ~standing
    pose.foot[air] = foot[-1] + (pose.foot[air] - foot[-1]) * track(time[air], [(0.0, 0.0), (0.12, 1.0)])
    body[standing], body[air] = ground, points(_select(pose, air))
    centre = centre_of_mass(body)
    toe = (body[standing, P["left_toe"]] + body[standing, P["right_toe"]]) / 2
    edge = np.array([0.02 if shape.facing > 0 else 0.14, PLATFORM + 0.02, 0.0])
    place[standing] = edge + rotate(centre[standing] - toe, pitch[standing])
    t = time[air]
    away = 0.75 if shape.facing > 0 else 0.85  # m/s, from the platform
    speed = np.array([shape.facing * away, BEST_SPEED - errors.weak, 0.0])
    place[air] = place[standing][-1] + speed * t[:, None] - np.array([0.0, GRAVITY / 2, 0.0]) * (t**2)[:, None]
    body = body - centre[:, None]
    target = shape.rotation * (180.0 * shape.halves + errors.entry)
    entry = flight_time(errors, float(place[standing][-1, 1]))
    pitch[air] = _turn(body[np.flatnonzero(standing)[-1] :], pitch[standing][-1], target, entry)[1:]
    body = _tilted(body, errors.tilt * track(time, [(0.05, 0.0), (0.55 * entry, 1.0)]))
    turned = np.stack([rotate(body[:, k], pitch) for k in range(len(POINTS))], axis=1)
    return Motion(time, turned + place[:, None], entry)


def _select(pose: BodyPose, mask: NDArray[np.bool_]) -> BodyPose:
    return replace(pose, **{name: values[mask] for name, values in vars(pose).items() if name != "grab_at"})


def _stand(pose: BodyPose, time: Floats, shape: Shape) -> tuple[Floats, Floats, Floats]:
    """Body, pitch and foot angle that balance the centre of mass over the feet, with a forward tilt at take-off."""
    lift = track(time, [(-1.7, 0.0), (-1.4, 22.0), (-0.85, 12.0), (-0.6, 0.0)]) * (shape.facing < 0)
    lift = lift + 62.0 * np.clip((time + 0.2) / 0.2, 0.0, 1.0) ** 2
    away = {"forward": 13.0, "reverse": 7.0, "back": -14.0, "inward": -9.0}[shape.group]
    forward_tilt = -3.5 + (away + 3.5) * np.clip((time + 0.3) / 0.3, 0.0, 1.0) ** 2
    pitch = np.zeros_like(time)
    for _ in range(4):
        pose = replace(pose, foot=pose.hip.mean(axis=1) - pose.knee.mean(axis=1) + lift - pitch)
        body = points(pose)
        over = centre_of_mass(body) - (body[:, P["left_toe"]] + body[:, P["right_toe"]]) / 2
        pitch = forward_tilt - np.degrees(np.arctan2(over[:, 0], over[:, 1]))
    return body, pitch, pose.foot


def _turn(body: Floats, first: float, target: float, entry: float) -> Floats:
    """(N,) pitch of a body (N, P, 3) about its centre of mass at constant angular momentum: `target` at `entry`."""
    middles, shares, segment_inertia = mass_points(body)
    xy = middles[..., :2]
    speed = np.gradient(xy, STEP, axis=0)
    inner = np.einsum("ns,s->n", xy[..., 1] * speed[..., 0] - xy[..., 0] * speed[..., 1], shares)
    inertia = np.einsum("nsd,s->n", xy**2, shares) + segment_inertia

    def integral(values: Floats) -> Floats:
        return np.concatenate([[0.0], np.cumsum((values[1:] + values[:-1]) / 2) * STEP])

    drift, share = integral(inner / inertia), integral(1.0 / inertia)
    clock = np.arange(len(body)) * STEP
    needed = np.radians(target - first) + np.interp(entry, clock, drift)
    momentum = needed / np.interp(entry, clock, share)
    return np.asarray(first + np.degrees(momentum * share - drift))


def _tilted(body: Floats, degrees: Floats) -> Floats:
    """`body` (N, P, 3) tilted to the diver's right by `degrees` (N,) about his front axis."""
    c, s = np.cos(np.radians(degrees))[:, None], np.sin(np.radians(degrees))[:, None]
    x, y, z = np.moveaxis(body, -1, 0)
    return np.stack([x, c * y - s * z, s * y + c * z], axis=-1)
