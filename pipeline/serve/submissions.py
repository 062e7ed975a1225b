"""Submissions as folders: uploads, their state and their results, kept after the server ends."""

from __future__ import annotations

import logging
import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock, Timeout
from pydantic import TypeAdapter

from data.errors import CacheError, UsageError
from data.store.atomic_writes import TEMPORARY, write_bytes
from data.video import Phase
from pipeline.cache.failure import Failure
from pipeline.score.score import Score

log = logging.getLogger(__name__)

SubmissionState = Literal["queued", "running", "done", "failed", "cancelled"]

INTERRUPTED = Failure("stopped", "", "the server stopped during this submission", "Upload the video again")

RECORD, REPORT = "submission.json", "report.html"
"""Names of a submission's record, the JSON form of `Submission`, and of its page in its folder."""

FILES = ("video", "kinematics", REPORT, TEMPORARY)
"""How the names of the other files begin that this program writes into the folder of a submission."""


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
    created: float = 0.0  # seconds since 1970
    result: Score | None = None  # of a finished upload, without what its page alone shows
    failure: Failure | None = None  # why it failed
    pair: tuple[Submission, ...] = ()  # of a comparison: both uploads
    choice: ChosenPart = ChosenPart()
    difficulty: float | None = None  # announced, as the visitor gave it

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


class Submissions:
    """The submissions of a server's folder, which is locked for this process until `close`. Safe for several threads.

    A submission is a folder below `place`, named by its id, with its files and `RECORD`, which is written atomically
    after them. The records are read once: no other process can change them. Submissions that an earlier server left
    running become failed, and uploads that never got a record are deleted. Raises UsageError where another server uses
    the folder, since each would fail the other's submissions; CacheError where it cannot be written or is of an earlier
    version.
    """

    def __init__(self, folder: Path) -> None:
        self.place, self._lock = folder / "submissions", threading.RLock()
        self._unsaved = dict[str, bytes]()
        if (old := folder / "history.sqlite").exists():
            fix = "Name another folder with --folder, or move this one away"
            raise CacheError("its submissions are of an earlier version of this program", where=old, fix=fix)
        self._folder_lock = FileLock(folder / "server.lock", thread_local=False)
        try:
            self.place.mkdir(parents=True, exist_ok=True)
            self._folder_lock.acquire(timeout=0)
        except Timeout:
            fix = "Use that server's page, stop it, or name another folder with --folder"
            raise UsageError("another server uses this folder", where=folder, fix=fix) from None
        except (OSError, NotImplementedError) as error:
            fix = "Name a folder that can be written and locked with --folder"
            raise CacheError(f"the folder cannot be used ({error})", where=folder, fix=fix) from error
        self._submissions = {stored.id: stored for stored in sorted(self._stored(), key=lambda stored: stored.created)}
        self._sweep()
        for submission in self._all():
            self.update(submission.id, only_from=("running",), state="failed", failure=INTERRUPTED)

    def add(self, submission: Submission) -> Submission:
        """Keep a new submission, whose files are there. Raises OSError where it cannot be written."""
        submission = replace(submission, created=submission.created or time.time())
        with self._lock:
            self._write(submission.id, _adapter().dump_json(submission))
            self._submissions[submission.id] = submission
        return submission

    def get(self, submission_id: str) -> Submission | None:
        """The submission of this id, or None."""
        return self._submissions.get(submission_id)

    def phases_of(self, content: str) -> tuple[Phase, ...]:
        """The phases that a visitor set last in a whole video of this content, whatever its name."""
        chosen = (
            submission.choice.phases
            for submission in self.latest()
            if submission.content == content and submission.choice.part is None
        )
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
            self._unsaved[submission_id] = _adapter().dump_json(submission)
            self._save()
            self._submissions[submission_id] = submission
        return True

    def remove(self, submission_id: str) -> bool:
        """Delete a finished submission with its folder; returns False for an unfinished one. Raises OSError."""
        with self._lock:
            if (submission := self.get(submission_id)) is None or submission.state in ("queued", "running"):
                return False
            (self.place / submission_id / RECORD).unlink(missing_ok=True)
            self._unsaved.pop(submission_id, None)
            del self._submissions[submission_id]
        shutil.rmtree(self.place / submission_id, ignore_errors=True)
        return True

    def close(self) -> None:
        """Unlock the folder."""
        with self._lock:
            self._save()
            self._folder_lock.release()

    def _all(self) -> list[Submission]:
        with self._lock:
            return list(self._submissions.values())

    def _stored(self) -> Iterator[Submission]:
        for path in self.place.glob(f"{'[0-9a-f]' * 32}/{RECORD}"):
            try:
                yield replace(_adapter().validate_json(path.read_bytes()), id=path.parent.name)
            except (OSError, ValueError) as error:
                log.warning("%s: this submission is left out, since its record cannot be read (%s)", path, error)

    def _sweep(self) -> None:
        """Delete folders with nothing but this program's files and no record: uploads or deletions that were killed."""
        for folder in self.place.glob("[0-9a-f]" * 32):
            if all(path.name.startswith(FILES) for path in folder.glob("*")):
                shutil.rmtree(folder, ignore_errors=True)

    def _write(self, submission_id: str, record: bytes) -> None:
        write_bytes(self.place / submission_id / RECORD, record)

    def _save(self) -> None:
        try:
            for submission_id in list(self._unsaved):
                self._write(submission_id, self._unsaved[submission_id])
                del self._unsaved[submission_id]
        except OSError as error:
            log.warning("%s: a submission cannot be written (%s). Free space on that disk", self.place, error)
