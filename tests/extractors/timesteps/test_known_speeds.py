"""Velocities, speeds and delays of motions whose truth is known: within 5 %, or no number."""

from __future__ import annotations

import numpy as np
import pytest

from data.store.arrays import Floats
from extractors.timesteps.motion_descriptors import PointTrack
from extractors.timesteps.pose_channels import pose_channels
from extractors.timesteps.pose_points import PoseSettings
from extractors.timesteps.trial_descriptors import pair_descriptors
from pipeline.report.motion_charts import BODY_PARTS, body_speed
from pipeline.score.movement import movement
from tests.helpers.made_outputs import STANDING, pose_of

TORSO = 45.0
RATES = (25.0, 30.0, 50.0, 60.0)
POINT_JOINTS = {"left_wrist": 9, "right_ankle": 16, "left_elbow": 7, "right_knee": 14}


def rotated(points: Floats, angles: Floats) -> Floats:
    """(frame, point, 2) px: the points turned anticlockwise about the origin; y is down."""
    cos, sin = np.cos(angles), np.sin(angles)
    turns = np.moveaxis(np.array([[cos, sin], [-sin, cos]]), 2, 0)
    return np.asarray(np.einsum("fab,jb->fja", turns, points))


def somersault(degrees_per_s: float, rate: float) -> tuple[Floats, Floats, Floats]:
    """Times, joints (frame, 17, 2) of a rigid body that turns and falls, and their velocities in torso lengths/s."""
    time, omega = np.arange(0, 1.6, 1 / rate), np.radians(degrees_per_s)
    fall = np.stack([60 * time, 400 * time**2], axis=1)[:, None]
    turned = rotated(STANDING, omega * time + 0.3)
    speeds = omega * turned[..., ::-1] * [1, -1] + np.stack([60 + 0 * time, 800 * time], axis=1)[:, None]
    return time, 300 + turned + fall, speeds / TORSO * [1, -1]


def inside(rate: float) -> slice:
    """Rows with neighbours on both sides."""
    ends = round(0.15 * rate)
    return slice(ends, -ends)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("degrees_per_s", [90.0, 360.0, 720.0, 1080.0, 1200.0])
def test_limbs_and_trunk_of_a_somersault_have_their_velocities(degrees_per_s: float, rate: float) -> None:
    time, joints, truth = somersault(degrees_per_s, rate)
    (body,) = pose_channels(pose_of([joints], time), [0], PoseSettings(forms=("place", "velocity")))
    for name, joint in POINT_JOINTS.items():
        got, weight = body.columns([f"velocity.{name}.{axis}" for axis in "xy"])
        assert weight.min() > 0
        wrong = np.linalg.norm(got - truth[:, joint], axis=1)
        assert wrong[inside(rate)].max() < 0.05 * np.radians(degrees_per_s) * np.linalg.norm(STANDING[joint]) / TORSO
    trunk, weight = body.columns(["place.vx", "place.vy"])
    assert weight.min() > 0
    middle = STANDING[[5, 6, 11, 12]].mean(axis=0)
    wrong = np.linalg.norm(trunk - truth[:, [5, 6, 11, 12]].mean(axis=1), axis=1)
    assert wrong[inside(rate)].max() < 0.05 * np.radians(degrees_per_s) * np.linalg.norm(middle) / TORSO


@pytest.mark.parametrize("rate", RATES)
def test_above_what_curves_follow_there_is_no_velocity(rate: float) -> None:
    for degrees_per_s in (1600.0, 1800.0, 2000.0, 3000.0, 160 * rate):
        time, joints, truth = somersault(degrees_per_s, rate)
        (body,) = pose_channels(pose_of([joints], time), [0], PoseSettings(forms=("velocity",)))
        got, weight = body.columns(["velocity.left_ankle.x", "velocity.left_ankle.y"])
        assert weight[inside(rate)].max() == 0, degrees_per_s
        wrong = np.linalg.norm(got, axis=1) - np.linalg.norm(truth[:, 15], axis=1)
        assert np.abs(wrong[weight > 0]).max(initial=0.0) < 0.1 * np.linalg.norm(truth[:, 15], axis=1).max()
        assert degrees_per_s < 2000 or weight.max() == 0


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("hertz", [0.5, 1.0, 2.0, 2.5])
def test_a_limb_that_swings_has_its_speed(hertz: float, rate: float) -> None:
    time, swing = np.arange(0, 2, 1 / rate), np.radians(40)
    joints = np.repeat(STANDING[None], len(time), axis=0) + 300
    angle = swing * np.sin(2 * np.pi * hertz * time)
    arm = STANDING[[7, 9]] - STANDING[5]
    joints[:, [7, 9]] = 300 + STANDING[5] + rotated(arm, angle)
    (body,) = pose_channels(pose_of([joints], time), [0], PoseSettings(forms=("velocity",)))
    got, weight = body.columns([f"velocity.left_wrist.{axis}" for axis in "xy"])
    assert weight.min() > 0
    radius = np.linalg.norm(arm[1]) / TORSO
    truth = radius * swing * 2 * np.pi * hertz * np.abs(np.cos(2 * np.pi * hertz * time))
    wrong = np.abs(np.linalg.norm(got, axis=1) - truth) / truth.max()
    assert wrong[inside(rate)].max() < 0.05
    assert wrong.max() < 0.15  # the first and the last rows have neighbours on one side only


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("degrees_per_s", [360.0, 1080.0])
def test_the_page_shows_these_speeds(degrees_per_s: float, rate: float) -> None:
    time, joints, _ = somersault(degrees_per_s, rate)
    output = pose_of([joints], time)
    chart = body_speed(output)
    assert chart is not None
    for part in ("arms", "legs"):
        truth = np.radians(degrees_per_s) * np.linalg.norm(STANDING[list(BODY_PARTS[part])], axis=1).mean() / TORSO
        assert chart.series[part] == pytest.approx(np.full(len(time), truth), rel=0.05)
    assert movement(output).variables.people[0]["turning"] == pytest.approx(np.full(len(time), degrees_per_s), rel=0.05)


@pytest.mark.parametrize("rate", RATES)
def test_descriptors_have_the_speed_of_a_circle(rate: float) -> None:
    time = np.arange(0, 3, 1 / rate)
    for unit, hertz in (("body", 3.0), ("image", 3.0), ("m", 2.0)):
        angle = 2 * np.pi * hertz * time
        circle = 0.8 * np.stack([np.cos(angle), np.sin(angle)], axis=1)
        speed, weight = PointTrack("", unit, time, circle, np.ones(len(time))).speed()
        assert weight.min() == 1
        assert speed == pytest.approx(np.full(len(time), 0.8 * 2 * np.pi * hertz), rel=0.06)
    far = 8 * np.stack([np.cos(60 * time), np.sin(60 * time)], axis=1)
    assert PointTrack("", "body", time, far, np.ones(len(time))).speed()[1].max() == 0


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("late_s", [-0.3, -0.05, 0.02, 0.11, 0.4])
def test_the_delay_between_two_people(late_s: float, rate: float) -> None:
    time = np.arange(0, 3, 1 / rate)

    def jumping(moments: Floats) -> Floats:
        bend = 12 * np.exp(-(((moments - 1.4) / 0.35) ** 2)) + 4 * np.sin(9 * moments)
        joints = np.repeat(STANDING[None], len(moments), axis=0) + 300
        joints[:, 13:15, 0] += bend[:, None]
        joints[:, 9:11, 1] -= 2 * bend[:, None]
        return joints

    people = pose_of([jumping(time), jumping(time - late_s)], time)
    one, other = pose_channels(people, [0, 1], PoseSettings())
    assert pair_descriptors(one, other)["lag_s"] == pytest.approx(late_s, abs=0.01)
