"""Selects the stages that records have inputs for: features replace stages; stages that lack a video are dropped."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from data.errors import UsageError
from data.features import PARTS, kind_of_part
from data.video import Record
from extractors.timesteps import NO_AGENT, TimestepsConfig
from extractors.timesteps.roles import parse_role
from pipeline.observer import Observer
from pipeline.settings.config import Config, load_config
from pipeline.settings.stages import needed_inputs

TIMESTEPS = "timesteps"


def feasible_config(records: Sequence[Record], config: Config, observer: Observer) -> Config:
    """The configuration that these records have inputs for; the observer gets one line on dropped parts.

    Features replace the scene or an agent, and the stages that would compute it do not run. If no record has a video,
    the scene of a video is dropped. With features, agents are dropped too if no record has their video, kinematics or
    keypoints. If an agent or the network needs a video and has no features, nothing is dropped, and the error names
    what is missing.

    Raises UsageError if no network can use the features.
    """
    parts = [part for part in PARTS if any(kind_of_part(part) in record.sidecars for record in records)]
    if parts:
        config = _with_features(config, parts)
    inputs = {kind for record in records for kind in (*record.files(), *record.remote)}
    if not records or "video" in inputs:
        return config
    return _without_videos(config, inputs, beside_features=bool(parts), observer=observer)


def _with_features(config: Config, parts: Sequence[str]) -> Config:
    """The configuration whose time steps read these parts from features."""
    before = config.method.with_upstream([TIMESTEPS])
    roles = {part: f"features/{part}" for part in parts}
    changes = {f"timesteps.{part}": [role] if part == "secondary" else role for part, role in roles.items()}
    changed = load_config(config, changes)
    after = changed.method.with_upstream([TIMESTEPS])
    stages = tuple(name for name in config.method.stages if name in after or name not in before)
    same = changed.method == config.method and stages == config.method.stages
    return config if same or not stages else load_config(changed, {"stages": stages})


def _without_videos(config: Config, inputs: AbstractSet[str], *, beside_features: bool, observer: Observer) -> Config:
    """The configuration without stages that lack an input; `inputs` are the kinds that records have."""
    stages, steps = config.method.with_upstream(config.method.stages), config.method.stage(TIMESTEPS)
    needed = {name: {*needed_inputs(name)} for name in stages}
    lacking = {kind for kinds in needed.values() for kind in kinds - inputs if kind == "video" or beside_features}
    unusable = {name for name in stages if needed[name] & lacking}
    kept = tuple(name for name in stages if name not in unusable)
    if not unusable or not kept or not isinstance(steps, TimestepsConfig):
        return config
    scene = "" if steps.scene_stage in unusable else steps.scene
    primary, secondary = _agents(steps, unusable) if beside_features else (steps.primary, steps.secondary)
    changes: dict[str, Any] = {
        "timesteps.scene": scene,
        "timesteps.primary": primary,
        "timesteps.secondary": list(secondary),
    }
    absent = [part for part, role in (("primary", primary), ("secondary", secondary[0])) if role == NO_AGENT]
    if beside_features and absent and not scene:
        fix = "Name features of the scene (--features FILE), or of both agents (primary=FILE, secondary=FILE)"
        raise UsageError("without videos, no network can use these features", fix=fix)
    fewer = load_config(config, changes | {"stages": kept})
    if {*fewer.method.with_upstream(kept)} & unusable or (fewer.method.network.variant == "scene" and not scene):
        return config
    lost = "; only systems of the whole scene run" if absent else "; the rest is used"
    if beside_features and len(absent) == 1:
        lost = f"; AIM needs both agents, so networks read the scene alone: add --features {absent[0]}=FILE"
    names = " and ".join(name for name in stages if name in unusable)
    what = " or ".join("a video" if kind == "video" else kind for kind in sorted(lacking, reverse=True))
    observer.note(f"note: no performance has {what}, so {names} {'is' if len(unusable) == 1 else 'are'} left out{lost}")
    return fewer


def _agents(steps: TimestepsConfig, unusable: set[str]) -> tuple[str, tuple[str, ...]]:
    """The primary and secondary roles, without agents that need one of these stages."""
    primary = NO_AGENT if parse_role(steps.primary).stage in unusable else steps.primary
    lost = any(parse_role(role).stage in unusable for role in steps.secondary)
    return primary, (NO_AGENT,) if lost else steps.secondary
