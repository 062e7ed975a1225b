"""The method: everything that changes a result. A run stores it, and a shared run is it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Annotated, Any

from pydantic import Field, create_model

from data.splits import PROTOCOLS
from extractors.base import StageConfig, one_of
from models.aim_config import AimConfig
from pipeline.settings.recipes import TrainConfig
from pipeline.settings.section import Section, part_of_stage
from pipeline.settings.stages import STAGES, stage_class

SCORER_SECTIONS: Mapping[str, type] = {"model": AimConfig, "train": TrainConfig}
"""Sections that describe the scorer."""


class FramesConfig(Section):
    """The rate of folders of numbered pictures, and of videos whose container states another one than that of life."""

    fps: float = Field(
        0.0,
        ge=0,
        le=10_000,
        description="frames per second of all videos and folders, at least 0.01; 0: that of the container or layout",
    )


class ProtocolConfig(Section):
    """How performances are split for evaluation."""

    folds: int = Field(5, ge=2, description="folds of kfold")
    seed: int = Field(0, description="seed of kfold, holdout and the inner validation")


class Method(Section):
    """The method; `method_class` adds the sections of the stages and of the scorer."""

    name: str = Field("folder", description="name of this configuration, shown in reports")
    stages: tuple[str, ...] = Field(
        ("timesteps",), min_length=1, description="stages to run; those they need are added"
    )
    protocol: Annotated[str, one_of(PROTOCOLS)] = Field(
        "kfold", description=f"how performances are split: {', '.join(PROTOCOLS)}"
    )
    frames: FramesConfig = FramesConfig()
    split: ProtocolConfig = ProtocolConfig()

    def stage(self, name: str) -> StageConfig:
        """The settings of a stage that belong to the method. Raises UsageError for an unknown stage."""
        stage_class(name)
        settings: StageConfig = getattr(self, name)
        return settings

    @property
    def scorer(self) -> tuple[AimConfig, TrainConfig]:
        """The network and how it is trained (sections `model` and `train`); a combination trains AIM."""
        model, train = getattr(self, "model"), getattr(self, "train")  # noqa: B009 -- added by `method_class`
        return (replace(model, system="aim") if model.system == "combined" else model), train

    @property
    def combined(self) -> bool:
        """Whether the score is a combination of AIM with other systems (`model.system: combined`)."""
        return bool(getattr(self, "model").system == "combined")  # noqa: B009


def method_class() -> type[Method]:
    """The class of a method: the sections of `Method`, of every stage, and of the scorer."""
    return _method_class(tuple(stage_class(name).Config for name in STAGES), tuple(STAGES))


@cache
def _method_class(kinds: tuple[type[StageConfig], ...], names: tuple[str, ...]) -> type[Method]:
    sections: dict[str, Any] = {}
    for name, kind in zip(names, kinds, strict=True):
        part = part_of_stage(kind, machine=False)
        sections[name] = part, Field(default_factory=part, description=f"settings of stage {name}")
    for name, section in SCORER_SECTIONS.items():
        sections[name] = section, Field(default_factory=section, description=f"the scorer's {name} settings")
    return create_model("ThisMethod", __base__=Method, **sections)
