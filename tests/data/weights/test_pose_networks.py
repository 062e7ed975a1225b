"""What to do where the weights of rtmlib or mmpose cannot be downloaded."""

import pytest

from data.errors import DataError
from data.weights.pose_networks import PoseNetwork

ADDRESS = "https://weights.example/rtmo-l_640x640.zip"


@pytest.mark.parametrize(
    ("package", "named"),
    [
        ("rtmlib", ("DavidPagnon/rtmlib_models", "--set pose.rtmlib.model=FILE.onnx", "pose.rtmlib.detector=")),
        ("mmpose", ("--set pose.mmpose.config=FILE.py --set pose.mmpose.checkpoint=FILE.pth",)),
        ("mmdet", ("needs no detector", "--set pose.mmpose.config=FILE.py --set pose.mmpose.checkpoint=FILE.pth")),
    ],
)
def test_missing_weights_name_a_mirror_and_the_settings_of_own_files(tmp_path, monkeypatch, package, named):
    monkeypatch.setenv("AIM_WEIGHTS_DIR", str(tmp_path))
    with pytest.raises(DataError) as caught:
        _ = PoseNetwork(package, ADDRESS).path
    assert str(caught.value.where) == str(tmp_path / "rtmo-l_640x640.onnx")
    assert caught.value.fix is not None
    assert all(part in caught.value.fix for part in (ADDRESS, "end2end.onnx", *named))
