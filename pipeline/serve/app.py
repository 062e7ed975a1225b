"""The web application: its addresses, and the checks of every request.

Any web page can send requests to a server on the visitor's machine. This server answers only to its own names (`Host`),
accepts changes only from its own pages (`Origin`, and a header that a foreign page cannot send without a preflight
request), and serves only files that it wrote itself, by identifiers that it generated.
"""

from __future__ import annotations

import re
import shutil
import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send

from data.errors import AimError
from pipeline.serve import uploads
from pipeline.serve.history import History, ScoringJob
from pipeline.serve.index_page import render_index
from pipeline.serve.job_queue import Queue, Work

HEADER = "x-aim-serve"
"""Header of every request that changes something."""

NAME_HEADER = "x-file-name"
"""Percent-encoded name of an uploaded file."""

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")

_JOB = re.compile(r"[0-9a-f]{32}")

SECURITY_HEADERS = {
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
    b"referrer-policy": b"no-referrer",
    b"cross-origin-resource-policy": b"same-origin",
    b"cross-origin-opener-policy": b"same-origin",
    b"cache-control": b"no-store",
}


@dataclass(frozen=True)
class Limits:
    """Limits of the server.

    Attributes:
        file_bytes: largest upload.
        waiting: most jobs that are queued or running, including running uploads.
        spare_bytes: space that must stay free on the disk.
    """

    file_bytes: int = 512 << 20
    waiting: int = 50
    spare_bytes: int = 256 << 20


def create_app(
    folder: Path, work: Work, limits: Limits | None = None, facts: Mapping[str, str] | None = None
) -> FastAPI:
    """The application.

    Args:
        folder: folder of uploads, reports and the history.
        work: scores one video.
        limits: see `Limits`.
        facts: shown at the bottom of the page: model, data, results.

    Raises:
        UsageError: another server uses the folder.
        CacheError: its history cannot be used.
    """
    bounds = limits or Limits()
    history = History(folder / "history.sqlite")
    queue = Queue(history, folder / "jobs", work)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        queue.start()
        yield
        queue.close()
        history.close()

    app = FastAPI(title="aim", docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    app.state.queue = queue
    app.add_middleware(Guard)
    app.add_exception_handler(uploads.UploadError, _refused)
    app.add_exception_handler(AimError, _aim_error)
    app.add_exception_handler(sqlite3.OperationalError, _unwritable)
    _pages(app, queue, bounds, dict(facts or {}))
    _api(app, queue, bounds)
    return app


class Guard:
    """Refuses foreign hosts and origins, and adds the security headers to every response."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it with 403 or 421."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def sealed(message: Any) -> None:
            if message["type"] == "http.response.start":
                present = {name.lower() for name, _ in message["headers"]}
                extra = [item for item in SECURITY_HEADERS.items() if item[0] not in present]
                message["headers"] = [*message["headers"], *extra]
            await send(message)

        problem = refusal(scope["method"], {k.decode("latin-1"): v.decode("latin-1") for k, v in scope["headers"]})
        if problem is None:
            await self.app(scope, receive, sealed)
        else:
            await JSONResponse({"detail": problem[1]}, problem[0])(scope, receive, sealed)


def refusal(method: str, headers: Mapping[str, str]) -> tuple[int, str] | None:
    """Status and reason where a request is not from one of our own pages, else None."""
    host = headers.get("host", "")
    if re.sub(r":\d+$", "", host) not in LOOPBACK:
        return 421, "this server answers on this machine only"
    if method in ("GET", "HEAD"):
        return None
    if headers.get("origin", f"http://{host}") != f"http://{host}":
        return 403, "this request comes from another page"
    return None if headers.get(HEADER) else (403, f"the header {HEADER} is missing")


def _pages(app: FastAPI, queue: Queue, bounds: Limits, facts: dict[str, str]) -> None:
    index, policy = render_index(bounds.file_bytes, facts)

    @app.get("/")
    def home() -> HTMLResponse:
        return HTMLResponse(index, headers={"content-security-policy": policy})

    @app.get("/jobs/{job_id}/report.html")
    def report(job_id: str) -> FileResponse:
        job = _job(queue, job_id)
        if job.state != "done":
            raise HTTPException(404, "no report yet")
        return FileResponse(queue.report(job), media_type="text/html; charset=utf-8")

    @app.get("/jobs/{job_id}/{name}")
    def video(job_id: str, name: str) -> FileResponse:
        """The video, which a report links to when it is too large to embed."""
        job = _job(queue, job_id)
        path = queue.folder / job.id / f"video{job.suffix}"
        if name != path.name or not path.is_file():
            raise HTTPException(404, "no such file")
        return FileResponse(path)


def _api(app: FastAPI, queue: Queue, bounds: Limits) -> None:
    under_way = 0  # only the event loop's thread counts them

    @app.get("/api/jobs")
    def jobs() -> dict[str, Any]:
        return {"jobs": [_shown(job) for job in queue.history.latest()]}

    @app.get("/api/jobs/{job_id}")
    def job(job_id: str) -> dict[str, Any]:
        return _shown(_job(queue, job_id))

    @app.post("/api/videos", status_code=201)
    async def upload(request: Request) -> dict[str, Any]:
        nonlocal under_way
        _refuse_when_full(queue, under_way, bounds.waiting)
        announced = _length(request.headers.get("content-length"))
        if shutil.disk_usage(queue.folder.parent).free - (announced or 0) < bounds.spare_bytes:
            raise uploads.UploadError(507, "the disk is full")
        name = request.headers.get(NAME_HEADER)
        under_way += 1
        try:
            file = await uploads.receive(request.stream(), name, announced, queue.folder, bounds.file_bytes)
        except ClientDisconnect as error:
            raise uploads.UploadError(400, "the connection ended before the file was complete") from error
        finally:
            under_way -= 1
        return _shown(_submit(queue, file, bounds.waiting))

    @app.post("/api/jobs/{job_id}/cancel")
    def cancel(job_id: str) -> dict[str, Any]:
        if not queue.cancel(_job(queue, job_id).id):
            raise HTTPException(409, "this job is not running")
        return _shown(_job(queue, job_id))

    @app.delete("/api/jobs/{job_id}", status_code=204)
    def delete(job_id: str) -> Response:
        if not queue.remove(_job(queue, job_id)):
            raise HTTPException(409, "cancel the job first")
        return Response(status_code=204)


def _refuse_when_full(queue: Queue, under_way: int, most: int) -> None:
    if queue.history.waiting() + under_way >= most:
        raise uploads.UploadError(429, f"{most} videos are waiting; upload this one after a score has appeared")


def _submit(queue: Queue, file: uploads.Upload, most: int) -> ScoringJob:
    """Queue an upload; delete its files where that fails."""
    try:
        _refuse_when_full(queue, 0, most)
        return queue.submit(ScoringJob(file.id, file.name, file.suffix, file.size, file.content))
    except BaseException:
        shutil.rmtree(file.path.parent, ignore_errors=True)
        raise


def _job(queue: Queue, job_id: str) -> ScoringJob:
    """The job, or 404: the identifier is only looked up, never part of a path."""
    job = queue.history.get(job_id) if _JOB.fullmatch(job_id) else None
    if job is None:
        raise HTTPException(404, "no such job")
    return job


def _shown(job: ScoringJob) -> dict[str, Any]:
    shown = asdict(job)
    del shown["content"]
    return shown


def _length(header: str | None) -> int | None:
    return int(header) if header and header.isascii() and header.isdigit() else None


def _refused(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, uploads.UploadError)
    return JSONResponse({"detail": error.reason}, error.status)


def _aim_error(_: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": str(error)}, 500)


def _unwritable(_: Request, error: Exception) -> JSONResponse:
    fix = "Try again. If that fails, free space on the server's disk or close other programs that use its history"
    return JSONResponse({"detail": f"the history cannot be used ({error}). {fix}"}, 503)
