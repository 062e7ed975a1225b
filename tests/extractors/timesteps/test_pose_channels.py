"""Channels of people: invariances of the two frames of reference, cuts, weights, and the camera's channels."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extractors.timesteps.pose_channels import pose_channels
from extractors.timesteps.pose_points import PoseSettings
from tests.helpers.drawn_people import BODY as STANDING
from tests.helpers.drawn_people import rotation
from tests.helpers.made_outputs import pose_of


def moved(angle=0.0, scale=1.0, shift=(0, 0)):
    return scale * STANDING @ rotation(angle).T + shift


def still(pose, frames=20):
    return np.repeat(pose[None], frames, axis=0)


TIME = np.arange(20) / 25
SETTINGS = PoseSettings(forms=("place", "camera", "body", "velocity", "angle"))


@given(
    angle=st.floats(-3, 3),
    scale=st.floats(0.3, 4),
    x=st.floats(-500, 500),
    y=st.floats(-500, 500),
    seed=st.integers(0, 9),
)
@settings(max_examples=40, deadline=None)
def test_channels_ignore_place_and_zoom_of_the_picture_and_those_of_the_body_its_rotation(angle, scale, x, y, seed):
    wobble = np.random.default_rng(seed).normal(0, 3, (20, 17, 2))
    bodies = [still(moved(shift=shift)) + wobble for shift in ((100, 230), (200, 200))]

    def channels(angle, scale, *place):
        return pose_channels(
            pose_of([scale * body @ rotation(angle).T + place for body in bodies], TIME), [0, 1], SETTINGS
        )

    for before, zoomed, turned in zip(
        channels(0, 1, 0, 0), channels(0, scale, x, y), channels(angle, scale, x, y), strict=True
    ):
        np.testing.assert_allclose(before.values, zoomed.values, atol=1e-6)
        own = [i for i, name in enumerate(before.names) if name.startswith(("body.", "angle.", "torso.turn"))]
        np.testing.assert_allclose(before.values[:, own], turned.values[:, own], atol=1e-6)


def test_signs_and_units():
    fall = STANDING + np.arange(20)[:, None, None] / 25 * [0.0, 100.0]
    one = pose_channels(pose_of([fall], TIME), [0], SETTINGS)[0]
    assert np.ptp(one.column("place.y")[0]) == pytest.approx(2 * 19 / 25, abs=1e-6)  # 100 px/s, a torso of 50 px
    assert one.column("torso.y")[0] == pytest.approx(1)
    assert one.column("angle.left_knee")[0] == pytest.approx(np.pi, abs=0.05)
    assert one.column("body.head.y")[0] == pytest.approx((71.6 - 25) / 50, abs=0.02)
    assert one.column("body.left_hip.x")[0] == pytest.approx(-10 / 50)


@given(st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_any_keypoints_give_finite_channels(seed):
    rng = np.random.default_rng(seed)
    frames = int(rng.integers(1, 15))
    people = [rng.normal(0, 10.0 ** rng.integers(-3, 5), (frames, 17, 2)) for _ in range(2)]
    for person in people:
        person[rng.random((frames, 17)) < 0.4] = np.nan
        person[rng.random(frames) < 0.3] = 0
    time = np.cumsum(rng.uniform(0.01, 0.2, frames))
    for channel in pose_channels(pose_of(people, time), [0, 1], SETTINGS):
        assert np.isfinite(channel.values).all()
        assert ((channel.weight >= 0) & (channel.weight <= 1)).all()
