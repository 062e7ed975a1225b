"""The cache of stage outputs: keys, freshness, local and remote stores, housekeeping."""

from __future__ import annotations

from typing import TYPE_CHECKING

from data.lazy import importer

if TYPE_CHECKING:
    from pipeline.cache.cache_commands import (
        CacheFiles,
        CacheListing,
        collect_garbage,
        delete,
        list_cache,
        marked_cache,
        verify_cache,
    )
    from pipeline.cache.computation import Computation
    from pipeline.cache.inputs import fingerprints, stamps
    from pipeline.cache.local_cache import UNREADABLE, Cache, Check, software, unreadable
    from pipeline.cache.remote_cache import open_cache
else:
    __getattr__ = importer(
        __name__,
        cache_commands="CacheFiles CacheListing collect_garbage delete list_cache marked_cache verify_cache",
        computation="Computation",
        inputs="fingerprints stamps",
        local_cache="UNREADABLE Cache Check software unreadable",
        remote_cache="open_cache",
    )

__all__ = [
    "UNREADABLE",
    "Cache",
    "CacheFiles",
    "CacheListing",
    "Check",
    "Computation",
    "collect_garbage",
    "delete",
    "fingerprints",
    "list_cache",
    "marked_cache",
    "open_cache",
    "software",
    "stamps",
    "unreadable",
    "verify_cache",
]
