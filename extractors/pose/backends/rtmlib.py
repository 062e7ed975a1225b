"""The `rtmlib` backend: RTMO (one-stage), or RTMPose after YOLOX or RTMDet, as ONNX files through rtmlib.

rtmlib prepares pictures and decodes outputs. The networks run on OpenVINO, compiled like every network of this project:
rtmlib's runtime uses bf16 on some CPUs and pins threads to cores. The OpenCV builds that rtmlib requires conflict with
the contrib headless build of this project: see docs/install.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rtmlib import RTMO, YOLOX, RTMDet, RTMPose
from rtmlib.tools.base import BaseTool

from data.errors import WeightsError
from data.stage_files import StageFiles
from data.video import Picture
from data.weights import read_network
from data.weights.pose_networks import PoseNetwork
from extractors.openvino_cpu import Forward, cause_of, forward_on_cpu
from extractors.pose.config import PoseConfig
from extractors.pose.detections import Detections


class RTMLib:
    """The backend from ONNX files: the pose network `weights`, a `detector` if it is top-down. Raises WeightsError."""

    def __init__(self, config: PoseConfig, networks: Mapping[str, PoseNetwork], _: StageFiles) -> None:
        self._min_score, self._boxes, detector = config.min_score, None, networks.get("detector")
        self.max_views = 1 if detector else 4
        if detector:
            kind = RTMDet if detector.kind == "rtmdet" else YOLOX
            self._boxes = _tool(kind, detector, config.threads, score_thr=config.min_score)
            self._pose = _tool(RTMPose, networks["weights"], config.threads)
        else:
            self._pose = _tool(RTMO, networks["weights"], config.threads, score_thr=config.min_score)

    def detect(self, image: Picture) -> Detections:
        """The people in `image` (H, W, 3) uint8 RGB, best first.

        rtmlib does not score people, so each gets the mean score of its joints. Without people it returns a row of
        zeros.
        """
        arguments: list[NDArray[Any]] = [np.ascontiguousarray(image[..., ::-1])]  # rtmlib takes BGR, as OpenCV reads
        if self._boxes:
            arguments.append(np.asarray(self._boxes(*arguments), dtype=np.float32).reshape(-1, 4))
            if not len(arguments[1]):
                return Detections.none()
        return Detections.of_joints(*self._pose(*arguments)).best(max(self._min_score, 1e-6))


class _Compiled(BaseTool):
    """Replaces the base class of rtmlib's tools, which would open the file itself."""

    def __init__(self, forward: Forward, size: Any, mean: Any = None, std: Any = None, *_: Any, **__: Any) -> None:
        self.model_input_size, self.mean, self.std = size, mean, std
        self.inference = lambda picture: forward(picture.transpose(2, 0, 1)[None].astype(np.float32))


def _tool(kind: Any, network: PoseNetwork, threads: int, **options: Any) -> Any:
    """One of rtmlib's tools; its input has 640 pixels a side unless the file states it."""
    content = network.content
    try:
        model = read_network(content)
        shape = model.inputs[0].get_partial_shape()
        size = tuple(side.get_length() if side.is_static else 640 for side in (shape[2], shape[3]))
        size = size[::-1] if kind is RTMPose else size
    except Exception as error:
        what = f"not a {kind.__name__} model ({cause_of(error)})"
        fix = "Set pose.rtmlib.model to an RTMO or RTMPose .onnx file"
        raise WeightsError(what, where=network.path, fix=fix) from error
    compiled: Any = type(kind.__name__, (kind, _Compiled), {})
    return compiled(forward_on_cpu(model, threads=threads, where=network.path), size, **options)
