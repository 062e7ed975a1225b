"""The `mmpose` backend: RTMO in one stage, or RTMDet's people handed to RTMPose, through `mmpose.apis`.

It needs the `mmpose` extra, in an environment of its own. mmcv comes as mmcv-lite, without compiled operators: of
those the models here use only non-maximum suppression, for which torchvision's is put in place.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib import util
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.errors import UsageError
from data.keypoints.skeletons import COCO17
from data.pose_weights import INSTALL, PoseNetwork, load_checkpoint, require
from extractors.pose.detections import Detections, Image

MAX_PEOPLE = 20
"""More people than this in one picture are not returned."""


class MMPose:
    """The backend: the pose network `weights`, and a `detector` for top-down ones; `seed` is that of random weights.

    Raises:
        UsageError: mmpose is not installed, or the settings are incomplete.
        DataError: weights are missing or do not fit.
    """

    def __init__(
        self, networks: Mapping[str, PoseNetwork], seed: int | None, *, device: str = "cpu", min_score: float = 0.1
    ) -> None:
        import_mmpose()
        self.min_score = min_score
        self.model = _model("mmpose", networks["weights"], seed, device)
        self.detector: Any = _model("mmdet", networks["detector"], seed, device) if "detector" in networks else None
        names = dict((self.model.dataset_meta or {}).get("keypoint_id2name", {}))
        if [names.get(joint) for joint in range(17)] != list(COCO17):
            raise UsageError("this model's first joints are not COCO's 17", fix="Take a model trained on COCO or body8")
        one_stage = type(self.model).__name__ == "BottomupPoseEstimator"
        if one_stage == bool(self.detector):
            kind, need = ("one-stage", "no") if one_stage else ("top-down", "a")
            raise UsageError(f"this {kind} model needs {need} detector", fix="Set pose.mmpose.detector_config")

    def detect(self, image: Image, long_side: int | None = None) -> Detections:
        """The people in `image` (H, W, 3) uint8 RGB, best first."""
        from mmdet.apis import inference_detector
        from mmpose.apis import inference_bottomup, inference_topdown

        picture = np.ascontiguousarray(image[..., ::-1])  # these models are fed BGR and turn it round themselves
        if self.detector is None:
            return self._people(inference_bottomup(self.model, picture))
        boxes = inference_detector(self.detector, picture).pred_instances.cpu().numpy()
        boxes = boxes[(boxes.labels == 0) & (boxes.scores >= self.min_score)]
        if not len(boxes):
            return Detections.none()
        return self._people(inference_topdown(self.model, picture, boxes.bboxes.astype(np.float32)), boxes.scores)

    def _people(self, samples: list[Any], scores: NDArray[np.floating] | None = None) -> Detections:
        """The people of each of mmpose's samples; `scores` are those of the detector, one a sample."""
        groups = []
        for row, sample in enumerate(samples):
            people = sample.pred_instances
            points = np.asarray(people.keypoints, dtype=np.float32)[:, :17]
            joints = np.clip(np.asarray(people.keypoint_scores, dtype=np.float32)[:, :17], 0, 1)
            score = joints.mean(axis=1)
            if scores is not None:
                score = score * scores[row]
            elif "bbox_scores" in people:
                score = np.asarray(people.bbox_scores, dtype=np.float32)
            groups.append(Detections.of(np.concatenate([points, joints[..., None]], axis=-1), score))
        return Detections.joined(groups).best(self.min_score, MAX_PEOPLE)


def import_mmpose() -> None:
    """Make `mmpose.apis` importable without compiled operators.

    Raises:
        UsageError: mmpose is not installed, or one of its parts is missing.
    """
    require("mmpose")
    try:
        if "mmcv._ext" not in sys.modules and util.find_spec("mmcv._ext") is None:
            sys.modules["mmcv._ext"] = _Operators()
        import mmdet.apis  # noqa: F401
        import mmpose.apis  # noqa: F401
    except ImportError as error:
        raise UsageError(f"mmpose cannot be imported ({error})", fix=INSTALL["mmpose"]) from error


class _Operators(ModuleType):
    """A module in place of `mmcv._ext`: torchvision's `nms`, and a clear refusal for every other operator."""

    def __init__(self) -> None:
        super().__init__("mmcv._ext")
        self.__spec__ = ModuleSpec("mmcv._ext", loader=None)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)

        def refuse(*_: Any, **__: Any) -> None:
            raise NotImplementedError(f"mmcv's compiled operator '{name}' is not in mmcv-lite; use the full mmcv")

        return refuse

    @staticmethod
    def nms(boxes: Any, scores: Any, iou_threshold: float, offset: int = 0) -> Any:
        """(K,) rows that remain, as mmcv's."""
        from torchvision.ops import nms

        grown = boxes.clone()
        grown[:, 2:] += offset
        return nms(grown, scores, float(iou_threshold))


def _model(package: str, network: PoseNetwork, seed: int | None, device: str) -> Any:
    """A model of `package` with its weights, in evaluation mode."""
    import torch
    from mmdet.apis import init_detector
    from mmengine.logging import MMLogger
    from mmpose.apis import init_model

    if not network.weights and seed is None:
        raise UsageError(
            f"no checkpoint for {network.config}", fix="Set its checkpoint, or pose.mmpose.seed for random weights"
        )
    settings = network.settings
    settings.model.backbone.init_cfg = None  # else pretrained weights of the backbone would be fetched
    if seed is not None:
        torch.manual_seed(seed)
    model = (init_model if package == "mmpose" else init_detector)(settings, None, device=device)
    if network.weights:
        load_checkpoint(model, network.path)
    else:
        MMLogger.get_current_instance().setLevel("WARNING")  # else every tensor's initialisation is reported
        model.init_weights()
    return model
