"""Input files of records: hashes of their content, and stamps that show whether they changed."""

from __future__ import annotations

from collections.abc import Mapping

from data.errors import VideoError
from data.store import RemoteFile
from data.video import Record
from pipeline.cache.index import stamp
from pipeline.cache.local_cache import Cache


def fingerprints(record: Record, cache: Cache, copied: Mapping[str, str] | None = None) -> dict[str, str]:
    """SHA-256 of the content of every input file by kind, of unreadable ones the reason; `copied` are kept as given."""
    hashes = dict(copied or {})
    for kind, place in record.inputs().items():
        if kind in hashes:
            continue
        try:
            hashes[kind] = cache.fingerprint(place)
        except OSError as error:  # a StorageError is one too
            hashes[kind] = f"unreadable: {error.strerror}"
        except VideoError as error:
            hashes[kind] = f"unreadable: {error.what}"
    return hashes


def stamps(record: Record) -> dict[str, str | None]:
    """The stamp of every local input by kind."""
    return {kind: stamp(place) for kind, place in record.inputs().items() if not isinstance(place, RemoteFile)}
