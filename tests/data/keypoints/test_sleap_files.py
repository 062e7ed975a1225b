"""Files of SLEAP as sleap-io writes them: tracks, corrections by hand, and what cannot be used."""

import sys

import numpy as np
import pytest

from data.errors import DataError, UsageError
from data.keypoints import read_motion
from tests.helpers.keypoint_files import POSE, sleap


@pytest.mark.parametrize("name", ["a.slp", "a.analysis.h5"])
def test_tracks_of_sleap_stay_and_a_correction_replaces_its_prediction(tmp_path, name):
    """The video that the file names is not there, and is not opened."""
    motion = read_motion(sleap(tmp_path / name)).over_time(2)
    assert motion.shape == (3, 2, 17, 3)
    people = motion[[0, 2], :, 0, 0].tolist()  # the nose's x
    assert sorted(people[0]) == pytest.approx(sorted(POSE[0, 0] + [0, 20]))
    assert sorted(people[1]) == pytest.approx(sorted(POSE[0, 0] + [0, 21]))
    assert (people[0][0] < people[0][1]) == (people[1][0] < people[1][1])
    assert np.isnan(motion[1, ..., :2]).all()


def test_sleap_files_that_cannot_be_used_are_named(tmp_path, monkeypatch):
    path = sleap(tmp_path / "a.slp", videos=2)
    with pytest.raises(DataError, match="has 2 videos and 1 skeletons"):
        read_motion(path)
    monkeypatch.setitem(sys.modules, "sleap_io", None)
    with pytest.raises(UsageError, match=r"needs the package 'sleap_io'.*\[sleap\]"):
        read_motion(path)
