"""Fingerprints of input files: SHA-256 over the size and the content, in flat memory."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hashlib import _Hash


def begun(size: int) -> _Hash:
    """The hash of a file of `size` bytes, before its content is added with `update`."""
    return hashlib.sha256(str(size).encode())


def fingerprint(size: int, blocks: Iterable[bytes]) -> str:
    """The fingerprint of a file of `size` bytes."""
    digest = begun(size)
    for block in blocks:
        digest.update(block)
    return digest.hexdigest()
