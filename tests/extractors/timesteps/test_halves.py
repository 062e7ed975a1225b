"""Halves of one body as two agents: equal channels, their joints, descriptors, and refused mirror images."""

from __future__ import annotations

import numpy as np
import pytest

from extractors.timesteps.mirror import mirror_map
from extractors.timesteps.pose_channels import half_of, pose_channels
from extractors.timesteps.pose_points import PoseSettings
from tests.extractors.timesteps.test_mirror import extracted
from tests.extractors.timesteps.test_pose_channels import EVERY, TIME, scored, still
from tests.helpers.drawn_people import BODY as STANDING
from tests.helpers.made_outputs import pose_of

CUTS = [("left", "right"), ("upper", "lower")]


def halves(first: str, second: str, **config: object):
    return extracted(person(), primary=f"pose:0:{first}", secondary=(f"pose:0:{second}",), **config)


def person() -> np.ndarray:
    """(frame, 1, 17, 3): the left knee and wrist move, the right ones stand still."""
    xy = still(STANDING, 50)
    swing = 12 * np.sin(np.arange(50) / 4)
    xy[:, 13, 0] += swing
    xy[:, 9, 1] += swing
    return scored(xy)[:, None]


def test_a_half_holds_its_own_joints_and_what_belongs_to_the_whole_body():
    whole = pose_channels(pose_of([still(STANDING)], TIME), [0], PoseSettings(forms=EVERY))[0]
    for half, name, source in (
        ("left", "side.angle.knee", "angle.left_knee"),
        ("right", "side.body.wrist.x", "body.right_wrist.x"),
        ("upper", "body.left_middle.y", "body.left_elbow.y"),
        ("lower", "body.left_middle.y", "body.left_knee.y"),
        ("lower", "angle.right_root", "angle.right_hip"),
        ("upper", "torso.turn", "torso.turn"),
        ("right", "body.head.y", "body.head.y"),
    ):
        for got, expected in zip(half_of(whole, half).column(name), whole.column(source), strict=True):
            np.testing.assert_array_equal(got, expected)
    counts = [len(half_of(whole, half).names) for half in ("left", "right")]
    shared = sum("left_" not in name and "right_" not in name for name in whole.names)
    assert sum(counts) == len(whole.names) + shared


def test_sides_have_no_mirror_image_and_levels_have():
    with pytest.raises(ValueError, match="no mirror image"):
        mirror_map(halves("left", "right").arrays["primary"].names)
    names = halves("upper", "lower").arrays["primary"].names
    source, factor = mirror_map(names)
    column = names.index("body.left_end.x.mean")
    assert (names[source[column]], factor[column]) == ("body.right_end.x.mean", -1)
