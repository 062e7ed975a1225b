"""Errors of a configuration in words: where the wrong key or value comes from, and which key is meant."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import SequenceMatcher, get_close_matches
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from data.errors import PROGRAM, UsageError, nearest

MOST_ERRORS = 5
MOST_SUGGESTED = 3
LOOK_UP = f"Type: {PROGRAM} settings, which describes every key, or {PROGRAM} settings SECTION"
LEAST_SIMILAR = 0.7
"""Similarity (`difflib`, 0 to 1) of the last parts below which no key is suggested."""


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


def explain(kinds: Sequence[type[BaseModel]], error: Any) -> str:
    """One line for one of pydantic's errors."""
    *above, key = [str(part) for part in error["loc"]]
    name = ".".join([*above, key])
    if error["type"] not in ("extra_forbidden", "unexpected_keyword_argument"):
        given = repr(error["input"])[:100]
        if error["type"] in ("tuple_type", "list_type"):
            return f"'{name}': a list is needed, such as [{error['input']}], not {given}"
        fault = error["msg"].removeprefix("Value error, ")
        whole = isinstance(error["input"], dict)  # a rule on several keys of a section, which names them
        return f"'{name}': {fault[0].lower()}{fault[1:]}" + ("" if whole else f", not {given}")
    if close := nearest_keys(name, [key for kind in kinds for key in (*all_keys(kind), *known_keys(kind))]):
        return f"unknown key '{name}', did you mean {_one_of(close)}?"
    known = {one for kind in kinds for one in known_keys(section_class(kind, error["loc"][:-1]))}
    return f"unknown key '{name}', {nearest(key, sorted(known))}"


def nearest_keys(name: str, keys: Iterable[str]) -> list[str]:
    """The dotted keys closest to `name`, the best first; keys that differ in the section alone tie.

    >>> nearest_keys("strid", ["pose.stride", "camera_flow.stride", "storage.scratch"])
    ['pose.stride', 'camera_flow.stride']
    >>> nearest_keys("pose.strid", ["pose.stride", "camera_flow.stride"])
    ['pose.stride']
    """
    *section, last = name.split(".")
    by_last: dict[str, list[str]] = {}
    for key in dict.fromkeys(keys):
        by_last.setdefault(key.rpartition(".")[2], []).append(key)
    likeness = {
        match: SequenceMatcher(None, match, last).ratio()
        for match in get_close_matches(last, by_last, MOST_SUGGESTED, LEAST_SIMILAR)
    }
    best = max(likeness.values(), default=0.0)
    close = [key for match, ratio in likeness.items() if ratio == best for key in by_last[match]]
    same_section = [key for key in close if key.split(".")[:-1] == section]
    return same_section or sorted(close, key=lambda key: -SequenceMatcher(None, name, key).ratio())


def _one_of(keys: Sequence[str]) -> str:
    shown = [f"'{key}'" for key in keys[:MOST_SUGGESTED]]
    return " or ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)


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
