"""The index of a cache keeps hashes of inputs, parts of output headers, and measured rates.

Deleting or corrupting it only costs time: every fact can be recomputed from the files.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar, cast

from data.errors import VideoError
from data.store import RemoteFile, parse_json
from data.store.files import files_in
from data.video import FrameFolder, Record
from data.video.video_search import CACHE_INDEX, CACHE_MARKER

T = TypeVar("T")

SCHEMA = """
CREATE TABLE IF NOT EXISTS facts (
    kind TEXT NOT NULL, path BLOB NOT NULL, stamp TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (kind, path)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS work_rates (kind TEXT PRIMARY KEY, work REAL NOT NULL, seconds REAL NOT NULL) WITHOUT ROWID;
"""

OBJECT_INPUT, OUTPUT_HEADER = "object input", "output header"
"""Kinds of facts: inputs on a store, and outputs, by their names in the cache."""

ADD_COST = """
INSERT INTO work_rates VALUES (?, ?, ?) ON CONFLICT (kind) DO UPDATE
SET work = work / 2 + excluded.work, seconds = seconds / 2 + excluded.seconds
"""
"""Halving old weights lets an estimate follow a changed machine or setting."""


class Index:
    """A small SQLite table of facts about files; a failure turns the index off and never stops a run.

    Facts are buffered in memory and written in one short transaction, so that processes do not wait for each other.
    They stay in memory if the folder has no cache marker and is not `owned` by this program: it may be someone else's.
    While `frozen` is true nothing is written, as for a dry run.
    """

    def __init__(self, folder: Path, *, owned: bool = False) -> None:
        self.path = folder / CACHE_INDEX
        self.frozen = False
        self._owned = owned
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._broken = False
        self._pending: dict[tuple[str, bytes], tuple[str, str]] = {}
        self._costs: dict[str, tuple[float, float]] = {}

    def get(self, kind: str, path: Path | str, version: str | None) -> Any | None:
        """The fact kept for `path` with the stamp `version`, or None."""
        if version is None:
            return None
        name, query = os.fsencode(path), "SELECT stamp, value FROM facts WHERE kind = ? AND path = ?"
        with self._lock:
            row = self._pending.get((kind, name)) or next(iter(self._run(query, (kind, name))), None)
        return None if row is None or row[0] != version else _parsed(row[1])

    def put(self, kind: str, path: Path | str, value: Any, version: str | None) -> None:
        """Keep a fact about the file with the stamp `version`; None keeps nothing."""
        if version is None:
            return
        with self._lock:
            self._pending[kind, os.fsencode(path)] = (version, json.dumps(value))
        if len(self._pending) >= 512:
            self.flush()

    def recall(self, kind: str, path: Path | str, version: str | None, compute: Callable[[], T]) -> T:
        """The fact kept for `path` with the stamp `version`, else the result of `compute`, which is kept.

        Take the stamp before reading the content, so that a change in between invalidates the fact.
        """
        fact = self.get(kind, path, version)
        if fact is None:
            fact = compute()
            self.put(kind, path, fact, version)
        return cast(T, fact)

    def add_cost(self, kind: str, seconds: float, work: int) -> None:
        """Add the seconds of `work` units of a kind; written by `flush`, which halves the weight of the past."""
        with self._lock:
            before = self._costs.get(kind, (0.0, 0.0))
            self._costs[kind] = (before[0] + work, before[1] + seconds)

    def costs(self) -> dict[str, float]:
        """Measured seconds per unit of work by kind, from runs on this cache."""
        with self._lock:
            rows = self._run("SELECT kind, seconds, work FROM work_rates WHERE work > 0")
        return {kind: seconds / work for kind, seconds, work in rows}

    def flush(self) -> None:
        """Write the buffered facts."""
        with self._lock:
            if self._costs:
                self._run(ADD_COST, [(kind, *cost) for kind, cost in self._costs.items()])
                self._costs.clear()
            if self._pending:
                rows = [(*fact, *content) for fact, content in self._pending.items()]
                self._run("INSERT OR REPLACE INTO facts VALUES (?, ?, ?, ?)", rows)
                self._pending.clear()

    def close(self) -> None:
        """Flush, and close the file."""
        self.flush()
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _run(self, query: str, values: tuple[Any, ...] | list[Any] = ()) -> list[Any]:
        """Run a query, once for each of a list of values; returns its rows."""
        for _ in range(2):
            if self._broken:
                break
            try:
                if self._connection is None:
                    self._connection = self._open()
                if query.startswith("SELECT"):  # no transaction: this runs ten thousand times
                    return self._connection.execute(query, values).fetchall()
                if self.frozen:
                    break
                with self._connection as connection:
                    (connection.executemany if isinstance(values, list) else connection.execute)(query, values)
                break
            except (sqlite3.OperationalError, OSError):  # locked, read-only or full: go on without
                self._broken = True
            except sqlite3.DatabaseError:  # corrupt: start anew
                with suppress(sqlite3.Error):
                    if self._connection is not None:
                        self._connection.close()
                self._connection = None
                with suppress(OSError):
                    self.path.unlink()
        return []

    def _open(self) -> sqlite3.Connection:
        if self._owned and not self.frozen:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        may_create = (self._owned or self.path.with_name(CACHE_MARKER).exists()) and not self.frozen
        usable = may_create or self.path.exists()
        connection = sqlite3.connect(self.path if usable else ":memory:", timeout=10, check_same_thread=False)
        connection.execute("PRAGMA synchronous = OFF")  # the index may be lost
        connection.executescript(SCHEMA)
        return connection


def _parsed(text: Any) -> Any | None:
    """The value of a JSON text, or None, since any part of an index may be damaged."""
    try:
        return parse_json(text)
    except (TypeError, ValueError):
        return None


def stamps(record: Record) -> dict[str, str | None]:
    """The stamp of every local input by kind."""
    return {kind: stamp(source) for kind, source in record.inputs().items() if not isinstance(source, RemoteFile)}


def stamp(path: Path | str | FrameFolder) -> str | None:
    """A token that changes whenever the content may have changed: size, both times (ns) and inode number.

    For a folder, those of every file directly in it; for a folder of frames, those of the frames.
    """
    try:
        if isinstance(path, FrameFolder):
            return f"frames {hashlib.sha256(os.fsencode(repr(path.stamps()))).hexdigest()}"
        if os.path.isdir(path):
            text = repr([(file.name, stamp(file)) for file in files_in(Path(path))])
            return f"folder {hashlib.sha256(os.fsencode(text)).hexdigest()}"
        status = os.stat(path)
    except (OSError, VideoError):
        return None
    return f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns} {status.st_ino}"
