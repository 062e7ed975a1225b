"""Everything that the key of an output covers, and how a stored output differs from it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any


@dataclass(frozen=True)
class Computation:
    """Everything that the key of one output covers.

    Attributes:
        stage, version: the extractor's name and version.
        settings: every setting that can change the result.
        identity: other things that the result depends on, such as {"weights": sha256}.
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
        """One line per part in which a stored header differs from this computation."""
        lines = _differences(header.get("settings", {}), self.settings, f"{self.stage}.")
        if header.get("stage_version") != self.version:
            lines.insert(0, f"stage version {header.get('stage_version')} -> {self.version}")
        lines += [f"{name} changed" for name in _changed(header.get("identity", {}), self.identity)]
        lines += [f"{kind} file changed" for kind in _changed(header.get("inputs", {}), self.inputs)]
        return lines + [f"upstream {stage} changed" for stage in _changed(header.get("upstream", {}), self.upstream)]


def _changed(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    return [name for name in sorted({*old, *new}) if old.get(name) != new.get(name)]


def _differences(old: Any, new: Any, prefix: str) -> list[str]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        lines = []
        for name in sorted({*old, *new}):
            lines += _differences(old.get(name), new.get(name), f"{prefix}{name}.")
        return lines
    return [] if old == new else [f"{prefix.rstrip('.')} {json.dumps(old)} -> {json.dumps(new)}"]
