"""Runs one job after the other in a thread; each can be cancelled."""

from __future__ import annotations

import logging
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from data.errors import AimError, Cancelled
from pipeline.serve.history import History, JobState, ScoringJob

log = logging.getLogger(__name__)

T = TypeVar("T")

RETRY_SECONDS = 5.0
"""Time before the queue retries a database operation (locked database, full disk)."""

_FAULT: dict[str, Any] = {"state": "failed", "error": "an error of the program; details are in the server's terminal"}

WorkProgress = Callable[[str, float | None], None]
"""Called with the current activity and its share from 0 to 1, or None where unknown."""

LEAST_S, LEAST_SHARE = 1.0, 0.02
"""Seconds and share of an activity before the time that is left is estimated."""


Work = Callable[[ScoringJob, Path, Path, WorkProgress, threading.Event], dict[str, Any]]
"""Called with (job, video, where to write the report, progress, stop); returns what the job's fields become.

Raises `AimError` where the video cannot be scored, and `Cancelled` after `stop`.
"""


class Queue:
    """Runs the queued jobs of a history, each in a folder of its own below `folder`; `work` scores one video."""

    def __init__(self, history: History, folder: Path, work: Work) -> None:
        self.history = history
        self.folder = folder
        self._work = work
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._running: tuple[str, threading.Event] | None = None
        self._thread = threading.Thread(target=self._loop, name="jobs", daemon=True)

    def start(self) -> None:
        """Clean up after an earlier server and start the thread."""
        self.history.settle()
        self._sweep()
        self._thread.start()

    def close(self) -> None:
        """Stop the running job and the thread; queued jobs stay queued."""
        self._closing.set()
        with self._lock:
            if self._running is not None:
                self._running[1].set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(20.0)

    def submit(self, job: ScoringJob) -> ScoringJob:
        """Queue a job."""
        kept = self.history.add(job)
        self._wake.set()
        return kept

    def cancel(self, job_id: str) -> bool:
        """Cancel a queued or running job; returns False for any other."""
        if self.history.update(job_id, only_from=("queued",), state="cancelled", finished=time.time(), stage=""):
            return True
        with self._lock:
            if self._running is None or self._running[0] != job_id:
                return False
            self._running[1].set()
        self.history.update(job_id, only_from=("running",), stage="stopping", share=None)
        return True

    def remove(self, job: ScoringJob) -> bool:
        """Delete a finished job and its files; returns False for an unfinished one."""
        current = self.history.get(job.id)
        if current is None or current.state in ("queued", "running"):
            return False
        with suppress(FileNotFoundError):
            shutil.rmtree(self.folder / job.id)
        self.history.remove(job.id)
        return True

    def report(self, job: ScoringJob) -> Path:
        """Path of a job's report."""
        return self.folder / job.id / "report.html"

    def _sweep(self) -> None:
        """Delete folders of uploads that a killed server left before they became jobs.

        Such a folder holds uploaded files and nothing else. One with a report stays: it is the result of a job whose
        history was moved away.
        """
        for place in self.folder.glob("[0-9a-f]" * 32):
            only_uploads = {path.stem for path in place.glob("*")} <= {"video", "kinematics"}
            if only_uploads and self.history.get(place.name) is None:
                shutil.rmtree(place, ignore_errors=True)

    def _loop(self) -> None:
        while not self._closing.is_set():
            self._wake.clear()
            try:
                job = self._retried(self.history.next_queued)
                if job is None:
                    self._wake.wait(timeout=5)
                else:
                    self._run(job)
            except Exception:  # without this thread no further job would run
                log.exception("error in the job queue; it continues")
                self._closing.wait(RETRY_SECONDS)

    def _retried(self, act: Callable[[], T]) -> T | None:
        """Retry while the database is locked or the disk is full; None where the server closes before."""
        warned = False
        while True:
            try:
                return act()
            except sqlite3.OperationalError as error:
                if not warned:
                    fix = "Free space on that disk, or close other programs that use its history"
                    place = self.folder.parent
                    log.warning("%s: the history cannot be used (%s); the queue retries. %s", place, error, fix)
                warned = True
                if self._closing.wait(RETRY_SECONDS):
                    return None

    def _run(self, job: ScoringJob) -> None:
        stop = threading.Event()
        with self._lock:
            self._running = (job.id, stop)
        try:
            if self._change(job, only_from=("queued",), state="running", started=time.time()):
                self._settle(job, stop)
        finally:
            with self._lock:
                self._running = None

    def _change(self, job: ScoringJob, *, only_from: tuple[JobState, ...] = (), **values: Any) -> bool:
        return bool(self._retried(lambda: self.history.update(job.id, only_from=only_from, **values)))

    def _settle(self, job: ScoringJob, stop: threading.Event) -> None:
        end = self._end(job, stop)
        finished = None if end["state"] == "queued" else time.time()
        rest = {"finished": finished, "stage": "", "share": None, "left_s": None}
        try:
            self._change(job, **({"error": ""} | rest | end))
        except Exception:  # a result that does not fit a column
            log.exception("job %s failed", job.id)
            self._change(job, **(_FAULT | rest))

    def _end(self, job: ScoringJob, stop: threading.Event) -> dict[str, Any]:
        """Run the work; returns the fields of its end."""
        mute, begun, last_share = 0.0, time.monotonic(), 0.0

        def progress(stage: str, share: float | None) -> None:
            nonlocal mute, begun, last_share
            now = time.monotonic()
            if share is None or share < last_share:  # the next activity
                begun = now
            last_share = share or 0.0
            if stop.is_set() or now < mute:
                return
            try:
                self.history.update(job.id, stage=stage, share=share, left_s=time_left(now - begun, share))
            except sqlite3.OperationalError:  # costs shown progress only; waiting would stall the job at every frame
                mute = time.monotonic() + RETRY_SECONDS

        try:
            video = self.folder / job.id / f"video{job.suffix}"
            return {"state": "done", **self._work(job, video, self.report(job), progress, stop)}
        except Cancelled:
            return {"state": "queued" if self._closing.is_set() else "cancelled"}
        except AimError as error:
            return {"state": "failed", "error": f"{error.what}. {error.fix}" if error.fix else error.what}
        except Exception:
            log.exception("job %s failed", job.id)
            return _FAULT


def time_left(elapsed_s: float, share: float | None) -> float | None:
    """Estimated seconds until an activity ends, at its mean speed; None before there is enough to judge by."""
    if share is None or share < LEAST_SHARE or elapsed_s < LEAST_S:
        return None
    return elapsed_s * (1 - share) / share
