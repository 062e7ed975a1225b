"""The `rtmlib` backend: RTMO or RTMPose as ONNX files, through the rtmlib package and onnxruntime."""

from __future__ import annotations

from typing import TYPE_CHECKING

from data.errors import UsageError
from extractors.pose_backends.base import Image, People

if TYPE_CHECKING:
    from extractors.pose import RTMLibConfig


class RTMLib:
    """The backend; proper text follows with the implementation."""

    def __init__(self, config: RTMLibConfig, *, threads: int = 1, min_score: float = 0.1) -> None:
        raise UsageError("the rtmlib backend is not there yet", fix="Use movenet or mmpose")

    def detect(self, image: Image) -> People:
        """The people in `image` (H, W, 3) uint8 RGB, best first."""
        raise NotImplementedError

    def close_up(self, image: Image) -> People:
        """As `detect`."""
        raise NotImplementedError
