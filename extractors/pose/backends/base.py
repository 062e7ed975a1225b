"""The contract of a pose network."""

from __future__ import annotations

from typing import Protocol

from extractors.pose.detections import Detections, Image


class PoseBackend(Protocol):
    """One pose network, loaded and ready."""

    def detect(self, image: Image, long_side: int | None = None) -> Detections:
        """The people in `image` (H, W, 3) uint8 RGB of any size, best first; keypoints in pixels of that image.

        Args:
            long_side: longer side of the network's input in pixels, for networks that take any; None for its own.
        """
