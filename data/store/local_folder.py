"""A folder of this machine, with the methods that `RemoteFolder` has for a folder on a store."""

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
    """Files below a folder, by their names in it; they are read and written whole. Methods raise OSError."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.url = str(root)

    def exists(self) -> bool:
        """Whether there is a folder."""
        return self.root.is_dir()

    def folders(self) -> list[str]:
        """Names of the folders directly in this one, in order; none where there is no such folder."""
        try:
            return sorted(entry.name for entry in os.scandir(self.root) if entry.is_dir(follow_symlinks=False))
        except FileNotFoundError:
            return []

    def files(self, below: str = "") -> dict[str, LocalFile]:
        """Every file below the folder `below` in order, by its name in this one; links are left out."""
        return {
            path.relative_to(self.root).as_posix(): LocalFile(
                status.st_size, status.st_mtime, max(status.st_atime, status.st_mtime)
            )
            for path, status in files_below(self.root / below)
        }

    def siblings(self, lookups: int) -> Siblings:
        """A function that lists endings (`Siblings`); each folder is read once for all `lookups`."""
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
        """Whether there is such a file."""
        return (self.root / name).is_file()

    def written(self, name: str) -> float:
        """When a file was written, in seconds since 1970. Raises FileNotFoundError."""
        return (self.root / name).stat().st_mtime

    def read(self, name: str, limit: int) -> bytes:
        """The content of a regular file of at most `limit` bytes."""
        return read_regular(self.root / name, limit)

    def write(self, name: str, content: bytes) -> None:
        """Write a file atomically."""
        write_bytes(self.root / name, content)

    def remove(self, name: str) -> None:
        """Remove a file; a missing one is fine."""
        (self.root / name).unlink(missing_ok=True)


def following(names: Sequence[str], prefix: str) -> list[str]:
    """The rest of each of the sorted names that begin with `prefix`."""
    first = last = bisect_left(names, prefix)
    while last < len(names) and names[last].startswith(prefix):
        last += 1
    return [name[len(prefix) :] for name in names[first:last]]
