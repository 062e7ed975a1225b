"""Runs one submission after the other in a thread; each can be cancelled."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from data.errors import AimError, Cancelled
from data.video.records import Record
from pipeline.cache.failure import Failure
from pipeline.score.path_redaction import redact_failure
from pipeline.score.video_score import Score
from pipeline.serve.submissions import Submission, Submissions

log = logging.getLogger(__name__)

FAULT = Failure("program", "", "an error of the program", "Details are in the server's terminal")


@dataclass
class RunningSubmission:
    """The running submission, and the activity that the page shows."""

    id: str
    stop: threading.Event = field(default_factory=threading.Event)
    activity: str = ""
    share: float | None = None

    def progress(self, activity: str, share: float | None = None) -> None:
        """Show the current activity and its share from 0 to 1, or None if unknown."""
        if not self.stop.is_set():
            self.activity, self.share = activity, share

    def end(self) -> None:
        """Ask the work to end."""
        self.stop.set()
        self.activity, self.share = "stopping", None


Work = Callable[[Submission, Path, RunningSubmission], Score | Failure | None]
"""Called with (submission, the folder with its files for `REPORT`, its `RunningSubmission`).

Returns the score of an upload, None for a comparison, or why a video has no score. Raises `AimError` for unusable
files, `Cancelled` after `stop`.
"""


class Queue:
    """Runs the queued submissions; `work` scores one video."""

    def __init__(self, submissions: Submissions, work: Work) -> None:
        self.submissions = submissions
        self._work = work
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._running: RunningSubmission | None = None
        self._thread = threading.Thread(target=self._loop, name="submissions", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def close(self) -> None:
        """Stop the running submission and the thread; queued submissions stay queued."""
        self._closing.set()
        with self._lock:
            if self._running is not None:
                self._running.end()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(20.0)

    def submit(self, submission: Submission) -> Submission:
        """Queue a submission."""
        kept = self.submissions.add(submission)
        self._wake.set()
        return kept

    def cancel(self, submission_id: str) -> bool:
        """Cancel a queued or running submission; returns False for any other."""
        if self.submissions.update(submission_id, only_from=("queued",), state="cancelled"):
            return True
        with self._lock:
            if self._running is None or self._running.id != submission_id:
                return False
            self._running.end()
        return True

    def activity(self, submission: Submission) -> tuple[str, float | None]:
        """The activity of a submission as text, and its share from 0 to 1; its remark if it is not running."""
        running = self._running
        if submission.state != "running" or running is None or running.id != submission.id:
            return submission.remark, None
        return running.activity, running.share

    def _loop(self) -> None:
        while True:
            self._wake.clear()
            if self._closing.is_set():
                return
            submission = self.submissions.next_queued()
            if submission is None:
                self._wake.wait()
            else:
                self._run(submission)

    def _run(self, submission: Submission) -> None:
        running = RunningSubmission(submission.id)
        with self._lock:
            self._running = running
        if self.submissions.update(submission.id, only_from=("queued",), state="running"):
            self._end(submission, running)
        with self._lock:
            self._running = None

    def _end(self, submission: Submission, running: RunningSubmission) -> None:
        """Run the work and store its result. No error may end the thread, which later submissions need."""
        try:
            result = self._work(submission, self.submissions.place / submission.id, running)
            if isinstance(result, Failure):
                self._fail(submission, result)
            else:
                self.submissions.update(submission.id, state="done", result=result)
        except Cancelled:
            if self._closing.is_set():
                self.submissions.update(submission.id, state="queued")
            else:
                self.submissions.update(submission.id, state="cancelled")
        except Exception as error:
            video = Record(submission.name, self.submissions.place / submission.id / submission.file)
            failure = Failure.of(error, record=video)
            if not isinstance(error, AimError):
                log.exception("submission %s failed", submission.id)
            self._fail(submission, FAULT if failure.kind == "program" else failure)

    def _fail(self, submission: Submission, failure: Failure) -> None:
        shown = redact_failure(failure)
        self.submissions.update(submission.id, state="failed", failure=shown)
