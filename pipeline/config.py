"""Every default in one place: one strict configuration from YAML, overrides of the form `section.key=value`.

Each stage brings its own section (its `Config`), named like the stage; `model` and `train` describe the scorer.
Unknown keys are refused and the nearest known one is named. The configuration is saved with every output.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from data.errors import UsageError, nearest
from data.store import Storage
from extractors.base import StageConfig
from pipeline.stages import STAGES, stage_class

if TYPE_CHECKING:
    from models.aim_config import AimConfig
    from pipeline.recipes import TrainConfig

MAX_BYTES = 1 << 20
"""Larger configuration files are refused: none is needed, and a hostile one must not fill the memory."""

UNREADABLE = (yaml.YAMLError, ValueError, TypeError, LookupError, AttributeError, RecursionError)
"""What PyYAML raises: a tag that does not fit (`!!int foo`, `!!map [a]`) or no such day give errors of Python's own."""

SCORER_SECTIONS = {"model": "models.aim_config:AimConfig", "train": "pipeline.recipes:TrainConfig"}
"""Sections that describe the scorer; their modules import no torch, so that every command starts quickly."""


class Section(BaseModel):
    """Base of every section: strict and frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class DatasetConfig(Section):
    """Where the performances come from."""

    kind: Literal["folder", "jigsaws", "aqa7", "tasd2"] = Field("folder", description="official layout: docs/datasets")
    root: Path | None = Field(None, description="data set root; `extract` and `score` take inputs instead")
    labels: Path | None = Field(None, description="CSV of scores; default: the one that the layout names")
    tasks: tuple[str, ...] = Field((), description="only these tasks or events; empty: all")


class RunConfig(Section):
    """How the work is done; nothing here can change a result."""

    workers: int = Field(1, ge=0, description="processes side by side; 0: in this process, on Ray as many as fit")
    threads: int = Field(0, ge=0, description="threads per process; 0: cores / workers")
    timeout_s: float = Field(3600.0, gt=0, description="longest time for one video before it fails by name")
    memory_gb: float = Field(0.0, ge=0, description="largest memory of one worker; 0: no limit")
    ray_cpus: float = Field(1.0, gt=0, description="cores that one worker takes on a Ray cluster")
    ray_gpus: float = Field(0.0, ge=0, description="GPUs that one worker takes on a Ray cluster; 0.25: four share one")


class StorageConfig(Section):
    """How object stores are reached; nothing here can change a result. Credentials come from the environment."""

    endpoint_url: str = Field("", description="an S3 server that is not Amazon's; empty: AWS_ENDPOINT_URL, else Amazon")
    anonymous: bool = Field(False, description="ask without credentials, for public buckets")
    scratch: Path | None = Field(None, description="folder of local copies; default: the system's temporary folder")
    scratch_gb: float = Field(0.0, ge=0, description="largest local copy of one video's files; 0: no limit")

    def reach(self) -> Storage:
        """The same for the data layer."""
        return Storage(self.endpoint_url, self.anonymous, self.scratch, self.scratch_gb)


class ProtocolConfig(Section):
    """How performances are split for evaluation."""

    folds: int = Field(5, ge=2, description="folds of kfold")
    seed: int = Field(0, description="seed of kfold, holdout and the inner validation")


class BaseConfig(Section):
    """The sections that are always there; the stages' sections are added by `config_class`."""

    name: str = Field("folder", description="name of this configuration, shown in reports")
    stages: tuple[str, ...] = Field(("timesteps",), description="stages to run; those they need are added")
    cache: Path = Field(Path("cache"), description="folder of the stages' outputs")
    protocol: Literal["kfold", "holdout", "fixed", "4fold", "louo", "loso"] = Field(
        "kfold", description="how performances are split: docs/protocols.md"
    )
    dataset: DatasetConfig = DatasetConfig()
    run: RunConfig = RunConfig()
    storage: StorageConfig = StorageConfig()
    split: ProtocolConfig = ProtocolConfig()

    def stage(self, name: str) -> StageConfig:
        """The settings of a stage.

        Raises:
            UsageError: no such stage.
        """
        stage_class(name)
        found: StageConfig = getattr(self, name)
        return found

    def stage_configs(self) -> dict[str, StageConfig]:
        """The settings of every stage by name."""
        return {name: self.stage(name) for name in STAGES}

    @property
    def scorer(self) -> tuple[AimConfig, TrainConfig]:
        """The network and how it is trained (sections `model` and `train`)."""
        return getattr(self, "model"), getattr(self, "train")  # noqa: B009 -- added by `config_class`

    def dump(self) -> dict[str, Any]:
        """The whole configuration as JSON types."""
        return self.model_dump(mode="json")


def config_class() -> type[BaseConfig]:
    """The configuration with one section per stage of the table, and the scorer's sections."""
    sections: dict[str, Any] = {}
    for name in STAGES:
        settings = stage_class(name).Config
        sections[name] = (settings, Field(default_factory=settings, description=f"settings of stage {name}"))
    for name, place in SCORER_SECTIONS.items():
        module, _, attribute = place.partition(":")
        settings = getattr(import_module(module), attribute)
        sections[name] = (settings, Field(default_factory=settings, description=f"the scorer's {name} settings"))
    return create_model("Config", __base__=BaseConfig, **sections)


def load_config(path: Path | None, overrides: Iterable[str] = ()) -> BaseConfig:
    """Read a YAML configuration and apply `section.key=value` overrides in order.

    Raises:
        UsageError: unreadable file, unknown key (the nearest known one is named), wrong value.
    """
    values = _read_yaml(path) if path is not None else {}
    for override in overrides:
        _override(values, override)
    return validate(values, where=path)


def validate(values: dict[str, Any], where: Path | None = None) -> BaseConfig:
    """A configuration from plain values.

    Raises:
        UsageError: unknown key or wrong value, named by its full path.
    """
    model = config_class()
    try:
        return model.model_validate(_with_network(values))
    except ValidationError as error:
        raise UsageError("; ".join(_explain(model, e) for e in error.errors()[:5]), where=where) from None


def _with_network(values: dict[str, Any]) -> dict[str, Any]:
    """The network that belongs to the recipe, where the `model` section does not say otherwise."""
    from pipeline.recipes import RECIPES, RecipeName, model_for

    train, model = values.get("train", {}), values.get("model", {})
    recipe: Any = train.get("recipe", "fast") if isinstance(train, dict) else "fast"
    if not isinstance(recipe, str) or recipe not in RECIPES or not isinstance(model, dict):
        return values
    return {**values, "model": {**asdict(model_for(cast("RecipeName", recipe))), **model}}


class _Loader(yaml.SafeLoader):
    """YAML without aliases (their expansion can fill any memory) and without repeated keys."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.events.AliasEvent):
            raise yaml.YAMLError("aliases are not allowed in a configuration")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        repeated = {str(key) for key in keys if keys.count(key) > 1}
        if repeated:
            raise yaml.YAMLError(f"key '{sorted(repeated)[0]}' stands twice, line {node.start_mark.line + 1}")
        return super().construct_mapping(node, deep=deep)


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise UsageError(f"configuration larger than {MAX_BYTES} bytes", where=path)
        values = yaml.load(path.read_text("utf-8"), _Loader)  # noqa: S506 -- _Loader is a SafeLoader
    except FileNotFoundError:
        here = sorted(p.as_posix() for p in Path("configs").glob("*.yaml"))
        raise UsageError("no such configuration file", where=path, fix=nearest(str(path), here)) from None
    except (OSError, *UNREADABLE) as error:
        text = " ".join(str(error).split())
        raise UsageError(
            f"not a readable YAML configuration ({text})", where=path, fix="See configs/folder.yaml"
        ) from None
    if not isinstance(values or {}, dict):
        raise UsageError("a configuration is a mapping of sections", where=path, fix="See configs/folder.yaml")
    return values or {}


def parse_values(text: str) -> list[Any]:
    """Values separated by commas, as `--set` reads each: `64,128`, `fast,paper`, `[1e-3, 1e-4], [1e-4, 1e-5]`.

    Raises:
        UsageError: brackets or quotes that do not close, or a value that cannot be.
    """
    try:
        values = yaml.load(f"[{text}]", _Loader)  # noqa: S506 -- _Loader is a SafeLoader
    except UNREADABLE:
        raise UsageError(
            f"'{text[:80]}' is no list of values", fix="Example: 64,128 or [1e-3, 1e-4], [1e-4, 1e-5]"
        ) from None
    return [_number(value) for value in values]


def _number(value: Any) -> Any:
    """1e-3 as a number: YAML wants 1.0e-3."""
    if isinstance(value, list):
        return [_number(one) for one in value]
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


def _override(values: dict[str, Any], override: str) -> None:
    name, equals, text = override.partition("=")
    if not equals or not name.strip():
        raise UsageError(f"'--set {override}' is not of the form section.key=value", fix="Example: --set pose.stride=2")
    try:
        value = yaml.load(text, _Loader) if text.strip() else ""  # noqa: S506 -- _Loader is a SafeLoader
    except yaml.YAMLError:
        value = text
    except UNREADABLE as error:
        raise UsageError(
            f"the value of '--set {name}' is not readable ({error})", fix=f"""Is it text? --set '{name}="TEXT"'"""
        ) from None
    *sections, key = name.strip().split(".")
    for section in sections:
        inner = values.setdefault(section, {})
        if not isinstance(inner, dict):
            raise UsageError(f"'{section}' in '--set {override}' is not a section")
        values = inner
    values[key] = value


def _explain(model: type[BaseModel], error: Any) -> str:
    place = error["loc"]
    name = ".".join(str(part) for part in place)
    if error["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        return f"unknown key '{name}', {nearest(str(place[-1]), _known_keys(model, place[:-1]))}"
    return f"'{name}': {error['msg'][0].lower()}{error['msg'][1:]}, not {error['input']!r}"


def _known_keys(model: Any, place: Sequence[Any]) -> list[str]:
    """Names that a section takes; follows nested models and dataclasses."""
    for part in place:
        fields = {_written(key, one): one for key, one in _fields(model).items()}
        model = fields[part].annotation if part in fields else object
    return sorted(_written(key, one) for key, one in _fields(model).items())


def _fields(model: Any) -> dict[str, Any]:
    found: dict[str, Any] = getattr(model, "model_fields", None) or getattr(model, "__pydantic_fields__", {})
    return found or getattr(model, "__dataclass_fields__", {})


def _written(name: str, field: Any) -> str:
    """The key in a file: `import`, where Python must call the field `import_`."""
    return getattr(field, "alias", None) or name
