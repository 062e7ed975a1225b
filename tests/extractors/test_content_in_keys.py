"""Settings of files of weights: their content is in the key, and the machine changes no detection."""

import hashlib

import numpy as np
import pytest

from data.errors import DataError
from data.stage_files import StageFiles
from data.weights import weight_files
from extractors.clips import backbones
from extractors.clips.stage import Clips, ClipsConfig
from extractors.contract import MadeSource
from extractors.pose.backends import load_backend
from extractors.pose.config import PoseConfig
from extractors.pose.stage import Pose
from tests.extractors.clips.test_clips import TINY, noise

FILES = StageFiles()


@pytest.mark.weights
def test_threads_and_device_change_no_detection():
    """MoveNet runs on the CPU, whatever the device."""
    weight_files.fetch("movenet-multipose")
    first, *others = (
        load_backend(PoseConfig(min_score=0, **settings), FILES).detect(noise(1)[0])
        for settings in ({}, {"threads": 2}, {"device": "cuda:0"})
    )
    assert len(first) > 0
    for other in others:
        np.testing.assert_allclose(first.keypoints, other.keypoints, atol=1e-4)
        np.testing.assert_allclose(first.scores, other.scores, atol=1e-4)


def test_the_content_of_a_file_of_weights_is_in_the_key(tmp_path):
    path, keys = tmp_path / "net.tflite", set[str]()
    for content in ("a", "b"):
        path.write_text(content)
        keys.add(Pose.identity(PoseConfig(weights_file=str(path)), FILES)["weights"])
        keys.add(Clips.identity(ClipsConfig(weights_file=str(path)), FILES)["weights"])
    assert keys == {hashlib.sha256(content).hexdigest() for content in (b"a", b"b")}


def test_published_weights_are_kept_and_hashed(tmp_path, monkeypatch):
    """`hub` is a file of the library's tensors, so the same name with other tensors has another key."""
    pytest.importorskip("pytorchvideo")
    torch = pytest.importorskip("torch")
    monkeypatch.setenv("AIM_WEIGHTS_DIR", str(tmp_path))
    config, asked = ClipsConfig(**{**TINY, "weights": "hub"}), []

    def download(address, **_):
        asked.append(address)
        torch.manual_seed(len(asked))
        return {"model_state": backbones._construct("x3d_xs", backbones.backbone("x3d_xs"), 400).state_dict()}

    monkeypatch.setattr("pytorchvideo.models.hub.x3d.load_state_dict_from_url", download)
    with pytest.raises(DataError, match="no such file of weights"):
        Clips.identity(config, FILES)
    said = []
    for _ in range(2):
        Clips.fetch(config, FILES, said.append)
    assert len(asked) == len(said) == 1
    (path,) = tmp_path.glob("*.safetensors")
    first = Clips.identity(config, FILES)
    assert first["library"] == "pytorchvideo 0.1.5"
    by_file = ClipsConfig(**{**TINY, "weights_file": str(path)})
    logits = [Clips(one, FILES).extract(MadeSource(noise(9))).arrays["logits"].values for one in (config, by_file)]
    np.testing.assert_array_equal(*logits)
    path.unlink()
    Clips.fetch(config, FILES, said.append)
    assert Clips.identity(config, FILES)["weights"] != first["weights"]
    monkeypatch.setattr("data.weights.weight_files.metadata.version", lambda _: "0.2")
    assert dict(Clips.identity(ClipsConfig(**TINY), FILES)) == {"weights": "random:0", "library": "pytorchvideo 0.2"}
