"""Settings that do not affect the result: a change leaves the arrays equal, or changes another part of the key."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from data.errors import DataError
from data.stage_files import StageFiles
from data.video import Record
from data.weights import locate
from extractors.base import IN_KEY, StageConfig, owner
from extractors.clips.stage import Clips, ClipsConfig
from extractors.pose.backends import load_backend
from extractors.pose.config import PoseConfig
from extractors.pose.stage import Pose
from pipeline.settings.stages import STAGES, stage_class
from tests.extractors.clips.test_clips import TINY, noise
from tests.helpers.drawn_people import MemoryClip

FILES = StageFiles()


def unmarked(kind: type[StageConfig], place: str) -> Iterator[str]:
    """Dotted names of the settings that are left out of the key."""
    for name, field in kind.model_fields.items():
        inner = field.annotation
        if owner(field) not in IN_KEY:
            yield f"{place}.{field.alias or name}"
        elif isinstance(inner, type) and issubclass(inner, StageConfig):
            yield from unmarked(inner, f"{place}.{field.alias or name}")


def clips_of(**settings: Any) -> list[NDArray[np.generic]]:
    """The arrays of the stage for a small video."""
    pytest.importorskip("pytorchvideo")
    output = Clips(ClipsConfig(**{**TINY, **settings}), FILES).extract(MemoryClip(noise(9)))
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


def of_files(backend: str, folder: Path, **files: str) -> Mapping[str, str]:
    """The parts of the key of `pose` beside the settings, with files of these contents."""
    pytest.importorskip(backend)
    given = {name: text for name, text in files.items() if name == "detector_kind"}
    for name in files.keys() - given.keys():
        path = folder / f"{name}-{files[name]}.onnx"
        path.write_text(files[name])
        given[name] = str(path)
    return Pose.identity(PoseConfig(backend=backend, **{backend: given}), FILES)  # type: ignore[arg-type]


def weights_file(folder: Path, content: str) -> str:
    path = folder / f"{content}.tflite"
    path.write_text(content)
    return str(path)


def keypoints(folder: Path, name: str) -> Any:
    """The keypoint file that a folder gives a video."""
    (folder / name).mkdir()
    (folder / name / "dive.json").write_text(name)
    config = PoseConfig(backend="import", **{"import": {"dir": str(folder / name)}})
    return Pose.reads_of(config, Record("dive.mp4", folder / "dive.mp4"), FILES)


EQUAL: dict[str, Callable[[], tuple[Any, Any]]] = {
    "clips.runtime": lambda: (clips_of(runtime="openvino"), clips_of(runtime="torch")),
    "clips.device": lambda: (clips_of(device="cpu"), clips_of(device="auto")),
    "clips.threads": lambda: (clips_of(threads=1), clips_of(threads=2)),
    "clips.batch": lambda: (clips_of(batch=1), clips_of(batch=8)),
    "pose.threads": lambda: (people_of(threads=1), people_of(threads=2)),
    "pose.device": lambda: (people_of(device="cpu"), people_of(device="cuda:0")),  # MoveNet runs on the CPU
}
"""Both values give equal arrays."""

DIFFERENT: dict[str, Callable[[Path], tuple[Any, Any]]] = {
    "clips.weights": lambda _: (of_clips(), of_clips(backbone="i3d_inception", weights="i3d-kinetics400")),
    "clips.weights_file": lambda p: (of_clips(), of_clips(weights_file=weights_file(p, "a"))),
    "clips.seed": lambda _: (of_clips(seed=0), of_clips(seed=1)),
    "pose.weights_file": lambda p: tuple(  # type: ignore[dict-item,return-value]
        Pose.identity(PoseConfig(weights_file=weights_file(p, name)), FILES) for name in "ab"
    ),
    "pose.rtmlib.model": lambda p: (of_files("rtmlib", p, model="a"), of_files("rtmlib", p, model="b")),
    "pose.rtmlib.detector": lambda p: tuple(
        of_files("rtmlib", p, model="a", detector=name, detector_kind="yolox") for name in "bc"
    ),  # type: ignore[dict-item,return-value]
    "pose.rtmlib.detector_kind": lambda p: tuple(
        of_files("rtmlib", p, model="a", detector="b", detector_kind=kind) for kind in ("yolox", "rtmdet")
    ),  # type: ignore[dict-item,return-value]
    "pose.import.dir": lambda p: (keypoints(p, "a"), keypoints(p, "b")),
    "pose.import.layout": lambda _: tuple(  # type: ignore[dict-item,return-value]
        Pose.identity(PoseConfig(backend="import", **{"import": {"layout": name}}), FILES) for name in ("", "ap10k")
    ),
}
"""Both values give other parts of the key."""

ELSEWHERE = {
    "pose.weights": "test_pose_stage.py: published weights and a file have different identities",
    "pose.rtmlib.mode": "test_pose_rtmlib.py: a mode has the identity of the files that it names",
    "pose.mmpose.alias": "test_mmpose.py",
    "pose.mmpose.config": "test_mmpose.py",
    "pose.mmpose.checkpoint": "test_mmpose.py",
}
"""Settings that need a download or another environment."""


def test_every_such_setting_has_a_case() -> None:
    names = {name for stage in STAGES for name in unmarked(stage_class(stage).Config, stage)}
    assert names <= {*EQUAL, *DIFFERENT, *ELSEWHERE}


@pytest.mark.parametrize("name", EQUAL)
def test_the_arrays_are_equal(name: str) -> None:
    one, other = EQUAL[name]()
    for values, others in zip(one, other, strict=True):
        assert values.shape == others.shape
        assert len(values) > 0
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
