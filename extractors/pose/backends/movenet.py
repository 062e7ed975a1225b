"""MoveNet MultiPose Lightning (Google, Apache-2.0): up to six people in one forward, on OpenVINO.

The network takes (1, H, W, 3) uint8 RGB with both sides multiples of 32 and returns (1, 6, 56): 17 x (y, x, score),
then ymin, xmin, ymax, xmax, score, all relative to the picture.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from data.errors import PROGRAM, DataError
from data.weights import read_network
from extractors.openvino_cpu import compile_for_cpu
from extractors.pose.detections import Detections, Image

STEP = 32  # both sides of the input are multiples of this


class MoveNet:
    """The `movenet` backend from a .tflite file; inputs have `long_side` pixels on their longer side."""

    max_views = 8

    def __init__(self, path: Path, *, long_side: int = 256, threads: int = 1, min_score: float = 0.1) -> None:
        self.path, self.long_side, self.threads, self.min_score = Path(path), long_side, threads, min_score
        self._requests: dict[tuple[int, int], Any] = {}

    def detect(self, image: Image) -> Detections:
        """The people in `image` (H, W, 3) uint8 RGB, best first. Raises DataError: the file is not this network."""
        import cv2

        height, width = image.shape[:2]
        size = input_size(width, height, self.long_side)
        if size != (width, height):
            interpolation = cv2.INTER_AREA if width > size[0] else cv2.INTER_LINEAR
            image = np.asarray(cv2.resize(image, size, interpolation=interpolation), dtype=np.uint8)
        request = self._request(size)
        request.infer([np.ascontiguousarray(image)[None]], share_inputs=True)
        rows = np.array(request.get_output_tensor(0).data, dtype=np.float32)[0]
        joints = rows[:, :51].reshape(-1, 17, 3)
        scale = np.array([width, height], dtype=np.float32)
        keypoints = np.concatenate([joints[..., 1::-1] * scale, joints[..., 2:]], axis=-1)
        return Detections(keypoints, rows[:, 55]).best(self.min_score)

    def _request(self, size: tuple[int, int]) -> Any:
        """The network compiled for one input size; a handful of sizes occur."""
        if size not in self._requests:
            try:
                model = read_network(self.path)
                model.reshape([1, size[1], size[0], 3])
                self._requests[size] = compile_for_cpu(model, threads=self.threads).create_infer_request()
            except (RuntimeError, ValueError) as error:
                what = f"not a MoveNet MultiPose .tflite file ({str(error).splitlines()[0]})"
                raise DataError(what, where=self.path, fix=f"Type: {PROGRAM} weights fetch") from error
        return self._requests[size]


def input_size(width: int, height: int, long_side: int) -> tuple[int, int]:
    """(width, height) of the network's input: the longer side `long_side`, both rounded to multiples of 32.

    >>> input_size(455, 256, 384)
    (384, 224)
    """
    scale = long_side / max(width, height)
    sides = [max(STEP, int(side * scale / STEP + 0.5) * STEP) for side in (width, height)]
    return sides[0], sides[1]
