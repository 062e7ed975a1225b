"""Files that Pose2Sim 0.10.49 itself wrote. rtmlib, whose joints they are, writes no file.

`tests/data/keypoints/pose2sim` was made once, where Pose2Sim and rtmlib are installed, by
`python tests/data/keypoints/test_pose2sim.py`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data.keypoints import read_keypoints

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
    assert read.layout == "OpenPose Halpe-26: 17 joints under their COCO names"
    assert read.frames.tolist() == [0, 0, 2]
    written = [np.concatenate([places, scores[..., None]], axis=2)[:, :17] for places, scores in people()]
    np.testing.assert_allclose(read.points, [*written[0], written[2][0]], rtol=1e-6)


if __name__ == "__main__":
    from Pose2Sim.poseEstimation import save_to_openpose

    for number, (places, scores) in enumerate(people()):
        save_to_openpose(FILES / f"dive_{number:06d}.json", places, scores)
