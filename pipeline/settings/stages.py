"""The ordered table of stages. A new stage is one package in `extractors/` and one line here."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pkgutil import resolve_name
from typing import Any

from data.errors import UsageError, nearest
from data.stage_files import StageFiles
from data.weights.registry import Announce
from extractors.base import Extractor, StageConfig

STAGES: dict[str, str] = {
    "clips": "extractors.clips.stage:Clips",
    "pose": "extractors.pose.stage:Pose",
    "camera_flow": "extractors.camera_flow.stage:CameraFlow",
    "kinematics": "extractors.kinematics.stage:Kinematics",
    "skeleton": "extractors.skeleton.stage:SkeletonJoints",
    "features": "extractors.features.stage:Features",
    "timesteps": "extractors.timesteps.stage:Timesteps",
}
"""Stage name -> "module:class"; a stage comes after the stages it needs."""


def stage_class(name: str) -> type[Extractor[Any]]:
    """The extractor class of a stage. Raises UsageError for an unknown one, with the nearest name."""
    if name not in STAGES:
        raise UsageError(f"unknown stage '{name}'", fix=nearest(name, STAGES))
    return _loaded(STAGES[name])


@cache
def _loaded(place: str) -> type[Extractor[Any]]:
    """The class at "module:class"; plans of ten thousand videos ask for it a hundred thousand times."""
    extractor: type[Extractor[Any]] = resolve_name(place)
    return extractor


def fetch_weights(stages: Mapping[str, StageConfig], announce: Announce) -> None:
    """Download the weights that stages of these settings lack; `announce` gets a sentence before each download."""
    for name, settings in stages.items():
        stage_class(name).fetch(settings, StageFiles(), announce)


def needed_inputs(name: str) -> tuple[str, ...]:
    """Input files without which a stage cannot run, in order; the video is optional where it reads another file."""
    reads = stage_class(name).reads
    return tuple(kind for kind in sorted(reads) if kind != "video" or len(reads) == 1)
