"""Types of the arguments that calls share, and the settings that these arguments set."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypedDict

from data.errors import UsageError, printable
from data.outside import code_file, is_outside

if TYPE_CHECKING:  # imported when used, so that every command starts quickly
    from data.video import Listing
    from pipeline.cache import Cache
    from pipeline.observer import Observer
    from pipeline.settings import yaml_values
    from pipeline.settings.config import Config

Place = str | Path
Places = Place | Iterable[Place]
Names = str | Sequence[str]
"""A list, or comma-separated text."""

Configuration: TypeAlias = "Place | Config | None"
Overrides: TypeAlias = "yaml_values.Overrides"


class Settings(TypedDict, total=False):
    """The arguments of calls that read settings."""

    config: Configuration
    overrides: Overrides
    cache: Place | None


class DataSettings(Settings, total=False):
    """Arguments of calls that also read a data set."""

    features: Sequence[str]


class LocalSettings(DataSettings, total=False):
    """Arguments of calls that also run stages."""

    workers: int | None


class WorkSettings(LocalSettings, total=False):
    """Arguments of calls that also run on several machines."""

    engine: str | None
    address: str | None


SETTING_OF = {
    "cache": "cache",
    "workers": "work.workers",
    "engine": "work.engine",
    "address": "work.address",
    "features": "dataset.features",
    "folds": "split.calibration_folds",
}
"""The setting that an argument of a call sets."""


def config_of(config: Configuration = None, overrides: Overrides = (), **arguments: Any) -> Config:
    """The settings of a call; default: the preset `folder`.

    `arguments` are those of `SETTING_OF`; None and () leave a setting unchanged. Raises as `load_config`, and
    UsageError if an argument and an override set the same setting.
    """
    from pipeline.settings.config import given_settings, load_config
    from pipeline.settings.yaml_values import DEFAULT

    if unknown := arguments.keys() - SETTING_OF.keys():
        raise TypeError(f"unexpected argument '{unknown.pop()}'")
    changes = given_settings(overrides)
    named = {name: value for name, value in arguments.items() if value is not None and value != ()}
    for name, key in SETTING_OF.items():
        if name in named and any(key == override for override, _ in changes):
            raise UsageError(f"--{name} and --set {key} are both given", fix="Give one of them")
    said = [(SETTING_OF[name], value) for name, value in named.items()]
    return load_config(DEFAULT if config is None else config, [*changes, *said])


def note_settings(arguments: Mapping[str, Any], settings: Config, observer: Observer) -> None:
    """Tell the observer which default preset and which external code a call uses."""
    from pipeline.settings.stages import outside_stages

    if arguments.get("config") is None:
        stages = ", ".join(settings.with_upstream())
        observer.note(f"note: no --config, so the preset folder: {stages} in {settings.machine.cache}")
    for name in filter(is_outside, (*outside_stages().values(), settings.dataset.kind)):
        observer.note(f"note: {name} is {code_file(name)}")


@contextmanager
def listed(inputs: Places, arguments: Mapping[str, Any], observer: Observer) -> Iterator[tuple[Listing, Config, Cache]]:
    """The records of a call, its settings and its cache, which is closed at the end. Raises as `config_of`."""
    from pipeline.cache import open_cache
    from pipeline.run import list_inputs

    settings = config_of(**arguments)
    with open_cache(settings.machine, observer) as cache:
        listing, settings = list_inputs(many_paths(inputs), settings, observer)
        note_settings(arguments, settings, observer)
        yield listing, settings, cache


def settings_beside_model(
    inputs: Sequence[Path] = (), *, config: Configuration = None, overrides: Overrides = (), **machine: Any
) -> Config:
    """The user's data set, cache, paths, devices and limits; the model fixes all other settings.

    An override `stages=[module:class]` allows a model that uses these external stages.

    Raises UsageError if overrides set more than the data set and the description of videos; else as `config_of`.
    """
    from extractors.base import DATA_SET, MACHINE, VIDEOS
    from pipeline.settings.config import given_settings, load_config
    from pipeline.settings.settings_table import keys_owned_by
    from pipeline.settings.stages import stage_name

    changes, allowed = list[tuple[str, Any]](), list[str]()
    for key, value in given_settings(overrides):
        code = key == "stages" and isinstance(value, (list, tuple)) and all(is_outside(str(stage)) for stage in value)
        allowed += value if code else ()
        changes += [] if code else [(key, value)]
    for name in allowed:
        stage_name(name)
    settings = config_of(load_config() if config is None else config, changes, **machine)  # refuses unknown keys first
    free = keys_owned_by(MACHINE, VIDEOS, DATA_SET)
    for key, _ in changes:
        if key not in free:
            fix = f"Leave it out; --set takes {', '.join(keys_owned_by(VIDEOS))}, and keys of dataset and the machine"
            raise UsageError(f"'{printable(key)}' is fixed by the model", fix=fix)
    named = [key for key, _ in changes if key.partition(".")[0] == "dataset"]
    if named and inputs:
        raise UsageError("videos and --set of a data set are both given", fix="Give one of them")
    if named and config is None:
        raise UsageError("--set needs a data set", fix=f"Add its preset, such as: --config jigsaws --set {named[0]}=…")
    return settings


def on_data_set(arguments: Mapping[str, Any], root: Place | None, pack: Place | None = None) -> dict[str, Any]:
    """The arguments with the data set's folder. Raises UsageError if an override or a pack names another folder."""
    from pipeline.settings.config import given_settings

    overrides = given_settings(arguments.get("overrides", ()))
    if root is not None:
        if pack is not None or any(key == "dataset.root" for key, _ in overrides):
            other = "--pack" if pack is not None else "--set dataset.root"
            raise UsageError(f"a folder and {other} are both given", where=root, fix="Give one of them")
        overrides.append(("dataset.root", os.fspath(root)))
    return {**arguments, "overrides": overrides}


def one_path(place: Place | None) -> Path | None:
    """The path, or None. Raises UsageError for an empty name."""
    if place == "":
        raise UsageError("an empty name is not a file or folder", fix="'.' is the working directory")
    return None if place is None else Path(place)


def many_paths(places: Places) -> list[Path]:
    """One place or several as paths."""
    return [Path(place) for place in ([places] if isinstance(places, (str, Path)) else places)]


def stage_names(texts: Names) -> list[str]:
    """Names of stages; those of the form `module:class` are imported. Raises as `stage_name`."""
    from pipeline.settings.stages import stage_name

    return list(map(stage_name, split_names(texts)))


def split_names(texts: Names) -> list[str]:
    """Names without empty ones."""
    names = texts.split(",") if isinstance(texts, str) else texts
    return [name.strip() for name in names if name.strip()]
