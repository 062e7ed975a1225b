"""Submissions in SQLite: uploads, their state and their results, kept after the server ends."""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter

from data.errors import CacheError, UsageError
from data.video import Phase
from pipeline.cache.failure import Failure
from pipeline.score.score import Score

log = logging.getLogger(__name__)

SubmissionState = Literal["queued", "running", "done", "failed", "cancelled"]

INTERRUPTED = Failure("stopped", "", "the server stopped during this submission", "Upload the video again")

_PUT = "insert into submission (id, created, body) values (?, ?, ?) on conflict (id) do update set body = excluded.body"


@dataclass(frozen=True)
class ChosenPart:
    """The part of a video, the person and the phases that a visitor chose on the page."""

    part: tuple[float, float] | None = None  # start and end in seconds
    region: tuple[float, float, float, float] | None = None  # has the person's centre: x1 y1 x2 y2, 0 to 1
    phases: tuple[Phase, ...] = ()  # of the part, in seconds from its start

    def __str__(self) -> str:
        part = [] if self.part is None else [f"{self.part[0]:.2f} to {self.part[1]:.2f} s"]
        return ", ".join([*part, *(["chosen person"] if self.region else [])])


@dataclass(frozen=True)
class Submission:
    """An upload to score, or two scored uploads to compare."""

    id: str  # 32 hexadecimal digits that the server makes; name of the submission's folder
    name: str  # the file's name as the client gave it, for display only
    suffix: str  # one of the admitted suffixes; "" without a video
    size: int  # bytes
    content: str  # SHA-256 of the bytes; an equal video reuses the features in the cache
    state: SubmissionState = "queued"
    created: float = 0.0  # seconds since 1970, like the next two
    started: float | None = None
    finished: float | None = None
    result: Score | None = None  # of a finished upload, without what its page alone shows
    failure: Failure | None = None  # why it failed
    pair: tuple[Submission, ...] = ()  # of a comparison: both uploads
    choice: ChosenPart = ChosenPart()

    @property
    def file(self) -> str:
        """Name of the video in the submission's folder."""
        return f"video{self.suffix}"

    @property
    def title(self) -> str:
        """Its name with what was chosen."""
        return f"{self.name} ({self.choice})" if str(self.choice) else self.name

    @property
    def remark(self) -> str:
        """The serious flags of a scored upload, in words, and whether a visitor set its phases."""
        if self.result is None:
            return ""
        serious = [flag.title for flag in self.result.flags if flag.level != "info"]
        said = [f"no score: {self.result.why}"] if self.result.why else serious
        return "; ".join([*said, *(["by the phases of the page"] if self.choice.phases else [])])


@cache
def _adapter() -> TypeAdapter[Submission]:
    return TypeAdapter(Submission)


class History:
    """The submissions of one folder, locked for this process until closed. Safe to use from several threads.

    The file has a row per submission, and is read once: no other process can change it. Submissions that an earlier
    server left running become failed. Raises UsageError where another server uses the folder, since each would fail the
    other's submissions; CacheError where the file is no usable database.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._lock = path, threading.RLock()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._unsaved: dict[str, tuple[Any, ...]] = {}
        try:
            self._db = sqlite3.connect(path, timeout=0, check_same_thread=False, isolation_level=None)
            self._submissions = {submission.id: submission for submission in _locked_and_read(self._db)}
        except (sqlite3.DatabaseError, ValueError) as error:
            if "locked" in str(error):  # Python 3.10 gives no code
                fix = "Use that server's page, stop it, or name another folder with --folder"
                raise UsageError("another server uses this folder", where=path.parent, fix=fix) from error
            fix = "Move this file away (the server makes a new one), or name a folder that can be written with --folder"
            raise CacheError(f"the history cannot be used ({error})", where=path, fix=fix) from error
        for submission in self._all():
            ended = time.time()
            self.update(submission.id, only_from=("running",), state="failed", failure=INTERRUPTED, finished=ended)

    def add(self, submission: Submission) -> Submission:
        """Store a new submission. Raises sqlite3.OperationalError where it cannot be written, as on a full disk."""
        submission = replace(submission, created=submission.created or time.time())
        with self._lock:
            self._db.execute(_PUT, _row(submission))
            self._submissions[submission.id] = submission
        return submission

    def get(self, submission_id: str) -> Submission | None:
        """The submission of this id, or None."""
        return self._submissions.get(submission_id)

    def phases_of(self, content: str) -> tuple[Phase, ...]:
        """The phases that a visitor set last in a whole video of this content, whatever its name."""
        chosen = (one.choice.phases for one in self.latest() if one.content == content and one.choice.part is None)
        return next(filter(None, chosen), ())

    def latest(self, most: int = 200) -> list[Submission]:
        """The newest submissions first."""
        return self._all()[::-1][:most]

    def next_queued(self) -> Submission | None:
        """The queued submission that has waited longest, or None."""
        return next((submission for submission in self._all() if submission.state == "queued"), None)

    def waiting(self) -> int:
        """Number of queued or running submissions."""
        return sum(submission.state in ("queued", "running") for submission in self._all())

    def update(self, submission_id: str, *, only_from: tuple[SubmissionState, ...] = (), **values: Any) -> bool:
        """Set fields of a submission, only while its state is in `only_from` where given; returns whether one changed.

        A change that cannot be written, as on a full disk, is written with a later one.
        """
        with self._lock:
            submission = self._submissions.get(submission_id)
            if submission is None or (only_from and submission.state not in only_from):
                return False
            submission = replace(submission, **values)
            self._unsaved[submission_id] = _row(submission)
            self._submissions[submission_id] = submission
            self._save()
        return True

    def remove(self, submission_id: str) -> None:
        """Delete a submission. Raises sqlite3.OperationalError where the file cannot be changed."""
        with self._lock:
            self._db.execute("delete from submission where id = ?", (submission_id,))
            self._unsaved.pop(submission_id, None)
            self._submissions.pop(submission_id, None)

    def close(self) -> None:
        """Close the database and unlock the folder."""
        with self._lock, closing(self._db):
            self._save()

    def _all(self) -> list[Submission]:
        with self._lock:
            return list(self._submissions.values())

    def _save(self) -> None:
        if not self._unsaved:
            return
        try:
            self._db.executemany(_PUT, list(self._unsaved.values()))
            self._unsaved.clear()
        except sqlite3.Error as error:
            log.warning("%s: the history cannot be written (%s). Free space on that disk", self._path, error)


def _row(submission: Submission) -> tuple[str, float, str]:
    return submission.id, submission.created, _adapter().dump_json(submission).decode()


def _locked_and_read(db: sqlite3.Connection) -> list[Submission]:
    """The submissions, the oldest first. The file is locked until it is closed; the lock ends with a killed process."""
    try:
        db.execute("pragma locking_mode = exclusive")
        db.execute("begin exclusive")
        db.execute("create table if not exists submission (id text primary key, created real, body text)")
        rows = db.execute("select body from submission order by created, rowid")
        submissions = [_adapter().validate_json(body) for (body,) in rows]
        db.execute("commit")
    except (sqlite3.DatabaseError, ValueError):
        db.close()
        raise
    return submissions
