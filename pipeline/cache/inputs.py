"""Input files of records: what they hold and whether they changed."""

from __future__ import annotations

from collections.abc import Mapping

from data.errors import StorageError
from data.video import Record
from pipeline.cache.index import stamp
from pipeline.cache.local_cache import Cache


def fingerprints(record: Record, cache: Cache, copied: Mapping[str, str] | None = None) -> dict[str, str]:
    """The content of every input file by kind, as far as it can be read; `copied` are those already known."""
    found = dict(copied or {})
    for kind, path in record.files().items():
        if kind in found:
            continue
        try:
            found[kind] = cache.fingerprint(path)
        except OSError as error:
            found[kind] = f"unreadable: {error.strerror}"
    for kind, file in record.remote.items():
        try:
            found[kind] = cache.fingerprint_object(file)
        except StorageError as error:
            found[kind] = f"unreadable: {error.what}"
    return found


def stamps(record: Record) -> dict[str, str | None]:
    """What the file system says of every local input file by kind."""
    return {kind: stamp(path) for kind, path in record.files().items()}
