"""Starts the server on a port of the loopback interface, or of a named host, and scores uploads."""

from __future__ import annotations

import errno
import hashlib
import io
import math
import socket
from collections.abc import Hashable, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, nullcontext, suppress
from dataclasses import replace
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING

from data.errors import PROGRAM, Cancelled, DataError, UsageError, counted
from data.video import Labels, Record, trim_video
from pipeline.cache.failure import Failure
from pipeline.checks.accuracy import Accuracy
from pipeline.observer import Observer, Progress
from pipeline.score.video_score import Score
from pipeline.serve.submission_queue import RunningSubmission
from pipeline.serve.submissions import REPORT, Submission
from pipeline.serve.uploads import KINEMATICS
from pipeline.settings.stages import fetch_registered

if TYPE_CHECKING:
    from fastapi import FastAPI

    from pipeline.report import ReportData
    from pipeline.score import Scorer


def run_server(folder: Path, scorer: Scorer, port: int, observer: Observer, host: str = "") -> None:
    """Serve until interrupted; `folder` and `host` as in `create_app`, port 0 for any free one.

    The observer gets the link with the token when the port is open, and notes on videos that are extracted again.
    Raises UsageError if the port is taken or the page cannot provide the model's inputs, and as `create_app`.
    """
    from pipeline.serve.app import Service, create_app

    refuse_keypoint_models(scorer)
    fetch_registered(scorer.planner.stages.values(), observer.note)
    reads = sorted(scorer.reads, reverse=True)
    facts: dict[str, str | Accuracy] = {"model": str(scorer.folder), "reads": " and ".join(reads)}
    if scorer.model.calibration is not None:
        facts["accuracy"] = scorer.model.calibration.execution_alone.accuracy
    over_time = partial(progress_page, model=scorer.model_sha256)
    # Check the folder before the port: if both are in use, another port would not help.
    work, times = partial(score_upload, scorer, observer), scorer.model.times_difficulty
    app = create_app(folder, Service(work, reads, facts, judged(scorer), over_time, times), host=host)
    with closing(app.state.queue.submissions):
        run_app(app, port, observer)


def judged(scorer: Scorer) -> str:
    """Sentences on what a model scores: data set, scale, number of training videos, and whether it guesses.

    A model without a preset is named by its folder.
    """
    from pipeline.report.text import to_digits

    model = scorer.model
    scores = [score for score in model.train_labels[:, 0].tolist() if math.isfinite(score)]
    scale = f", on a scale of {to_digits(min(scores))} to {to_digits(max(scores))}" if scores else ""
    name = scorer.config.method.name
    name = scorer.folder.name if name == type(scorer.config.method).model_fields["name"].default else name
    learned = f"Scores videos like its {counted(len(model.train_ids), 'training video')} ({name}){scale}."
    guesses = " It is not certainly better than guessing: pages show movement, and no score."
    return learned + guesses if model.guesses else learned


def run_app(app: FastAPI, port: int, observer: Observer) -> None:
    """Serve an application of `guarded_app` until interrupted; the observer gets a link for each of its tokens.

    For a host in a network each link has a QR code. Raises UsageError if the port or the host is unusable.
    """
    from pipeline.serve.connections import BACKLOG, log_rarely, make_server
    from pipeline.serve.request_guard import url_host

    host = app.state.host
    listener = _listen(port, BACKLOG, host)
    place = f"http://{url_host(host or '127.0.0.1')}:{listener.getsockname()[1]}"
    with log_rarely(), suppress(KeyboardInterrupt):  # uvicorn has shut down and raises the interrupt again
        for rater, token in app.state.tokens.items():
            link = f"{place}/?token={token}"
            observer.note(f"{f'send {rater} this link' if rater else 'open this link in a browser'}: {link}")
            for line in qr_code(link) if host else ():
                observer.note(line)
        observer.note(
            "note: HTTP is not encrypted: others in this network can read the links and the pages"
            if host
            else "note: a link opens on this computer only; --host ADDRESS serves a network"
        )
        observer.note("Ctrl-C stops it; what is finished is kept")
        make_server(app).run(sockets=[listener])


def qr_code(text: str) -> list[str]:
    """The lines of a QR code, for a terminal with a dark background."""
    import segno

    lines = io.StringIO()
    segno.make_qr(text).terminal(lines, border=2, compact=True)
    return lines.getvalue().splitlines()


def refuse_keypoint_models(scorer: Scorer) -> None:
    """Raise UsageError for a model that reads keypoints or features of other programs, which the page cannot take."""
    stages = scorer.planner.stages
    if "features" in stages or getattr(stages.get("pose"), "backend", "") == "import":
        what = "this model reads keypoints or features of another program, which the page does not accept"
        fix = f"Type: {PROGRAM} score VIDEOS --model MODEL, or with --features FOLDER in place of videos"
        raise UsageError(what, where=scorer.folder, fix=fix)


class UploadObserver(Observer):
    """Passes notes to the server's observer, and progress to the page that waits for the upload."""

    def __init__(self, server: Observer, running: RunningSubmission) -> None:
        super().__init__(running.stop)
        self._server, self._running = server, running

    def note(self, text: str) -> None:
        """One line for people."""
        self._server.note(text)

    def progress(self, what: str) -> AbstractContextManager[Progress]:
        """Progress that the page shows."""
        return nullcontext(UploadProgress(self._running))


class UploadProgress(Progress):
    """Progress of one video, for the page that waits for it."""

    def __init__(self, running: RunningSubmission) -> None:
        super().__init__("frames")
        self._running = running

    def inside(self, item: Hashable, done: float, total: float, stages: Sequence[str] = ()) -> None:
        """See `Progress`."""
        super().inside(item, done, total, stages)
        words = ", ".join(ACTIVITIES.get(stage, stage) for stage in stages)
        if total:
            self._running.progress(f"{words}: {100 * self.share:.0f} %, {self.time_left()}", self.share)
        else:
            self._running.progress(words)


def score_upload(
    scorer: Scorer, observer: Observer, submission: Submission, folder: Path, running: RunningSubmission
) -> Score | Failure | None:
    """Score a submission, or both of a comparison, and write its page; partially applied, a queue's `Work`.

    The scorer's cache stores features by the content of the video, so that equal videos are extracted once. The
    observer gets notes on videos that are extracted again. Raises DataError for a comparison of equal videos, Cancelled
    after `stop`.
    """
    from pipeline.report import ReportData, ScoredVideos, write_comparison_page, write_scores_page

    submissions = submission.pair or (submission,)
    if any(upload.choice.part for upload in submissions):
        running.progress("cutting the video")
    records = [
        _record(_trimmed(upload, folder.parent / upload.id), folder.parent / upload.id) for upload in submissions
    ]
    if len({record.id for record in records}) < len(records):
        raise DataError("both uploads are the same video", fix="Choose two different ones")
    names = {record.id: upload.title for record, upload in zip(records, submissions, strict=True)}
    with ExitStack() as open_scorers:
        following = {
            record.id: open_scorers.enter_context(scorer.following(upload.choice.region))
            for record, upload in zip(records, submissions, strict=True)
            if upload.choice.region is not None
        }
        running.progress("opening the video")
        watching = UploadObserver(observer, running)
        rows = [following.get(record.id, scorer).score_records([record], watching)[0] for record in records]
        if running.stop.is_set():
            raise Cancelled
        for row in rows:
            if row.failure is not None:
                named = f"{names[row.id]}: " if submission.pair else ""
                return replace(row.failure, cause=f"{named}{row.failure.cause}")
        running.progress("writing the page")
        head = ReportData(submission.title, f"scored by {scorer.folder.name}", home="/")
        scored = ScoredVideos(scorer, rows, records, names, following)
        if submission.pair:
            write_comparison_page(folder / REPORT, scored, head)
            return None
        row = write_scores_page(folder / REPORT, scored, head).videos[0].result
    return replace(row, path=None, steps=(), quality={}, keys={}, carried=None)


def _trimmed(submission: Submission, folder: Path) -> Submission:
    """The submission with the chosen part of its video, which is cut if necessary."""
    if submission.choice.part is None:
        return submission
    start, end = submission.choice.part
    content = hashlib.sha256(f"{submission.content[:12]}{start:.2f}-{end:.2f}".encode()).hexdigest()
    trimmed = replace(submission, content=content, suffix=TRIMMED)
    if not (folder / trimmed.file).exists():
        trim_video(folder / submission.file, start, end, folder / trimmed.file)
    return trimmed


def _record(submission: Submission, folder: Path) -> Record:
    kinematics = folder / KINEMATICS
    return Record(
        id=f"uploads/{submission.content[:16]}{submission.suffix or '.txt'}",
        path=folder / submission.file if submission.suffix else None,
        sidecars={"kinematics": kinematics} if kinematics.is_file() else {},
        phases=submission.choice.phases,
        labels=None if submission.difficulty is None else Labels(difficulty=submission.difficulty),
    )


def progress_page(submissions: Sequence[Submission], model: str) -> ReportData | None:
    """Page of athletes' scores over time; None if no athlete has scores on two days.

    Names of uploads give athlete and day. If an upload was scored several times, the last score counts.

    Args:
        submissions: the newest first.
        model: SHA-256 of the model; scores of other models are left out.
    """
    from pipeline.report.page_data import BatchSection, ReportData
    from pipeline.report.performers import performer_scores
    from pipeline.report.video_section import batch_row

    rows = {}
    for submission in submissions:
        if (
            submission.content not in rows
            and submission.result is not None
            and submission.result.valid
            and submission.result.model == model
        ):
            rows[submission.content] = batch_row(
                submission.result, Record(submission.name, None), name=submission.title
            )
    batch = BatchSection(rows=tuple(row for row in rows.values() if row.day))
    return ReportData("Progress over time", batch=batch, home="/") if performer_scores(batch) else None


TRIMMED = ".trimmed.mp4"
"""Ending of the file with the chosen part of an upload."""

ACTIVITIES = {
    "clips": "watching the whole scene",
    "pose": "finding the athlete",
    "camera_flow": "following the camera",
    "kinematics": "reading the tools",
    "skeleton": "reading the joints",
    "features": "reading the features",
    "timesteps": "cutting the video into steps",
}
"""Activity by stage, in words for people who upload videos."""


def _listen(port: int, backlog: int = 64, host: str = "") -> socket.socket:
    try:
        family, *_, address = socket.getaddrinfo(host or "127.0.0.1", port, type=socket.SOCK_STREAM)[0]
        if ip_address(address[0]).is_unspecified:  # the guard allows one name, and links need it
            raise UsageError(f"{host} is every address", fix="Give --host one address of this machine")
        return socket.create_server(address, family=family, backlog=backlog)
    except OSError as error:
        what, fix = f"port {port} cannot be used", "Choose another one with --port, 0 for any"
        if host and error.errno not in (errno.EADDRINUSE, errno.EACCES):
            what, fix = f"--host {host} is not an address of this machine", "Choose one that `hostname -I` shows"
        raise UsageError(f"{what} ({error.strerror})", fix=fix) from error
