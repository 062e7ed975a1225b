"""Damage to cache files that their time stamps do not show, as a failing disk makes it."""

from __future__ import annotations

from pipeline.cache.index import stamp
from pipeline.cache.local_cache import Cache


def damage_unnoticed(cache: Cache, stage: str, video_id: str) -> None:
    """Flip a byte in every 50 of an output; the index then knows the damaged file as the whole one."""
    path = cache.path(stage, video_id)
    fact = cache.index.get("header", path.absolute(), stamp(path))
    assert fact is not None, "the index has not seen this output"
    content = bytearray(path.read_bytes())
    content[len(content) // 2 :: 50] = bytes(255 - byte for byte in content[len(content) // 2 :: 50])
    path.write_bytes(content)
    cache.index.put("header", path.absolute(), fact, stamp(path))
    cache.index.flush()
