"""Settings of stages that differ between a model or a pack and this version."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from data.errors import printable
from pipeline.cache import StageDescription, stages_as_json
from pipeline.cache.key_parts import ABSENT, differences

MOST_SHOWN = 2
"""Differences that one line names."""


@dataclass(frozen=True)
class SettingDifference:
    """One setting with two values."""

    path: str  # dotted, such as pose.settings.stride
    stored: Any
    here: Any

    def text(self, owner: str = "the model") -> str:
        """The setting with both values; the owner has the stored one."""
        return f"{self.path}: {_shown(self.stored)} in {owner}, {_shown(self.here)} here"


def stage_differences(
    stored: Mapping[str, StageDescription], here: Mapping[str, StageDescription]
) -> list[SettingDifference]:
    """Where the descriptions of two sets of stages differ."""
    return setting_differences(stages_as_json(stored), stages_as_json(here))


def setting_differences(stored: Mapping[str, Any], here: Mapping[str, Any]) -> list[SettingDifference]:
    """Where nested settings differ. Tuples equal lists, which they become in JSON."""
    plain = (json.loads(json.dumps(one, sort_keys=True)) for one in (stored, here))
    return [SettingDifference(*one) for one in differences(*plain)]


def differences_text(differing: Sequence[SettingDifference], owner: str) -> str:
    """The first differences, and the number of the others."""
    more = f" and {len(differing) - MOST_SHOWN} more" if len(differing) > MOST_SHOWN else ""
    return "; ".join(one.text(owner) for one in differing[:MOST_SHOWN]) + more


def _shown(value: Any) -> str:
    return "absent" if value is ABSENT else printable(json.dumps(value, sort_keys=True))
