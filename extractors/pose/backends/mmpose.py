"""The `mmpose` backend: RTMO in one stage, or RTMDet's people handed to RTMPose, through `mmpose.apis`.

It needs the `mmpose` extra, in an environment of its own. mmcv comes as mmcv-lite, without compiled operators: of
those the models here use only non-maximum suppression, for which torchvision's is put in place.
"""

from __future__ import annotations

import sys
from importlib import util
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.errors import DataError, UsageError
from extractors.pose.config import MMPoseConfig
from extractors.pose.detections import Detections, Image

MOST_PEOPLE = 20
"""More people than this in one picture are not returned."""


class MMPose:
    """The backend, one- or two-stage.

    Args:
        config: names of configurations and checkpoints.
        device: torch device.
        min_score: people below this are not returned.

    Raises:
        UsageError: mmpose is not installed, or the settings are incomplete.
        DataError: a configuration or checkpoint is missing or does not fit.
    """

    def __init__(self, config: MMPoseConfig, *, device: str = "cpu", min_score: float = 0.1) -> None:
        import_mmpose()
        if not config.config:
            raise UsageError(
                "pose.mmpose.config is not set", fix="Give an RTMO or RTMPose configuration file or its name"
            )
        self.device, self.min_score = device, min_score
        self.model = _model("mmpose", config.config, config.checkpoint, config.seed, device)
        self.detector: Any = None
        if config.detector_config:
            self.detector = _model("mmdet", config.detector_config, config.detector_checkpoint, config.seed, device)
        one_stage = type(self.model).__name__ == "BottomupPoseEstimator"
        if one_stage == bool(self.detector):
            kind, need = ("one-stage", "no") if one_stage else ("top-down", "a")
            raise UsageError(
                f"the {kind} model {config.config} needs {need} detector", fix="Set pose.mmpose.detector_config"
            )

    def detect(self, image: Image, long_side: int | None = None) -> Detections:
        """The people in `image` (H, W, 3) uint8 RGB, best first."""
        from mmpose.apis import inference_bottomup, inference_topdown

        picture = np.ascontiguousarray(image[..., ::-1])  # these models are fed BGR and turn it round themselves
        if self.detector is None:
            return self._people(inference_bottomup(self.model, picture), None)
        boxes, scores = self._boxes(picture)
        return self._people(inference_topdown(self.model, picture, boxes), scores) if len(boxes) else Detections.none()

    def _boxes(self, picture: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        from mmdet.apis import inference_detector

        found = inference_detector(self.detector, picture).pred_instances.cpu().numpy()
        people = (found.labels == 0) & (found.scores >= self.min_score)
        return found.bboxes[people].astype(np.float32), found.scores[people].astype(np.float32)

    def _people(self, samples: list[Any], scores: NDArray[np.float32] | None) -> Detections:
        groups = []
        for row, sample in enumerate(samples):
            found = sample.pred_instances
            points = np.asarray(found.keypoints, dtype=np.float32)[:, :17]
            joint_scores = np.clip(np.asarray(found.keypoint_scores, dtype=np.float32)[:, :17], 0, 1)
            person = joint_scores.mean(axis=1)
            if scores is not None:
                person = person * scores[row]
            elif "bbox_scores" in found:
                person = np.asarray(found.bbox_scores, dtype=np.float32)
            groups.append(Detections.of(np.concatenate([points, joint_scores[..., None]], axis=-1), person))
        people = Detections.joined(groups)
        usable = np.isfinite(people.keypoints).all(axis=(1, 2)) & (people.scores >= self.min_score)
        order = np.argsort(-people.scores, kind="stable")
        return people.take(order[usable[order]][:MOST_PEOPLE])


def load(config: MMPoseConfig, *, device: str, min_score: float) -> MMPose:
    """The backend for a configuration; raises as `MMPose` does."""
    return MMPose(config, device=device, min_score=min_score)


def import_mmpose() -> None:
    """Make `mmpose.apis` importable without compiled operators.

    Raises:
        UsageError: mmpose is not installed, or one of its parts is missing.
    """
    if util.find_spec("mmpose") is None:
        raise UsageError(
            "the mmpose backend is not installed here",
            fix='In a fresh environment type: python -m pip install -e ".[mmpose]"',
        )
    if "mmcv._ext" not in sys.modules and util.find_spec("mmcv") and not _has_operators():
        sys.modules["mmcv._ext"] = _operators()
    try:
        import mmdet.apis  # noqa: F401
        import mmpose.apis  # noqa: F401
    except ImportError as error:
        raise UsageError(
            f"mmpose cannot be imported ({error})", fix='Type: python -m pip install -e ".[mmpose]"'
        ) from error


def _has_operators() -> bool:
    try:
        return util.find_spec("mmcv._ext") is not None
    except (ImportError, ValueError):
        return False


def _operators() -> ModuleType:
    """A module in place of `mmcv._ext`: torchvision's `nms`, and a clear refusal for every other operator."""

    class Operators(ModuleType):
        def __getattr__(self, name: str) -> Any:
            if name.startswith("__"):
                raise AttributeError(name)

            def refuse(*_: Any, **__: Any) -> None:
                raise NotImplementedError(f"mmcv's compiled operator '{name}' is not in mmcv-lite; use the full mmcv")

            return refuse

    def nms(boxes: Any, scores: Any, iou_threshold: float, offset: int = 0) -> Any:
        from torchvision.ops import nms as suppress

        grown = boxes.clone()
        grown[:, 2:] += offset
        return suppress(grown, scores, float(iou_threshold))

    module = Operators("mmcv._ext")
    module.__spec__ = ModuleSpec("mmcv._ext", loader=None)
    module.__dict__["nms"] = nms
    return module


def _model(package: str, config: str, checkpoint: str, seed: int | None, device: str) -> Any:
    """A model of `package` with its weights, in evaluation mode."""
    import torch
    from mmdet.apis import init_detector
    from mmengine.config import Config
    from mmengine.logging import MMLogger
    from mmpose.apis import init_model

    if not checkpoint and seed is None:
        raise UsageError(
            f"no checkpoint for {config}", fix="Set its checkpoint, or pose.mmpose.seed for random weights"
        )
    settings = Config.fromfile(_config_path(package, config))
    settings.model.backbone.init_cfg = None  # else pretrained weights of the backbone would be fetched
    if seed is not None:
        torch.manual_seed(seed)
    model = (init_model if package == "mmpose" else init_detector)(settings, None, device=device)
    if checkpoint:
        _load_weights(model, Path(checkpoint))
    else:
        MMLogger.get_current_instance().setLevel("WARNING")  # else every tensor's initialisation is reported
        model.init_weights()
    return model


def _config_path(package: str, config: str) -> Path:
    """A path as given, or the file of that name among the configurations that the package ships."""
    if Path(config).is_file():
        return Path(config)
    spec = util.find_spec(package)
    root = Path(spec.submodule_search_locations[0]) if spec and spec.submodule_search_locations else Path()
    name = f"{Path(config).name.removesuffix('.py')}.py"
    found = sorted((root / ".mim" / "configs").rglob(name))
    if not found:
        raise DataError(
            f"no such {package} configuration", where=config, fix=f"Give a path, or a name inside {package}"
        )
    return found[0]


class _Log:
    """Takes the place of the training logs in a checkpoint, whose contents are of no use here."""


def _nothing(*_: Any) -> None:
    """Takes the place of `getattr`, by which those logs name their own methods."""


def _load_weights(model: Any, path: Path) -> None:
    """Load a checkpoint without running code from it.

    Published checkpoints carry training logs: numpy scalars and mmengine's HistoryBuffer. Numpy's constructors are
    admitted, the logs are replaced by empty objects, everything else that is no tensor is refused by torch.
    """
    import pickle

    import torch

    rebuild, scalar = np.array(0).__reduce__()[0], np.float64(0).__reduce__()[0]
    admitted: list[Any] = [np.ndarray, np.dtype, *(type(np.dtype(code)) for code in ("f8", "f4", "i8", "i4", "U1"))]
    for module in ("numpy.core.multiarray", "numpy._core.multiarray"):
        admitted += [(rebuild, f"{module}._reconstruct"), (scalar, f"{module}.scalar")]
    admitted += [(_Log, "mmengine.logging.history_buffer.HistoryBuffer")]
    admitted += [(_nothing, f"{module}.getattr") for module in ("builtins", "__builtin__")]
    try:
        with torch.serialization.safe_globals(admitted):
            stored = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise DataError("no such checkpoint", where=path, fix="Check the path") from error
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise DataError("not a PyTorch checkpoint that loads without running code", where=path) from error
    fix = "Give the configuration that belongs to this checkpoint"
    try:
        missing, _ = model.load_state_dict(stored.get("state_dict", stored), strict=False)
    except (RuntimeError, AttributeError, TypeError) as error:
        raise DataError("the checkpoint does not fit the model", where=path, fix=fix) from error
    if missing:
        raise DataError(
            f"the checkpoint lacks {len(missing)} of the model's tensors ({missing[0]})", where=path, fix=fix
        )
