"""Pose networks behind one contract (`PoseBackend`): an image in, people with COCO-17 joints out."""

from __future__ import annotations

from collections.abc import Mapping
from pkgutil import resolve_name
from typing import Protocol

from data.pose_weights import PoseNetwork, mmpose_networks, rtmlib_networks
from extractors.pose.config import BACKENDS, PoseConfig
from extractors.pose.detections import Detections, Image


class PoseBackend(Protocol):
    """One pose network, loaded and ready."""

    max_views: int  # views of a frame that it can use: 4 for one-stage networks, 1 for those that follow a detector

    def detect(self, image: Image) -> Detections:
        """The people in `image` (H, W, 3) uint8 RGB with at least the score `min_score`, best first, in its pixels."""


def load_backend(config: PoseConfig) -> PoseBackend:
    """The network of a configuration. Raises DataError: damaged weights; UsageError: no package or bad settings."""
    used = networks(config)  # raises if the library is not installed, before the module imports it
    made: PoseBackend = resolve_name(BACKENDS[config.backend])(config, used)
    return made


def networks(config: PoseConfig) -> Mapping[str, PoseNetwork]:
    """The networks that a library runs, by role; empty without a library. Files are used in place of a published name.

    Raises as `load_backend`.
    """
    if config.backend == "mmpose":
        files = config.mmpose.config or config.mmpose.checkpoint
        return mmpose_networks("" if files else config.mmpose.alias, config.mmpose.config, config.mmpose.checkpoint)
    if config.backend != "rtmlib":
        return {}
    made = config.rtmlib
    return rtmlib_networks(
        "" if made.model or made.detector else made.mode, made.model, made.detector, made.detector_kind
    )
