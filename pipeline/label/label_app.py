"""The page on which a rater judges videos; it uses the server, token and checks of `serve`.

Each request reads the rater's file; the page has no other state. The handlers run one at a time on the event loop, so
the answers of two tabs cannot mix.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import secrets
import stat
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse
from markdown_it import MarkdownIt
from markupsafe import Markup
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from data.datasets.phase_marks import phases_of_text
from data.datasets.rater_answers import (
    MARKED,
    OF_ONE,
    OF_TWO,
    RATINGS,
    Answer,
    Answers,
    append_answers,
    possible,
    rater_file,
)
from data.errors import AimError, UsageError, VideoError
from data.store import read_regular
from data.video import Phase, Record, probe
from data.video.frame_times import frame_length
from data.video.web_media import playable_type
from data.weights.weight_files import cache_dir
from pipeline.label.label_summary import label_summary
from pipeline.label.questions import PAIR, RatingSession
from pipeline.label.video_copies import VideoCopies
from pipeline.observer import SILENT, Observer
from pipeline.report.page_writer import asset
from pipeline.serve.request_guard import TOKEN_BYTES, guarded_app, sealed_page

PACKAGE = "pipeline.label"

MOST_BYTES = 1 << 20
"""Most bytes of an answer."""

Text = Annotated[str, Field(max_length=200)]


class GivenAnswer(BaseModel):
    """An answer as the page sends it."""

    model_config = ConfigDict(extra="forbid")
    rater: Text
    contents: list[Text] = Field(max_length=2)
    answer: Text
    scores: dict[Text, float] = Field(default_factory=dict, max_length=4)
    phases: Annotated[tuple[Phase, ...], BeforeValidator(phases_of_text)] = ()
    seconds: float | None = Field(None, ge=0, le=1e6)


def create_label_app(
    session: RatingSession,
    rubric: str = "",
    token: str | None = None,
    host: str = "",
    raters: Collection[str] = (),
    observer: Observer = SILENT,
) -> FastAPI:
    """The application; `rubric` is Markdown for the raters; for the rest see `guarded_app`.

    `app.state.unreadable` has the names of skipped videos, and why. The observer gets a line when a rater has finished.
    """
    shown: dict[str, Record] = {}  # by content, the videos of questions so far
    copies = VideoCopies()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        with closing(copies):
            yield

    app = guarded_app(lifespan, token, host, dict.fromkeys(rater_file(session.folder, name).stem for name in raters))
    unreadable = app.state.unreadable = dict[str, str]()  # by content, name and reason of skipped videos
    app.add_exception_handler(AimError, _refused)
    app.add_exception_handler(OSError, _unreadable)

    pages = {rater: render_page(session, rubric, rater) for rater in app.state.tokens}

    @app.head("/")  # asked by the page, whether the server still runs
    @app.get("/")
    async def home(request: Request) -> HTMLResponse:
        page, policy = pages[request.state.rater]
        return HTMLResponse(page, headers={"content-security-policy": policy})

    def file_of(rater: str, request: Request) -> Path:
        """A rater's file. Raises HTTPException 403 for a visitor with another rater's link."""
        path = rater_file(session.folder, rater)
        if request.state.rater not in ("", path.stem):
            raise HTTPException(403, f"this browser has the link of {request.state.rater}. Open your own link again")
        return path

    def next_for(rater: str, after: str = "", back: int = 0) -> dict[str, Any]:
        """A rater's next question as the page shows it, or that of the answer `back` answers ago, with that answer.

        Unreadable videos are skipped. Starts the copies that the question needs, then those of the next one.
        """
        videos, answers = session.by_content(), session.answers_of(rater)
        while True:
            earlier = session.earlier(answers, videos)
            previous = earlier[-min(back, len(earlier))] if back and earlier else None
            if previous and len(previous.contents) == session.size:
                asked = previous.contents
            else:  # without a refusal, the same pair is asked again
                without = {question: answer for question, answer in answers.items() if answer is not previous}
                asked = session.next_question(rater, without, videos, after) or ()
            with suppress(VideoError):
                shows = [described(content, videos[content], answers) for content in asked]
                break
            videos = {content: video for content, video in videos.items() if content not in unreadable}
        question = [description | {"copying": copying(description["content"], videos)} for description in shows]
        if question:
            skipped = Answer(asked, "skipped")
            following = session.next_question(rater, {**answers, skipped.question: skipped}, videos, asked[0])
            for content in following or ():
                copying(content, videos)
        done, whole = session.progress(answers, {k: v for k, v in videos.items() if k not in unreadable})
        return {
            "question": question or None,
            "given": previous and replace(previous, names=()),
            "earlier": len(earlier) - back,
            "skipped": sum(answer.answer == "skipped" for answer in earlier),
            "own": [answer.scores for answer in earlier],
            "unreadable": list(unreadable.values()),
            "done": done,
            "of": whole,
        }

    def described(content: str, record: Record, answers: Answers) -> dict[str, Any]:
        """Content, size in pixels, times in seconds and marked phases of a video. Raises VideoError: it is unreadable.

        The name is left out, since it could bias the rater.
        """
        try:
            info, times = probe(record.files()["video"])
        except VideoError as error:
            unreadable[content] = f"left out: {record.id}: {error.what}"
            raise
        unreadable.pop(content, None)
        shown[content] = record
        marked = answers.get(frozenset((content,)), Answer((), MARKED)).phases
        return {
            "content": content,
            "width": info.width,
            "height": info.height,
            "frames": times.round(4).tolist(),
            "duration": float(times[-1]) + frame_length(times),
            "phases": [asdict(phase) for phase in marked],
        }

    def copying(content: str, videos: Mapping[str, Record]) -> bool:
        """Whether the copy of a video is still missing; starts it. False for an unreadable video."""
        with suppress(VideoError):
            copy = copies.ask(content, videos[content].files()["video"])
            return copy is not None and not copy.done()
        return False

    @app.get("/api/question")
    async def question(
        request: Request, rater: Text, after: Text = "", back: Annotated[int, Field(ge=0)] = 0
    ) -> dict[str, Any]:
        file_of(rater, request)
        return next_for(rater, after, back)

    @app.post("/api/answers")
    async def answer(request: Request) -> dict[str, Any]:
        """Write the answer, a `GivenAnswer`, to the disk, then give the next question."""
        body = b""
        async for block in request.stream():
            body += block
            if len(body) > MOST_BYTES:
                raise HTTPException(413, "the answer was not saved: it is too large")
        try:
            reply = GivenAnswer.model_validate_json(body)
        except ValueError as error:
            raise HTTPException(422, f"the answer was not saved: {error}") from error
        path = file_of(reply.rater, request)
        _check(reply, session)
        videos = session.by_content()
        if not videos.keys() >= set(reply.contents):
            raise HTTPException(409, "the answer was not saved, since this video was replaced or deleted meanwhile")
        names = tuple(videos[content].id for content in reply.contents)
        try:
            given = Answer(tuple(reply.contents), reply.answer, reply.scores, names, reply.seconds, reply.phases)
            append_answers(path, given)
        except OSError as error:
            what = f"Free space on the disk, or make {RATINGS}/{path.name} a file to write in"
            raise HTTPException(
                507, f"the answer was not saved ({_reason(error)}). {what}, then answer again"
            ) from error
        following = next_for(reply.rater, reply.contents[0])
        if following["done"] == following["of"]:
            skipped = f", {following['skipped']} of them skipped" * bool(following["skipped"])
            observer.note(f"{path.stem}: all {following['of']} {'pairs' if session.pairs else 'videos'} done{skipped}")
        return following

    @app.get("/api/agreement")
    async def agreement() -> dict[str, Any]:
        """The agreement of the raters, without their names and answers, which they do not see of one another."""
        return {"lines": label_summary(session).lines}

    @app.get("/videos/{content}")
    async def video(content: str) -> FileResponse:
        """A video of a question, or its finished copy."""
        if content not in shown:  # only looked up, so that no request makes a path
            raise HTTPException(404, "no such video")
        path = shown[content].files()["video"]
        if (making := copies.ask(content, path)) is None:
            return FileResponse(path, media_type=playable_type(path))
        if (copy := await asyncio.wrap_future(making)) is None:
            raise HTTPException(415, f"{shown[content].id}: browsers cannot play it, and a copy would be too large")
        return FileResponse(copy, media_type="video/mp4")

    return app


def render_page(session: RatingSession, rubric: str, rater: str) -> tuple[str, str]:
    """The page of a rating session, and its content security policy; it asks for the name if `rater` is ""."""
    shared = map(asset, ("core.js", "charts.js", "overlay.js", "phases.js", "player.js"))
    scripts = [*shared, asset("marking.js", PACKAGE), asset("label.js", PACKAGE)]
    styles = [asset("base.css"), asset("video.css"), asset("label.css", PACKAGE)]
    read = Markup(MarkdownIt("commonmark", {"html": False}).enable("table").render(rubric))  # noqa: S704 - no HTML passes
    return sealed_page(PACKAGE, "label.html.j2", scripts, styles=styles, session=session, rubric=read, rater=rater)


def kept_token(folder: Path) -> str:
    """The token of a folder's page, so that its link is the same after a restart.

    It is in a private file of the user's cache, not beside the videos, which others may read or copy. If that file
    cannot be written, every start has a new token.
    """
    path = cache_dir() / "links" / hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()
    with suppress(OSError, ValueError):
        mine = os.name != "posix" or path.lstat().st_uid == os.getuid()
        token = read_regular(path, 100).decode("ascii")
        if mine and not stat.S_IMODE(path.lstat().st_mode) & 0o077 and re.fullmatch(r"[\w-]{43}", token):
            return token
    token = secrets.token_urlsafe(TOKEN_BYTES)
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as stream:
            stream.write(token.encode())
    return token


def _check(reply: GivenAnswer, session: RatingSession) -> None:
    """Raise UsageError for an answer that the page cannot send. One video of a pair may be marked "no performance"."""
    refusal = session.pairs and reply.answer == "no performance"
    contents, kinds = (PAIR, OF_TWO) if session.pairs and not refusal else (1, (MARKED,) if session.phases else OF_ONE)
    right = len(set(reply.contents)) == len(reply.contents) == contents and reply.answer in kinds
    names = [phase.name for phase in reply.phases]
    right &= names == [name for name in session.phases if name in names] and bool(names) == bool(session.phases)
    wanted = set(session.columns) if reply.answer == "scored" else set()
    if not right or set(reply.scores) != wanted or not all(map(possible, reply.scores.values())):
        raise UsageError("this answer does not fit the question", fix="Reload the page")
    least, most = session.limits
    if not all(least <= score <= most for score in reply.scores.values()):
        raise UsageError("a score is outside the range", fix=f"Type one from {least:g} to {most:g}")


def _refused(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, AimError)
    return JSONResponse({"detail": f"{error.what}. {error.fix}"}, 400)


def _unreadable(_: Request, error: Exception) -> JSONResponse:
    """The response to a failure; an answer that was sent is saved by then."""
    where = Path(str(getattr(error, "filename", None) or RATINGS)).name
    return JSONResponse({"detail": f"{where} cannot be read ({_reason(error)}); no answer is lost"}, 503)


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
