"""Files that Pose2Sim 0.10.49 itself wrote. rtmlib, whose joints they are, writes no file.

`tests/data/keypoints/pose2sim` was made once, where Pose2Sim and rtmlib are installed, by
`python tests/data/keypoints/test_pose2sim.py`.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from data.errors import DataError
from tests.helpers.people_of_frames import read_keypoints

FILES = Path(__file__).parent / "pose2sim"
SIZE = (640, 360)


def people() -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Joints (person, 26, 2) and scores (person, 26) of four frames, as the tool has them when it writes."""
    joint = np.arange(26.0)
    places = np.stack([np.stack([left + 5 * joint, 20 + 4 * joint], axis=1) for left in (10, 310)])
    scores = np.stack([0.5 + joint / 100, 0.9 - joint / 100])
    nobody = np.full_like(places[:1], np.nan), np.full_like(scores[:1], np.nan)  # where its detection failed
    lost = places.copy(), scores.copy()  # the second person, whom its tracking lost
    lost[0][1], lost[1][1] = np.nan, np.nan
    return [(places, scores), nobody, lost, (places[:0], scores[:0])]


def test_the_files_of_the_tool_itself_are_read() -> None:
    read = read_keypoints(FILES, "dive", SIZE, 4)
    assert read.summary == "OpenPose Halpe-26: 17 joints under their COCO names"
    assert [len(frame.keypoints) for frame in read.frames] == [2, 0, 1, 0]
    for number, kept in ((0, [0, 1]), (2, [0])):
        places, scores = people()[number]
        written = np.concatenate([places, scores[..., None]], axis=2)[kept, :17]
        np.testing.assert_allclose(read.frames[number].keypoints, written, rtol=1e-6)


def test_a_damaged_one_is_named(tmp_path: Path) -> None:
    shutil.copytree(FILES, tmp_path / "dive_json")
    path = tmp_path / "dive_json/dive_000002.json"
    path.write_text(path.read_text("utf-8")[:300], "utf-8")
    with pytest.raises(DataError) as caught:
        read_keypoints(tmp_path / "dive_json", "dive", SIZE, 4)
    assert str(path) in str(caught.value)


if __name__ == "__main__":
    from Pose2Sim.poseEstimation import save_to_openpose

    for number, (places, scores) in enumerate(people()):
        save_to_openpose(FILES / f"dive_{number:06d}.json", places, scores)
