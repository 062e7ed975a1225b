"""One job after the other in a thread of its own; any of them can be cancelled."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data.errors import AimError, Cancelled
from pipeline.serve import uploads
from pipeline.serve.history import History, Job

log = logging.getLogger(__name__)

Progress = Callable[[str, float | None], None]
"""Called with what is being done and its share from 0 to 1, or None where unknown."""


@dataclass(frozen=True)
class Outcome:
    """What came out of a job; its report lies at the path that the work was given."""

    score: float | None
    flags: int = 0


Work = Callable[[Job, Path, Path, Progress, threading.Event], Outcome]
"""Called with (job, video, where to write the report, progress, stop).

Raises `AimError` where the video cannot be scored and `Cancelled` where it was stopped.
"""


class Queue:
    """Runs what the history holds as queued.

    Args:
        history: the jobs.
        folder: job folders.
        work: scores one video.
    """

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
        """Settle what an earlier server left and begin."""
        self.history.settle()
        self._thread.start()

    def close(self, timeout: float = 20.0) -> None:
        """Stop the running job and end; what is queued stays queued."""
        self._closing.set()
        self._stop_running()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout)

    def submit(self, job: Job) -> Job:
        """Queue a job."""
        kept = self.history.add(job)
        self._wake.set()
        return kept

    def cancel(self, job_id: str) -> bool:
        """Cancel a queued or running job; whether it was one."""
        if self.history.update(job_id, only_from=("queued",), state="cancelled", finished=time.time(), stage=""):
            return True
        with self._lock:
            if self._running is None or self._running[0] != job_id:
                return False
            self._running[1].set()
        self.history.update(job_id, only_from=("running",), stage="stopping", share=None)
        return True

    def remove(self, job: Job) -> bool:
        """Delete a finished job and its files; whether it was finished."""
        current = self.history.get(job.id)
        if current is None or current.state in ("queued", "running"):
            return False
        uploads.remove(self.folder / job.id)
        self.history.remove(job.id)
        return True

    def report(self, job: Job) -> Path:
        """Where a job's report lies."""
        return self.folder / job.id / "report.html"

    def _loop(self) -> None:
        while not self._closing.is_set():
            self._wake.clear()
            job = self.history.next_queued()
            if job is None:
                self._wake.wait(timeout=5)
                continue
            self._run(job)

    def _run(self, job: Job) -> None:
        stop = threading.Event()
        with self._lock:
            self._running = (job.id, stop)
        started = self.history.update(job.id, only_from=("queued",), state="running", started=time.time())
        try:
            if started:
                self._settle(job, stop)
        finally:
            with self._lock:
                self._running = None

    def _settle(self, job: Job, stop: threading.Event) -> None:
        def progress(stage: str, share: float | None) -> None:
            if not stop.is_set():
                self.history.update(job.id, stage=stage, share=share)

        end: dict[str, Any]
        try:
            video = self.folder / job.id / f"video{job.suffix}"
            outcome = self._work(job, video, self.report(job), progress, stop)
            end = {"state": "done", "score": outcome.score, "flags": outcome.flags}
        except Cancelled:
            end = {"state": "queued" if self._closing.is_set() else "cancelled"}
        except AimError as error:
            end = {"state": "failed", "error": f"{error.what}. {error.fix}" if error.fix else error.what}
        except Exception:
            log.exception("job %s failed", job.id)
            end = {"state": "failed", "error": "a fault of the program; the server's terminal shows it"}
        finished = None if end["state"] == "queued" else time.time()
        self.history.update(job.id, **(end | {"finished": finished, "stage": "", "share": None}))

    def _stop_running(self) -> None:
        with self._lock:
            if self._running is not None:
                self._running[1].set()
