"""The table of stages: this program's, and a user's by `module:class`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from pkgutil import resolve_name
from typing import Any

from data.errors import UsageError, nearest, printable
from data.outside import imported, is_outside
from data.stage_files import StageFiles
from data.weights.registry import Announce
from extractors.base import IN_KEY, Extractor, StageConfig, owned

STAGES: dict[str, str] = {
    "clips": "extractors.clips.stage:Clips",
    "pose": "extractors.pose.stage:Pose",
    "camera_flow": "extractors.camera_flow.stage:CameraFlow",
    "kinematics": "extractors.kinematics.stage:Kinematics",
    "skeleton": "extractors.skeleton.stage:SkeletonJoints",
    "features": "extractors.features.stage:Features",
    "timesteps": "extractors.timesteps.stage:Timesteps",
}
"""Stage name -> "module:class". Stages that do not need each other run and are listed in this order."""

OWN = frozenset(STAGES)
"""The stages of this program; `stage_name` adds those of a user."""


def stage_name(reference: str) -> str:
    """The name of a stage from its name, or from `module:class`, which is imported and added to `STAGES`.

    Raises UsageError if the import fails, is not a stage, or has the name of another stage.
    """
    if not is_outside(reference) or reference in STAGES.values():
        return next((name for name, class_path in STAGES.items() if class_path == reference), reference)
    stage, shown = imported(reference), printable(reference)
    if not (isinstance(stage, type) and issubclass(stage, Extractor)):
        raise UsageError(f"'{shown}' is not a stage", fix="Name a subclass of Extractor in extractors.base")
    if stage.name in STAGES:
        fix = f"Change the name of the class {stage.__name__}"
        raise UsageError(f"'{shown}' has the name of the stage '{stage.name}'", fix=fix)
    STAGES[stage.name] = reference
    return stage.name


def outside_stages() -> dict[str, str]:
    """The stages that a user added: "module:class" by name."""
    return {name: class_path for name, class_path in STAGES.items() if name not in OWN}


def stage_class(name: str) -> type[Extractor[Any]]:
    """The extractor class of a stage. Raises UsageError for an unknown one, with the nearest name."""
    if name not in STAGES:
        raise UsageError(f"unknown stage '{name}'", fix=nearest(name, STAGES))
    return _loaded(STAGES[name])


@cache
def _loaded(class_path: str) -> type[Extractor[Any]]:
    """The class at "module:class"; cached, since plans of ten thousand videos need it a hundred thousand times."""
    extractor: type[Extractor[Any]] = resolve_name(class_path)
    return extractor


def with_defaults(name: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """`StageConfig.result_settings` of a stage, with the defaults that it left out."""
    if name not in STAGES:
        return dict(settings)
    kind = stage_class(name).Config
    return merged_settings(owned(kind, kind.model_construct().model_dump(mode="json"), IN_KEY), settings)


def merged_settings(*values: Mapping[str, Any]) -> dict[str, Any]:
    """Nested mappings as one; a later value replaces an earlier one."""
    together: dict[str, Any] = {}
    for settings in values:
        for key, value in settings.items():
            inner = together.get(key)
            nested = isinstance(inner, Mapping) and isinstance(value, Mapping)
            together[key] = merged_settings(inner or {}, value) if nested else value
    return together


def fetch_weights(stages: Mapping[str, StageConfig], announce: Announce) -> None:
    """Download the weights that stages of these settings lack; `announce` gets a sentence before each download."""
    for name, settings in stages.items():
        stage_class(name).fetch(settings, StageFiles(), announce)


def fetch_registered(settings: Iterable[StageConfig], announce: Announce) -> None:
    """Download missing registered weights of stages, before the first video instead of failing after each.

    Raises WeightsError if a download fails.
    """
    from data.weights import REGISTRY, fetch

    loading = [
        stage for stage in settings if getattr(stage, "backend", "movenet") == "movenet"
    ]  # others name their own
    for name in {getattr(stage, "used_weights", "") for stage in loading} & REGISTRY.keys():
        fetch(name, announce)


def needed_inputs(name: str) -> tuple[str, ...]:
    """Input files that a stage needs, in order; the video is optional if it reads another file."""
    reads = stage_class(name).reads
    return tuple(kind for kind in sorted(reads) if kind != "video" or len(reads) == 1)
