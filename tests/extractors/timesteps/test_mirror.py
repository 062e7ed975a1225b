"""Augmentation by names equals extraction from the mirrored or exchanged input; halves of one body as two agents."""

from types import SimpleNamespace

import numpy as np
import pytest

from data.stage_files import StageFiles
from extractors.keypoint_geometry import MIRRORED
from extractors.timesteps import Timesteps, TimestepsConfig, exchange_map, mirror_map
from tests.helpers.made_outputs import pose_output

FILES = StageFiles()
FORMS = ("place", "camera", "body", "velocity", "angle")


def extracted(keypoints, **config):
    stage = Timesteps(TimestepsConfig(**{"secondary": ("pose:1",), "scene": "", **config}), FILES)
    return stage.extract(SimpleNamespace(upstream={"pose": pose_output(keypoints)}))


@pytest.fixture
def keypoints():
    rng = np.random.default_rng(5)
    keypoints = np.cumsum(rng.normal(0, 3, (50, 2, 17, 3)), axis=0) + rng.normal(0, 60, (1, 2, 17, 3)) + 300
    keypoints[..., 2] = rng.uniform(0, 1, (50, 2, 17))
    return keypoints


@pytest.mark.parametrize("statistics", ["mean", "mean_std_absdiff", "samples", "dct"])
def test_mirror_map_equals_the_mirrored_video(keypoints, statistics):
    config = {
        "statistics": statistics,
        "pose": {"forms": FORMS},
    }
    mirrored = keypoints[:, :, MIRRORED].copy()
    mirrored[..., 0] = 640 - mirrored[..., 0]
    plain, other = extracted(keypoints, **config).arrays, extracted(mirrored, **config).arrays
    source, factor = mirror_map(plain["primary"].names)
    for name in ("primary", "secondary"):
        planned = factor * plain[name].values[..., source]
        np.testing.assert_allclose(planned, other[name].values, atol=2e-4)
        assert np.abs(plain[name].values - other[name].values).max() > 0.1
    np.testing.assert_allclose(plain["trial"].values, other["trial"].values, atol=2e-3)


def test_exchange_map_equals_exchanged_roles(keypoints):
    plain = extracted(keypoints).arrays["trial"]
    exchanged = extracted(keypoints, primary="pose:1", secondary=("pose:0",)).arrays["trial"]
    source, factor = exchange_map(plain.names)
    np.testing.assert_allclose(factor * plain.values[source], exchanged.values, atol=1e-4)


def test_sides_have_no_mirror_image_and_levels_have(keypoints):
    sides, levels = (
        extracted(keypoints, primary=f"pose:0:{a}", secondary=(f"pose:0:{b}",)).arrays["primary"].names
        for a, b in (("left", "right"), ("upper", "lower"))
    )
    with pytest.raises(ValueError, match="no mirror image"):
        mirror_map(sides)
    source, factor = mirror_map(levels)
    column = levels.index("body.left_end.x.mean")
    assert (levels[source[column]], factor[column]) == ("body.right_end.x.mean", -1)


def test_camera_motion_has_a_mirror_image_and_one_person_alone_no_counterpart():
    source, factor = mirror_map(("motion.pan_x.mean", "motion.pan_x.std", "motion.zoom.mean", "motion.rotation.at0"))
    assert source.tolist() == [0, 1, 2, 3]
    assert factor.tolist() == [-1, 1, 1, -1]
    with pytest.raises(ValueError, match="no counterpart"):
        exchange_map(("primary.turned_rad", "pair.lag_s"))
