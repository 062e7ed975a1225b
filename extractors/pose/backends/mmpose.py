"""The `mmpose` backend: RTMO in one stage, or RTMDet's people handed to RTMPose, through `mmpose.apis`.

It needs the `mmpose` extra in a separate environment, where mmcv-lite, without compiled operators, may replace mmcv.
The models used here need only one of these operators, non-maximum suppression, for which torchvision's is used.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib import util
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

import numpy as np

from data.errors import UsageError, out_of_memory
from data.keypoints.skeletons import COCO17
from data.stage_files import StageFiles
from data.video import Picture
from data.weights.pose_networks import INSTALL, PoseNetwork, require
from extractors.pose.config import PoseConfig
from extractors.pose.detections import Detections
from extractors.state_dicts import load_checkpoint


class MMPose:
    """The backend: the pose network `weights`, and a `detector` for top-down networks.

    Raises UsageError: mmpose is not installed, the joints are not COCO's, or a top-down network lacks a `detector`;
    DataError: weights do not match.
    """

    def __init__(self, config: PoseConfig, networks: Mapping[str, PoseNetwork], _: StageFiles) -> None:
        import_mmpose()
        loaded = {role: _loaded(network, config.device) for role, network in networks.items()}
        self._min_score, self._model, self._detector = config.min_score, loaded["weights"], loaded.get("detector")
        self.max_views = 4 if self._detector is None else 1
        names = dict((self._model.dataset_meta or {}).get("keypoint_id2name", {}))
        if [names.get(joint) for joint in range(17)] != list(COCO17):
            raise UsageError("this model's first joints are not COCO's 17", fix="Take a model trained on COCO or body8")
        if self._detector is None and type(self._model).__name__ != "BottomupPoseEstimator":
            fix = "Set pose.mmpose.alias, which brings one, or the configuration of a one-stage model such as RTMO"
            raise UsageError("this top-down model needs a detector", fix=fix)

    @out_of_memory()
    def detect(self, image: Picture) -> Detections:
        """The people in `image` (H, W, 3) uint8 RGB, best first."""
        from mmdet.apis import inference_detector
        from mmpose.apis import inference_bottomup, inference_topdown

        picture = np.ascontiguousarray(image[..., ::-1])  # these models take BGR and convert it themselves
        if self._detector is None:
            groups = [_people(sample) for sample in inference_bottomup(self._model, picture)]
        else:
            boxes = inference_detector(self._detector, picture).pred_instances.cpu().numpy()
            boxes = boxes[(boxes.labels == 0) & (boxes.scores >= self._min_score)]
            samples = inference_topdown(self._model, picture, boxes.bboxes.astype(np.float32)) if len(boxes) else []
            groups = [_people(sample, score) for sample, score in zip(samples, boxes.scores, strict=True)]
        return Detections.joined(groups).best(self._min_score)


def _people(sample: Any, box_score: float | None = None) -> Detections:
    """The people of one of mmpose's samples; `box_score` is that of the detector."""
    people = sample.pred_instances
    poses = Detections.of_joints(people.keypoints, people.keypoint_scores)
    if box_score is not None:
        return Detections(poses.keypoints, poses.scores * box_score)
    return Detections(poses.keypoints, people.bbox_scores) if "bbox_scores" in people else poses


def import_mmpose() -> None:
    """Make `mmpose.apis` importable without compiled operators. Raises UsageError: mmpose, or a part, is missing."""
    require("mmpose")
    try:
        if "mmcv._ext" not in sys.modules and util.find_spec("mmcv._ext") is None:
            sys.modules["mmcv._ext"] = _Operators()
        import mmdet.apis  # noqa: F401
        import mmpose.apis  # noqa: F401
    except ImportError as error:
        raise UsageError(f"mmpose cannot be imported ({error})", fix=INSTALL["mmpose"]) from error


class _Operators(ModuleType):
    """Replaces the module `mmcv._ext`: torchvision's `nms`, and a clear error for every other operator."""

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


def _loaded(network: PoseNetwork, device: str) -> Any:
    from mmdet.apis import init_detector
    from mmpose.apis import init_model

    settings = network.settings
    settings.model.backbone.init_cfg = None  # otherwise mmpose downloads pretrained weights of the backbone
    model = (init_model if network.package == "mmpose" else init_detector)(settings, None, device=device)
    load_checkpoint(model, network.content, str(network.path))
    return model
