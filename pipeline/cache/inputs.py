"""Input files of records: hashes of their content, and stamps that show whether they changed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from data.store import RemoteFile
from data.video import Record
from pipeline.cache.index import stamp
from pipeline.cache.local_cache import Cache


def fingerprints(record: Record, cache: Cache, copied: Mapping[str, str] | None = None) -> dict[str, str]:
    """SHA-256 of the content of every input file by kind, of unreadable ones the reason; `copied` are kept as given."""
    hashes = dict(copied or {})
    places: dict[str, Path | RemoteFile] = {**record.files(), **record.remote}
    for kind, place in places.items():
        if kind in hashes:
            continue
        try:
            hashes[kind] = cache.fingerprint(place)
        except OSError as error:  # a StorageError is one too
            hashes[kind] = f"unreadable: {error.strerror}"
    return hashes


def stamps(record: Record) -> dict[str, str | None]:
    """The stamp of every local input file by kind."""
    return {kind: stamp(path) for kind, path in record.files().items()}
