"""Settings of files of weights and keypoints: their content is in the key, and the machine changes no detection."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from data.errors import DataError
from data.stage_files import StageFiles
from data.weights import locate
from extractors.clips.stage import Clips, ClipsConfig
from extractors.contract import MadeSource
from extractors.pose.backends import load_backend
from extractors.pose.config import PoseConfig
from extractors.pose.stage import Pose
from tests.extractors.clips.test_clips import TINY, noise

FILES = StageFiles()


def clips_of(**settings: Any) -> list[NDArray[np.generic]]:
    """The arrays of the stage for a small video."""
    pytest.importorskip("pytorchvideo")
    output = Clips(ClipsConfig(**{**TINY, **settings}), FILES).extract(MadeSource(noise(9)))
    return [output.arrays[name].values for name in ("logits", "features")]


def people_of(**settings: Any) -> list[NDArray[np.generic]]:
    """MoveNet's detections in noise, whatever their score."""
    try:
        locate("movenet-multipose")
    except DataError as error:
        pytest.skip(str(error))
    people = load_backend(PoseConfig(min_score=0, **settings), FILES).detect(noise(1)[0])
    return [people.keypoints, people.scores]


def of_clips(**settings: Any) -> Mapping[str, str]:
    """The parts of the key of `clips` beside the settings."""
    pytest.importorskip("pytorchvideo")
    return Clips.identity(ClipsConfig(**{**TINY, **settings}), FILES)


def weights_file(folder: Path, content: str) -> str:
    path = folder / f"{content}.tflite"
    path.write_text(content)
    return str(path)


DIFFERENT: dict[str, Callable[[Path], tuple[Any, Any]]] = {
    "clips.weights": lambda _: (of_clips(), of_clips(backbone="i3d_inception", weights="i3d-kinetics400")),
    "clips.weights_file": lambda p: (of_clips(), of_clips(weights_file=weights_file(p, "a"))),
    "pose.weights_file": lambda p: tuple(  # type: ignore[dict-item,return-value]
        Pose.identity(PoseConfig(weights_file=weights_file(p, name)), FILES) for name in "ab"
    ),
}
"""Both values give other parts of the key."""


def test_threads_and_device_change_no_detection() -> None:
    """MoveNet runs on the CPU, whatever the device."""
    first = people_of()
    assert len(first[0]) > 0
    for settings in ({"threads": 2}, {"device": "cuda:0"}):
        for values, others in zip(first, people_of(**settings), strict=True):
            np.testing.assert_allclose(values, others, atol=1e-4)


@pytest.mark.parametrize("name", DIFFERENT)
def test_the_key_differs(name: str, tmp_path: Path) -> None:
    one, other = DIFFERENT[name](tmp_path)
    assert one != other


def test_published_weights_are_kept_and_hashed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`hub` is a file of the library's tensors, so the same name with other tensors has another key."""
    pytest.importorskip("pytorchvideo")
    torch = pytest.importorskip("torch")
    from extractors.clips import backbones

    monkeypatch.setenv("AIM_WEIGHTS_DIR", str(tmp_path))
    config, asked = ClipsConfig(**{**TINY, "weights": "hub"}), []

    def download(address: str, **_: Any) -> Any:
        asked.append(address)
        torch.manual_seed(len(asked))
        return {"model_state": backbones._construct("x3d_xs", backbones.backbone("x3d_xs"), 400).state_dict()}

    monkeypatch.setattr("pytorchvideo.models.hub.x3d.load_state_dict_from_url", download)
    with pytest.raises(DataError, match="no such file of weights"):
        Clips.identity(config, FILES)
    said: list[str] = []
    for _ in range(2):
        Clips.fetch(config, FILES, said.append)
    assert len(asked) == len(said) == 1
    (path,) = tmp_path.glob("*.safetensors")
    first = Clips.identity(config, FILES)
    assert first["library"] == "pytorchvideo 0.1.5"
    arrays = clips_of(weights="hub")
    np.testing.assert_array_equal(arrays[0], clips_of(weights_file=str(path))[0])
    path.unlink()
    Clips.fetch(config, FILES, said.append)
    assert Clips.identity(config, FILES)["weights"] != first["weights"]
    monkeypatch.setattr("data.weights.weight_files.metadata.version", lambda _: "0.2")
    assert dict(Clips.identity(ClipsConfig(**TINY), FILES)) == {"weights": "random:0", "library": "pytorchvideo 0.2"}
