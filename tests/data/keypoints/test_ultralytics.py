"""Files of Ultralytics: those that the tool itself writes where it is installed, and which files are a video's."""

import json
from pathlib import Path

import numpy as np
import pytest

from data.errors import DataError
from data.keypoints import read_keypoints
from tests.helpers.keypoint_files import POSE, SIZE, put, ultralytics_json, ultralytics_line

BOX = [99.2, 39.6, 259.2, 298.8]  # of `ultralytics_line`


def test_only_the_files_of_a_video_count_and_damaged_lines_are_named(tmp_path):
    put(tmp_path / "vault_1.txt", ultralytics_line(True, True))
    with pytest.raises(DataError, match=r"no file dive_<frame>.txt"):
        read_keypoints(tmp_path, "dive", SIZE, 4)
    for name, line, words in (
        ("dive_1", "0 1 1 1 1 0.5 0.5", "line 2: 7 numbers, not 56"),
        ("dive_1", "0 x " + "1 " * 54, "'x' is not a number"),
        ("dive_5", "", "has frame 4"),
    ):
        path = put(tmp_path / f"{name}.txt", ultralytics_line(True, False) + line)
        with pytest.raises(DataError, match=words) as caught:
            read_keypoints(tmp_path, "dive", SIZE, 4)
        assert str(path if line else tmp_path) in str(caught.value.where)
        path.unlink()


@pytest.mark.parametrize("confidence", [False, True])
@pytest.mark.parametrize("track", [False, True])
def test_files_of_the_tool_itself_are_the_same(tmp_path, confidence, track):
    results = pytest.importorskip("ultralytics.engine.results", reason="needs: python -m pip install ultralytics")
    import torch

    boxes = torch.tensor([[*BOX, *[3] * track, 0.7, 0]])
    joints = torch.tensor(POSE[None], dtype=torch.float32)
    picture = np.zeros((*SIZE[::-1], 3), np.uint8)
    one = results.Results(picture, path="dive.mp4", names={0: "person"}, boxes=boxes, keypoints=joints)
    one.save_txt(tmp_path / "dive_1.txt", save_conf=confidence)
    written, ours = ((path.read_text("utf-8") if isinstance(path, Path) else path).split()
                     for path in (tmp_path / "dive_1.txt", ultralytics_line(confidence, track)))  # fmt: skip
    np.testing.assert_allclose([*map(float, written)], [*map(float, ours)], rtol=1e-3)
    (summary,) = json.loads(one.to_json())
    assert summary.keys() - {"box", "track_id"} == ultralytics_json()[0].keys()
    np.testing.assert_allclose(summary["keypoints"]["x"], ultralytics_json()[0]["keypoints"]["x"], atol=1e-4)
