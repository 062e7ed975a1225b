"""Addresses of objects and folders, beside plain paths.

An address may be a text (`s3://bucket/videos`) or a pathlib path (`s3:/bucket/videos`): both are equivalent, and
`address` returns the first form. `file://` is the local disk and becomes a plain path (`local_path`).
"""

from __future__ import annotations

import os
import re
from pathlib import Path, PureWindowsPath
from urllib.parse import unquote

from data.errors import UsageError, install_line

PACKAGES = {"s3": ("s3fs", "s3"), "gs": ("gcsfs", "gs")}  # by scheme of a store: package, extra that installs it
SHARING = {**PACKAGES, "hf": ("huggingface_hub", "hub"), "https": ("aiohttp", "hub"), "http": ("aiohttp", "hub")}
"""The same for every scheme of addresses at which trained models are shared."""

WINDOWS = os.name == "nt"

_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/+(.*)", re.DOTALL)  # a single letter is a drive


def scheme_of(path: str | Path) -> str:
    """The scheme of an address in lower case, such as "s3", "file" or "http"; empty for a path."""
    match = _ADDRESS.match(str(path))
    return match[1].lower() if match else ""


def is_remote(path: str | Path) -> bool:
    """Whether `path` is an address of a supported store, `s3://` or `gs://`."""
    return scheme_of(path) in PACKAGES


def is_shared(path: str | Path) -> bool:
    """Whether `path` is an address for shared models: on a store, a hub or a web server."""
    return scheme_of(path) in SHARING


def address(path: str | Path) -> str:
    """An address of a store or hub in the form `s3://bucket/key`; other paths unchanged."""
    match = _ADDRESS.match(str(path))
    return f"{match[1].lower()}://{match[2].strip('/')}" if match and is_shared(path) else str(path)


def not_installed(scheme: str) -> UsageError:
    """The error for a scheme whose package is missing."""
    package, extra = SHARING[scheme]
    what = f"{scheme}:// needs the package '{package}', which is not installed"
    return UsageError(what, fix=f"Type: {install_line(extra)}")


def local_path(path: Path) -> Path:
    """The plain path of a `file://` address, percent-decoded; other paths unchanged."""
    match = _ADDRESS.match(str(path))
    if not match or match[1].lower() != "file":
        return path
    path_text = unquote(match[2])
    has_drive = WINDOWS and PureWindowsPath(path_text).drive
    return Path(path_text if has_drive else f"/{path_text}")


def refuse_unknown(path: Path) -> None:
    """Raise UsageError for an address with an unknown scheme."""
    scheme = scheme_of(path)
    if scheme and scheme != "file" and scheme not in PACKAGES and not path.parents[-2].exists():
        raise UsageError(f"'{scheme}://' is not read", where=path, fix="Use s3://, gs://, file://, or copy it here")


def refuse_ambiguous(path: Path) -> None:
    """Raise UsageError for an address that is also a local path, such as a folder called `file:`."""
    if scheme_of(path) and os.path.lexists(path):
        what = "both an address and a local path of this name"
        raise UsageError(what, where=path, fix=f"For the local one: {path.absolute()}")
