"""The ordered table of stages. A new stage is one package in `extractors/` and one line here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from pkgutil import resolve_name
from typing import Any

from data.errors import UsageError, nearest
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


def needed_inputs(name: str) -> tuple[str, ...]:
    """Input files without which a stage cannot run, in order; the video is optional where it reads another file."""
    reads = stage_class(name).reads
    return tuple(kind for kind in sorted(reads) if kind != "video" or len(reads) == 1)


def with_inputs(names: Iterable[str], configs: Mapping[str, StageConfig]) -> tuple[str, ...]:
    """`names` and every stage they need, each once, in an order in which they can run.

    Raises UsageError for an unknown stage, or one that needs a stage listed after it.
    """
    wanted: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in wanted:
            wanted.add(name)
            waiting += stage_class(name).inputs(configs[name])
    ordered = tuple(name for name in STAGES if name in wanted)
    for position, name in enumerate(ordered):
        late = set(stage_class(name).inputs(configs[name])) - set(ordered[:position])
        if late:
            raise UsageError(f"stage '{name}' needs '{late.pop()}', which is later in STAGES")
    return ordered
