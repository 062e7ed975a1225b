"""A local folder with the methods of `RemoteFolder`."""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from data.store.atomic_writes import write_bytes
from data.store.files import files_below, read_regular

LISTED_FOLDERS = 64
"""Folders whose names are in memory at once."""

Siblings = Callable[[str], Sequence[str]]
"""Takes a name, and returns the rest of every file name that begins with `<name>.`."""


@dataclass(frozen=True)
class LocalFile:
    """One file as it was listed."""

    size: int  # bytes
    written: float  # seconds since 1970, like `used`
    used: float  # when it was last read or written


class LocalFolder:
    """Files below a folder, by relative name; they are read and written whole. Methods raise OSError."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.url = str(root)

    def exists(self) -> bool:
        """Whether the folder exists."""
        return self.root.is_dir()

    def folders(self) -> list[str]:
        """Names of the folders directly in this one, in order; empty if it is missing."""
        try:
            return sorted(entry.name for entry in os.scandir(self.root) if entry.is_dir(follow_symlinks=False))
        except FileNotFoundError:
            return []

    def files(self, below: str = "") -> dict[str, LocalFile]:
        """Every file below the subfolder `below` in order, by relative name; links are left out."""
        return {
            path.relative_to(self.root).as_posix(): LocalFile(
                status.st_size, status.st_mtime, max(status.st_atime, status.st_mtime)
            )
            for path, status in files_below(self.root / below)
        }

    def siblings(self, lookups: int) -> Siblings:
        """A function that lists suffixes (`Siblings`); each folder is read only once."""
        listed: dict[str, list[str]] = {}

        def endings(name: str) -> list[str]:
            folder, _, last = name.rpartition("/")
            if folder not in listed:
                if len(listed) >= LISTED_FOLDERS:
                    listed.clear()
                try:
                    listed[folder] = sorted(os.listdir(self.root / folder))
                except OSError:  # no such folder
                    listed[folder] = []
            return following(listed[folder], f"{last}.")

        return endings

    def has(self, name: str) -> bool:
        """Whether the file exists."""
        return (self.root / name).is_file()

    def written(self, name: str) -> float:
        """The file's time of writing in seconds since 1970. Raises FileNotFoundError."""
        return (self.root / name).stat().st_mtime

    def read(self, name: str, limit: int) -> bytes:
        """The content of a regular file of at most `limit` bytes."""
        return read_regular(self.root / name, limit)

    def write(self, name: str, content: bytes) -> None:
        """Write a file atomically."""
        write_bytes(self.root / name, content)

    def remove(self, name: str) -> None:
        """Remove a file, if it exists."""
        (self.root / name).unlink(missing_ok=True)


def following(names: Sequence[str], prefix: str) -> list[str]:
    """The sorted names that begin with `prefix`, without it."""
    first = last = bisect_left(names, prefix)
    while last < len(names) and names[last].startswith(prefix):
        last += 1
    return [name[len(prefix) :] for name in names[first:last]]
