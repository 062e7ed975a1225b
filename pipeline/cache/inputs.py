"""Input files of records: hashes of their content, and stamps that show whether they changed."""

from __future__ import annotations

from data.video import Record
from pipeline.cache.index import stamp
from pipeline.cache.local_cache import Cache


def fingerprints(record: Record, cache: Cache) -> dict[str, str]:
    """SHA-256 of the content of every input file by kind; of unreadable ones the reason."""
    hashes = {}
    for kind, place in {**record.files(), **record.remote}.items():
        try:
            hashes[kind] = cache.fingerprint(place)
        except OSError as error:  # a StorageError is one too
            hashes[kind] = f"unreadable: {error.strerror}"
    return hashes


def stamps(record: Record) -> dict[str, str | None]:
    """The stamp of every local input file by kind."""
    return {kind: stamp(path) for kind, path in record.files().items()}
