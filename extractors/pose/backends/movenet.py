"""MoveNet MultiPose Lightning (Google, Apache-2.0): up to six people in one forward, on OpenVINO or LiteRT.

The network takes (1, H, W, 3) uint8 RGB with both sides multiples of 32 and returns (1, 6, 56): 17 x (y, x, score),
then ymin, xmin, ymax, xmax, score, all relative to the picture.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from data.errors import DataError
from data.weights import read_network, read_weights
from extractors.openvino_cpu import compile_for_cpu
from extractors.pose.detections import Detections, Image

STEP = 32
"""Both sides of the input are multiples of this."""

Forward = Callable[[NDArray[np.uint8]], NDArray[np.float32]]


class MoveNet:
    """The `movenet` backend.

    Args:
        path: the .tflite file.
        long_side: longer side of the input in pixels; best from 256 to 384.
        runtime: "openvino", or "litert" (slower to start, kept as the reference).
        threads: CPU threads of one forward.
        min_score: people below this are not returned.

    Raises:
        DataError: the file is not this network.
    """

    def __init__(
        self,
        path: Path,
        *,
        long_side: int = 256,
        runtime: Literal["openvino", "litert"] = "openvino",
        threads: int = 1,
        min_score: float = 0.1,
    ) -> None:
        self.path, self.runtime, self.threads = Path(path), runtime, threads
        self.long_side, self.min_score = long_side, min_score
        self._forwards: dict[tuple[int, int], Forward] = {}

    def detect(self, image: Image, long_side: int | None = None) -> Detections:
        """The people in `image` (H, W, 3) uint8 RGB, best first."""
        return self._people(image, input_size(image.shape[1], image.shape[0], long_side or self.long_side))

    def _people(self, image: Image, size: tuple[int, int]) -> Detections:
        import cv2

        height, width = image.shape[:2]
        if size != (width, height):
            interpolation = cv2.INTER_AREA if width > size[0] else cv2.INTER_LINEAR
            image = np.asarray(cv2.resize(image, size, interpolation=interpolation), dtype=np.uint8)
        rows = self._forward(size)(np.ascontiguousarray(image)[None])[0]
        rows = rows[rows[:, 55] >= self.min_score]
        rows = rows[np.argsort(-rows[:, 55], kind="stable")]
        scale = np.array([width, height], dtype=np.float32)
        joints = rows[:, :51].reshape(-1, 17, 3)
        keypoints = np.concatenate([joints[..., 1::-1] * scale, joints[..., 2:]], axis=-1)
        return Detections.of(keypoints, rows[:, 55])

    def _forward(self, size: tuple[int, int]) -> Forward:
        """The network compiled for one input size; a handful of sizes occur."""
        if size not in self._forwards:
            load = _openvino if self.runtime == "openvino" else _litert
            try:
                self._forwards[size] = load(self.path, size, self.threads)
            except (RuntimeError, ValueError) as error:
                raise DataError(
                    f"not a MoveNet MultiPose .tflite file ({str(error).splitlines()[0]})",
                    where=self.path,
                    fix="Type: python run_pipeline.py weights fetch",
                ) from error
        return self._forwards[size]


def input_size(width: int, height: int, long_side: int) -> tuple[int, int]:
    """(width, height) of the network's input: the longer side `long_side`, both rounded to multiples of 32.

    >>> input_size(455, 256, 384)
    (384, 224)
    """
    scale = long_side / max(width, height)
    sides = [max(STEP, int(side * scale / STEP + 0.5) * STEP) for side in (width, height)]
    return sides[0], sides[1]


def _openvino(path: Path, size: tuple[int, int], threads: int) -> Forward:
    model = read_network(path)
    model.reshape([1, size[1], size[0], 3])
    # Without the hint OpenVINO picks bf16 on CPUs that have it, and the numbers depend on the machine.
    request = compile_for_cpu(model, threads=threads).create_infer_request()

    def forward(batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        request.infer([batch], share_inputs=True)
        return np.array(request.get_output_tensor(0).data, dtype=np.float32)

    return forward


def _litert(path: Path, size: tuple[int, int], threads: int) -> Forward:
    from ai_edge_litert.interpreter import Interpreter

    network = Interpreter(model_content=read_weights(path), num_threads=threads)
    network.resize_tensor_input(network.get_input_details()[0]["index"], [1, size[1], size[0], 3])
    network.allocate_tensors()
    source, sink = network.get_input_details()[0]["index"], network.get_output_details()[0]["index"]

    def forward(batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        network.set_tensor(source, batch)
        network.invoke()
        return np.array(network.get_tensor(sink), dtype=np.float32)

    return forward
