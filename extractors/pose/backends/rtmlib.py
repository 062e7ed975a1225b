"""The `rtmlib` backend: RTMO (one-stage), or YOLOX or RTMDet handed to RTMPose, as ONNX files through rtmlib.

They run on onnxruntime where that is installed, else on OpenVINO, compiled as every network of this project is
(rtmlib's own way of compiling takes bf16 on some CPUs and ties threads to cores). rtmlib's requirements ask for OpenCV
builds that clash with the contrib headless one of this project, so it is installed without them:

    python -m pip install --no-deps rtmlib && python -m pip install onnxruntime
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from importlib import util
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.errors import DataError, UsageError
from extractors.openvino_cpu import compile_for_cpu
from extractors.pose.config import RTMLibConfig
from extractors.pose.detections import Detections, Image

Forward = Callable[[NDArray[np.generic]], list[NDArray[np.float32]]]

INSTALL = "Type: python -m pip install --no-deps rtmlib && python -m pip install onnxruntime"


class RTMLib:
    """The backend, one- or two-stage.

    Args:
        config: paths of the ONNX files.
        min_score: people below this are not returned.
        threads: CPU threads of one forward.

    Raises:
        UsageError: rtmlib is not installed, or no model is named.
        DataError: a file is missing or is no such model.
    """

    def __init__(self, config: RTMLibConfig, *, min_score: float = 0.1, threads: int = 1) -> None:
        if util.find_spec("rtmlib") is None:
            raise UsageError("the rtmlib backend is not installed here", fix=INSTALL)
        if not config.model:
            raise UsageError("pose.rtmlib.model is not set", fix="Give the path of an RTMO or RTMPose .onnx file")
        import rtmlib

        self.min_score = min_score
        self._boxes: Callable[[Image], Any] | None = None
        if config.detector:
            kind = rtmlib.RTMDet if "rtmdet" in Path(config.detector).name.lower() else rtmlib.YOLOX
            self._boxes = _tool(kind, config.detector, threads, score_thr=min_score)
            self._pose = _tool(rtmlib.RTMPose, config.model, threads)
        else:
            self._pose = _tool(rtmlib.RTMO, config.model, threads, score_thr=min_score)

    def detect(self, image: Image, long_side: int | None = None) -> Detections:
        """The people in `image` (H, W, 3) uint8 RGB, best first."""
        picture = np.ascontiguousarray(image[..., ::-1])  # rtmlib takes BGR, as OpenCV reads
        if self._boxes is None:
            return self._people(*self._pose(picture))
        found = self._boxes(picture)
        boxes = np.asarray(found[0] if isinstance(found, tuple) else found, dtype=np.float32).reshape(-1, 4)
        return self._people(*self._pose(picture, boxes)) if len(boxes) else Detections.none()

    def _people(self, points: NDArray[np.floating], joints: NDArray[np.floating]) -> Detections:
        """rtmlib returns no score of a person: the mean of the joints' takes its place. Nobody is one row of zeros."""
        joints = np.clip(np.asarray(joints, dtype=np.float32)[:, :17], 0, 1)
        poses = np.concatenate([np.asarray(points, dtype=np.float32)[:, :17], joints[..., None]], axis=-1)
        people = Detections.of(poses, joints.mean(axis=1))
        usable = np.isfinite(poses).all(axis=(1, 2)) & (people.scores >= max(self.min_score, 1e-6))
        order = np.argsort(-people.scores, kind="stable")
        return people.take(order[usable[order]])


def _tool(kind: Any, path: str, threads: int, **options: Any) -> Callable[..., Any]:
    """One of rtmlib's tools for an ONNX file, whose input size is read from the file.

    Raises:
        DataError: no such file (rtmlib itself would try to fetch it), or not a model of this kind.
    """
    if not Path(path).is_file():
        raise DataError("no such ONNX file", where=path, fix="Check the path")
    runtime = "onnxruntime" if util.find_spec("onnxruntime") else "openvino"
    try:
        height, width = _input_size(path)
        size = (width, height) if kind.__name__ == "RTMPose" else (height, width)
        with contextlib.redirect_stdout(io.StringIO()):  # rtmlib prints what it loads
            tool: Callable[..., Any] = kind(path, model_input_size=size, backend=runtime, device="cpu", **options)
        forward = (_onnxruntime if runtime == "onnxruntime" else _openvino)(path, threads)
    except Exception as error:
        raise DataError(f"not a {kind.__name__} model ({str(error).splitlines()[0][:120]})", where=path) from error
    for own in ("session", "compiled_model", "input_layer", "_ov_outputs"):  # what rtmlib compiled itself
        vars(tool).pop(own, None)
    vars(tool)["inference"] = lambda picture: forward(picture.transpose(2, 0, 1)[None])
    return tool


def _openvino(path: str, threads: int) -> Forward:
    import openvino as ov

    request = compile_for_cpu(ov.Core().read_model(path), threads=threads).create_infer_request()
    count = len(request.model_outputs)

    def forward(batch: NDArray[np.generic]) -> list[NDArray[np.float32]]:
        request.infer([np.ascontiguousarray(batch, dtype=np.float32)])
        return [np.array(request.get_output_tensor(at).data) for at in range(count)]

    return forward


def _onnxruntime(path: str, threads: int) -> Forward:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name

    def forward(batch: NDArray[np.generic]) -> list[NDArray[np.float32]]:
        return list(session.run(None, {name: np.ascontiguousarray(batch, dtype=np.float32)}))

    return forward


def _input_size(path: str) -> tuple[int, int]:
    """(height, width) of a model's input; 640 where the file leaves it open."""
    import openvino as ov

    shape = ov.Core().read_model(path).inputs[0].get_partial_shape()
    height, width = (side.get_length() if side.is_static else 640 for side in (shape[2], shape[3]))
    return height, width
