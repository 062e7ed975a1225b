"""Halves of one body as two agents: equal channels, their joints, descriptors, and refused mirror images."""

from __future__ import annotations

import numpy as np
import pytest

from extractors.timesteps.mirror import exchange_map, mirror_map
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


@pytest.mark.parametrize(("first", "second"), CUTS)
@pytest.mark.parametrize("forms", [("place", "body", "angle"), EVERY, ("angle",)])
def test_both_halves_have_the_same_channels_in_the_same_order(first, second, forms):
    arrays = halves(first, second, pose={"forms": forms}).arrays
    assert arrays["primary"].names == arrays["secondary"].names
    assert len(set(arrays["primary"].names)) == len(arrays["primary"].names)
    assert arrays["primary"].values.shape == arrays["secondary"].values[:, 0].shape
    assert arrays["primary_mask"].values.all()
    assert arrays["secondary_mask"].values.all()


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


def test_the_difference_shows_the_joints_that_move_on_one_side():
    arrays = halves("left", "right").arrays
    apart = np.ptp(arrays["primary"].values - arrays["secondary"].values[:, 0], axis=0)
    moving = {name.rpartition(".")[0] for name, size in zip(arrays["primary"].names, apart, strict=True) if size > 0.05}
    assert {"side.angle.knee", "side.body.wrist.y"} <= moving
    assert not any(name.startswith(("place", "torso")) or "head" in name for name in moving)


@pytest.mark.parametrize(("first", "second"), CUTS)
def test_trial_descriptors_of_halves(first, second):
    trial = halves(first, second).arrays["trial"]
    values = dict(zip(trial.names, trial.values.tolist(), strict=True))
    assert {"primary.turned_rad", "primary.log_path_body", "pair.body_difference_mean", "pair.lag_s"} <= set(values)
    assert not any("distance" in name or "height" in name for name in values)
    assert ("primary.knee_low" in values) == (first == "left")
    assert values["pair.body_difference_mean"] > 0.1
    exchange_map(trial.names)


def test_sides_have_no_mirror_image_and_levels_have():
    with pytest.raises(ValueError, match="no mirror image"):
        mirror_map(halves("left", "right").arrays["primary"].names)
    names = halves("upper", "lower").arrays["primary"].names
    source, factor = mirror_map(names)
    column = names.index("body.left_end.x.mean")
    assert (names[source[column]], factor[column]) == ("body.right_end.x.mean", -1)
