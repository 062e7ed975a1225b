"""Atomic writes of local files, and removal of temporary files of killed processes."""

from __future__ import annotations

import os
import re
import secrets
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from data.errors import UsageError
from data.store.addresses import address, is_remote

TEMPORARY = ".writing-"  # prefix of every temporary name; such files are never read
_TEMPORARY_NAME = re.compile(re.escape(TEMPORARY) + r".+-\d+-[0-9a-f]+")
ABANDONED_SECONDS = 24 * 3600.0  # older temporary files of any process are removed: writes are much shorter


@contextmanager
def atomic_path(target: Path) -> Iterator[Path]:
    """A temporary path beside `target`; renamed to `target` when the block succeeds, removed when it fails.

    The content is flushed to the disk before the rename, so a crash or power cut leaves either the old file or the new
    one. Raises UsageError: `target` is an address of a store.
    """
    if is_remote(target):
        raise UsageError("only a cache can be on a store", where=address(target), fix="Name a local file or folder")
    make_folder(target.parent)
    temporary = target.parent / f"{TEMPORARY}{socket.gethostname()[:40]}-{os.getpid()}-{secrets.token_hex(6)}"
    temporary.touch(exist_ok=False)
    try:
        default_mode = temporary.stat().st_mode  # some libraries make files readable only for their owner
        yield temporary
        with temporary.open("r+b") as stream:  # Windows flushes only writable files
            os.fsync(stream.fileno())
        temporary.chmod(default_mode)
        os.replace(temporary, target)
    finally:
        with suppress(FileNotFoundError):
            temporary.unlink()
    sync_folder(target.parent)


def make_folder(folder: Path) -> None:
    """Make a folder and its parents, if missing, and flush them to the disk."""
    if not folder.exists():
        make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """Flush a folder's list of files to the disk, if the file system supports it."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def write_bytes(target: Path, content: bytes) -> None:
    """Write a whole file atomically."""
    with atomic_path(target) as temporary:
        temporary.write_bytes(content)


def write_text(target: Path, text: str) -> None:
    """Write a whole UTF-8 text file atomically; undecodable file-name bytes are escaped."""
    write_bytes(target, text.encode("utf-8", "backslashreplace"))


def sweep(folder: Path, *, remove: bool = True, seconds: float = ABANDONED_SECONDS) -> int:
    """Remove (or only count) temporary files below `folder` that are older than `seconds`; returns their number."""
    count = 0
    for inner, _, names in os.walk(folder):
        for name in names:
            path = Path(inner, name)
            if not _TEMPORARY_NAME.fullmatch(name) or path.is_symlink():
                continue
            with suppress(OSError):
                if is_older(path, seconds):
                    if remove:
                        path.unlink()
                    count += 1
    return count


def is_older(path: Path, seconds: float) -> bool:
    """Whether a file or folder was last changed more than `seconds` ago. Raises OSError: it is gone."""
    return time.time() - path.lstat().st_mtime > seconds
