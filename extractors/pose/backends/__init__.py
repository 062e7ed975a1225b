"""Pose networks behind one contract (`PoseBackend`): an image in, people with COCO-17 joints out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

from extractors.pose.config import PoseConfig
from extractors.pose.detections import Detections, Image

if TYPE_CHECKING:
    from data.pose_weights import PoseNetwork


class PoseBackend(Protocol):
    """One pose network, loaded and ready."""

    max_views: int
    """Views of a frame that it can use: 8 for one-stage networks, 1 for top-down ones, whose detector decides."""

    def detect(self, image: Image) -> Detections:
        """The people in `image` (H, W, 3) uint8 RGB from the setting `min_score` on, best first, in its pixels."""


def load_backend(config: PoseConfig) -> PoseBackend:
    """The network that a configuration names, ready to run.

    Raises:
        DataError: its weights are missing or damaged.
        UsageError: its package is not installed, or its settings are incomplete.
    """
    if config.backend == "mmpose":
        from extractors.pose.backends.mmpose import MMPose

        return MMPose(networks(config), device=config.device, min_score=config.min_score)
    if config.backend == "rtmlib":
        from data.pose_weights import require
        from extractors.pose.backends.rtmlib import RTMLib

        require("rtmlib")
        return RTMLib(networks(config), min_score=config.min_score, threads=config.threads)
    from data.weights import whole
    from extractors.pose.backends.movenet import MoveNet

    return MoveNet(
        whole(config.weights), long_side=config.long_side, threads=config.threads, min_score=config.min_score
    )


def networks(config: PoseConfig) -> Mapping[str, PoseNetwork]:
    """The networks of the mmpose or rtmlib backend by role; empty for the others. Raises as `load_backend`."""
    if config.backend in ("movenet", "import"):
        return {}
    from data.pose_weights import mmpose_networks, rtmlib_networks

    if config.backend == "mmpose":
        return mmpose_networks(**config.mmpose.model_dump())
    return rtmlib_networks(**config.rtmlib.model_dump())


def identity(config: PoseConfig) -> Mapping[str, str]:
    """Hashes of every weights and configuration file, and the library that runs them, for the key.

    Raises as `load_backend`.
    """
    if config.backend == "movenet":
        from data.weights import digest

        return {"weights": digest(config.weights)}
    if config.backend == "import":
        return {}
    from data.pose_weights import require
    from data.weights.published import library_version

    require(config.backend)
    used = networks(config)
    packages = [config.backend, *(["mmdet"] if config.backend == "mmpose" and "detector" in used else [])]
    hashes = {"library": ", ".join(f"{package} {library_version(package)}" for package in packages)}
    for name, network in used.items():
        hashes |= network.identity(name)
    return hashes
