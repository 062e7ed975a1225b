"""The `rtmlib` backend: RTMO (one-stage), or YOLOX or RTMDet handed to RTMPose, as ONNX files through rtmlib.

rtmlib prepares pictures and reads answers; the networks run on OpenVINO, compiled as every network of this project is
(rtmlib's own runtime takes bf16 on some CPUs and ties threads to cores).
rtmlib's requirements ask for OpenCV builds that clash with the contrib headless one of this project: docs/install.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.errors import DataError
from data.pose_weights import PoseNetwork
from data.weights import read_network
from extractors.openvino_cpu import compile_for_cpu
from extractors.pose.detections import Detections, Image

Forward = Callable[[NDArray[np.generic]], list[NDArray[np.float32]]]


class RTMLib:
    """The backend from ONNX files: the pose network `weights`, and a `detector` for top-down ones. Raises DataError."""

    def __init__(self, networks: Mapping[str, PoseNetwork], *, min_score: float = 0.1, threads: int = 1) -> None:
        import rtmlib

        self.min_score = min_score
        self._boxes: Callable[[Image], Any] | None = None
        weights, detector = networks["weights"], networks.get("detector")
        self.max_views = 1 if detector else 8
        if detector is None:
            self._pose = _tool(rtmlib.RTMO, weights, threads, score_thr=min_score)
            return
        kinds = {"rtmdet": rtmlib.RTMDet, "yolox": rtmlib.YOLOX}
        self._boxes = _tool(kinds[detector.kind], detector, threads, score_thr=min_score)
        self._pose = _tool(rtmlib.RTMPose, weights, threads)

    def detect(self, image: Image) -> Detections:
        """The people in `image` (H, W, 3) uint8 RGB, best first."""
        picture = np.ascontiguousarray(image[..., ::-1])  # rtmlib takes BGR, as OpenCV reads
        if self._boxes is None:
            return self._people(*self._pose(picture))
        boxes = self._boxes(picture)
        boxes = np.asarray(boxes[0] if isinstance(boxes, tuple) else boxes, dtype=np.float32).reshape(-1, 4)
        return self._people(*self._pose(picture, boxes)) if len(boxes) else Detections.none()

    def _people(self, points: NDArray[np.floating], joints: NDArray[np.floating]) -> Detections:
        """rtmlib returns no score of a person: the mean of the joints' takes its place. Nobody is one row of zeros."""
        joints = np.clip(np.asarray(joints, dtype=np.float32)[:, :17], 0, 1)
        poses = np.concatenate([np.asarray(points, dtype=np.float32)[:, :17], joints[..., None]], axis=-1)
        return Detections.of(poses, joints.mean(axis=1)).best(max(self.min_score, 1e-6))


def _tool(kind: Any, network: PoseNetwork, threads: int, **options: Any) -> Callable[..., Any]:
    """One of rtmlib's tools, whose network is compiled here: its base class would open the file by itself."""
    from rtmlib.tools.base import BaseTool

    def keep(tool: Any, _: Any, size: Any, mean: Any = None, std: Any = None, *__: Any, **___: Any) -> None:
        tool.model_input_size, tool.mean, tool.std = size, mean, std

    content = network.content
    try:
        forward, (height, width) = _compiled(content, threads)
        compiled = type("Compiled", (BaseTool,), {"__init__": keep})
        size = (width, height) if kind.__name__ == "RTMPose" else (height, width)
        tool: Callable[..., Any] = type(kind.__name__, (kind, compiled), {})("", size, **options)
    except Exception as error:
        cause = str(error).splitlines()[0][:120]
        raise DataError(f"not a {kind.__name__} model ({cause})", where=network.path) from error
    vars(tool)["inference"] = lambda picture: forward(picture.transpose(2, 0, 1)[None])
    return tool


def _compiled(model: bytes, threads: int) -> tuple[Forward, tuple[int, int]]:
    """A model's forward, and the (height, width) of its input: 640 where the file leaves it open."""
    network = read_network(model)
    shape = network.inputs[0].get_partial_shape()
    height, width = (side.get_length() if side.is_static else 640 for side in (shape[2], shape[3]))
    request = compile_for_cpu(network, threads=threads).create_infer_request()

    def forward(batch: NDArray[np.generic]) -> list[NDArray[np.float32]]:
        request.infer([np.ascontiguousarray(batch, dtype=np.float32)])
        return [np.array(request.get_output_tensor(row).data) for row in range(len(request.model_outputs))]

    return forward, (height, width)
