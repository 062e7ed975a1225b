"""Runs one job after the other in a thread; each can be cancelled."""

from __future__ import annotations

import logging
import shutil
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from data.errors import AimError, Cancelled
from pipeline.serve.history import History, ScoringJob

log = logging.getLogger(__name__)

REPORT = "report.html"
"""Name of a job's page in its folder."""

FAULT = "an error of the program; details are in the server's terminal"


@dataclass
class Running:
    """The running job, and the activity that the page shows."""

    id: str
    stop: threading.Event = field(default_factory=threading.Event)
    stage: str = ""
    share: float | None = None

    def progress(self, stage: str, share: float | None = None) -> None:
        """Show the current activity and its share from 0 to 1, or None where unknown."""
        if not self.stop.is_set():
            self.stage, self.share = stage, share

    def end(self) -> None:
        """Ask the work to end."""
        self.stop.set()
        self.stage, self.share = "stopping", None


Work = Callable[[ScoringJob, Path, Running], dict[str, Any]]
"""Called with (job, the folder that has its files and gets `REPORT`, its `Running`).

Returns new values of the job's fields. Raises `AimError` where the video cannot be scored, `Cancelled` after `stop`.
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
        self._running: Running | None = None
        self._thread = threading.Thread(target=self._loop, name="jobs", daemon=True)

    def start(self) -> None:
        """Clean up after an earlier server and start the thread."""
        self._sweep()
        self._thread.start()

    def close(self) -> None:
        """Stop the running job and the thread; queued jobs stay queued."""
        self._closing.set()
        with self._lock:
            if self._running is not None:
                self._running.end()
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
        if self.history.update(job_id, only_from=("queued",), state="cancelled", finished=time.time()):
            return True
        with self._lock:
            if self._running is None or self._running.id != job_id:
                return False
            self._running.end()
        return True

    def activity(self, job: ScoringJob) -> tuple[str, float | None]:
        """The activity of a job as text, and its share from 0 to 1; the job's own text where it is not running."""
        running = self._running
        if job.state != "running" or running is None or running.id != job.id:
            return job.stage, None
        return running.stage, running.share

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
        return self.folder / job.id / REPORT

    def _sweep(self) -> None:
        """Delete folders of uploads that never became jobs, since the server was killed.

        Such a folder holds only uploaded files. A folder with a report stays: it belongs to a job whose history was
        moved away.
        """
        for place in self.folder.glob("[0-9a-f]" * 32):
            only_uploads = {path.stem for path in place.glob("*")} <= {"video", "kinematics"}
            if only_uploads and self.history.get(place.name) is None:
                shutil.rmtree(place, ignore_errors=True)

    def _loop(self) -> None:
        while True:
            self._wake.clear()
            if self._closing.is_set():
                return
            job = self.history.next_queued()
            if job is None:
                self._wake.wait()
            else:
                self._run(job)

    def _run(self, job: ScoringJob) -> None:
        running = Running(job.id)
        with self._lock:
            self._running = running
        if self.history.update(job.id, only_from=("queued",), state="running", started=time.time()):
            self._end(job, running)
        with self._lock:
            self._running = None

    def _end(self, job: ScoringJob, running: Running) -> None:
        """Run the work and store its result. No error ends the thread, which all further jobs need."""
        try:
            values = self._work(job, self.folder / job.id, running)
            self.history.update(job.id, state="done", finished=time.time(), **values)
        except Cancelled:
            if self._closing.is_set():
                self.history.update(job.id, state="queued")
            else:
                self.history.update(job.id, state="cancelled", finished=time.time())
        except AimError as error:
            reason = f"{error.what}. {error.fix}" if error.fix else error.what
            self.history.update(job.id, state="failed", finished=time.time(), error=reason)
        except Exception:
            log.exception("job %s failed", job.id)
            self.history.update(job.id, state="failed", finished=time.time(), error=FAULT)
