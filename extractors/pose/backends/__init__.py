"""Pose networks behind one contract (`base.PoseBackend`): an image in, people with COCO-17 joints out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from extractors.pose.config import PoseConfig

if TYPE_CHECKING:
    from extractors.pose.backends.base import PoseBackend


def load_backend(config: PoseConfig) -> PoseBackend:
    """The network that a configuration names, ready to run.

    Raises:
        DataError: its weights are missing or damaged.
        UsageError: its package is not installed, or its settings are incomplete.
    """
    if config.backend == "mmpose":
        from extractors.pose.backends.mmpose import load

        return load(config.mmpose, device=config.device, min_score=config.min_score)
    if config.backend == "rtmlib":
        from extractors.pose.backends.rtmlib import RTMLib

        return RTMLib(config.rtmlib, min_score=config.min_score, threads=config.threads)
    from data.weights.weight_files import locate
    from extractors.pose.backends.movenet import MoveNet

    return MoveNet(
        locate(config.weights),
        long_side=config.long_side,
        runtime=config.runtime,
        threads=config.threads,
        min_score=config.min_score,
    )


def weight_digests(config: PoseConfig) -> Mapping[str, str]:
    """Hash of every file of weights that a configuration names; part of the cache key.

    Raises:
        DataError: one of the files is not there.
    """
    from data.weights.weight_files import digest

    if config.backend == "movenet":
        return {"weights": digest(config.weights)}
    if config.backend == "mmpose":
        files = {"weights": config.mmpose.checkpoint, "detector": config.mmpose.detector_checkpoint}
    else:
        files = {"weights": config.rtmlib.model, "detector": config.rtmlib.detector}
    return {name: digest(path) for name, path in files.items() if path}
