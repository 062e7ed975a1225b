"""Bounded reads of regular files, lists of files, and names that fit the file system."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from data.store.atomic_writes import TEMPORARY

_SHORTENED_NAME = re.compile(r"~[0-9a-f]{16}$")
MAX_NAME_BYTES = 200  # longer file names are shortened and made unique by a hash (most file systems allow 255 bytes)
MAX_JSON_BYTES = 1 << 26  # longer JSON files are refused


def open_regular(path: Path) -> BinaryIO:
    """A regular file opened for reading. Raises OSError, also for pipes and devices, which may never end."""
    return os.fdopen(open_handle(path, os.O_RDONLY), "rb")


def open_handle(path: Path, flags: int, *more: str) -> int:
    """The descriptor of a regular file; `more` are names of further flags in `os`. Raises as `open_regular`."""
    safe = (getattr(os, name, 0) for name in ("O_NONBLOCK", "O_NOCTTY", "O_BINARY", *more))
    handle = os.open(path, flags | sum(safe), 0o644)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    return handle


def expanded(path: str) -> Path:
    """The path with `~` expanded, as in a shell; `~name` of an unknown user stays unchanged."""
    return Path(os.path.expanduser(path))  # Path.expanduser raises a RuntimeError there


def absence(path: Path, what: str = "file") -> str:
    """Why a path is not a regular file: it is missing, or a folder, pipe, socket or device."""
    return "not a regular file" if path.exists() else f"no such {what}"


def read_regular(path: Path, limit: int) -> bytes:
    """The content of a regular file of at most `limit` bytes. Raises OSError: larger, growing, or unreadable."""
    with open_regular(path) as stream:
        expected = min(limit, os.fstat(stream.fileno()).st_size)
        content = stream.read(expected + 1)
    if len(content) > expected:
        what = f"larger than {limit} bytes" if len(content) > limit else "it grew while it was read"
        raise OSError(errno.EINVAL, what, str(path))
    return content


def parse_json(text: str | bytes) -> Any:
    """The value of a JSON text. Raises ValueError: not JSON, or nested too deeply."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def read_json(path: Path, limit: int = MAX_JSON_BYTES) -> Any:
    """The value of a JSON file. Raises OSError: as `read_regular`; ValueError: not JSON."""
    return parse_json(read_regular(path, limit))


def files_below(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Regular files below `folder` in order, without links; empty if the folder is missing."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except (FileNotFoundError, NotADirectoryError):
        return
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from files_below(Path(entry.path))
        elif entry.is_file(follow_symlinks=False):
            with suppress(FileNotFoundError):
                yield Path(entry.path), entry.stat(follow_symlinks=False)


def files_in(folder: Path) -> list[Path]:
    """The files directly in a folder, sorted by name, without hidden ones."""
    return sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))


def remove_empty_parents(path: Path, root: Path) -> None:
    """Remove the empty folders above `path` and below `root`."""
    for folder in path.parents:
        if folder == root or root not in folder.parents:
            return
        try:
            folder.rmdir()
        except OSError:  # not empty
            return


def safe_name(part: str) -> str:
    """A path component that common file systems accept: long names are shortened and get a hash.

    Names that look like shortened or temporary ones get a hash too, so distinct names stay distinct.
    """
    encoded = os.fsencode(part)
    if len(encoded) <= MAX_NAME_BYTES and not _SHORTENED_NAME.search(part) and not part.startswith(TEMPORARY):
        return part
    visible = encoded.removeprefix(b".") if part.startswith(TEMPORARY) else encoded
    kept = visible[: MAX_NAME_BYTES - 17].decode("utf-8", "ignore")
    return f"{kept}~{hashlib.sha256(encoded).hexdigest()[:16]}"


def sha256_file(path: Path, start: int = 0) -> str:
    """SHA-256 of a file, or of its bytes from `start` on, in constant memory."""
    total = hashlib.sha256()
    with open_regular(path) as stream:
        stream.seek(start)
        while block := stream.read(1 << 20):
            total.update(block)
    return total.hexdigest()
