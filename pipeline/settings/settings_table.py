"""The table of settings for the documentation and `aqa settings`: key, default, owner, meaning."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data.errors import UsageError, nearest
from extractors.base import DATA_SET, HASHED, MACHINE, METHOD, VIDEOS, owner
from pipeline.settings.config import setting_classes
from pipeline.settings.config_errors import is_section, keys_of
from pipeline.settings.train_config import DEFAULT_RECIPE, RECIPES

OWNERS = {METHOD: "method", HASHED: "method, by content", MACHINE: "machine", VIDEOS: "videos", DATA_SET: "data set"}
"""A setting's owner, in words."""


@dataclass(frozen=True)
class SettingRow:
    """One setting."""

    key: str  # such as "pose.stride"
    default: str  # as YAML, with the values of other recipes if they differ
    belongs_to: str  # a value of `OWNERS`
    meaning: str


def setting_rows(section: str = "") -> list[SettingRow]:
    """The settings of a section such as "pose" or "pose.mmpose", or one key; all for "".

    Raises UsageError for an unknown section.
    """
    rows = [row for kind in setting_classes() for row in _rows(kind, "")]
    order = list(dict.fromkeys(row.key.split(".")[0] for row in rows))
    rows.sort(key=lambda row: order.index(row.key.split(".")[0]))  # a stage has settings of both owners
    chosen = [row for row in rows if not section or row.key == section or row.key.startswith(f"{section}.")]
    if not chosen:
        sections = dict.fromkeys(row.key.rpartition(".")[0] or row.key for row in rows)
        raise UsageError(f"no section and no key is called '{section}'", fix=nearest(section, sections, 0.6))
    return chosen


def keys_owned_by(*owners: str) -> list[str]:
    """The dotted keys of the settings that belong to one of the owners (`extractors.base.owner`)."""
    return [row.key for row in setting_rows() if row.belongs_to in map(OWNERS.get, owners)]


def _rows(section: Any, prefix: str) -> Iterator[SettingRow]:
    """The settings of a section and of those inside it."""
    for name, field in keys_of(section).items():
        key = f"{prefix}{name}"
        if is_section(field.annotation):
            yield from _rows(field.annotation, f"{key}.")
        else:
            text = " ".join((field.description or "").split())
            yield SettingRow(key, _default(key, field.default), OWNERS[owner(field)], text)


def _default(key: str, default: Any) -> str:
    """A default as YAML; for a setting of a recipe the default recipe's, with the others in brackets."""
    by_recipe = {recipe: _text(values.get(key.removeprefix("train."), default)) for recipe, values in RECIPES.items()}
    first = by_recipe.pop(DEFAULT_RECIPE)
    differing = [f"{recipe} {text}" for recipe, text in by_recipe.items() if text != first]
    return f"{first} ({', '.join(differing)})" if differing else first


def _text(value: Any) -> str:
    value = value.as_posix() if isinstance(value, Path) else value
    return json.dumps(value, ensure_ascii=False)
