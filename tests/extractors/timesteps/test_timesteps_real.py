"""A real video through the real stages into time steps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from data.stage_files import StageFiles
from data.video.decoder import decode, probe
from extractors.camera_flow.stage import CameraFlow
from extractors.contract import MadeSource
from extractors.pose.stage import Pose
from extractors.timesteps.stage import Timesteps, TimestepsConfig

FILES = StageFiles()

CLIP = Path(__file__).resolve().parents[4] / "shared" / "clips" / "two_people_pose2sim.mp4"
FRAMES = 16


@pytest.mark.weights
@pytest.mark.skipif(not CLIP.exists(), reason="needs ../shared/clips")
def test_two_people_and_the_camera_of_a_real_clip():
    pictures, times = [frame.image for frame in decode(CLIP, range(FRAMES))], probe(CLIP)[1][:FRAMES]
    upstream = {
        "pose": Pose(Pose.Config(agents=2), FILES).extract(MadeSource(pictures, times)),
        "camera_flow": CameraFlow(CameraFlow.Config(), FILES).extract(MadeSource(pictures, times)),
    }
    source = MadeSource(upstream=upstream)
    still = upstream["camera_flow"].quality
    assert still["static_share"] == 1.0
    assert still["inliers_mean"] > 0.9
    people = Timesteps(TimestepsConfig(secondary=("pose:1",), scene=""), FILES).extract(source)
    assert people.quality["observed_primary"] > 0.9
    assert people.quality["observed_secondary"] > 0.9
    assert people.arrays["primary_mask"].values.all()
    table = dict(zip(people.arrays["primary"].names, people.arrays["primary"].values.T, strict=True))
    assert (table["torso.y.mean"] > 0.9).all()  # they walk upright
    assert (table["body.head.y.mean"] > table["body.left_hip.y.mean"]).all()
    assert (table["angle.left_knee.mean"] > np.radians(100)).all()
    left, right = people.arrays["primary"].values, people.arrays["secondary"].values[:, 0]
    column = people.arrays["primary"].names.index("place.x.mean")
    assert (right[:, column] > left[:, column]).all()  # people are numbered from left to right

    config = TimestepsConfig(scene="", secondary=("camera_flow",))
    athlete = Timesteps(config, FILES).extract(source)
    assert athlete.arrays["secondary_mask"].values.all()
    motion = dict(zip(athlete.arrays["secondary"].names, athlete.arrays["secondary"].values[:, 0].T, strict=True))
    assert np.abs(motion["motion.pan_x.mean"]).max() < 0.02  # the camera is still
    assert all(np.isfinite(array.values).all() for array in athlete.arrays.values())
