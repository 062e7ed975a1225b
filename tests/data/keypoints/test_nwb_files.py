"""Poses in NWB files as pynwb with ndx-pose and sleap-io write them."""

import h5py
import numpy as np
import pytest

from data.errors import DataError
from data.keypoints import read_keypoints, read_motion
from tests.helpers.keypoint_files import FRAMES, POSE, SIZE, nwb, sleap


@pytest.mark.parametrize("clock", [{"rate": 25.0}, {}, {"times": [0, 0.04, 0.1]}])
def test_poses_of_nwb_have_people_and_a_clock(tmp_path, clock):
    path = nwb(tmp_path / "dive.nwb", people=2, **clock)
    read = read_keypoints(path, "dive", SIZE, FRAMES)
    assert read.frames.tolist() == [0, 0, 1, 1, 2, 2]
    motion = read_motion(path)
    np.testing.assert_allclose(motion.times, clock.get("times", np.arange(FRAMES) / 25), atol=1e-9)
    np.testing.assert_allclose(motion.over_time(2)[:, 1, :, :2], [POSE[:, :2] + [20, 0]] * FRAMES)


def test_nwb_of_sleap_is_read(tmp_path):
    """sleap-io 0.9 writes frames without a gap only."""
    read = read_keypoints(sleap(tmp_path / "dive.nwb", frames=(0, 1)), "dive", SIZE, FRAMES)
    assert read.frames.tolist() == [0, 0, 1, 1]
    np.testing.assert_allclose(read.points[0], POSE, rtol=1e-6)


def test_a_file_without_poses_and_data_outside_it_are_refused(tmp_path):
    with pytest.raises(DataError, match="no PoseEstimationSeries"):
        read_motion(nwb(tmp_path / "a.nwb", people=0))
    path = nwb(tmp_path / "b.nwb")
    with h5py.File(path, "a") as file, h5py.File(tmp_path / "other.h5", "w") as other:
        series = file["processing/behavior/Person0/nose"]
        other["data"] = series["data"][()]
        del series["data"]
        series["data"] = h5py.ExternalLink("other.h5", "data")
    with pytest.raises(DataError, match="is not a readable NWB file"):
        read_motion(path)
