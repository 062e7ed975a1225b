"""The method: everything that changes a result. A model stores it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from typing import Annotated, Any

from pydantic import BaseModel, Field, create_model, field_serializer, field_validator

from data.errors import UsageError
from data.splits import PROTOCOLS
from extractors.base import StageConfig, one_of, setting
from extractors.timesteps import NO_AGENT, TimestepsConfig
from models.aim_config import AimConfig
from pipeline.settings.config_errors import keys_of
from pipeline.settings.section import Section
from pipeline.settings.stages import STAGES, outside_stages, stage_class
from pipeline.settings.train_config import TrainConfig


class SplitConfig(Section):
    """Numbers of the protocol."""

    folds: int = setting(5, "folds of kfold", ge=2)
    seed: int = setting(0, "seed of kfold, holdout, the inner validation and the calibration")
    calibration_folds: int = setting(
        5, "folds that calibrate a model's intervals and choose what it averages, at least 2; 0: neither", ge=0
    )

    @field_validator("calibration_folds")
    @classmethod
    def _holds_out(cls, value: int) -> int:
        if value == 1:
            raise ValueError("one fold holds nothing out; 0 or at least 2 are needed")
        return value


_FIELDS: dict[str, Any] = {name: (field.annotation, field) for name, field in keys_of(AimConfig).items()}
_ModelConfig = create_model("_ModelConfig", __base__=Section, **_FIELDS)
"""The settings of `AimConfig` as a section, which records the given ones."""


class Method(Section):
    """The method; `method_class` adds the settings of the network and the sections of the stages."""

    name: str = setting(
        "unnamed", "name of this configuration, shown in reports; a file without one gives its own name"
    )
    stages: tuple[str, ...] = setting(
        ("timesteps",), "stages to run, by name or module:class; those they need are added", min_length=1
    )
    protocol: Annotated[str, one_of(PROTOCOLS)] = setting(
        "kfold", f"how performances are split: {', '.join(PROTOCOLS)}"
    )
    split: SplitConfig = SplitConfig()
    combined: bool = setting(
        True,
        "average the networks' score with those of regressions that rank no worse; false: networks alone",
    )
    times_difficulty: bool = setting(
        False,
        "learn score / difficulty, and multiply by the announced difficulty; false where dataset.score is execution",
    )
    model: Section = Section()
    train: TrainConfig = TrainConfig()

    @field_validator("stages")
    @classmethod
    def _named(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        names = {class_path: name for name, class_path in outside_stages().items()}
        return tuple(names.get(stage, stage) for stage in value)

    @field_serializer("stages")
    def _placed(self, value: tuple[str, ...]) -> tuple[str, ...]:
        outside = outside_stages()
        return tuple(outside.get(name, name) for name in value)

    def stage(self, name: str) -> StageConfig:
        """The settings of a stage, whoever owns them. Raises UsageError for an unknown stage."""
        stage_class(name)
        settings: StageConfig = getattr(self, name)
        return settings

    def with_upstream(self, names: Iterable[str]) -> tuple[str, ...]:
        """`names` and every stage they need, each once, in an order in which they can run.

        Raises UsageError for an unknown stage, and for stages that need each other.
        """
        ordered, table = dict[str, None](), list(STAGES)

        def add(needed: Iterable[str], by: tuple[str, ...]) -> None:
            stages = {name: stage_class(name) for name in needed}
            for name in sorted(stages, key=table.index):
                if name in by:
                    circle = " -> ".join((*by, name))
                    raise UsageError(f"stages need each other: {circle}", fix="Change a role, or `upstream` of a stage")
                if name not in ordered:
                    add(stages[name].upstream(self.stage(name)), (*by, name))
                    ordered[name] = None

        add(names, ())
        return tuple(ordered)

    @property
    def network(self) -> AimConfig:
        """The network of section `model`, or a scene-only network without agents."""
        network = AimConfig(**self.model.dump())
        return replace(network, variant="scene") if self.without_agents else network

    @property
    def without_agents(self) -> bool:
        """Whether the time steps lack the primary or the secondary agent, so that networks only read the scene."""
        steps = self.stage("timesteps")
        return isinstance(steps, TimestepsConfig) and NO_AGENT in (steps.primary, *steps.secondary)

    def with_networks(self, most: int) -> Method:
        """The method with at most `most` networks."""
        fewer = self.train.model_copy(update={"networks": min(most, self.train.networks)})
        return self.model_copy(update={"train": fewer})


def method_class() -> type[Method]:
    """The class of a method, with a section for each stage."""
    return _method_class((("model", _ModelConfig), *((name, stage_class(name).Config) for name in STAGES)))


@cache
def _method_class(sections: tuple[tuple[str, type[BaseModel]], ...]) -> type[Method]:
    fields: dict[str, Any] = {name: (kind, Field(default_factory=kind)) for name, kind in sections}
    return create_model("WholeMethod", __base__=Method, **fields)
