"""Jobs in SQLite: uploads, their state and their results, kept after the server ends."""

from __future__ import annotations

import sqlite3
import threading
import time
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

from data.errors import CacheError, UsageError
from pipeline.results import Level

JobState = Literal["queued", "running", "done", "failed", "cancelled"]

_SCHEMA = """
create table if not exists job (
    id text primary key, name text not null, suffix text not null, size integer not null, content text not null,
    state text not null, created real not null, started real, finished real,
    stage text not null default '', share real, score real, flags integer not null default 0,
    error text not null default ''
)
"""

_LATER = {"low": "real", "high": "real", "level": "text not null default ''", "left_s": "real"}
_LATER |= {"decimals": "integer not null default 2", "pair": "text not null default ''"}
_LATER |= {"choice": "text not null default ''", "model": "text not null default ''"}
"""Columns that histories of older versions lack."""

INTERRUPTED = "the server stopped during this job; upload the video again"


@dataclass(frozen=True)
class ScoringJob:
    """One uploaded video."""

    id: str  # 32 hexadecimal digits of the server's own making; names the job's folder
    name: str  # the file's name as the client gave it, for display only
    suffix: str  # one of the admitted suffixes; the file on disk is `video` + suffix
    size: int  # bytes
    content: str  # SHA-256 of the bytes; an equal video reuses the features in the cache
    state: JobState = "queued"
    created: float = 0.0  # seconds since 1970, like the next two
    started: float | None = None
    finished: float | None = None
    stage: str = ""  # current activity, as text; of a finished job its serious flags
    share: float | None = None  # 0 to 1 of the running stage, None where unknown
    score: float | None = None
    flags: int = 0  # number of flags
    error: str = ""  # reason of a failure, one line
    low: float | None = None  # ends of the 80 % interval of the score
    high: float | None = None
    level: Level | Literal[""] = ""  # the worst level of the flags
    decimals: int = 2  # of the score as people read it
    pair: str = ""  # of a comparison: both jobs as JSON
    choice: str = ""  # the part and the person that were chosen on the page, as JSON: start, end, region
    model: str = ""  # SHA-256 of the model that gave the score
    left_s: float | None = None  # estimated seconds until the frames are read, None where unknown


_COLUMNS = tuple(field.name for field in fields(ScoringJob))


class History:
    """The jobs of one folder, locked for this process until closed. Safe to use from several threads.

    Raises UsageError where another server uses the folder, since both would treat each other's jobs as abandoned;
    CacheError where the file is no usable database.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._hold = _hold(path.with_suffix(".lock"))
        try:
            self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
            self._db.execute("pragma journal_mode = wal")
            self._db.execute(_SCHEMA)
            there = {row[1] for row in self._db.execute("pragma table_info(job)")}
            for name, kind in _LATER.items():
                if name not in there:
                    self._db.execute(f"alter table job add column {name} {kind}")
        except sqlite3.DatabaseError as error:
            self._hold.close()
            fix = "Move this file away; the server makes a new one"
            raise CacheError(f"the history cannot be used ({error})", where=path, fix=fix) from error

    def add(self, job: ScoringJob) -> ScoringJob:
        """Store a new job."""
        job = replace(job, created=job.created or time.time())
        marks = ", ".join("?" * len(_COLUMNS))
        values = [getattr(job, name) for name in _COLUMNS]
        with self._lock:
            self._db.execute(f"insert into job ({', '.join(_COLUMNS)}) values ({marks})", values)  # noqa: S608 -- our names
        return job

    def get(self, job_id: str) -> ScoringJob | None:
        """The job of this id, or None."""
        return next(iter(self._select("where id = ?", (job_id,))), None)

    def latest(self, most: int = 200) -> list[ScoringJob]:
        """The newest jobs first."""
        return self._select("order by created desc, rowid desc limit ?", (most,))

    def next_queued(self) -> ScoringJob | None:
        """The queued job that has waited longest, or None."""
        return next(iter(self._select("where state = 'queued' order by created, rowid limit 1", ())), None)

    def waiting(self) -> int:
        """Number of queued or running jobs."""
        return len(self._select("where state in ('queued', 'running')", ()))

    def update(self, job_id: str, *, only_from: tuple[JobState, ...] = (), **values: Any) -> bool:
        """Set fields of a job, only while its state is in `only_from` where given; returns whether a job changed."""
        if unknown := set(values) - set(_COLUMNS):
            raise ValueError(f"no such fields: {sorted(unknown)}")
        sets = ", ".join(f"{name} = ?" for name in values)
        where = f" and state in ({', '.join('?' * len(only_from))})" if only_from else ""
        with self._lock:
            query = f"update job set {sets} where id = ?{where}"  # noqa: S608 -- our names
            return self._db.execute(query, [*values.values(), job_id, *only_from]).rowcount > 0

    def remove(self, job_id: str) -> None:
        """Delete a job."""
        with self._lock:
            self._db.execute("delete from job where id = ?", (job_id,))

    def settle(self) -> int:
        """After a start: mark jobs that an earlier server left running as failed, and return their number."""
        with self._lock:
            query = "update job set state = 'failed', error = ?, finished = ? where state = 'running'"
            return self._db.execute(query, (INTERRUPTED, time.time())).rowcount

    def close(self) -> None:
        """Close the database and unlock the folder."""
        with self._lock:
            self._db.close()
            self._hold.close()

    def _select(self, rest: str, values: tuple[Any, ...]) -> list[ScoringJob]:
        with self._lock:
            rows = self._db.execute(f"select {', '.join(_COLUMNS)} from job {rest}", values).fetchall()  # noqa: S608
        return [ScoringJob(*row) for row in rows]


def _hold(path: Path) -> sqlite3.Connection:
    """An empty database, locked until closed. SQLite locks work on every system, and end with a killed process even
    while its children run.
    """
    try:
        lock = sqlite3.connect(path, timeout=0, check_same_thread=False, isolation_level=None)
        try:
            lock.execute("begin exclusive")
        except sqlite3.DatabaseError:
            lock.close()
            raise
    except sqlite3.DatabaseError as error:
        if "locked" in str(error):
            fix = "Use that server's page, stop it, or name another folder with --folder"
            raise UsageError("another server uses this folder", where=path.parent, fix=fix) from error
        fix = "Remove this file, or name a folder that can be written with --folder"
        raise CacheError(f"the folder cannot be locked ({error})", where=path, fix=fix) from error
    return lock
