"""The cache of stage outputs: keys, freshness, local and remote stores, housekeeping."""

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
from pipeline.cache.removal import remove_cache, remove_weights

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
    "remove_cache",
    "remove_weights",
    "software",
    "stamps",
    "unreadable",
    "verify_cache",
]
