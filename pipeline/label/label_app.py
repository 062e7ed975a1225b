"""The page on which a rater judges videos; the server, its token and its checks are those of `serve`.

Each request reads the rater's file; the page has no other state. The handlers run one after the other on the event
loop, so the answers of two tabs cannot mix.
"""

from __future__ import annotations

import tempfile
from base64 import b64decode
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse
from markdown_it import MarkdownIt
from markupsafe import Markup
from pydantic import BaseModel, ConfigDict, Field

from data.datasets.ratings import OF_ONE, OF_TWO, Answer, append_answer, possible, rater_file, read_answers
from data.errors import AimError, UsageError, VideoError
from data.store import write_bytes
from data.store.scratch import working_folder
from data.video import Record, embed_video, probe
from data.video.media import frame_length, playable_type
from pipeline.label.label_table import label_report
from pipeline.label.questions import RatingSession
from pipeline.report.page_writer import asset
from pipeline.serve.app import guarded_app, sealed_page

PACKAGE = "pipeline.label"

COPY_BYTES = 64 << 20
"""Most bytes of the copy that the server makes of a video that browsers do not play."""

Text = Annotated[str, Field(max_length=200)]


class GivenAnswer(BaseModel):
    """An answer as the page sends it."""

    model_config = ConfigDict(extra="forbid")
    rater: Text
    contents: list[Text] = Field(max_length=2)
    answer: Text
    scores: dict[Text, float] = Field(default_factory=dict, max_length=4)


def create_label_app(session: RatingSession, rubric: str = "", token: str | None = None) -> FastAPI:
    """The application; `rubric` is Markdown that raters read; for `token` see `guarded_app`."""
    shown: dict[str, Record] = {}  # by content, the videos that were asked about
    ending = ExitStack()

    @cache
    def copies() -> Path:
        """A folder for copies of videos; the first copy makes it, the end of the application removes it."""
        return ending.enter_context(working_folder(Path(tempfile.gettempdir()), "aim-label-"))

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        with ending:
            yield

    app = guarded_app(lifespan, token)
    app.add_exception_handler(AimError, _refused)
    app.add_exception_handler(OSError, _unwritable)
    page, policy = render_page(session, rubric)

    @app.get("/")
    async def home() -> HTMLResponse:
        return HTMLResponse(page, headers={"content-security-policy": policy})

    def next_for(rater: str) -> dict[str, Any]:
        """The next question of a rater as the page shows it; unreadable videos are not asked about."""
        answers, _ = read_answers(rater_file(session.folder, rater))
        videos = session.by_content()
        done, whole = session.progress(answers, videos)
        while (question := session.next_question(rater, answers, videos)) is not None:
            described = {content: _describe(content, videos[content]) for content in question}
            if all(described.values()):
                shown.update({content: videos[content] for content in question})
                return {"question": list(described.values()), "done": done, "of": whole}
            videos = {content: one for content, one in videos.items() if described.get(content, one)}
        return {"question": None, "done": done, "of": whole}

    @app.get("/api/question")
    async def question(rater: Text) -> dict[str, Any]:
        return next_for(rater)

    @app.post("/api/answers")
    async def answer(given: GivenAnswer) -> dict[str, Any]:
        """Write the answer to the disk, then give the next question."""
        path = rater_file(session.folder, given.rater)
        _check(given, session)
        videos = session.by_content()
        if not videos.keys() >= set(given.contents):
            raise HTTPException(409, "the answer was not saved, since this video was replaced or deleted meanwhile")
        names = tuple(videos[content].id for content in given.contents)
        append_answer(path, Answer(tuple(given.contents), given.answer, given.scores, names))
        return next_for(given.rater)

    @app.get("/api/agreement")
    async def agreement() -> dict[str, Any]:
        """The agreement of the raters, without their names."""
        report = label_report(session)
        return {"lines": report.lines[1:], "disputed": report.disputed}

    @app.get("/videos/{content}")
    def video(content: str) -> FileResponse:
        """A video that was asked about, or a copy that browsers play."""
        if content not in shown:  # only looked up, so that no request makes a path
            raise HTTPException(404, "no such video")
        path = shown[content].files()["video"]
        if kind := playable_type(path):
            return FileResponse(path, media_type=kind)
        copy = copies() / f"{content}.mp4"
        if not copy.exists():
            if (embedded := embed_video(path, COPY_BYTES)) is None:
                raise HTTPException(415, "browsers cannot play this video, and a copy for them would be too large")
            write_bytes(copy, b64decode(embedded.uri.partition(",")[2]))
        return FileResponse(copy, media_type="video/mp4")

    return app


def render_page(session: RatingSession, rubric: str) -> tuple[str, str]:
    """The page of a rating session, and its content security policy."""
    scripts = [*map(asset, ("core.js", "charts.js", "overlay.js", "player.js")), asset("label.js", PACKAGE)]
    styles = [asset("base.css"), asset("video.css"), asset("label.css", PACKAGE)]
    read = Markup(MarkdownIt("commonmark", {"html": False}).enable("table").render(rubric))  # noqa: S704 - no HTML passes
    values = {"styles": styles, "session": session, "rubric": read}
    return sealed_page(PACKAGE, "label.html.j2", scripts, "media-src 'self'; ", **values)


def _describe(content: str, record: Record) -> dict[str, Any] | None:
    """Content, size in pixels and times in seconds of a video; None where it cannot be read.

    The name is left out, since it could bias the rater.
    """
    try:
        info, times = probe(record.files()["video"])
    except VideoError:
        return None
    frame = frame_length(times)
    return {
        "content": content,
        "width": info.width,
        "height": info.height,
        "frame": frame,
        "duration": float(times[-1]) + frame,
    }


def _check(given: GivenAnswer, session: RatingSession) -> None:
    """Raise UsageError for an answer that the page cannot send."""
    contents, kinds = (2, OF_TWO) if session.pairs else (1, OF_ONE)
    right = len(set(given.contents)) == len(given.contents) == contents and given.answer in kinds
    wanted = set(session.columns) if given.answer == "scored" else set()
    if not right or set(given.scores) != wanted or not all(map(possible, given.scores.values())):
        raise UsageError("this answer does not fit the question", fix="Reload the page")


def _refused(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, AimError)
    return JSONResponse({"detail": f"{error.what}. {error.fix}"}, 400)


def _unwritable(_: Request, error: Exception) -> JSONResponse:
    reason = getattr(error, "strerror", None) or str(error)
    return JSONResponse(
        {"detail": f"the answer was not saved ({reason}). Free space on the disk, then answer again"}, 507
    )
