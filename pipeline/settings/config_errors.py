"""Errors of a configuration in words: where the wrong key or value comes from, and which key is meant."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from data.errors import PROGRAM, UsageError, closest, nearest

MOST_ERRORS = 5
LOOK_UP = f"Type: {PROGRAM} settings, which describes every key, or {PROGRAM} settings SECTION"


def usage_error(
    kinds: Sequence[type[BaseModel]], errors: Sequence[Any], where: Path | None, overrides: Mapping[str, Any]
) -> UsageError:
    """The error that a user reads; each wrong key is blamed on the override that set it, else on the file `where`.

    `errors` are pydantic's, of the classes `kinds`.
    """
    problems = [(_blamed(e["loc"], where, overrides), explain(kinds, e)) for e in errors[:MOST_ERRORS]]
    blamed = list(dict.fromkeys(one for one, _ in problems))
    if len(blamed) == 1:
        return UsageError("; ".join(text for _, text in problems), where=blamed[0], fix=LOOK_UP)
    return UsageError("; ".join(f"{one}: {text}" if one else text for one, text in problems), fix=LOOK_UP)


def _blamed(place: Sequence[Any], where: Path | None, overrides: Mapping[str, Any]) -> str | None:
    """The override that set this key or a part of it, else the file."""
    parts = [str(part) for part in place]
    for name in reversed(list(overrides)):
        given = name.split(".")
        if parts[: len(given)] == given or given[: len(parts)] == parts:
            return f"--set {name}={str(overrides[name])[:80]}"
    return None if where is None else str(where)


NEEDED = {"int": "a whole number", "float": "a number", "bool": "true or false"}
"""By the beginning of pydantic's type of error (`int_parsing`, `int_type`, `int_from_float`), what the key takes."""


def explain(kinds: Sequence[type[BaseModel]], error: Any) -> str:
    """One line for one of pydantic's errors."""
    *above, key = [str(part) for part in error["loc"]]
    name = ".".join([*above, key])
    if error["type"] not in ("extra_forbidden", "unexpected_keyword_argument"):
        given = repr(error["input"])[:100]
        if error["type"] in ("tuple_type", "list_type"):
            return f"'{name}': a list is needed, such as [{error['input']}], not {given}"
        if needed := NEEDED.get(error["type"].partition("_")[0]):
            return f"'{name}': {needed} is needed, not {given}"
        fault = error["msg"].removeprefix("Value error, ")
        whole = isinstance(error["input"], dict)  # a rule on several keys of a section, which names them
        return f"'{name}': {fault[0].lower()}{fault[1:]}" + ("" if whole else f", not {given}")
    keys = [one for kind in kinds for one in all_keys(kind)]
    known = {one for kind in kinds for one in known_keys(section_class(kind, above))}
    same = [one for one in keys if one.rpartition(".")[2] == key]  # the key of another section
    close = closest(key, known if above else [*keys, *known])
    options = same or ([".".join([*above, close])] if close else known)
    return f"unknown key '{name}', {nearest(name if same or close else key, options)}"


def section_class(model: Any, place: Sequence[Any]) -> Any:
    """The class of the section at `place`; follows nested models and dataclasses."""
    for part in place:
        fields = _fields(model)
        model = fields[part].annotation if hasattr(fields.get(part), "annotation") else object
    return model


def known_keys(section: Any) -> list[str]:
    """Keys of a section, sorted."""
    return sorted(_fields(section))


def _fields(section: Any) -> dict[str, Any]:
    """Fields by their key in a file, which is `import` for the field `import_`."""
    fields = getattr(section, "model_fields", None) or getattr(section, "__pydantic_fields__", None)
    fields = fields or getattr(section, "__dataclass_fields__", {})
    return {getattr(field, "alias", None) or name: field for name, field in fields.items()}


def all_keys(model: Any, prefix: str = "") -> Iterator[str]:
    """Every dotted key of a configuration, sections excluded."""
    for name in known_keys(model):
        inner = section_class(model, (name,))
        if known_keys(inner):
            yield from all_keys(inner, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"
