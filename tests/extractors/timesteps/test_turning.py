"""The trunk's turning speed of a rigid body that turns at a known speed."""

from __future__ import annotations

import numpy as np
import pytest

from data.store.arrays import Floats
from extractors.timesteps.pose_channels import pose_channels
from extractors.timesteps.pose_points import PoseSettings
from tests.helpers.made_outputs import STANDING, pose_of

ANGLES = PoseSettings(forms=("angle",))


def shown(
    degrees_per_s: float, frames_per_s: float, jitter_px: float = 0.0, cut_s: float = 9.0
) -> tuple[Floats, Floats]:
    """Turning in degrees/s and its weight, of a body that turns in the picture; it jumps by half a turn at the cut."""
    time = np.arange(0, 2, 1 / frames_per_s)
    angle = -np.radians(degrees_per_s * time) + np.where(time >= cut_s, np.pi, 0.0)  # y is down in a picture
    turn = np.moveaxis(np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]), 2, 0)
    body = np.einsum("fab,jb->fja", turn, STANDING) + 200 + jitter_px * np.random.default_rng(0).normal(size=(17, 2))
    body = body + jitter_px * np.random.default_rng(1).normal(size=body.shape)
    (channels,) = pose_channels(pose_of([body], time, cuts=(cut_s,)), [0], ANGLES)
    values, weight = channels.column("torso.turn")
    return np.degrees(values), weight


@pytest.mark.parametrize("frames_per_s", [25.0, 30.0, 60.0])
@pytest.mark.parametrize("speed", [-900.0, 90.0, 360.0, 720.0, 1080.0, 1200.0])
def test_a_rigid_turn_has_its_speed(speed: float, frames_per_s: float) -> None:
    values, weight = shown(speed, frames_per_s)
    assert weight.min() > 0
    assert values == pytest.approx(np.full(len(values), speed), rel=0.001)
    noisy, _ = shown(speed, frames_per_s, jitter_px=1.0)
    assert np.median(noisy) == pytest.approx(speed, rel=0.05)


def test_above_what_the_frame_rate_can_tell_there_is_no_number() -> None:
    for degrees_a_frame in (170.0, 180.0, 200.0):
        assert shown(25 * degrees_a_frame, 25.0)[1].max() == 0


def test_a_turn_never_reaches_over_a_cut() -> None:
    values, weight = shown(360.0, 25.0, cut_s=1.0)
    assert values[weight > 0] == pytest.approx(np.full(50, 360.0), rel=0.001)
