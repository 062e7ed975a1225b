"""Scores of athletes over time from uploads: what the page says, and which uploads count."""

from __future__ import annotations

import re
from functools import partial
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from pipeline.report import render_report
from pipeline.results import Accuracy
from pipeline.serve.history import ScoringJob
from pipeline.serve.progress_page import progress_page

ERROR = Accuracy(40, 0.8, 5.0, 9.0, 14.6, 24.7, True)


def job(name: str, score: float | None, content: str = "", **options: Any) -> ScoringJob:
    """A scored upload of this name."""
    given = {"model": "now", "state": "done", "score": score, "low": 1.0, "high": 90.0} | options
    return ScoringJob(name, name, ".mp4", 1, content or name, **given)


def said(*jobs: ScoringJob) -> list[str]:
    """The sentences of the page on progress."""
    page = progress_page(jobs, "now", ERROR)
    text = unescape(render_report(page)) if page else ""
    return [re.sub(r"\s+", " ", line) for line in re.findall(r"<li>(\w+: [^<]*)</li>", text)]


def test_a_video_counts_as_it_was_scored_last() -> None:
    part = job("anna_2026-05-31.MP4 (1.00 to 3.00 s)", 75.0, "same")
    jobs = (part, job("anna_2026-05-31.MP4", 70.0, "same"), job("anna_2026-03-01.mp4", 62.0))
    assert said(*jobs) == [
        "anna: 62 on 2026-03-01, 75 on 2026-05-31 (+13; 2 videos). Smaller than the model's usual error of ±14.6: "
        "no sign of progress."
    ]


@pytest.mark.parametrize(
    "options",
    [{"model": "of before"}, {"score": None}, {"level": "bad", "stage": "this score is not valid: too short"}],
)
def test_scores_that_cannot_be_compared_are_left_out(options: dict[str, Any]) -> None:
    later = {"score": 71.0} | options
    assert said(job("anna_2026-05-31.mp4", **later), job("anna_2026-03-01.mp4", 62.0)) == []


def test_the_server_has_the_page_once_there_is_progress(tmp_path: Path) -> None:
    testclient = pytest.importorskip("fastapi.testclient")
    from pipeline.serve.app import cookie_name, create_app

    over_time = partial(progress_page, model="now", accuracy=None)
    app = create_app(tmp_path, lambda *_: {}, token="t", over_time=over_time)
    headers = {"cookie": f"{cookie_name('127.0.0.1:1')}=t"}
    with testclient.TestClient(app, base_url="http://127.0.0.1:1", headers=headers) as client:
        history = app.state.queue.history
        history.add(job("anna_2026-05-31.mp4", 71.0))
        assert client.get("/api/jobs").json()["progress"] is False
        assert client.get("/progress.html").status_code == 404
        assert "anna_2026-05-31.mp4" in client.get("/progress.html").json()["detail"]
        history.add(job("anna_2026-03-01.mp4", 62.0))
        assert client.get("/api/jobs").json()["progress"] is True
        page = client.get("/progress.html").text
        assert "anna: 62.00 on 2026-03-01, 71.00 on 2026-05-31" in page
        assert 'href="/">← All videos' in page or 'href="./">← All videos' in page
