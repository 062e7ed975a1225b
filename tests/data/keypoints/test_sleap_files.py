"""Files of SLEAP as sleap-io writes them, and damaged ones."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from data.errors import DataError, UsageError
from data.keypoints.keypoint_search import find_keypoints
from data.keypoints.skeletons import COCO17
from tests.helpers.people_of_frames import ImportedKeypoints, read_keypoints, read_motion

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


def saved(path: Path) -> Path:
    """Labels as SLEAP's file of this ending."""
    sio = pytest.importorskip("sleap_io", reason="needs the extra sleap")
    if path.suffix == ".slp":
        labels(sio).save(str(path), embed=False, verbose=False)
    else:
        sio.save_analysis_h5(labels(sio), str(path))
    return path


@pytest.mark.parametrize("name", ["dive.slp", "dive.mp4.predictions.slp", "dive.analysis.h5"])
def test_files_of_sleap_are_read(tmp_path: Path, name: str) -> None:
    """The video that they name is not there, and is not opened."""
    saved(tmp_path / name)
    path = find_keypoints(tmp_path, "dive.mp4")
    assert path == tmp_path / name
    check(read_keypoints(path, "dive", SIZE, FRAMES), "SLEAP", corrected=1)
    motion = read_motion(path, 2)
    assert motion.keypoints.shape == (3, 2, 17, 3)


@pytest.mark.parametrize("share", [0, 0.02, 0.5, 0.9])
@pytest.mark.parametrize("name", ["a.slp", "a.analysis.h5"])
def test_a_damaged_file_of_sleap_is_named(tmp_path: Path, name: str, share: float) -> None:
    path = saved(tmp_path / name)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(DataError) as caught:
        read_motion(path, 1)
    assert caught.value.where == str(path)
    assert caught.value.fix


def test_sleap_files_that_cannot_be_used_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sio = pytest.importorskip("sleap_io", reason="needs the extra sleap")
    path = tmp_path / "a.slp"
    labels(sio, videos=2).save(str(path), embed=False, verbose=False)
    with pytest.raises(DataError, match="has 2 videos and 1 skeletons"):
        read_motion(path, 1)
    monkeypatch.setitem(sys.modules, "sleap_io", None)
    with pytest.raises(UsageError, match=r"needs the package 'sleap-io'.*\[sleap\]"):
        read_motion(path, 1)
