"""What the configuration of a run folder may decide: all in one's own, only features and scores in a foreign one.

A configuration names a cache to write to, an object store to send credentials to, files of networks, and, with the
mmpose backend, a Python file that is executed. A run folder from elsewhere decides none of these. `train` marks the
configuration with a code that only this account can make, as notebooks mark the ones that they trust; a copy of the
folder keeps the mark, a changed configuration loses it.

    RUN/origin.json                 {"config_hmac": HMAC-SHA-256 of config.json}
    <user's cache>/run-folders.key  32 random bytes that only the account can read
"""

from __future__ import annotations

import hmac
import json
import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from data.errors import printable
from data.store import read_json, read_regular, write_text
from data.weights import REGISTRY, cache_dir
from extractors.base import StageConfig
from pipeline.config import BaseConfig, config_class, validate

ORIGIN = "origin.json"
KEY_BYTES = 32
MAX_MARK_BYTES = 4096

SHARED_SECTIONS = ("name", "stages", "protocol", "split", "model", "train")
"""Sections beside those of the stages that a foreign configuration may set."""

NAMES: Mapping[str, frozenset[str] | None] = {
    "clips.weights": frozenset({*REGISTRY, "hub", "random"}),
    "clips.seed": None,
    "pose.weights": frozenset(REGISTRY),
    "pose.mmpose.alias": None,
    "pose.rtmlib.mode": None,
}
"""Settings outside the cache key that name a published network, with the names allowed; None: the value is no path."""

EXCLUDING = {"pose.mmpose.alias": ("config", "checkpoint"), "pose.rtmlib.mode": ("model", "detector")}
"""Names that a user's own files replace."""


def mark_as_own(folder: Path, config: bytes) -> None:
    """Mark the configuration of a run folder as made by this account; without a writable key it stays unmarked."""
    (folder / ORIGIN).unlink(missing_ok=True)
    key = _key(create=True)
    if key is not None:
        write_text(folder / ORIGIN, json.dumps({"config_hmac": _code(key, config)}) + "\n")


def is_own(folder: Path, config: bytes) -> bool:
    """Whether this account made the configuration in a run folder."""
    key = _key(create=False)
    with suppress(OSError, ValueError, TypeError, LookupError):
        if key is not None:
            code = read_json(folder / ORIGIN, MAX_MARK_BYTES)["config_hmac"]
            return hmac.compare_digest(str(code).encode(), _code(key, config).encode())
    return False


def portable(foreign: Mapping[str, Any], user: BaseConfig | None = None) -> tuple[dict[str, Any], list[str]]:
    """A foreign configuration with every path, device and limit from the user's (None: the defaults).

    Returns the values, and the dotted keys of the foreign configuration that were left out. Wrong ones stay, so that
    `validate` refuses them.
    """
    ignored: list[str] = []
    return _section(config_class(), foreign, (user or validate({})).dump(), "", ignored), ignored


def note_of(ignored: list[str], place: Path) -> str:
    """One line on the settings of a foreign run folder that were left out."""
    shown = ", ".join(ignored[:8]) + (", ..." if len(ignored) > 8 else "")
    return (
        f"note: {printable(place)} was not trained by this account; its settings {shown} are not used. "
        "The cache is `cache` unless you name one with --cache"
    )


def _section(kind: type[BaseModel], foreign: Any, local: Mapping[str, Any], place: str, ignored: list[str]) -> Any:
    """One section: settings that change the result from the foreign configuration, all others from the user's."""
    if not isinstance(foreign, Mapping):
        return foreign
    values: dict[str, Any] = {}
    for name, field in kind.model_fields.items():
        key, inner, extra = field.alias or name, field.annotation, field.json_schema_extra
        dotted = f"{place}.{key}" if place else key
        changes_result = not (isinstance(extra, dict) and extra.get("affects_result") is False)
        taken = changes_result if place else key in SHARED_SECTIONS
        if isinstance(inner, type) and issubclass(inner, StageConfig):
            values[key] = _section(inner, foreign.get(key, {}), local[key], dotted, ignored)
        elif key in foreign and _is_name(dotted, foreign[key], local):
            values[key] = foreign[key]
        elif taken:
            values |= {key: foreign[key]} if key in foreign else {}
        else:
            values[key] = local[key]
            if key in foreign and foreign[key] != local[key]:
                ignored.append(dotted)
    return {**{key: value for key, value in foreign.items() if key not in local}, **values}


def _is_name(dotted: str, value: Any, local: Mapping[str, Any]) -> bool:
    """Whether a setting names a published network and the user names no file in its place."""
    if dotted not in NAMES or any(local[key] for key in EXCLUDING.get(dotted, ())):
        return False
    allowed = NAMES[dotted]
    return allowed is None or (isinstance(value, str) and value in allowed)


def _code(key: bytes, config: bytes) -> str:
    return hmac.new(key, config, "sha256").hexdigest()


def _key(*, create: bool) -> bytes | None:
    """The account's key, made on first use; None where there is none."""
    place = cache_dir() / "run-folders.key"
    with suppress(OSError):
        if create and not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            temporary = place.with_name(f".{place.name}-{secrets.token_hex(8)}")
            handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                with os.fdopen(handle, "wb") as stream:
                    stream.write(secrets.token_bytes(KEY_BYTES))
                with suppress(FileExistsError):  # another process was first: its key holds
                    os.link(temporary, place)
            finally:
                temporary.unlink()
        key = read_regular(place, KEY_BYTES)
        return key if len(key) == KEY_BYTES else None
    return None
