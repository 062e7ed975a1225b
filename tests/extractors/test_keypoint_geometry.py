"""Geometry of keypoints: boxes, centres, sizes, orientations."""

import numpy as np
import pytest

from data.keypoints.skeletons import COCO17
from extractors.keypoint_geometry import MIRRORED, body_sizes, orientations_of
from tests.helpers.drawn_people import person


def test_mirrored_joints_have_the_name_of_the_other_side():
    other = {"left": "right", "right": "left"}
    for joint, name in enumerate(COCO17):
        side, _, part = name.partition("_")
        assert COCO17[MIRRORED[joint]] == (f"{other[side]}_{part}" if part else name)


@pytest.mark.parametrize("angle", [0.0, 1.0, -2.0, 3.0])
def test_orientation_is_the_angle_clockwise_from_upright(angle):
    assert orientations_of(person(0, 0, angle)[None])[0] == pytest.approx(angle, abs=1e-5)


def test_size_of_a_tucked_body_is_at_least_twice_its_torso():
    pose = person(0, 0)
    pose[:, 1] = np.clip(pose[:, 1], -50, 0)
    assert body_sizes(pose[None])[0] >= 100
