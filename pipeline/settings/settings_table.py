"""The table of settings that the page on settings and `aqa settings` show: key, default, owner, meaning."""

from __future__ import annotations

import dataclasses
import inspect
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from data.errors import UsageError, nearest
from extractors.base import HASHED, MACHINE, METHOD, VIDEOS, owner
from pipeline.settings.config import setting_classes
from pipeline.settings.recipes import DEFAULT_RECIPE, RECIPES

DATA_SET = "data set"
OWNERS = {METHOD: "method", HASHED: "method, by content", MACHINE: "machine", VIDEOS: "videos", DATA_SET: "data set"}
"""In words, whom a setting belongs to."""


@dataclass(frozen=True)
class SettingRow:
    """One setting."""

    key: str  # such as "pose.stride"
    default: str  # as YAML, with the values of other recipes where they differ
    belongs_to: str  # a value of `OWNERS`
    meaning: str


def setting_rows(section: str = "") -> list[SettingRow]:
    """The settings of a section such as "pose" or "pose.mmpose", or one key; all for "".

    Raises UsageError for an unknown section.
    """
    rows = [
        row
        for kind, whose in zip(setting_classes(), (None, MACHINE, VIDEOS, DATA_SET), strict=True)
        for row in _rows(kind, "", whose)
    ]
    order = list(dict.fromkeys(row.key.split(".")[0] for row in rows))
    rows.sort(key=lambda row: order.index(row.key.split(".")[0]))  # a stage has settings of both
    chosen = [row for row in rows if not section or row.key == section or row.key.startswith(f"{section}.")]
    if not chosen:
        sections = dict.fromkeys(row.key.rpartition(".")[0] or row.key for row in rows)
        raise UsageError(f"no section and no key is called '{section}'", fix=nearest(section, sections))
    return chosen


def _rows(kind: Any, prefix: str, whose: str | None) -> Iterator[SettingRow]:
    """The settings of a class and of its sections; `whose` they all are, None where each says it."""
    for name, field in kind.model_fields.items():
        key, inner = f"{prefix}{field.alias or name}", field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from _rows(inner, f"{key}.", whose)
        elif dataclasses.is_dataclass(inner):
            yield from _of_dataclass(inner, f"{key}.")
        else:
            words = OWNERS[whose or owner(field)]
            yield SettingRow(key, _default(key, field.default), words, _line(field.description))


def _of_dataclass(kind: Any, prefix: str) -> Iterator[SettingRow]:
    """The settings of a dataclass; its docstring describes them."""
    about = attributes(kind)
    for field in dataclasses.fields(kind):
        key = f"{prefix}{field.name}"
        yield SettingRow(key, _default(key, field.default), OWNERS[METHOD], about[field.name])


def attributes(kind: Any) -> dict[str, str]:
    """The section `Attributes` of a docstring, by name, one line each."""
    _, _, block = (inspect.getdoc(kind) or "").partition("Attributes:\n")
    entries = re.findall(r"^ {4}(\w+): (.*?)(?=^ {4}\w+: |^\S|\Z)", block, re.MULTILINE | re.DOTALL)
    return {name: _line(text) for name, text in entries}


def _default(key: str, default: Any) -> str:
    """A default as YAML; for a setting of a recipe the default recipe's, with the others in brackets."""
    by_recipe = {recipe: _text(values.get(key.removeprefix("train."), default)) for recipe, values in RECIPES.items()}
    first = by_recipe.pop(DEFAULT_RECIPE)
    differing = [f"{recipe} {text}" for recipe, text in by_recipe.items() if text != first]
    return f"{first} ({', '.join(differing)})" if differing else first


def _text(value: Any) -> str:
    value = value.as_posix() if isinstance(value, Path) else value
    return json.dumps(value, ensure_ascii=False)


def _line(text: str | None) -> str:
    return " ".join((text or "").split())
