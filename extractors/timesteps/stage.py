"""Stage `timesteps`: turns the other stages' arrays into AIM's input, T steps of primary, secondary and scene features.

`roles` assigns stages to agents. `channels` and `pose_channels` make channels per frame. `step_bounds` divides time,
and `step_features` summarises each part. The result depends only on stored arrays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationInfo, ValidatorFunctionWrapHandler, field_validator, model_validator

from data.errors import DataError, UsageError, nearest
from data.stage_files import StageFiles
from data.store import ArraySpec, Outputs, StageOutput
from data.store.arrays import Bools, Floats, Singles
from data.video import Record
from extractors.base import Extractor, Source, StageConfig, setting
from extractors.timesteps.channels import CLIPS, NO_CHANNELS, Channels, array_channels, flow_channels, stored
from extractors.timesteps.people_names import AGENTS, MEASURES, NAME, role_names, stored_name
from extractors.timesteps.pose_channels import half_of, pose_channels
from extractors.timesteps.pose_points import PoseSettings
from extractors.timesteps.roles import NO_AGENT, Role, check_roles, parse_role, parse_scene
from extractors.timesteps.step_bounds import equal_bounds, phase_bounds, steps_of_phases
from extractors.timesteps.step_features import Statistics, average_steps, step_features
from extractors.timesteps.trial_descriptors import describe_trial, gestures

SHARES = (0.0, 1.0)
"""Start and end of a performance of unknown duration."""

UNTIMED = "phases are in seconds, and its features have no times"
TIMED = "Say when rows are (--set features.fps=25 --set features.clip_frames=32), or cut equal time steps"


class TimestepsConfig(StageConfig):
    """Roles of the agents, and the division of time."""

    steps: int = setting(10, "Number of time steps T.", ge=1, le=1000)
    bounds: str | tuple[str, ...] = setting(
        "equal", "Time steps are equal parts of the performance, or of its phases: their names in order, as a list."
    )
    primary: str = setting(
        "pose:0", "Role of the primary agent: a stage and its part, such as pose:0, kinematics:master or stage/array."
    )
    secondary: tuple[str, ...] = setting(("camera_flow",), "Roles of the secondary agents, one kind.", min_length=1)
    scene: str = setting("clips", "Stage of the whole-scene feature (its logits), or stage/array; empty for none.")
    statistics: Statistics = setting(
        "mean_std_absdiff", "What is kept of a channel in a step: mean, mean_std_absdiff, samples or dct."
    )
    k: int = setting(4, "Number of samples or of cosine coefficients per step.", ge=1, le=64)
    gestures: tuple[str, ...] = setting(
        (), "Phases whose number and seconds describe the performance, such as [G1, G2]; G2 counts G2 1 and G2 2."
    )
    min_observed: float = setting(0.1, "A step in which the agent is seen for a smaller share is masked.", ge=0, le=1)
    pose: PoseSettings = setting(PoseSettings(), "How keypoints become channels.")

    @field_validator("primary", "secondary")
    @classmethod
    def _roles(cls, value: str | tuple[str, ...]) -> str | tuple[str, ...]:
        return parse_role(value).text if isinstance(value, str) else tuple(parse_role(text).text for text in value)

    @property
    def step_phases(self) -> tuple[str, ...]:
        """The phase of every time step; "" for equal steps."""
        return steps_of_phases([""] if self.bounds == "equal" else self.bounds, self.steps)

    @field_validator("bounds", mode="wrap")
    @classmethod
    def _phases(cls, value: Any, check: ValidatorFunctionWrapHandler, others: ValidationInfo) -> str | tuple[str, ...]:
        listed = isinstance(value, (list, tuple)) and all(isinstance(name, str) for name in value)
        names = [name.strip() for name in value] if listed else []
        if value != "equal" and not 0 < len({*names} - {""}) == len(names) <= others.data.get("steps", 0):
            raise ValueError("should be equal, or different phases, at most one a step, such as [run, entry]")
        return check(value if value == "equal" else tuple(names))  # type: ignore[no-any-return]

    @model_validator(mode="after")
    def _fits(self) -> TimestepsConfig:
        check_roles(self.roles())
        if self.scene:
            parse_scene(self.scene)
        return self

    @property
    def leading_stage(self) -> str:
        """The stage of the primary agent, else of the scene, else ""."""
        return self.roles()[0].stage or self.scene_stage

    @property
    def scene_array(self) -> tuple[str, str]:
        """Stage and array of the whole-scene feature, "" for none."""
        return parse_scene(self.scene) if self.scene else ("", "")

    @property
    def scene_stage(self) -> str:
        """The stage of the whole-scene feature, "" for none."""
        return self.scene_array[0]

    def roles(self) -> tuple[Role, ...]:
        """The primary role and the secondary ones."""
        return tuple(map(parse_role, (self.primary, *self.secondary)))


class Timesteps(Extractor[TimestepsConfig]):
    """Time steps of the agents and the scene, and descriptors of the whole performance."""

    name, version, Config = "timesteps", 7, TimestepsConfig
    reads = frozenset()
    arrays: ClassVar[Mapping[str, ArraySpec]] = {
        "primary": ArraySpec(("step", "primary_channel"), "mixed", "channels of the primary agent"),
        "primary_mask": ArraySpec(("step",), "1", "true where the primary agent was present"),
        "secondary": ArraySpec(("step", "agent", "secondary_channel"), "mixed", "channels of the secondary agents"),
        "secondary_mask": ArraySpec(("step", "agent"), "1", "true where that agent was present"),
        "scene": ArraySpec(("step", "class"), "1", "whole-scene feature, I3D's logits by default"),
        "bounds": ArraySpec(("step", "edge"), "s", "begin and end of each time step; shares if nothing has times"),
        "trial": ArraySpec(("descriptor",), "mixed", "descriptors of the whole performance"),
        "duration": ArraySpec((), "s", "length of the performance; NaN where the features have no times"),
    }
    clock = "step"

    @classmethod
    def upstream(cls, config: TimestepsConfig) -> tuple[str, ...]:
        """The distinct stages of the roles and the scene."""
        return tuple(dict.fromkeys(filter(None, [*(role.stage for role in config.roles()), config.scene_stage])))

    @classmethod
    def check_upstream(cls, config: TimestepsConfig, configs: Mapping[str, StageConfig]) -> None:
        """Raise UsageError for a person beyond the `pose` stage's agents, or phases of features without times."""
        for role in config.roles():
            agents, stage = getattr(configs.get(role.stage), "agents", None), role.stage
            if role.kind == "pose" and agents is not None and role.agent >= agents:
                what = f"role '{role.text}' needs {role.agent + 1} people, and {stage}.agents is {agents}"
                last = f" to {stage}:{agents - 1}" if agents > 1 else ""
                fix = f"Use {stage}:0{last}, or --set {stage}.agents={role.agent + 1} (6 at most)"
                raise UsageError(what, fix=fix)
        untimed = {*cls.upstream(config)} == {"features"} and not getattr(configs["features"], "fps", 0)
        if config.bounds != "equal" and untimed:
            raise UsageError(UNTIMED, fix=TIMED)

    @classmethod
    def ticks(cls, config: TimestepsConfig, frames: int) -> int | None:
        """The number of time steps, for any length of the video."""
        return config.steps

    @classmethod
    def reads_of(cls, config: TimestepsConfig, record: Record, files: StageFiles) -> Mapping[str, str]:
        """The phases, if they are used. Raises DataError: missing phases."""
        if config.bounds == "equal" and not config.gestures:
            return {}
        if not record.phases:
            fix = "Correct them" if record.phase_fault else "Mark them in phases.csv, or --set dataset.phases=FILE"
            raise DataError(record.phase_fault or "no phases", fix=fix)
        return {"phases": str(record.phases)}

    def extract(self, source: Source) -> StageOutput:
        """Divide the upstream arrays into time steps.

        Raises DataError: the phases do not match; an upstream array is missing or contradicts its declaration.
        """
        (primary, *secondary), people = self._channels(self.config.roles(), source.upstream)
        if len({agent.names for agent in secondary}) > 1:
            raise DataError(
                "the secondary agents have different channels", fix="Set timesteps.secondary to agents of one kind"
            )
        config = self.config
        span = self._span((primary, *secondary), source.upstream)
        start, end = span or SHARES
        primary, *secondary = agents = [agent.stretched(start, end) for agent in (primary, *secondary)]
        if config.bounds == "equal":
            bounds = equal_bounds(start, end, config.steps)
        elif span is None:
            raise DataError(UNTIMED, fix=TIMED)
        else:
            bounds = phase_bounds(start, end, source.record.phases, config.bounds, config.steps)
        statistics = config.statistics, config.k, config.min_observed
        columns, steps, masks = zip(*(step_features(agent, bounds, *statistics) for agent in agents), strict=True)
        more = gestures(source.record.phases, config.gestures, end) if config.gestures else {}
        descriptors, trial = describe_trial(primary, secondary, end - start, more)
        scene, classes = self._scene(source.upstream, bounds)
        values: dict[str, NDArray[Any]] = {
            "primary": steps[0],
            "primary_mask": masks[0],
            "secondary": np.stack(steps[1:], axis=1),
            "secondary_mask": np.stack(masks[1:], axis=1),
            "scene": scene,
            "bounds": bounds,
            "trial": trial,
            "duration": np.array(end - start if span else np.nan),
        }
        lasting = bounds[:, 1] > bounds[:, 0]  # other steps belong to phases that are missing from this performance
        quality = _quality(primary, secondary, [mask[lasting] for mask in masks], people)
        if span:
            pauses = (float(np.diff(a.time).max(initial=0.0)) for a in agents if a.kind != CLIPS)
            quality |= {"longest_pause_s": round(max(pauses, default=0.0), 3), "duration_s": round(end - start, 3)}
        names = {"primary": columns[0], "secondary": columns[1], "scene": classes, "trial": descriptors}
        return StageOutput.of(self.arrays, values, quality, names)

    def _span(self, agents: Sequence[Channels], upstream: Outputs) -> tuple[float, float] | None:
        """Start and end in seconds of the performance, from its agents, else from its scene, if known."""
        spans = [agent.span for agent in agents if len(agent.time) and agent.timed]
        stage, array = self.config.scene_array
        if not spans and stage:
            bounds = _scene_bounds(_stage(upstream, stage), array)
            spans = [(bounds.min(), bounds.max())] if bounds.size and np.isfinite(bounds).all() else []
        return (float(min(start for start, _ in spans)), float(max(end for _, end in spans))) if spans else None

    def primary(self, upstream: Outputs) -> Channels:
        """The channels of the primary agent, else of the scene. Raises DataError: a stage lacks an array."""
        roles = self.config.roles()[:1]
        stage, array = self.config.scene_array
        if roles[0].kind == NO_AGENT and stage:
            return array_channels(_stage(upstream, stage), stage, array)
        return self._channels(roles, upstream)[0][0]

    def _channels(self, roles: tuple[Role, ...], upstream: Outputs) -> tuple[list[Channels], dict[str, str]]:
        """Channels of every role, all people in one shared frame, and `role_names`."""
        persons = [role for role in roles if role.kind == "pose"]
        people = list(dict.fromkeys(role.agent for role in persons))
        posed, names = list[Channels](), dict[str, str]()
        if persons:
            read = [_stage(upstream, persons[0].stage)]
            names = role_names(roles, np.asarray(read[0].arrays["keypoints"].values))
            posed = pose_channels(read.pop(), people, self.config.pose)  # keypoints are freed before channels are made
        others = dict.fromkeys(role.stage for role in roles if role.stage and role.kind != "pose")
        outputs = {stage: _stage(upstream, stage) for stage in others}  # a stage of two roles is read once
        made = []
        for role in roles:
            if role.kind == "pose":
                body = posed[people.index(role.agent)]
                made.append(half_of(body, role.half) if role.half else body)
            elif role.kind == NO_AGENT:
                made.append(NO_CHANNELS)
            elif role.kind == "camera_flow":
                made.append(flow_channels(outputs[role.stage]))
            else:
                made.append(array_channels(outputs[role.stage], role.stage, role.array))
        return made, names

    def _scene(self, upstream: Outputs, bounds: Floats) -> tuple[Singles, tuple[str, ...]]:
        """Scene (step, class), averaged over time unless there is one clip per step, and the classes' names."""
        stage, array = self.config.scene_array
        if not stage:
            return np.zeros((len(bounds), 0), np.float32), ()
        output = _stage(upstream, stage)
        values = stored(output, stage, array)
        values = values[:, None] if values.ndim == 1 else values
        if values.ndim != 2 or not values.size:  # a clip network without a class layer has no logits
            what = f"{stage}/{array} has shape {values.shape}, not (step, class)"
            raise DataError(what, fix="Set timesteps.scene to another array, such as clips/features")
        if len(values) != len(bounds) or self.config.bounds != "equal":
            spans = _scene_bounds(output, array)
            if spans.shape != (len(values), 2) or not np.isfinite(spans).all():
                spans = equal_bounds(bounds[0, 0], bounds[-1, 1], len(values))
            values = average_steps(values, spans, bounds)
        safe = np.nan_to_num(values, posinf=0.0, neginf=0.0).astype(np.float32)
        return safe, output.arrays[array].names


def _scene_bounds(output: StageOutput, array: str) -> Floats:
    """(row, 2) start and end in seconds of each row of a scene feature; empty if its stage does not store them."""
    name = next((name for name in (f"{array}_bounds", "bounds") if name in output.arrays), None)
    return np.zeros(0) if name is None else output.floats(name)


def _stage(upstream: Outputs, stage: str) -> StageOutput:
    if stage not in upstream:
        raise DataError(f"no output of stage '{stage}'", fix=nearest(stage, upstream))
    return upstream[stage]


def _quality(
    primary: Channels, secondary: list[Channels], masks: list[Bools], people: Mapping[str, str]
) -> dict[str, float | str]:
    """Shares of observed, interpolated and masked time, of the primary agent and the mean secondary agent, if any.

    `people` are the names of agents that are people.
    """
    quality: dict[str, float | str] = {stored_name(NAME, agent): name for agent, name in people.items()}
    for agent, group, of_steps in zip(AGENTS, ([primary], secondary), (masks[:1], masks[1:]), strict=True):
        observed = [_share(channels, channels.observed) for channels in group]
        bridged = [_share(channels, channels.present & ~channels.observed) for channels in group]
        shares = zip(MEASURES, (observed, bridged, [(~mask).mean() for mask in of_steps]), strict=True)
        if group[0].names:
            quality |= {stored_name(measure, agent): float(np.mean(each)) for measure, each in shares}
    return quality


def _share(agent: Channels, rows: np.ndarray) -> float:
    seconds = np.diff(agent.cells())[:, 0]
    return round(float(seconds[rows].sum() / seconds.sum()), 4) if seconds.sum() > 0 else 0.0
