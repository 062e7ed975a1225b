"""Settings of features that differ between a model and this version, one line each."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from data.errors import printable
from pipeline.cache.computation import ABSENT, differences


def setting_lines(model: Mapping[str, Any], here: Mapping[str, Any]) -> list[str]:
    """One line per setting that differs, named by its dotted path, with both values."""
    differing = differences(plain(model), plain(here))
    return [f"{path}: {_shown(a)} in the model, {_shown(b)} here" for path, a, b in differing]


def plain(settings: Mapping[str, Any]) -> Any:
    """Settings after a round trip through JSON, where tuples become lists: saved and new ones then compare equal."""
    return json.loads(json.dumps(settings, sort_keys=True))


def _shown(value: Any) -> str:
    return "absent" if value is ABSENT else printable(json.dumps(value, sort_keys=True))
