"""Plain values from YAML: a preset or configuration file, `section.key=value` overrides, and lists of values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Hashable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from data.errors import UsageError, closest, nearest, typed
from data.store import read_regular

PRESETS = Path(__file__).resolve().parent.parent.parent / "configs"
"""The package's configurations, available by name from any folder."""

DEFAULT = PRESETS / "folder.yaml"
"""The configuration of calls without one."""

MAX_BYTES = 1 << 17
"""Larger configuration files are refused, so that a hostile one cannot fill the memory."""

YAML_ERRORS = (yaml.YAMLError, ValueError, TypeError, LookupError, AttributeError, RecursionError)
"""Errors of PyYAML, which raises Python's for a wrong tag (`!!int foo`, `!!map [a]`) or an impossible date."""

Overrides = Mapping[str, Any] | Iterable[str | tuple[str, Any]]
"""Texts `section.key=value`, pairs of a dotted key and its value, or a mapping of keys or sections to values."""

EXAMPLE = "Example: --set pose.stride=2"


class _Loader(yaml.SafeLoader):
    """YAML without aliases (their expansion can fill any memory) and without repeated keys."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.events.AliasEvent):
            raise yaml.YAMLError("aliases are not allowed in a configuration")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        counts = Counter(key for key in keys if isinstance(key, Hashable))  # others are refused below
        repeated = {str(key) for key, count in counts.items() if count > 1}
        if repeated:
            raise yaml.YAMLError(f"key {sorted(repeated)[0]!r} is repeated, line {node.start_mark.line + 1}")
        return super().construct_mapping(node, deep=deep)

    def construct_yaml_int(self, node: Any) -> int:
        number: int = super().construct_yaml_int(node)
        if abs(number) >= 1 << 63:
            raise yaml.YAMLError("a number is too large")
        return number


_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_yaml_int)


def presets() -> list[str]:
    """The names of all presets."""
    return sorted(path.stem for path in PRESETS.glob("*.yaml"))


def config_path(config: str | Path) -> Path:
    """The file of a configuration: a preset's for a bare name such as `jigsaws`, else the path itself.

    A file with that name in the working folder precedes the preset. Raises UsageError for an unknown preset.
    """
    path = Path(config)
    bare = path.name == str(config) and not path.suffix
    if not bare or path.is_file():
        return path
    if path.name not in presets():
        raise UsageError(f"no preset is called '{path.name}'", fix=preset_hint(path.name))
    return PRESETS / f"{path.name}.yaml"


def preset_hint(name: str) -> str:
    """A sentence with the preset whose name is nearest, and all presets."""
    names = presets()
    more = f" Presets: {', '.join(names)}" if closest(name, names) else ""
    return f"{nearest(name, names)}{more}"


def read_yaml(path: Path) -> dict[str, Any]:
    """The sections of a configuration file. Raises UsageError if it is missing or not a readable YAML mapping."""
    try:
        values = yaml.load(read_regular(path, MAX_BYTES).decode("utf-8"), _Loader)  # noqa: S506 -- a SafeLoader
    except FileNotFoundError:
        here = sorted(p.as_posix() for p in path.parent.glob("*.yaml"))
        fix = nearest(str(path), here) if here else preset_hint(path.stem)
        raise UsageError("no such configuration file", where=path, fix=fix) from None
    except (OSError, *YAML_ERRORS) as error:
        text = " ".join(str(getattr(error, "strerror", None) or error).split())
        raise UsageError(
            f"not a readable YAML configuration ({text})",
            where=path,
            fix=f"Type: {typed('settings')}, which prints every section and key",
        ) from None
    if not isinstance(values or {}, dict):
        raise UsageError(
            "a configuration is a mapping of sections",
            where=path,
            fix=f"Type: {typed('settings')}, which prints every section and key",
        )
    return values or {}


def parse_values(text: str) -> list[Any]:
    """Values separated by commas: `64,128`, `fast,paper`, `[1e-3, 1e-4], [1e-4, 1e-5]`.

    Raises UsageError for unclosed brackets or quotes, or an unreadable value.
    """
    try:
        values = yaml.load(f"[{text}]", _Loader)  # noqa: S506 -- _Loader is a SafeLoader
    except YAML_ERRORS:
        raise UsageError(
            f"'{text[:80]}' is not a list of values", fix="Example: 64,128 or [1e-3, 1e-4], [1e-4, 1e-5]"
        ) from None
    return [_number(value) for value in values]


def _number(value: Any) -> Any:
    """The value, with texts such as 1e-3 as numbers: YAML only reads 1.0e-3 as a number."""
    if isinstance(value, list):
        return [_number(item) for item in value]
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


def parse_overrides(overrides: Overrides, texts: Container[str]) -> list[tuple[str, Any]]:
    """(dotted key, value) of every override, in order. Raises UsageError for one that cannot be read.

    Args:
        texts: keys whose value is plain text unless it is null or quoted: the folder 2026-05-31 is not a date.
    """
    if isinstance(overrides, Mapping):
        return list(_flat(overrides))
    if isinstance(overrides, str):
        overrides = [overrides]
    pairs = (_parse_override(override, texts) if isinstance(override, str) else override for override in overrides)
    return [flat for name, value in pairs for flat in _flat({name: value})]


def _flat(overrides: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in overrides.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _parse_override(override: str, texts: Container[str]) -> tuple[str, Any]:
    name, equals, text = override.partition("=")
    if not equals or not name.strip():
        raise UsageError(f"'--set {override}' is not of the form section.key=value", fix=EXAMPLE)
    if name.strip() in texts and (plain := text.strip()) not in ("", "~", "null") and plain[0] not in "'\"":
        return name.strip(), plain
    try:
        value = yaml.load(text, _Loader) if text.strip() else ""  # noqa: S506 -- _Loader is a SafeLoader
    except yaml.YAMLError:
        value = text
    except YAML_ERRORS as error:
        raise UsageError(
            f"the value of '--set {name}' is not readable ({error})", fix=f"""Is it text? --set '{name}="TEXT"'"""
        ) from None
    return name.strip(), value


def put(values: dict[str, Any], name: str, value: Any) -> None:
    """Set one dotted key in nested sections. Raises UsageError if a part of the key is a plain value."""
    *sections, key = name.split(".")
    for section in sections:
        inner = values.setdefault(section, {})
        if not isinstance(inner, dict):
            raise UsageError(f"'{section}' in '--set {name}' is not a section", fix=EXAMPLE)
        values = inner
    values[key] = value
