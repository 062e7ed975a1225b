"""Poses in NWB files as pynwb with ndx-pose and sleap-io write them, and damaged files."""

from __future__ import annotations

import warnings
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray

from data.errors import DataError
from tests.data.keypoints.test_sleap_files import FRAMES, JOINTS, SIZE, labels, points
from tests.helpers.people_of_frames import read_keypoints, read_motion


def nwb(path: Path, *, rate: float | None = None, times: NDArray[np.float64] | None = None, people: int = 2) -> Path:
    """An NWB file by pynwb and ndx-pose: every joint of every frame."""
    pynwb = pytest.importorskip("pynwb", reason="needs the extra sleap")
    pose = pytest.importorskip("ndx_pose", reason="needs the extra sleap")
    start = datetime(2026, 1, 1, tzinfo=timezone.utc)
    file = pynwb.NWBFile(session_description="a dive", identifier="dive", session_start_time=start)
    module = file.create_processing_module("behavior", "poses")
    skeleton = pose.Skeleton(name="person", nodes=list(JOINTS), edges=np.array([[0, 1]], "uint8"))
    module.add(pose.Skeletons(skeletons=[skeleton]))
    clock = {"rate": rate} if rate else {"timestamps": np.arange(FRAMES) / 25 if times is None else times}
    for person in range(people):
        series = [
            pose.PoseEstimationSeries(
                name=joint, description="", unit="pixels", reference_frame="top left", confidence=np.full(FRAMES, 0.8),
                data=np.stack([points(person, frame)[k] for frame in range(FRAMES)]), **clock,
            )
            for k, joint in enumerate(JOINTS)
        ]  # fmt: skip
        module.add(
            pose.PoseEstimation(
                name=f"Person{person}", pose_estimation_series=series, skeleton=skeleton, source_software="DeepLabCut"
            )
        )
    with pynwb.NWBHDF5IO(str(path), "w") as stream:
        stream.write(file)
    return path


@pytest.mark.parametrize("clock", [{"rate": 25.0}, {}, {"times": np.array([0, 1, 2.4, 3]) / 25}])
def test_poses_of_nwb_are_read(tmp_path: Path, clock: dict[str, Any]) -> None:
    path = nwb(tmp_path / "dive.nwb", **clock)
    got = read_keypoints(path, "dive", SIZE, FRAMES)
    assert [len(frame.scores) for frame in got.frames] == [2] * FRAMES
    np.testing.assert_allclose(got.frames[3].keypoints[1, 0], [*points(1, 3)[0], 0.8], atol=1e-5)
    motion = read_motion(path, 2)
    assert motion.times is not None
    np.testing.assert_allclose(motion.times, clock.get("times", np.arange(4) / 25), atol=1e-9)
    assert np.isfinite(motion.keypoints[:, 1, 0]).all()


def test_nwb_of_sleap_is_read(tmp_path: Path) -> None:
    """sleap-io 0.9 writes frames without a gap only."""
    sio = pytest.importorskip("sleap_io", reason="needs the extra sleap")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        sio.save_nwb(labels(sio, shown=(0, 1)), str(tmp_path / "dive.nwb"), nwb_format="predictions")
    got = read_keypoints(tmp_path / "dive.nwb", "dive", SIZE, FRAMES)
    assert [sorted(frame.keypoints[:, 0, 0].tolist()) for frame in got.frames] == [[5, 105], [5, 105], [], []]
    np.testing.assert_allclose(got.frames[1].keypoints[0, 0], [*points(0, 1)[0], 0.8], atol=1e-5)


def test_nwb_files_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    path = nwb(tmp_path / "a.nwb", people=0)
    with pytest.raises(DataError, match="no PoseEstimationSeries"):
        read_motion(path, 1)
    nwb(path)
    with h5py.File(path, "a") as file:
        series = file["processing/behavior/Person0/nose"]
        values = series["data"][()]
        del series["data"]
        with h5py.File(tmp_path / "other.h5", "w") as other:
            other["data"] = values
        series["data"] = h5py.ExternalLink("other.h5", "data")
    with pytest.raises(DataError, match="is no readable NWB file"):
        read_motion(path, 1)
    whole = nwb(path).read_bytes()
    for length in (0, 100, len(whole) // 3):
        path.write_bytes(whole[:length])
        with pytest.raises(DataError, match="is no readable NWB file") as caught:
            read_motion(path, 1)
        assert caught.value.where == str(path)
