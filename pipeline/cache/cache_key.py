"""The parts of an output's key, and their differences from a stored output."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from functools import cache, cached_property
from typing import Any

from pydantic import TypeAdapter

from pipeline.settings.stages import with_defaults


class NoContent(str):
    """Replaces the hash of an unreadable file in a key. It says why the file is unreadable, and never equals a hash."""


@dataclass(frozen=True)
class KeyParts:
    """The parts of one output's key.

    Attributes:
        stage, version: the extractor's name and version.
        settings: those that can change the result and differ from their defaults.
        identity: further dependencies of the result, such as {"weights": sha256}.
        inputs: SHA-256 of the content of each input file, by kind.
        upstream: key of each upstream output, by stage.
    """

    stage: str
    version: int
    settings: Mapping[str, Any]
    identity: Mapping[str, str]
    inputs: Mapping[str, str]
    upstream: Mapping[str, str]

    @cached_property
    def key(self) -> str:
        """SHA-256 over all parts in canonical JSON."""
        parts = {field.name: getattr(self, field.name) for field in fields(self)}
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def differences(self, header: Mapping[str, Any]) -> list[str]:
        """One line per part that differs from a stored header."""
        lines = []
        stored, wanted = (
            with_defaults(self.stage, settings) for settings in (header.get("settings", {}), self.settings)
        )
        for path, *values in differences(stored, wanted, self.stage):
            old, new = (json.dumps(None if value is ABSENT else value) for value in values)
            lines += [f"{path} {old} -> {new}"] if old != new else []
        if header.get("stage_version") != self.version:
            lines.insert(0, f"stage version {header.get('stage_version')} -> {self.version}")
        lines += [f"{name} changed" for name in _changed(header.get("identity", {}), self.identity)]
        for kind in _changed(header.get("inputs", {}), self.inputs):
            content = self.inputs.get(kind)
            lines.append(f"{kind} file {content if isinstance(content, NoContent) else 'changed'}")
        return lines + [f"upstream {stage} changed" for stage in _changed(header.get("upstream", {}), self.upstream)]


def _changed(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    return [name for name in sorted({*old, *new}) if old.get(name) != new.get(name)]


@dataclass(frozen=True)
class StageDescription:
    """The parts of keys that all outputs of one stage share; fields as in `KeyParts`."""

    version: int
    settings: Mapping[str, Any]
    identity: Mapping[str, str]


@cache
def _adapter() -> TypeAdapter[dict[str, StageDescription]]:
    return TypeAdapter(dict[str, StageDescription])


def stages_as_json(stages: Mapping[str, StageDescription]) -> dict[str, Any]:
    """The descriptions of stages, by stage, as JSON types."""
    return {name: asdict(stage) for name, stage in stages.items()}


def read_stages(stored: Any) -> dict[str, StageDescription]:
    """What `stages_as_json` made. Raises ValueError for anything else."""
    return _adapter().validate_python(stored)


ABSENT = object()
"""Marks a setting that one side lacks."""


def differences(old: Any, new: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Dotted path and both values of every setting in which nested mappings differ."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for name in sorted({*old, *new}):
            inner = f"{path}.{name}" if path else str(name)
            yield from differences(old.get(name, ABSENT), new.get(name, ABSENT), inner)
    elif old != new:
        yield path, old, new
