"""The configuration: defaults, then values of a YAML file, then overrides of the form `section.key=value`.

Each stage brings its own section (its `Config`), named like the stage; `model` and `train` describe the scorer.
An unknown key is refused, and the error names the nearest known one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model, field_validator

from data.datasets import KINDS
from data.splits import PROTOCOLS
from data.store import Storage
from extractors.base import StageConfig, one_of
from models.aim_config import AimConfig
from pipeline.settings.config_errors import section_class, usage_error
from pipeline.settings.recipes import RECIPES, TrainConfig
from pipeline.settings.stages import STAGES, stage_class
from pipeline.settings.yaml_values import Overrides, config_path, parse_overrides, put, read_yaml

ENGINES = ("local", "ray")

SCORER_SECTIONS: Mapping[str, type] = {"model": AimConfig, "train": TrainConfig}
"""Sections that describe the scorer."""


class Section(BaseModel):
    """Base of every section: strict and frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False)


class DatasetConfig(Section):
    """Where the performances come from."""

    kind: Annotated[str, one_of(KINDS)] = Field("folder", description=f"{', '.join(KINDS)}: docs/datasets.md")
    root: Path | None = Field(None, description="data set root; `extract` and `score` take inputs instead")
    labels: Path | None = Field(None, description="CSV of scores; null: the one that the layout names")
    score: str = Field("", description="which of several scores is the label; empty: the first on the data set's page")
    tasks: tuple[str, ...] = Field((), description="only these tasks or events; empty: all")


class RunConfig(Section):
    """How the work is done; nothing here can change a result."""

    REMOVED: ClassVar[Mapping[str, str]] = {
        "memory_gb": "limit the memory of the whole command, by ulimit, a cgroup or Slurm",
    }

    workers: int | None = Field(
        None,
        ge=0,
        description="processes side by side; null: one per core, as memory and videos allow, on Ray as many as fit; "
        "0: in this process, on Ray as many as fit",
    )
    engine: Annotated[str, one_of(ENGINES)] = Field("local", description="local: this machine; ray: a Ray cluster")
    address: str | None = Field(None, description="of a running Ray cluster; null: that of RAY_ADDRESS, else one here")
    threads: int = Field(0, ge=0, description="threads per process; 0: cores / workers")
    timeout_s: float = Field(3600.0, gt=0, description="seconds that one video may take; the next run tries it again")
    ray_cpus: float = Field(1.0, gt=0, description="cores that one worker takes on a Ray cluster")
    ray_gpus: float = Field(0.0, ge=0, description="GPUs that one worker takes on a Ray cluster; 0.25: four share one")


class StorageConfig(Section):
    """How object stores are reached; nothing here can change a result. Credentials come from the environment."""

    REMOVED: ClassVar[Mapping[str, str]] = {
        "scratch_gb": "the copies of one video are as large as its files, in storage.scratch",
    }

    endpoint_url: str = Field("", description="an S3 server that is not Amazon's; empty: AWS_ENDPOINT_URL, else Amazon")
    anonymous: bool = Field(False, description="ask without credentials, for public buckets")
    scratch: Path | None = Field(None, description="folder of local copies; null: the system's temporary folder")

    def reach(self) -> Storage:
        """These settings for the data layer."""
        return Storage(self.endpoint_url, self.anonymous, self.scratch)


class FramesConfig(Section):
    """Videos that are folders of numbered pictures."""

    fps: float = Field(
        0.0, ge=0, le=10_000, description="frames per second of folders, at least 0.01; 0: that of the layout"
    )


class ProtocolConfig(Section):
    """How performances are split for evaluation."""

    folds: int = Field(5, ge=2, description="folds of kfold")
    seed: int = Field(0, description="seed of kfold, holdout and the inner validation")


class BaseConfig(Section):
    """The sections that are always there; `config_class` adds those of the stages and of the scorer."""

    name: str = Field("folder", description="name of this configuration, shown in reports")
    stages: tuple[str, ...] = Field(
        ("timesteps",), min_length=1, description="stages to run; those they need are added"
    )
    cache: Path = Field(Path("cache"), description="folder of the stages' outputs")
    protocol: Annotated[str, one_of(PROTOCOLS)] = Field(
        "kfold", description=f"how performances are split, {', '.join(PROTOCOLS)}: docs/evaluation.md"
    )
    dataset: DatasetConfig = DatasetConfig()
    frames: FramesConfig = FramesConfig()
    run: RunConfig = RunConfig()
    storage: StorageConfig = StorageConfig()
    split: ProtocolConfig = ProtocolConfig()

    @field_validator("cache", mode="before")
    @classmethod
    def _named(cls, value: object) -> object:
        if isinstance(value, str) and not value.strip():
            raise ValueError("an empty name is no folder; '.' is the working directory")
        return value

    def stage(self, name: str) -> StageConfig:
        """The settings of a stage. Raises UsageError for an unknown one."""
        stage_class(name)
        settings: StageConfig = getattr(self, name)
        return settings

    def stage_configs(self) -> dict[str, StageConfig]:
        """The settings of every stage by name."""
        return {name: self.stage(name) for name in STAGES}

    @property
    def scorer(self) -> tuple[AimConfig, TrainConfig]:
        """The network and how it is trained (sections `model` and `train`); a combination trains AIM."""
        model, train = getattr(self, "model"), getattr(self, "train")  # noqa: B009 -- added by `config_class`
        return (replace(model, system="aim") if model.system == "combined" else model), train

    @property
    def combined(self) -> bool:
        """Whether the score is a combination of AIM with other systems (`model.system: combined`)."""
        return bool(getattr(self, "model").system == "combined")  # noqa: B009

    def dump(self) -> dict[str, Any]:
        """The whole configuration as JSON types."""
        return self.model_dump(mode="json")


def config_class() -> type[BaseConfig]:
    """The class of a configuration: the sections of `BaseConfig`, of every stage, and of the scorer."""
    sections: dict[str, Any] = {}
    for name in STAGES:
        settings = stage_class(name).Config
        sections[name] = (settings, Field(default_factory=settings, description=f"settings of stage {name}"))
    for name, settings in SCORER_SECTIONS.items():
        sections[name] = (settings, Field(default_factory=settings, description=f"the scorer's {name} settings"))
    return create_model("Config", __base__=BaseConfig, **sections)


def load_config(config: str | Path | BaseConfig | None = None, overrides: Overrides = ()) -> BaseConfig:
    """A configuration with overrides applied in order.

    Args:
        config: name of a preset, path of a YAML file, or a configuration; None for the defaults.
        overrides: texts `section.key=value`, or a mapping of keys or sections to values.

    Raises UsageError for an unknown preset or key (the nearest one is named), an unreadable file, or a wrong value.
    """
    given = parse_overrides(overrides)
    if isinstance(config, BaseConfig):
        if not given:
            return config
        values, where = config.dump(), None
    else:
        where = None if config is None else config_path(config)
        values = {} if where is None else read_yaml(where)
    for name, value in given:
        put(values, name, value)
    return validate(values, where=where, overrides=dict(given))


def validate(
    values: dict[str, Any], where: Path | None = None, overrides: Mapping[str, Any] | None = None
) -> BaseConfig:
    """A configuration from plain values. Raises UsageError for an unknown key or a wrong value, by its full path.

    Args:
        where: the file that the values come from, for the error.
        overrides: dotted keys that were set over the file, for the error.
    """
    model = config_class()
    try:
        return model.model_validate(_with_recipe(values, model))
    except ValidationError as error:
        raise usage_error(model, error, where, overrides or {}) from None


def without_removed(values: Mapping[str, Any], model: type[BaseModel] | None = None) -> dict[str, Any]:
    """Values of a saved configuration without the settings that this version removed (`StageConfig.REMOVED`)."""
    model = model or config_class()
    removed, kept = getattr(model, "REMOVED", {}), {}
    for name, value in values.items():
        inner = section_class(model, (name,))
        if isinstance(value, Mapping) and isinstance(inner, type) and issubclass(inner, BaseModel):
            kept[name] = without_removed(value, inner)
        elif name not in removed and not (isinstance(value, str) and f"{name}={value}" in removed):
            kept[name] = value
    return kept


def _with_recipe(values: dict[str, Any], model: type[BaseConfig]) -> dict[str, Any]:
    """The values, with those of their recipe for settings that they leave out."""
    train = values.get("train", {})
    recipe: Any = train.get("recipe", "fast") if isinstance(train, dict) else "fast"
    if not isinstance(recipe, str) or recipe not in RECIPES:
        return values
    filled = dict(values)
    for section, defaults in RECIPES[recipe].items():
        given = values.get(section, {})
        if section in model.model_fields and isinstance(given, dict):
            filled[section] = {**defaults, **given}
    return filled
