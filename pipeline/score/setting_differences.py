"""Settings of stages that differ between a model or a pack and this version."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from data.errors import printable
from extractors.base import VIDEOS
from pipeline.cache import StageDescription
from pipeline.cache.cache_key import ABSENT, differences
from pipeline.settings.settings_table import keys_owned_by
from pipeline.settings.stages import with_defaults

MOST_SHOWN = 2
"""Most differences in one line."""


Difference = tuple[str, Any, Any]
"""A dotted setting such as pose.stride or pose.identity.weights, its stored value, and its value here."""


def stage_differences(stored: Mapping[str, StageDescription], here: Mapping[str, StageDescription]) -> list[Difference]:
    """Where the descriptions of two sets of stages differ: in settings, and in `version` and `identity`."""
    return setting_differences(
        *({name: _flat(name, stage) for name, stage in stages.items()} for stages in (stored, here))
    )


def _flat(name: str, stage: StageDescription) -> dict[str, Any]:
    return {"version": stage.version, "identity": stage.identity, **with_defaults(name, stage.settings)}


def setting_differences(stored: Mapping[str, Any], here: Mapping[str, Any]) -> list[Difference]:
    """Where settings by stage differ. Tuples equal lists, which they become in JSON."""
    return [*differences(*(json.loads(json.dumps(settings)) for settings in (stored, here)))]


def without_videos(differing: Sequence[Difference]) -> list[Difference]:
    """The differences except those of the videos' description, which may differ from training."""
    of_videos = keys_owned_by(VIDEOS)
    return [difference for difference in differing if difference[0] not in of_videos]


def texts(differing: Sequence[Difference], owner: str = "the model") -> list[str]:
    """Each setting with both values; `owner` has the stored ones."""
    return [f"{name}: {_shown(stored)} in {owner}, {_shown(here)} here" for name, stored, here in differing]


def differences_text(differing: Sequence[Difference], owner: str) -> str:
    """The first differences, and the number of others."""
    more = f" and {len(differing) - MOST_SHOWN} more" if len(differing) > MOST_SHOWN else ""
    return "; ".join(texts(differing[:MOST_SHOWN], owner)) + more


def _shown(value: Any) -> str:
    return "absent" if value is ABSENT else printable(json.dumps(value, sort_keys=True))
