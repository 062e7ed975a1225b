"""Errors of a configuration in words: the source of the wrong key or value, and the nearest key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from data.errors import PROGRAM, UsageError, closest, nearest
from extractors.base import NEEDS_WEIGHTS

MOST_ERRORS = 5
ADD_WEIGHTS = "Add: --set {}.weights_file=FILE"
LOOK_UP = f"Type: {PROGRAM} settings, which describes every key, or {PROGRAM} settings SECTION"


def usage_error(
    classes: Sequence[type[BaseModel]], errors: Sequence[Any], where: Path | None, overrides: Mapping[str, Any]
) -> UsageError:
    """The error for the user; each wrong key is attributed to its override, else to the file `where`.

    `errors` are pydantic's, of these classes.
    """
    problems = [(_blamed(e["loc"], where, overrides), explain(classes, e)) for e in errors[:MOST_ERRORS]]
    blamed = list(dict.fromkeys(source for source, _ in problems))
    fix = next((ADD_WEIGHTS.format(e["loc"][0]) for e in errors if e["type"] == NEEDS_WEIGHTS), LOOK_UP)
    if len(blamed) == 1:
        return UsageError("; ".join(text for _, text in problems), where=blamed[0], fix=fix)
    return UsageError("; ".join(f"{source}: {text}" if source else text for source, text in problems), fix=fix)


def _blamed(location: Sequence[Any], where: Path | None, overrides: Mapping[str, Any]) -> str | None:
    """The override of this key or a part of it, else the file."""
    parts = [str(part) for part in location]
    for name in reversed(list(overrides)):
        key_parts = name.split(".")
        if parts[: len(key_parts)] == key_parts or key_parts[: len(parts)] == parts:
            return f"--set {name}={str(overrides[name])[:80]}"
    return None if where is None else str(where)


NEEDED = {
    **{"int": "a whole number", "float": "a number", "finite": "a finite number", "bool": "true or false"},
    **{"string_type": "a text in quotes", "model": "a section of keys", "dict": "a section of keys"},
    **{"too_short": "a longer list", "too_long": "a shorter list", "missing": "a value"},
}
"""What a key accepts, by pydantic's error type or its beginning (`int_parsing`, `int_type`, `int_from_float`)."""


def explain(classes: Sequence[type[BaseModel]], error: Any) -> str:
    """One line for one of pydantic's errors."""
    *above, key = [str(part) for part in error["loc"]]
    name = ".".join([*above, key])
    if error["type"] != "extra_forbidden":
        value = repr(error["input"])[:100]
        if error["type"] in ("tuple_type", "list_type"):
            example = f", such as [{error['input']}]" if isinstance(error["input"], (str, int, float)) else ""
            return f"'{name}': a list is needed{example}, not {value}"
        if needed := NEEDED.get(error["type"], NEEDED.get(error["type"].partition("_")[0])):
            return f"'{name}': {needed} is needed, not {value}"
        fault = error["msg"].removeprefix("Value error, ")
        whole = isinstance(error["input"], dict)  # a rule on several keys of a section; it names them
        return f"'{name}': {fault[0].lower()}{fault[1:]}" + ("" if whole else f", not {value}")
    keys = [candidate for kind in classes for candidate in all_keys(kind)]
    known = sorted({candidate for kind in classes for candidate in keys_of(section_class(kind, above))})
    same = [candidate for candidate in keys if candidate.rpartition(".")[2] == key]  # the key of another section
    close = closest(key, known if above else [*keys, *known])
    options = same or ([".".join([*above, close])] if close else known)
    return f"unknown key '{name}', {nearest(name if same or close else key, options)}"


def section_class(section: Any, location: Sequence[Any]) -> Any:
    """The class of the section at `location` below a section."""
    for part in location:
        fields = keys_of(section)
        section = fields[part].annotation if part in fields else object
    return section


def keys_of(section: Any) -> dict[str, FieldInfo]:
    """The settings and sections of a section by their key in a file, which is `import` for the field `import_`."""
    fields: Mapping[str, FieldInfo] = getattr(section, "__pydantic_fields__", {})
    return {field.alias or name: field for name, field in fields.items()}


def is_section(annotation: Any) -> bool:
    """Whether a key with this annotation holds settings; a stage without settings has an empty section."""
    return hasattr(annotation, "__pydantic_fields__")


def all_keys(section: Any, prefix: str = "") -> Iterator[str]:
    """Every dotted key of a configuration, sorted, sections excluded."""
    for name, field in sorted(keys_of(section).items()):
        if is_section(field.annotation):
            yield from all_keys(field.annotation, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"
