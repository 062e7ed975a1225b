"""Fingerprints of input files: SHA-256 over the size and the content, in constant memory."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from data.errors import printable
from data.store.files import files_in, open_regular

if TYPE_CHECKING:
    from hashlib import _Hash

    from data.store.remote import RemoteFile

FINGERPRINT_BLOCK = 1 << 20  # bytes read at a time


def begun(size: int) -> _Hash:
    """The hash of a file of `size` bytes, before its content is added with `update`."""
    return hashlib.sha256(str(size).encode())


def fingerprint(size: int, blocks: Iterable[bytes]) -> str:
    """The fingerprint of a file of `size` bytes, or of a folder of `size` files."""
    digest = begun(size)
    for block in blocks:
        digest.update(block)
    return digest.hexdigest()


def fingerprint_file(path: Path) -> str:
    """The fingerprint of a file; files of equal content have equal fingerprints.

    A folder's fingerprint covers the names and fingerprints of the files directly in it.
    """
    if path.is_dir():
        parts = [f"{printable(file.name)}\0{fingerprint_file(file)}\n".encode() for file in files_in(path)]
        return fingerprint(len(parts), parts)
    with open_regular(path) as stream:
        return fingerprint(os.fstat(stream.fileno()).st_size, iter(lambda: stream.read(FINGERPRINT_BLOCK), b""))


def fingerprint_remote(file: RemoteFile) -> str:
    """The fingerprint of an object, which is read once. Raises StorageError: gone, unavailable, or replaced."""
    return fingerprint(*file.opened())
