"""Settings of stages that differ between a model or a pack and this version."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from data.errors import printable
from extractors.base import VIDEOS
from pipeline.cache import StageDescription
from pipeline.cache.cache_key import ABSENT, differences
from pipeline.settings.settings_table import keys_owned_by
from pipeline.settings.stages import with_defaults

MOST_SHOWN = 2
"""Most differences in one line."""


@dataclass(frozen=True)
class SettingDifference:
    """One setting with two values."""

    stage: str
    key: str  # dotted, such as identity.weights; "" where one side lacks the stage
    stored: Any
    here: Any

    @property
    def name(self) -> str:
        """Stage and key, such as pose.stride."""
        return f"{self.stage}.{self.key}" if self.key else self.stage

    @property
    def of_weights(self) -> bool:
        """Whether a network's weights differ."""
        return self.key == "identity.weights"

    def text(self, owner: str = "the model") -> str:
        """The setting with both values; `owner` has the stored value."""
        return f"{self.name}: {_shown(self.stored)} in {owner}, {_shown(self.here)} here"


def stage_differences(
    stored: Mapping[str, StageDescription], here: Mapping[str, StageDescription]
) -> list[SettingDifference]:
    """Where the descriptions of two sets of stages differ: in settings, and in `version` and `identity`."""
    return setting_differences(
        *({name: _flat(name, stage) for name, stage in stages.items()} for stages in (stored, here))
    )


def _flat(name: str, stage: StageDescription) -> dict[str, Any]:
    return {"version": stage.version, "identity": stage.identity, **with_defaults(name, stage.settings)}


def setting_differences(stored: Mapping[str, Any], here: Mapping[str, Any]) -> list[SettingDifference]:
    """Where settings by stage differ. Tuples equal lists, which they become in JSON."""
    stored, here = (json.loads(json.dumps(settings)) for settings in (stored, here))
    return [
        SettingDifference(stage, *difference)
        for stage in sorted({*stored, *here})
        for difference in differences(stored.get(stage, ABSENT), here.get(stage, ABSENT))
    ]


def without_videos(differing: Sequence[SettingDifference]) -> list[SettingDifference]:
    """The differences except those of the videos' description, which may differ from training."""
    of_videos = keys_owned_by(VIDEOS)
    return [difference for difference in differing if difference.name not in of_videos]


def differences_text(differing: Sequence[SettingDifference], owner: str) -> str:
    """The first differences, and the number of others."""
    more = f" and {len(differing) - MOST_SHOWN} more" if len(differing) > MOST_SHOWN else ""
    return "; ".join(difference.text(owner) for difference in differing[:MOST_SHOWN]) + more


def _shown(value: Any) -> str:
    return "absent" if value is ABSENT else printable(json.dumps(value, sort_keys=True))
