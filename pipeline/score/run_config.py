"""The configuration of a run folder, and which of its settings hold when the run scores.

A configuration names a cache to write to, files of networks, and an object store to send credentials to. With the
mmpose backend it names a Python file that is executed. A run folder decides none of these, whoever made it. Paths,
devices and limits come from the user's own configuration, or are the defaults.

    RUN/config.json     every setting of the training, for people and for comparison
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from data.errors import DataError, printable
from data.store import parse_json, read_regular, write_text
from data.store.files import MAX_JSON_BYTES
from data.weights import REGISTRY
from extractors.base import StageConfig
from pipeline.score.model_files import TRAIN_AGAIN, no_run_fix
from pipeline.settings.config import BaseConfig, config_class, validate, without_removed

CONFIG_FILE = "config.json"

SHARED_SECTIONS = ("name", "stages", "frames", "protocol", "split", "model", "train")
"""Sections beside those of the stages that a run folder may set."""

WHO = ("pose.region", "pose.tracks")
"""Settings that choose the person of one video. The user's replace the run's, and the model still fits the features."""

MOST_SHOWN = 8
"""Greatest number of settings that a note names."""

NAMES: Mapping[str, frozenset[str] | None] = {
    "clips.weights": frozenset({*REGISTRY, "hub", "random"}),
    "clips.seed": None,
    "pose.weights": frozenset(REGISTRY),
    "pose.mmpose.alias": None,
    "pose.rtmlib.mode": None,
}
"""Settings outside the cache key that name a published network, with the allowed names; None: any, it is no path."""

EXCLUDING = {"pose.mmpose.alias": ("config", "checkpoint"), "pose.rtmlib.mode": ("model", "detector")}
"""Settings of a user's own files; where one is set, the run's published name is not used."""


def save_config(config: BaseConfig, folder: Path) -> None:
    """Write the configuration of a run into its folder."""
    write_text(folder / CONFIG_FILE, json.dumps(config.dump(), indent=1, sort_keys=True) + "\n")


def run_config(folder: Path, user: BaseConfig | None = None) -> tuple[dict[str, Any], list[str]]:
    """The configuration to score with, and a note on settings of the stages that a run folder may not set.

    Settings that this version removed are left out. If they changed the features, the settings in `model.json` differ
    from this version's, and the model is refused.

    Args:
        user: gives paths, devices, limits, the data set, and the rate `frames.fps` if it has one. None: the program's
            defaults.

    Raises DataError if the file is missing or damaged.
    """
    path = folder / CONFIG_FILE
    try:
        values = parse_json(read_regular(path, MAX_JSON_BYTES))
        if not isinstance(values, dict):
            raise ValueError("no mapping")
    except FileNotFoundError:
        raise DataError("no trained model here", where=folder, fix=no_run_fix(folder)) from None
    except (OSError, ValueError) as error:
        raise DataError(f"not a readable configuration ({error})", where=path, fix=TRAIN_AGAIN) from None
    usable, ignored = portable(without_removed(values), user)
    if user is not None and user.frames.fps:
        usable["frames"] = {"fps": user.frames.fps}
    ignored = [name for name in ignored if "." in name]
    if not ignored:
        return usable, []
    shown = ", ".join(ignored[:MOST_SHOWN]) + (", ..." if len(ignored) > MOST_SHOWN else "")
    note = f"note: a run folder sets no paths and devices, so {shown} of {printable(path)} are not used"
    return usable, [f"{note}; your own come from --config FILE"]


def input_settings(folder: Path, user: BaseConfig | None = None) -> BaseConfig:
    """The configuration by which the inputs of a run folder are listed.

    Raises as `run_config`, and UsageError for settings that this version does not have.
    """
    return validate(run_config(folder, user)[0], where=folder / CONFIG_FILE)


def portable(stored: Mapping[str, Any], user: BaseConfig | None = None) -> tuple[dict[str, Any], list[str]]:
    """The configuration of a run folder with the user's paths, devices and limits (None: the defaults).

    Returns the values, and the dotted keys of the run's that were left out. Wrong values stay, so that `validate`
    refuses them.
    """
    ignored: list[str] = []
    return _section(config_class(), stored, (user or validate({})).dump(), "", ignored), ignored


def _section(kind: type[BaseModel], stored: Any, local: Mapping[str, Any], place: str, ignored: list[str]) -> Any:
    """One section: settings that change the result from the run folder, all others from the user's."""
    if not isinstance(stored, Mapping):
        return stored
    values: dict[str, Any] = {}
    for name, field in kind.model_fields.items():
        key, inner, extra = field.alias or name, field.annotation, field.json_schema_extra
        dotted = f"{place}.{key}" if place else key
        changes_result = not (isinstance(extra, dict) and extra.get("affects_result") is False)
        taken = changes_result if place else key in SHARED_SECTIONS
        if isinstance(inner, type) and issubclass(inner, StageConfig):
            values[key] = _section(inner, stored.get(key, {}), local[key], dotted, ignored)
        elif key in stored and _is_name(dotted, stored[key], local):
            values[key] = stored[key]
        elif dotted in WHO and local[key]:
            values[key] = local[key]
        elif taken:
            values |= {key: stored[key]} if key in stored else {}
        else:
            values[key] = local[key]
            if key in stored and stored[key] != local[key]:
                ignored.append(dotted)
    return {**{key: value for key, value in stored.items() if key not in local}, **values}


def _is_name(dotted: str, value: Any, local: Mapping[str, Any]) -> bool:
    """Whether a setting names a published network, and the user sets no file in its place."""
    if dotted not in NAMES or any(local[key] for key in EXCLUDING.get(dotted, ())):
        return False
    allowed = NAMES[dotted]
    return allowed is None or (isinstance(value, str) and value in allowed)
