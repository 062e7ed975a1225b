"""SLEAP's files by sleap-io, NWB by pynwb and ndx-pose, and damaged ones."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray

from data.errors import DataError, UsageError
from data.keypoints import read_keypoints, read_motion
from data.keypoints.locate import find_keypoints
from data.keypoints.reading import ImportedKeypoints
from data.keypoints.skeletons import COCO17

JOINTS = ("nose", "left_shoulder", "right_shoulder", "left_hip", "right_hip", "tail")
SIZE, FRAMES = (640, 360), 4
SHOWN = (0, 2)
"""Frames with people."""


def points(person: int, frame: int) -> NDArray[np.float64]:
    """(joint, 2) pixels; the tail is missing."""
    made = np.column_stack([100 * person + 10.0 * np.arange(6) + 5, 20.0 * np.arange(6) + frame + 1])
    made[5] = np.nan
    return made


def labels(sio: Any, videos: int = 1, shown: Sequence[int] = SHOWN) -> Any:
    """Two tracks in two of four frames; the second person of frame 2 was corrected by hand."""
    skeleton = sio.Skeleton(list(JOINTS), name="person")
    tracks = [sio.Track("Anna"), sio.Track("Ben")]
    frames = []
    for number in range(videos):
        video = sio.Video(filename=f"dive{number or ''}.mp4", open_backend=False)
        for frame in shown:
            people = [
                sio.PredictedInstance.from_numpy(
                    points(k, frame), skeleton=skeleton, point_scores=np.full(6, 0.8), score=0.6, track=track
                )
                for k, track in enumerate(tracks)
            ]
            if frame == 2:
                by_hand = sio.Instance.from_numpy(points(1, frame) + 1, skeleton=skeleton, track=tracks[1])
                by_hand.from_predicted = people[1]
                people.append(by_hand)
            frames.append(sio.LabeledFrame(video=video, frame_idx=frame, instances=people))
    return sio.Labels(frames)


def check(got: ImportedKeypoints, layout: str, corrected: float) -> None:
    assert [len(frame.scores) for frame in got.frames] == [2, 0, 2, 0]
    columns = [COCO17.index(name) for name in JOINTS[:5]]
    for frame in SHOWN:
        xs = sorted(got.frames[frame].keypoints[:, COCO17.index("nose"), 0].tolist())
        assert xs == [5, 105 + (corrected if frame == 2 else 0)]
        first = got.frames[frame].keypoints[got.frames[frame].keypoints[:, 0, 0] < 50][0]
        np.testing.assert_allclose(first[columns, :2], points(0, frame)[:5], atol=1e-5)
        np.testing.assert_allclose(first[columns, 2], 0.8, atol=1e-6)
    assert got.summary.startswith(f"{layout}: 5 joints under their COCO names")


@pytest.mark.parametrize("name", ["dive.slp", "dive.mp4.predictions.slp", "dive.analysis.h5"])
def test_files_of_sleap_are_read(tmp_path: Path, name: str) -> None:
    """The video that they name is not there, and is not opened."""
    sio = pytest.importorskip("sleap_io", reason="needs the extra sleap")
    if name.endswith(".slp"):
        labels(sio).save(str(tmp_path / name), embed=False, verbose=False)
    else:
        sio.save_analysis_h5(labels(sio), str(tmp_path / name))
    path = find_keypoints(tmp_path, "dive.mp4")
    assert path == tmp_path / name
    check(read_keypoints(path, "dive", SIZE, FRAMES), "SLEAP", corrected=1)
    motion = read_motion(path, 2)
    assert motion.keypoints.shape == (3, 2, 17, 3)


def test_sleap_files_that_cannot_be_used_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sio = pytest.importorskip("sleap_io", reason="needs the extra sleap")
    path = tmp_path / "a.slp"
    labels(sio, videos=2).save(str(path), embed=False, verbose=False)
    with pytest.raises(DataError, match="has 2 videos and 1 skeletons"):
        read_motion(path, 1)
    labels(sio).save(str(path), embed=False, verbose=False)
    for length in (0, 100, 3000, path.stat().st_size // 2):
        path.write_bytes(path.read_bytes()[:length])
        with pytest.raises(DataError, match="is no readable file of SLEAP") as caught:
            read_motion(path, 1)
        assert caught.value.where == str(path)
    monkeypatch.setitem(sys.modules, "sleap_io", None)
    with pytest.raises(UsageError, match=r"needs the package 'sleap-io'.*\[sleap\]"):
        read_motion(path, 1)


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
