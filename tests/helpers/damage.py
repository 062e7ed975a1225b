"""Damage to outputs, as a failing disk makes it."""

from __future__ import annotations

from pathlib import Path

from tests.helpers.cached_outputs import output_of


def damage(cache: Path, stage: str, video_id: str) -> Path:
    """Flip a byte in every 50 of the second half of an output; returns its path."""
    path = output_of(cache, stage, video_id)
    content = bytearray(path.read_bytes())
    content[len(content) // 2 :: 50] = bytes(255 - byte for byte in content[len(content) // 2 :: 50])
    path.write_bytes(content)
    return path
