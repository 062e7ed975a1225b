"""Fingerprints of input files: SHA-256 over the size and the content, in flat memory."""

from __future__ import annotations

import hashlib
import re
import struct
from collections.abc import Iterable

HEAD = 1 << 16  # bytes of the start, where Matroska lists its tracks
OVERLAP = 128  # bytes at borders of blocks, where a track of MP4 may be
TRACK = re.compile(rb"tkhd(?:\x00(.{3}).{36}|\x01(.{3}).{48})(.{36})(.{8})", re.DOTALL)
"""A track of MP4 or MOV: its flags, display matrix and size (zero for sound)."""
MATROSKA_VIDEO = re.compile(rb"\xd7\x81..{0,80}?\x83\x81\x01", re.DOTALL)  # the number and type of a video track


class Fingerprint:
    """The fingerprint of a file, block by block.

    Version 0.1.0 decoded mirrored display matrices as rotations, and read the first video stream even if another one
    is marked default. A mark in the fingerprints of such videos makes their outputs of that version stale. In Matroska,
    every video with several video streams has the mark.
    """

    def __init__(self, size: int) -> None:
        self._digest = hashlib.sha256(str(size).encode())
        self._head = self._last = b""
        self._mirrored = False
        self._default: list[bool] = []

    def update(self, block: bytes) -> None:
        """Add the next block."""
        self._digest.update(block)
        self._head += block[: HEAD - len(self._head)]
        border = len(self._last)
        self._search(self._last + block[:OVERLAP], border)
        self._search(block)
        self._last = (self._last + block[-OVERLAP:])[-OVERLAP:]

    def _search(self, content: bytes, border: int | None = None) -> None:
        """Search a block for tracks; with `border`, count only those that cross this place between two blocks."""
        for header in TRACK.finditer(content) if b"tkhd" in content else ():
            if border is None or header.start() < border < header.end():
                a, b, u, c, d, v, _, _, w = struct.unpack(">9i", header[3])
                self._mirrored |= (u, v, w) == (0, 0, 1 << 30) and a * d - b * c < 0
                if any(header[4]):
                    self._default.append(bool((header[1] or header[2])[2] & 1))

    def hexdigest(self) -> str:
        """The fingerprint of all blocks."""
        other = any(self._default) and not self._default[0]
        if self._head.startswith(b"\x1a\x45\xdf\xa3"):
            other = len(MATROSKA_VIDEO.findall(self._head)) > 1
        if self._mirrored or other:
            self._digest.update(b"decoded as players show it")
        return self._digest.hexdigest()


def fingerprint(size: int, blocks: Iterable[bytes]) -> str:
    """The fingerprint of a file of `size` bytes."""
    hashed = Fingerprint(size)
    for block in blocks:
        hashed.update(block)
    return hashed.hexdigest()
