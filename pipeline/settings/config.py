"""A configuration from a YAML file and overrides of the form `section.key=value`: method, machine, videos, data set.

One file holds the keys of all, and each reads its own (`setting_classes`). Each stage adds a section with its name (its
`Config`), whose settings name their owner (`extractors.base.setting`). The error for an unknown key names the nearest
known key.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from data.datasets import KINDS
from data.datasets.diving_frames import Difficulty
from data.errors import UsageError, printable, quoted
from data.features import named_features, names_of
from data.outside import is_outside
from extractors.base import DATA_SET, HASHED, MACHINE, METHOD, VIDEOS, StageConfig, one_of, owned, setting
from pipeline.settings.config_errors import all_keys, keys_of, section_class, usage_error
from pipeline.settings.machine import Machine
from pipeline.settings.method import Method, method_class
from pipeline.settings.section import Section
from pipeline.settings.stages import merged_settings, outside_stages, stage_class, stage_name
from pipeline.settings.yaml_values import Overrides, config_path, parse_overrides, put, read_yaml

of_data_set = partial(setting, belongs_to=DATA_SET)


class DatasetConfig(Section):
    """Where the performances come from."""

    kind: Annotated[str, one_of(KINDS, outside=True)] = of_data_set(
        "folder", f"layout of its files: {', '.join(KINDS)}, or module:function"
    )
    root: Path | None = of_data_set(None, "data set root; `extract` and `score` take inputs instead")
    labels: Path | None = of_data_set(None, "CSV of scores; null: the one that the layout names")
    phases: Path | None = of_data_set(
        None, "file or folder in which phases are marked; null: phases.csv beside the videos"
    )
    score: str = of_data_set("", "which of several scores is the label; empty: the set's first")
    difficulty: Difficulty = of_data_set("", "of dives: published (default), or from_awards where these contradict it")
    shorter_is_better: bool = of_data_set(False, "skilled performers need less time: adds such a baseline")
    tasks: tuple[str, ...] = of_data_set((), "only these tasks or events; empty: all")
    features: tuple[str, ...] = of_data_set(
        (),
        "files of features in place of videos: PATH for the scene, primary=PATH, secondary=PATH",
    )


class FramesConfig(Section):
    """The frame rate of folders of numbered pictures, and of videos whose container states a wrong one."""

    fps: float = setting(
        0.0,
        "frames per second of all videos and folders, at least 0.01; 0: that of the container or layout",
        belongs_to=VIDEOS,
        ge=0,
        le=10_000,
    )


class Data(Section):
    """The data set of a file, and the description of its videos; stages have their own sections on these."""

    frames: FramesConfig = FramesConfig()
    dataset: DatasetConfig = DatasetConfig()


@dataclass(frozen=True)
class Config:
    """The configuration of a call.

    Attributes:
        method: everything that changes a result.
        machine: where and how work runs.
        frames: the frame rate of the videos.
        dataset: the performances of a call without inputs.
    """

    method: Method
    machine: Machine
    frames: FramesConfig
    dataset: DatasetConfig

    def with_upstream(self, names: Sequence[str] = ()) -> dict[str, StageConfig]:
        """The settings of these stages (default: the method's) and of all that they need, by name, in order.

        Raises UsageError as `Method.with_upstream`, and for incompatible settings of two stages.
        """
        stages = {name: self.method.stage(name) for name in self.method.with_upstream(names or self.method.stages)}
        for name, settings in stages.items():
            stage_class(name).check_upstream(settings, stages)
        return stages

    @property
    def lister_options(self) -> dict[str, Any]:
        """The options of `data.datasets.list_records`."""
        dataset = self.dataset
        options: dict[str, Any] = {"labels": dataset.labels, "score": dataset.score, "difficulty": dataset.difficulty}
        options |= {"frame_rate": self.frames.fps, "feature_names": names_of(named_features(dataset.features))}
        return {name: value for name, value in options.items() if value}

    def dump(self) -> dict[str, Any]:
        """All values as JSON types, as in a file."""
        return {**self._sections(), **self.machine.dump(), "dataset": self.dataset.dump()}

    def _sections(self) -> dict[str, Any]:
        """The values of the method, videos and stages, without a user's stages that do not run."""
        unused = outside_stages().keys() - self.method.with_upstream(self.method.stages)
        values = {**self.method.dump(), "frames": self.frames.dump()}
        return {key: value for key, value in values.items() if key not in unused}

    def recorded(self) -> dict[str, Any]:
        """What a model stores, as JSON types: the settings of the method and the description of its videos."""
        return of_owners(self._sections(), METHOD, HASHED, VIDEOS)

    def given(self) -> dict[str, Any]:
        """The values from a file or an override, as JSON types; the others are defaults."""
        data = {"frames": self.frames.given(), "dataset": self.dataset.given()}
        return {
            **self.method.given(),
            **self.machine.given(),
            **{key: values for key, values in data.items() if values},
        }

    def __reduce__(self) -> tuple[object, ...]:
        """Travel to worker processes as plain values, since the section classes are recreated there."""
        return validate, (self.given(),)


def setting_classes() -> tuple[type[Method], type[Machine], type[Data]]:
    """The classes whose settings a file may hold."""
    return method_class(), Machine, Data


def of_owners(values: Mapping[str, Any], *owners: str) -> dict[str, Any]:
    """The values of a configuration that belong to one of the owners (`extractors.base.owner`)."""
    return {key: value for kind in setting_classes() for key, value in owned(kind, values, owners).items()}


def given_settings(overrides: Overrides) -> list[tuple[str, Any]]:
    """(dotted key, value) of every override, in order. Raises UsageError for an unreadable override."""
    return parse_overrides(overrides, _text_keys(setting_classes()))


@cache
def _text_keys(classes: tuple[type[BaseModel], ...]) -> frozenset[str]:
    """The dotted keys of names, paths and other texts."""
    return frozenset(key for kind in classes for key in all_keys(kind) if _is_text(section_class(kind, key.split("."))))


def _is_text(annotation: Any) -> bool:
    """Whether every value of this annotation is a text, a path or null."""
    if get_origin(annotation) is Literal:
        return all(isinstance(value, str) for value in get_args(annotation))
    if get_origin(annotation) in (Union, UnionType):
        return all(map(_is_text, get_args(annotation)))
    return annotation in (str, Path, NoneType)


def load_config(config: str | Path | Config | None = None, overrides: Overrides = ()) -> Config:
    """A configuration with overrides applied in order.

    Args:
        config: name of a preset, path of a YAML file, or a configuration; None: an empty file.
        overrides: texts `section.key=value`, or a mapping of keys or sections to values.

    Raises UsageError for an unknown preset or key (the nearest one is named), an unreadable file, or a wrong value.
    """
    changes = given_settings(overrides)
    if isinstance(config, Config):
        if not changes:
            return config
        values, where = config.given(), None
    else:
        where = None if config is None else config_path(config)
        values = {} if where is None else {"name": where.stem, **read_yaml(where)}
    for name, value in changes:
        put(values, name, value)
    return validate(values, where=where, overrides=dict(changes))


def validate(values: dict[str, Any], where: Path | None = None, overrides: Mapping[str, Any] | None = None) -> Config:
    """A configuration from plain values.

    Raises UsageError for an unknown key or a wrong value, by its full path, and for files that do not fit the method.

    Args:
        where: the file of the values, for the error.
        overrides: dotted keys that override the file, for the error.
    """
    if (key := next(_with_null(values), None)) is not None:
        raise UsageError(f"'{key}' holds a null character, which no name has", where=where, fix=f"Type {key} again")
    for name in _stages_of(values):
        if stage_name(name) in _SECTIONS:
            what = f"stage '{printable(name)}' has the name of another section"
            raise UsageError(what, where=where, fix="Change the name of its class")
    classes, made, errors = setting_classes(), list[Any](), list[Any]()
    class_of = {key: kind for kind in classes for key in keys_of(kind)}
    for kind in classes:
        try:
            made.append(kind.model_validate({k: v for k, v in values.items() if class_of.get(k, classes[0]) is kind}))
        except ValidationError as error:
            errors += error.errors()
    if errors:
        raise usage_error(classes, errors, where, overrides or {})
    method, machine, data = made
    if method.times_difficulty and data.dataset.score == "execution":  # already divided by the publisher
        method = method.model_copy(update={"times_difficulty": False})
    return Config(method, machine, data.frames, data.dataset)


def read_recorded(values: Mapping[str, Any], where: Path, user: Config) -> Config:
    """The configuration from `Config.recorded`, with the user's machine, data set and description of videos.

    Raises UsageError for other keys and wrong values, and for external stages that the user has not named: the author
    of the values must not choose code that runs here.
    """
    for name in _stages_of(values):
        if is_outside(name) and name not in outside_stages().values():
            raise UsageError(
                f"it uses the stage {printable(name)}, which is code from outside this program",
                where=where,
                fix=f"If you have that code and trust it, add: {quoted('--set', f'stages=[{name}]')}",
            )
    if foreign := of_owners(values, MACHINE, DATA_SET):
        what = f"it holds settings of a machine or a data set in {', '.join(foreign)}"
        raise UsageError(what, where=where, fix="Remove them, or train the model again")
    of_user = user.dump()
    said = of_owners(user.given(), VIDEOS)
    videos = {key: value for key, value in of_owners(of_user, VIDEOS).items() if key in said}
    return validate(merged_settings(of_owners(of_user, MACHINE, DATA_SET), values, videos), where=where)


_SECTIONS = {name for kind in (Method, Machine, Data) for name in kind.model_fields}
"""Keys that no stage may have as its name."""


def _stages_of(values: Mapping[str, Any]) -> list[str]:
    """The texts of the list `stages`, unchecked."""
    stages = values.get("stages")
    return [name for name in stages if isinstance(name, str)] if isinstance(stages, (list, tuple)) else []


def _with_null(values: Any, key: str = "") -> Iterator[str]:
    """The dotted keys of texts with a null character, which file names cannot contain."""
    if isinstance(values, Mapping):
        for name, value in values.items():
            yield from _with_null(value, f"{key}.{name}" if key else name)
    elif isinstance(values, (list, tuple)):
        for value in values:
            yield from _with_null(value, key)
    elif isinstance(values, (str, Path)) and "\0" in str(values):
        yield key
