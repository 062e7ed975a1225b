"""The cache of stage outputs: keys, freshness, local and remote stores, housekeeping."""

from pipeline.cache.cache_key import KeyParts, StageDescription, read_stages, stages_as_json
from pipeline.cache.housekeeping import (
    CacheFiles,
    CacheListing,
    collect_garbage,
    delete,
    list_cache,
    marked_cache,
    remove_cache,
    remove_weights,
    verify_cache,
)
from pipeline.cache.index import stamps
from pipeline.cache.output_cache import (
    PREVIEWS,
    UNREADABLE,
    Cache,
    Contents,
    State,
    check_inputs,
    content_hashes,
    input_hashes,
    open_cache,
    readable,
    recording_hashes,
    unusable,
)
