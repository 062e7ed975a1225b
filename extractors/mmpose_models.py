"""The `mmpose` package, imported where mmcv comes as mmcv-lite (without compiled operators), and its models.

The models used here need one of these operators, non-maximum suppression, and get torchvision's.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib import util
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from data.errors import UsageError
from data.keypoints.skeletons import COCO17
from data.pose_weights import INSTALL, PoseNetwork, require
from extractors.state_dicts import load_checkpoint


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


def load_models(networks: Mapping[str, PoseNetwork], device: str) -> dict[str, Any]:
    """The models of mmpose and mmdet by role, with their weights, in evaluation mode.

    Raises UsageError: mmpose is not installed, or the pose network `weights` has other joints than COCO's, or is a
    top-down one without a `detector`; DataError: weights do not fit.
    """
    import_mmpose()
    models = {role: _loaded(network, device) for role, network in networks.items()}
    names = dict((models["weights"].dataset_meta or {}).get("keypoint_id2name", {}))
    if [names.get(joint) for joint in range(17)] != list(COCO17):
        raise UsageError("this model's first joints are not COCO's 17", fix="Take a model trained on COCO or body8")
    if "detector" not in models and type(models["weights"]).__name__ != "BottomupPoseEstimator":
        fix = "Set pose.mmpose.alias, which brings one, or the configuration of a one-stage model such as RTMO"
        raise UsageError("this top-down model needs a detector", fix=fix)
    return models


def _loaded(network: PoseNetwork, device: str) -> Any:
    from mmdet.apis import init_detector
    from mmpose.apis import init_model

    settings = network.settings
    settings.model.backbone.init_cfg = None  # else pretrained weights of the backbone would be fetched
    model = (init_model if network.package == "mmpose" else init_detector)(settings, None, device=device)
    load_checkpoint(model, network.path)
    return model
