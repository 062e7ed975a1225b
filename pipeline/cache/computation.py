"""Everything that the key of an output covers, and how a stored output differs from it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
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
        parts = {
            "identity": _canonical(self.identity),
            "inputs": json.dumps(self.inputs, sort_keys=True),
            "settings": _canonical(self.settings),
            "stage": json.dumps(self.stage),
            "upstream": json.dumps(self.upstream, sort_keys=True),
            "version": json.dumps(self.version),
        }
        text = "{" + ", ".join(f'"{name}": {part}' for name, part in parts.items()) + "}"
        return hashlib.sha256(text.encode()).hexdigest()

    def differences(self, header: Mapping[str, Any]) -> list[str]:
        """One line per part in which a stored header differs from this computation."""
        lines: list[str] = []
        if header.get("stage_version") != self.version:
            lines.append(f"stage version {header.get('stage_version')} -> {self.version}")
        lines += _differences(header.get("settings", {}), self.settings, f"{self.stage}.")
        lines += [
            f"{line.split(' ')[0]} changed" for line in _differences(header.get("identity", {}), self.identity, "")
        ]
        lines += [f"{kind} file changed" for kind in _changed(header.get("inputs", {}), self.inputs)]
        lines += [f"upstream {stage} changed" for stage in _changed(header.get("upstream", {}), self.upstream)]
        return lines


_TEXTS: dict[int, tuple[Mapping[str, Any], str]] = {}
"""Canonical JSON of settings, by the identity of the mapping, which is kept alive here: all records share a few."""


def _canonical(settings: Mapping[str, Any]) -> str:
    kept = _TEXTS.get(id(settings))
    if kept is None or kept[0] is not settings:
        if len(_TEXTS) > 64:
            _TEXTS.clear()
        kept = _TEXTS[id(settings)] = (settings, json.dumps(settings, sort_keys=True))
    return kept[1]


def _changed(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    return [name for name in sorted({*old, *new}) if old.get(name) != new.get(name)]


def _differences(old: Any, new: Any, prefix: str) -> list[str]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        lines = []
        for name in sorted({*old, *new}):
            lines += _differences(old.get(name), new.get(name), f"{prefix}{name}.")
        return lines
    return [] if old == new else [f"{prefix.rstrip('.')} {json.dumps(old)} -> {json.dumps(new)}"]
