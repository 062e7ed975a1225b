"""Pose networks behind one contract (`PoseBackend`): an image in, people with COCO-17 joints out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from data.pose_weights import PoseNetwork, mmpose_networks, rtmlib_networks
from extractors.pose.config import PoseConfig
from extractors.pose.detections import Detections, Image


class PoseBackend(Protocol):
    """One pose network, loaded and ready."""

    max_views: int
    """Views of a frame that it can use: 4 for one-stage networks, 1 for top-down ones, whose detector decides."""

    def detect(self, image: Image) -> Detections:
        """The people in `image` (H, W, 3) uint8 RGB from the setting `min_score` on, best first, in its pixels."""


def load_backend(config: PoseConfig) -> PoseBackend:
    """The network of a configuration. Raises DataError: damaged weights; UsageError: no package or bad settings."""
    if config.backend == "mmpose":
        from extractors.pose.backends.mmpose import MMPose

        return MMPose(config, networks(config))
    if config.backend == "rtmlib":
        used = networks(config)  # refuses where rtmlib is not installed
        from extractors.pose.backends.rtmlib import RTMLib

        return RTMLib(config, used)
    from extractors.pose.backends.movenet import MoveNet

    return MoveNet(config)


def networks(config: PoseConfig) -> Mapping[str, PoseNetwork]:
    """The networks of the mmpose or rtmlib backend by role; empty for the others. Raises as `load_backend`."""
    if config.backend == "mmpose":
        return mmpose_networks(**config.mmpose.model_dump())
    return rtmlib_networks(**config.rtmlib.model_dump()) if config.backend == "rtmlib" else {}
