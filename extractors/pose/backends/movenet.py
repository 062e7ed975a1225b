"""MoveNet MultiPose Lightning (Google, Apache-2.0): up to six people in one forward, on OpenVINO.

The network takes (1, H, W, 3) uint8 RGB with both sides multiples of 32 and returns (1, 6, 56): 17 x (y, x, score),
then ymin, xmin, ymax, xmax, score, all relative to the picture.
"""

from __future__ import annotations

import numpy as np

from data.errors import PROGRAM, WeightsError
from data.stage_files import StageFiles
from data.video import Picture
from extractors.openvino_cpu import Forward, cause_of, forward_on_cpu
from extractors.pose.config import PoseConfig
from extractors.pose.detections import Detections

STEP = 32  # both sides of the input are multiples of this


class MoveNet:
    """The `movenet` backend from a .tflite file. Raises WeightsError: the file is missing or not a network."""

    max_views = 4

    def __init__(self, config: PoseConfig, _: object, files: StageFiles) -> None:
        self._config = config
        try:
            self._network = files.network(config.used_weights)
        except RuntimeError as error:
            raise self._refused(error) from error
        self._forwards: dict[tuple[int, int], Forward] = {}  # by input size, of which a few occur

    def detect(self, image: Picture) -> Detections:
        """The people in `image` (H, W, 3) uint8 RGB, best first. Raises WeightsError: the file is not this network."""
        import cv2

        height, width = image.shape[:2]
        size = input_size(width, height, self._config.long_side)
        if size not in self._forwards:
            self._forwards[size] = self._compiled(*size)
        interpolation = cv2.INTER_AREA if width > size[0] else cv2.INTER_LINEAR
        reduced = np.asarray(cv2.resize(image, size, interpolation=interpolation))
        rows = self._forwards[size](reduced[None])[0][0]
        keypoints = rows[:, :51].reshape(-1, 17, 3)[..., [1, 0, 2]] * np.array([width, height, 1], np.float32)
        return Detections(keypoints, rows[:, 55]).best(self._config.min_score)

    def _compiled(self, width: int, height: int) -> Forward:
        try:
            model = self._network.clone()
            model.reshape([1, height, width, 3])
        except (RuntimeError, ValueError) as error:
            raise self._refused(error) from error
        return forward_on_cpu(model, threads=self._config.threads, where=self._config.used_weights)

    def _refused(self, error: Exception) -> WeightsError:
        what = f"not a MoveNet MultiPose .tflite file ({cause_of(error)})"
        return WeightsError(what, where=self._config.used_weights, fix=f"Type: {PROGRAM} weights fetch")


def input_size(width: int, height: int, long_side: int) -> tuple[int, int]:
    """(width, height) of the network's input: the longer side `long_side`, both rounded to multiples of 32."""
    scale = long_side / max(width, height)
    sides = [max(STEP, int(side * scale / STEP + 0.5) * STEP) for side in (width, height)]
    return sides[0], sides[1]
