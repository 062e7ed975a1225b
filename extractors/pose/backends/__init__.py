"""Pose networks with one interface (`PoseBackend`): an image in, people with COCO-17 joints out."""

from __future__ import annotations

from collections.abc import Mapping
from pkgutil import resolve_name
from typing import Protocol

from data.stage_files import StageFiles
from data.video import Picture
from data.weights.pose_networks import PoseNetwork
from extractors.pose.config import BACKENDS, PoseConfig
from extractors.pose.detections import Detections


class PoseBackend(Protocol):
    """One pose network, loaded and ready."""

    max_views: int  # most views of a frame: 4 for one-stage networks, 1 for networks after a detector

    def detect(self, image: Picture) -> Detections:
        """The people in `image` (H, W, 3) uint8 RGB with at least the score `min_score`, best first, in pixels."""


def load_backend(config: PoseConfig, files: StageFiles) -> PoseBackend:
    """The configured network. Raises DataError: damaged weights; UsageError: no package or bad settings."""
    used = networks(config, files)  # raises if the library is not installed, before the module imports it
    made: PoseBackend = resolve_name(BACKENDS[config.backend])(config, used, files)
    return made


def networks(config: PoseConfig, files: StageFiles) -> Mapping[str, PoseNetwork]:
    """The networks that a library runs, by role; empty without a library. Files take precedence over published names.

    Raises as `load_backend`.
    """
    if config.backend == "mmpose":
        settings = config.mmpose
        alias = "" if settings.config or settings.checkpoint else settings.alias
        return files.pose_networks("mmpose", alias, settings.config, settings.checkpoint)
    if config.backend != "rtmlib":
        return {}
    named = config.rtmlib
    mode = "" if named.model or named.detector else named.mode
    return files.pose_networks("rtmlib", mode, named.model, named.detector, named.detector_kind)
