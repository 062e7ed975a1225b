"""The method: everything that changes a result. A model stores it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Annotated, Any

from pydantic import create_model, field_validator

from data.errors import UsageError
from data.splits import PROTOCOLS
from extractors.base import HASHED, METHOD, StageConfig, one_of, setting
from extractors.timesteps import NO_AGENT, TimestepsConfig
from models.aim_config import AimConfig
from pipeline.settings.config_errors import keys_of
from pipeline.settings.recipes import TrainConfig
from pipeline.settings.section import Section, part_of_stage, with_sections
from pipeline.settings.stages import STAGES, stage_class


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
"""The settings of `AimConfig` as a section, which knows which of them were given."""


class Method(Section):
    """The method; `method_class` adds the settings of the network and the sections of the stages."""

    name: str = setting(
        "unnamed", "name of this configuration, shown in reports; a file without one gives its own name"
    )
    stages: tuple[str, ...] = setting(("timesteps",), "stages to run; those they need are added", min_length=1)
    protocol: Annotated[str, one_of(PROTOCOLS)] = setting(
        "kfold", f"how performances are split: {', '.join(PROTOCOLS)}"
    )
    split: SplitConfig = SplitConfig()
    combined: bool = setting(
        True,
        "average the networks' score with those of regressions that rank better than chance; false: networks alone",
    )
    model: Section = Section()
    train: TrainConfig = TrainConfig()

    def stage(self, name: str) -> StageConfig:
        """The settings of a stage that belong to the method. Raises UsageError for an unknown stage."""
        stage_class(name)
        settings: StageConfig = getattr(self, name)
        return settings

    def with_upstream(self, names: Iterable[str]) -> tuple[str, ...]:
        """`names` and every stage they need, each once, in an order in which they can run.

        Raises UsageError for an unknown stage, or one that needs a stage listed after it.
        """
        needed: dict[str, tuple[str, ...]] = {}
        waiting = list(names)
        while waiting:
            name = waiting.pop()
            if name not in needed:
                needed[name] = stage_class(name).upstream(self.stage(name))
                waiting += needed[name]
        ordered = tuple(name for name in STAGES if name in needed)
        for position, name in enumerate(ordered):
            if late := set(needed[name]) - set(ordered[:position]):
                raise UsageError(
                    f"stage '{name}' needs '{late.pop()}', which is later in STAGES", fix="Exchange them there"
                )
        return ordered

    @property
    def network(self) -> AimConfig:
        """The network: that of section `model`, or that of the scene alone where there are no agents."""
        network = AimConfig(**self.model.dump())
        return replace(network, variant="scene") if self.without_agents else network

    @property
    def without_agents(self) -> bool:
        """Whether the time steps lack the primary or the secondary agent, so that only the scene feeds networks."""
        steps = self.stage("timesteps")
        return isinstance(steps, TimestepsConfig) and NO_AGENT in (steps.primary, *steps.secondary)

    def with_networks(self, most: int) -> Method:
        """The method with at most so many networks."""
        fewer = self.train.model_copy(update={"networks": min(most, self.train.networks)})
        return self.model_copy(update={"train": fewer})


def method_class() -> type[Method]:
    """The class of a method, with a section for each stage."""
    parts = {name: part_of_stage(stage_class(name).Config, METHOD, HASHED) for name in STAGES}
    return with_sections(Method, {"model": _ModelConfig, **parts})
