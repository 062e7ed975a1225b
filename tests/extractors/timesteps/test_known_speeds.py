"""Velocities and turning of motions whose truth is known: within 5 %, or no number."""

import numpy as np
import pytest

from extractors.timesteps.pose_channels import pose_channels
from extractors.timesteps.pose_points import PoseSettings
from tests.helpers.made_outputs import STANDING, pose_of

TORSO = 45.0
RATES = pytest.mark.parametrize("rate", [25.0, 60.0])
FORMS = PoseSettings(forms=("place", "velocity", "angle"))
POINT_JOINTS = {"left_wrist": 9, "right_ankle": 16, "left_elbow": 7, "right_knee": 14}


def somersault(degrees_per_s, rate):
    """Times, joints (frame, 17, 2) of a rigid body that turns and falls, and their velocities in torso lengths/s."""
    time, omega = np.arange(0, 1.6, 1 / rate), np.radians(degrees_per_s)
    cos, sin = np.cos(omega * time + 0.3), np.sin(omega * time + 0.3)
    turned = np.einsum("abf,jb->fja", np.array([[cos, sin], [-sin, cos]]), STANDING)  # anticlockwise; y is down
    fall = np.stack([60 * time, 400 * time**2], axis=1)[:, None]
    speeds = omega * turned[..., ::-1] * [1, -1] + np.stack([60 + 0 * time, 800 * time], axis=1)[:, None]
    return time, 300 + turned + fall, speeds / TORSO * [1, -1]


@RATES
@pytest.mark.parametrize("degrees_per_s", [-900.0, 90.0, 720.0, 1200.0])
def test_limbs_and_trunk_of_a_somersault_have_their_velocities(degrees_per_s, rate):
    time, joints, truth = somersault(degrees_per_s, rate)
    (body,) = pose_channels(pose_of([joints], time), [0], FORMS)
    inside = slice(round(0.15 * rate), -round(0.15 * rate))  # rows with neighbours on both sides
    parts = [([f"velocity.{name}.{axis}" for axis in "xy"], [joint]) for name, joint in POINT_JOINTS.items()]
    for names, of in [*parts, (["place.vx", "place.vy"], [5, 6, 11, 12])]:
        got, weight = body.columns(names)
        assert weight.min() > 0
        wrong = np.linalg.norm(got - truth[:, of].mean(axis=1), axis=1)
        radius = np.linalg.norm(STANDING[of].mean(axis=0)) / TORSO
        assert wrong[inside].max() < 0.05 * np.radians(abs(degrees_per_s)) * radius
    turning, weight = body.column("torso.turn")
    assert weight.min() > 0
    assert np.degrees(turning) == pytest.approx(np.full(len(time), degrees_per_s), rel=0.001)


@RATES
@pytest.mark.parametrize("degrees", [1600.0, 2000.0, "170 a frame", "200 a frame"])
def test_above_what_the_frame_rate_can_tell_there_is_no_number(degrees, rate):
    speed = degrees if isinstance(degrees, float) else rate * float(degrees.split()[0])
    time, joints, truth = somersault(speed, rate)
    (body,) = pose_channels(pose_of([joints], time), [0], FORMS)
    got, weight = body.columns(["velocity.left_ankle.x", "velocity.left_ankle.y"])
    assert weight[round(0.15 * rate) : -round(0.15 * rate)].max() == 0
    wrong = np.linalg.norm(got, axis=1) - np.linalg.norm(truth[:, 15], axis=1)
    assert np.abs(wrong[weight > 0]).max(initial=0.0) < 0.1 * np.linalg.norm(truth[:, 15], axis=1).max()
    assert speed < 2000 or weight.max() == 0
    assert isinstance(degrees, float) or body.column("torso.turn")[1].max() == 0


def test_a_turn_never_reaches_over_a_cut():
    time, joints, _ = somersault(360.0, 25.0)
    joints[20:] = somersault(360.0, 25.0)[1][20:, :, ::-1] * [1, -1] + [0, 800]  # turned by a quarter
    values, weight = pose_channels(pose_of([joints], time, cuts=(time[20],)), [0], FORMS)[0].column("torso.turn")
    assert np.degrees(values[weight > 0]) == pytest.approx(np.full(len(time), 360.0), rel=0.001)
