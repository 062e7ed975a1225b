"""Atomic writes, names that fit the file system, and sweeping the temporaries of killed processes."""

from __future__ import annotations

import hashlib
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

TEMPORARY = ".writing-"
"""Prefix of every temporary name; such files are never read."""

_SHORTENED_NAME = re.compile(r"~[0-9a-f]{16}$")

_TEMPORARY_NAME = re.compile(re.escape(TEMPORARY) + r".+-\d+-[0-9a-f]+")

ABANDONED_SECONDS = 24 * 3600
"""A temporary of another machine is swept after this time; one of this machine as soon as its process is gone."""

MAX_NAME_BYTES = 200
"""Longer file names are shortened and made unique by a hash (most file systems allow 255 bytes)."""


@contextmanager
def atomic_path(target: Path) -> Iterator[Path]:
    """A temporary path beside `target`; renamed to it when the block ends well, removed when it does not.

    The content is flushed to the disk before the rename, so that a killed process or a power cut leaves the old file or
    the new file, never a part.

    Raises:
        OSError: the folder cannot be written.
        UsageError: the address of a store, where only the local disk can be written.
    """
    if is_remote(target):
        raise UsageError("only a cache can be on a store", where=address(target), fix="Name a local file or folder")
    target.parent.mkdir(parents=True, exist_ok=True)
    name = f"{TEMPORARY}{socket.gethostname()[:40]}-{os.getpid()}-{secrets.token_hex(6)}"
    temporary = target.parent / name
    try:
        temporary.touch()
        default_mode = temporary.stat().st_mode  # some libraries write files that only their owner can read
        yield temporary
        with temporary.open("rb") as stream:
            os.fsync(stream.fileno())
        temporary.chmod(default_mode)
        os.replace(temporary, target)
    finally:
        with suppress(FileNotFoundError):
            temporary.unlink()
    _sync_folder(target.parent)


def write_bytes(target: Path, content: bytes) -> int:
    """Write a whole file atomically; returns its inode number, which differs from that of a later file.

    Raises:
        OSError: the folder cannot be written.
    """
    with atomic_path(target) as temporary:
        temporary.write_bytes(content)
        return temporary.stat().st_ino


def write_text(target: Path, text: str) -> None:
    """Write a whole UTF-8 text file atomically; undecodable file-name bytes are escaped.

    Raises:
        OSError: the folder cannot be written.
    """
    write_bytes(target, text.encode("utf-8", "backslashreplace"))


def sweep(folder: Path, *, remove: bool = True) -> int:
    """Remove, or only count, temporaries below `folder` that no living process writes; returns how many."""
    count = 0
    for inner, _, names in os.walk(folder):
        for name in names:
            path = Path(inner, name) if _TEMPORARY_NAME.fullmatch(name) else None
            if path is not None and not path.is_symlink() and is_abandoned(path, TEMPORARY):
                with suppress(OSError):
                    if remove:
                        path.unlink()
                    count += 1
    return count


def files_below(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Regular files below `folder` in order, links left out; none where there is no such folder."""
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


def remove_empty_parents(path: Path, root: Path) -> None:
    """Remove the folders above `path` and below `root` that hold nothing any more."""
    for folder in path.parents:
        if folder == root or root not in folder.parents:
            return
        try:
            folder.rmdir()
        except OSError:  # not empty
            return


def safe_name(part: str) -> str:
    """One path component that common file systems accept, unique for long names too.

    A name that looks like a shortened one, or like a temporary, gets a hash as well, so that no two names become one.
    """
    encoded = os.fsencode(part)
    if len(encoded) <= MAX_NAME_BYTES and not _SHORTENED_NAME.search(part) and not part.startswith(TEMPORARY):
        return part
    visible = encoded.removeprefix(b".") if part.startswith(TEMPORARY) else encoded
    kept = visible[: MAX_NAME_BYTES - 17].decode("utf-8", "ignore")
    return f"{kept}~{hashlib.sha256(encoded).hexdigest()[:16]}"


def is_abandoned(path: Path, prefix: str) -> bool:
    """Whether the process that made this file or folder, `<prefix><host>-<process>-<anything>`, has ended."""
    host, _, rest = path.name.removeprefix(prefix).rpartition("-")[0].rpartition("-")
    try:
        age = time.time() - path.stat().st_mtime
        if host != socket.gethostname()[:40]:
            return age > ABANDONED_SECONDS
        os.kill(int(rest), 0)
    except (ProcessLookupError, ValueError):
        return True
    except OSError:
        return False
    return age > ABANDONED_SECONDS


def _sync_folder(folder: Path) -> None:
    with suppress(OSError):  # some file systems cannot sync a folder; the rename is still atomic
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def sha256_file(path: Path) -> str:
    """SHA-256 of a file, in flat memory."""
    total = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            total.update(block)
    return total.hexdigest()
