"""Exchanging roles by the names of descriptors equals extraction with exchanged roles."""

from types import SimpleNamespace

import numpy as np
import pytest

from data.stage_files import StageFiles
from extractors.timesteps import Timesteps, TimestepsConfig, exchange_map
from tests.helpers.made_outputs import pose_output

FILES = StageFiles()


def extracted(keypoints, **config):
    stage = Timesteps(TimestepsConfig(**{"secondary": ("pose:1",), "scene": "", **config}), FILES)
    return stage.extract(SimpleNamespace(upstream={"pose": pose_output(keypoints)}))


@pytest.fixture
def keypoints():
    rng = np.random.default_rng(5)
    keypoints = np.cumsum(rng.normal(0, 3, (50, 2, 17, 3)), axis=0) + rng.normal(0, 60, (1, 2, 17, 3)) + 300
    keypoints[..., 2] = rng.uniform(0, 1, (50, 2, 17))
    return keypoints


def test_exchange_map_equals_exchanged_roles(keypoints):
    plain = extracted(keypoints).arrays["trial"]
    exchanged = extracted(keypoints, primary="pose:1", secondary=("pose:0",)).arrays["trial"]
    source, factor = exchange_map(plain.names)
    np.testing.assert_allclose(factor * plain.values[source], exchanged.values, atol=1e-4)


def test_one_person_alone_has_no_counterpart():
    with pytest.raises(ValueError, match="no counterpart"):
        exchange_map(("primary.turned_rad", "pair.lag_s"))
