"""Files that Pose2Sim 0.10.49 itself wrote (`save_to_openpose`). rtmlib, whose joints they are, writes no file."""

from pathlib import Path

import numpy as np

from data.keypoints import read_keypoints

FILES = Path(__file__).parent / "pose2sim"


def test_the_files_of_the_tool_itself_are_read():
    """Four frames: two people; a failed detection; the second person lost; nobody."""
    joint = np.arange(17.0)
    one, other = (
        np.column_stack([left + 5 * joint, 20 + 4 * joint, score + slope * joint])
        for left, score, slope in ((10, 0.5, 0.01), (310, 0.9, -0.01))
    )
    read = read_keypoints(FILES, "dive", (640, 360), 4)
    assert read.layout == "OpenPose Halpe-26: 17 joints under their COCO names"
    assert read.frames.tolist() == [0, 0, 2]
    np.testing.assert_allclose(read.points, [one, other, one], rtol=1e-6)
