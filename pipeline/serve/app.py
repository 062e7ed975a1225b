"""The web application: its pages and addresses. `request_guard` checks every request first.

It serves only its own files, by identifiers that it generated.
"""

from __future__ import annotations

import math
import re
import secrets
import shutil
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.requests import ClientDisconnect

from data.datasets.phase_marks import phases_of_text
from data.errors import AimError, UsageError
from data.video import VIDEO_SUFFIXES
from extractors.pose.config import PoseConfig
from pipeline.checks.accuracy import Accuracy
from pipeline.checks.flag_checks import PER_DIFFICULTY
from pipeline.report.page_data import ReportData
from pipeline.report.page_downloads import csv_of
from pipeline.report.page_writer import asset, render_report
from pipeline.score.score_inputs import positive
from pipeline.serve import uploads
from pipeline.serve.request_guard import guarded_app, sealed_page
from pipeline.serve.submission_queue import Queue, Work
from pipeline.serve.submissions import RECORD, REPORT, ChosenPart, Submission, Submissions

NAME_HEADER, KINEMATICS_HEADER = "x-file-name", "x-kinematics-name"
"""Percent-encoded names of an uploaded video and of the kinematics file that precedes it in the body."""

DIFFICULTY_HEADER = "x-difficulty"
"""The announced difficulty of an uploaded video, if the visitor gave it."""

BYTES_HEADER = "x-kinematics-bytes"
"""Length of the kinematics file in bytes."""

LENGTH_DIGITS = 18
"""Most digits of a length: an exabyte."""

PACKAGE = "pipeline.serve"

CSV_NUMBERS = ("score", "low80", "high80", "difficulty", "score_per_difficulty")

SHOWN = ("id", "suffix", "state", "created", "difficulty")
"""Fields of a submission that the page shows unchanged."""

_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class ServerLimits:
    """Limits of uploads and waiting submissions."""

    file_bytes: int = uploads.MOST_BYTES
    waiting: int = 50  # most queued or running submissions, including running uploads
    spare_bytes: int = 256 << 20  # space that must stay free on the disk
    stall_s: float = 30.0  # longest pause of an upload
    upload_s: float = 900.0  # longest time for one upload


@dataclass(frozen=True)
class Service:
    """The part of a server that depends on the model.

    Attributes:
        work: scores one upload.
        reads: input files of the model: "video", "kinematics".
        facts: text or accuracy by name, for the bottom of the page.
        judges: a sentence on what the model judges, for the top of the page.
        over_time: makes the page of athletes' scores over time from submissions, the newest first, or None.
        times_difficulty: whether the model multiplies by a difficulty, which the page asks for.
    """

    work: Work
    reads: Collection[str] = ("video",)
    facts: Mapping[str, str | Accuracy] = field(default_factory=dict)
    judges: str = ""
    over_time: Callable[[Sequence[Submission]], ReportData | None] = lambda _: None
    times_difficulty: bool = False


def create_app(
    folder: Path, service: Service, limits: ServerLimits | None = None, token: str | None = None, host: str = ""
) -> FastAPI:
    """The application; `folder` holds the submissions; for `token` and `host` see `guarded_app`.

    Raises as `Submissions`.
    """
    bounds = limits or ServerLimits()
    kept = Submissions(folder)
    queue = Queue(kept, service.work)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        queue.start()
        yield
        queue.close()
        kept.close()

    app = guarded_app(lifespan, token, host)
    app.state.queue = queue
    app.add_exception_handler(uploads.UploadError, _refused)
    app.add_exception_handler(AimError, _aim_error)
    app.add_exception_handler(OSError, _unwritable)
    _pages(app, queue, bounds, service)
    _api(app, queue, bounds, service)
    return app


def _pages(app: FastAPI, queue: Queue, bounds: ServerLimits, service: Service) -> None:
    index, policy = render_index(bounds.file_bytes, service)

    @app.get("/")
    def home() -> HTMLResponse:
        return HTMLResponse(index, headers={"content-security-policy": policy})

    @app.get("/submissions/{submission_id}/report.html")
    def report(submission_id: str) -> FileResponse:
        submission = _submission(queue, submission_id)
        if submission.state != "done":
            raise HTTPException(404, "no report yet")
        page = queue.submissions.place / submission.id / REPORT
        if not page.is_file():
            raise HTTPException(404, "this report was deleted; upload the video again")
        return FileResponse(page, media_type="text/html; charset=utf-8")

    @app.get("/progress.html")
    def progress() -> HTMLResponse:
        page = service.over_time(queue.submissions.latest())
        if page is None:
            fix = "name videos by athlete and day, such as anna_2026-05-31.mp4"
            raise HTTPException(404, f"no athlete has scores of two days; {fix}")
        return HTMLResponse(render_report(page))

    @app.get("/scores.csv")
    def scores() -> PlainTextResponse:
        return PlainTextResponse(scores_csv(queue.submissions.latest()), media_type="text/csv; charset=utf-8")

    @app.get("/submissions/{submission_id}/{name}")
    def video(submission_id: str, name: str) -> FileResponse:
        """The video of a submission, for reports that link a video too large to embed."""
        submission = _submission(queue, submission_id)
        path = queue.submissions.place / submission.id / submission.file
        if name != path.name or not path.is_file():
            raise HTTPException(404, "no such file")
        return FileResponse(path)


def chosen(
    start: float | None, end: float | None, region: str | None, phases: str | None, old: ChosenPart
) -> ChosenPart:
    """A visitor's choice on the page of the choice `old`: another part and person, or its phases.

    Raises HTTPException 422 for an impossible choice.
    """
    part, corners = None, None
    if start is not None or end is not None:
        if start is None or end is None or not 0 <= start < end < math.inf:
            raise HTTPException(422, "the part must end after it starts")
        before = old.part[0] if old.part else 0.0
        part = (before + start, before + end)
    if region is not None:
        try:
            numbers = tuple(float(corner) for corner in region.split(","))
            corners = PoseConfig.model_validate({"region": numbers}).region
        except ValueError:
            raise HTTPException(422, "the region is x1,y1,x2,y2 relative to the picture") from None
    if phases is None:
        return ChosenPart(part, corners) if part or corners else old
    try:
        return replace(old, phases=phases_of_text(phases))
    except ValueError as error:
        raise HTTPException(422, str(error)) from None


def scores_csv(submissions: Sequence[Submission]) -> str:
    """One line per scored upload, the newest first; times are UTC. Scores without difficulty have their own column."""
    rows: list[Sequence[object]] = [("video", "uploaded", *CSV_NUMBERS, "valid", "notes")]
    for submission in submissions:
        if (result := submission.result) is not None:
            uploaded = datetime.fromtimestamp(submission.created, timezone.utc).isoformat(timespec="seconds")
            of = {result.quantity: result.score}
            ends = result.interval80 or (None, None)
            values = (of.get("score"), *ends, result.difficulty, of.get(PER_DIFFICULTY))
            numbers = ("" if value is None else value for value in values)
            rows.append((submission.title, uploaded, *numbers, str(result.valid).lower(), submission.remark))
    return csv_of(rows)


def render_index(most_bytes: int, service: Service) -> tuple[str, str]:
    """The page, and its content security policy."""
    reads = service.reads
    return sealed_page(
        PACKAGE,
        "index.html.j2",
        [asset("serve.js", PACKAGE)],
        styles=[asset("base.css"), asset("results.css"), asset("serve.css", PACKAGE)],
        suffixes=[*(sorted(VIDEO_SUFFIXES) if "video" in reads else ()), *([".txt"] if "kinematics" in reads else ())],
        reads=reads,
        most_bytes=most_bytes,
        facts=service.facts,
        judges=service.judges,
        times_difficulty=service.times_difficulty,
    )


def _api(app: FastAPI, queue: Queue, bounds: ServerLimits, service: Service) -> None:
    under_way = 0  # only changed in the event loop's thread

    @app.get("/api/submissions")
    def submissions() -> dict[str, Any]:
        latest = queue.submissions.latest()
        return {
            "submissions": [_shown(queue, submission) for submission in latest],
            "progress": service.over_time(latest) is not None,
        }

    async def upload(request: Request, content: AsyncIterator[bytes]) -> dict[str, Any]:
        nonlocal under_way
        _refuse_when_full(queue, under_way, bounds.waiting)
        announced = _length(request.headers.get("content-length"))
        if shutil.disk_usage(queue.submissions.place).free - (announced or 0) < bounds.spare_bytes:
            raise uploads.UploadError(507, uploads.DISK_FULL)
        name, kinematics = (request.headers.get(header) for header in (NAME_HEADER, KINEMATICS_HEADER))
        if name is None and kinematics is None:
            name = ""  # without names, the body is a video
        headers = uploads.BodyHeaders(name, kinematics, _length(request.headers.get(BYTES_HEADER)) or 0)
        headers.check(service.reads)
        difficulty = _difficulty(request.headers.get(DIFFICULTY_HEADER))
        under_way += 1
        try:
            body = uploads.timely(content, bounds.stall_s, bounds.upload_s)
            received = await uploads.receive(body, headers, announced, queue.submissions.place, bounds.file_bytes)
        except ClientDisconnect as error:
            raise uploads.UploadError(400, "the connection ended before the file was complete") from error
        finally:
            under_way -= 1
        known = ChosenPart(phases=queue.submissions.phases_of(received.content))
        return _shown(queue, _submit(queue, replace(received, choice=known, difficulty=difficulty), bounds.waiting))

    @app.post("/api/videos", status_code=201)
    async def answered_upload(request: Request) -> dict[str, Any]:
        """Take an upload. A refusal waits until the browser has sent everything, at most `stall_s`."""
        content = request.stream()
        try:
            return await upload(request, content)
        except uploads.UploadError as error:
            if error.status_code != 408 and "expect" not in request.headers:
                await uploads.drain(content, bounds.stall_s)
            raise

    @app.post("/api/comparisons/{first}/{second}", status_code=201)
    def compare(first: str, second: str) -> dict[str, Any]:
        """Queue the page of two scored uploads side by side."""
        pair = [_submission(queue, submission_id) for submission_id in (first, second)]
        if first == second or any(submission.state != "done" or submission.pair for submission in pair):
            raise HTTPException(409, "choose two different videos that have a score")
        _refuse_when_full(queue, under_way, bounds.waiting)
        name = f"{pair[0].title} beside {pair[1].title}"
        submission = Submission(secrets.token_hex(16), name, "", 0, "", pair=tuple(pair))
        return _shown(queue, _submit(queue, submission, bounds.waiting))

    @app.post("/api/submissions/{submission_id}/again", status_code=201)
    def again(
        submission_id: str,
        start: float | None = None,
        end: float | None = None,
        region: str | None = None,
        phases: str | None = None,
        difficulty: str | None = None,
    ) -> dict[str, Any]:
        """Queue an upload again: the part from `start` to `end` (s), for the person in a region, or with these phases.

        The new score replaces the old one; for another part or person it is a new submission. Seconds are those of its
        page. `region` is x1,y1,x2,y2 relative to the picture; `phases` is JSON.
        """
        old = _submission(queue, submission_id)
        if old.state in ("queued", "running"):
            raise HTTPException(409, "this submission is not finished")
        _refuse_when_full(queue, under_way, bounds.waiting)
        choice = chosen(start, end, region, phases, old.choice)
        if choice != old.choice and (old.pair or (str(choice) and "kinematics" in service.reads)):
            raise HTTPException(409, "parts and people can be chosen in single videos only")
        announced = _difficulty(difficulty) or old.difficulty
        new = replace(old, state="queued", result=None, failure=None, choice=choice, difficulty=announced)
        if new.title == old.title:
            return _shown(queue, queue.submit(new))
        return _shown(queue, _submit(queue, replace(new, id=secrets.token_hex(16), created=0.0), bounds.waiting, old))

    @app.post("/api/submissions/{submission_id}/cancel")
    def cancel(submission_id: str) -> dict[str, Any]:
        if not queue.cancel(_submission(queue, submission_id).id):
            raise HTTPException(409, "this submission is not running")
        return _shown(queue, _submission(queue, submission_id))

    @app.delete("/api/submissions/{submission_id}", status_code=204)
    def delete(submission_id: str) -> Response:
        if not queue.submissions.remove(_submission(queue, submission_id).id):
            raise HTTPException(409, "cancel the submission first")
        return Response(status_code=204)


def _refuse_when_full(queue: Queue, under_way: int, most: int) -> None:
    if queue.submissions.waiting() + under_way >= most:
        raise uploads.UploadError(429, f"{most} videos are waiting; upload this one after a score has appeared")


def _submit(queue: Queue, submission: Submission, most: int, copied: Submission | None = None) -> Submission:
    """Queue a submission with the files of `copied`; delete its files on failure."""
    folder = queue.submissions.place / submission.id
    try:
        if copied is not None:
            unwanted = shutil.ignore_patterns(RECORD, REPORT, "*.trimmed.mp4")
            shutil.copytree(folder.with_name(copied.id), folder, ignore=unwanted)
        _refuse_when_full(queue, 0, most)
        return queue.submit(submission)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _submission(queue: Queue, submission_id: str) -> Submission:
    """The submission of an identifier, which is never part of a path. Raises HTTPException 404 if it is missing."""
    submission = queue.submissions.get(submission_id) if _ID.fullmatch(submission_id) else None
    if submission is None:
        raise HTTPException(404, "no such submission")
    return submission


def _shown(queue: Queue, submission: Submission) -> dict[str, Any]:
    """A submission for the page, as JSON types."""
    result, (activity, share) = submission.result, queue.activity(submission)
    shown = {name: getattr(submission, name) for name in SHOWN}
    shown["error"] = str(submission.failure or "")
    shown |= {"name": submission.title, "pair": bool(submission.pair), "activity": activity, "share": share}
    if result is None:
        return shown
    low, high = result.interval80 or (None, None)
    level = result.flags[0].level if result.flags else ""
    return shown | {"score": result.score, "quantity": result.quantity, "low": low, "high": high,
                    "decimals": result.decimals,
                    "flags": sum(flag.level != "info" for flag in result.flags), "level": level}  # fmt: skip


def _difficulty(text: str | None) -> float | None:
    """The number in a text, None if empty. Raises UploadError for anything else."""
    try:
        return positive(float(text)) if text else None
    except (ValueError, UsageError):
        raise uploads.UploadError(400, "the difficulty is not a number above 0, such as 3.2") from None


def _length(header: str | None) -> int | None:
    """The number in a header, None without the header. Raises UploadError for anything else."""
    if header is None:
        return None
    if not (header.isascii() and header.isdigit() and len(header) <= LENGTH_DIGITS):
        raise uploads.UploadError(400, "a length header is not a number of bytes")
    return int(header)


def _refused(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, uploads.UploadError)
    return JSONResponse({"detail": error.detail}, error.status_code, error.headers)


def _aim_error(_: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": str(error)}, 500)


def _unwritable(_: Request, error: Exception) -> JSONResponse:
    fix = "Free space on the server's disk, and try again"
    reason = getattr(error, "strerror", None) or type(error).__name__
    return JSONResponse({"detail": f"the submission cannot be kept ({reason}). {fix}"}, 503)
