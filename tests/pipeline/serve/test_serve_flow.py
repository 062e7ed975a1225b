"""A visitor of the web application in a real browser: uploads videos, reads their pages, compares, saves, deletes."""

import re
import threading
from contextlib import contextmanager

import numpy as np
import pytest

from data.errors import Cancelled, VideoError
from pipeline.checks.flag import Flag
from pipeline.report import ReportData, write_report
from pipeline.score.video_score import Score
from pipeline.serve.server import UploadProgress
from pipeline.serve.submissions import REPORT
from tests.helpers import report_samples
from tests.helpers.browsing import (
    IN_BROWSER,
    IN_VIEWS,
    drag_begin,
    fits,
    opened,
    served,
    wait_for,
)  # fmt: skip

pytest.importorskip("uvicorn")
pytest.importorskip("fastapi")

pytestmark = IN_BROWSER

GO_ON = threading.Event()
"""The tests set it to let the work end, so that nothing depends on speed."""


def work(submission, folder, running):
    """Report half of the work, wait for `GO_ON` where the name asks for it, then write a page of the uploaded video."""
    report, video, rng = folder / REPORT, folder / submission.file, np.random.default_rng(3)
    progress = UploadProgress(running)
    progress.plan({submission.id: 100})
    progress.inside(submission.id, 50, 100, ("pose",))
    while "slow" in submission.name and not GO_ON.is_set():
        if running.stop.wait(0.02):
            raise Cancelled
        progress.inside(submission.id, 50, 100, ("pose",))
    if "broken" in submission.name:
        raise VideoError("the stream ends at frame 3 of 51", fix="Copy or download the video again")
    section = report_samples.video(video, 1, rng, submission.name)
    section = report_samples.in_phases(section, ["take-off (1)"] * 4 + ["entry"] * 6)
    write_report(report, ReportData("Scored", videos=(section,), home="/"))
    flags = (Flag("warn", "shaking camera"),) if "flagged" in submission.name else ()
    return Score("x", score=section.result.score, interval80=section.result.interval80, flags=flags)


DROP = """content => { const data = new DataTransfer();
    data.items.add(new File([new Uint8Array(content)], "dropped.mp4"));
    document.dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true })); }"""


@contextmanager
def running(folder, **options):
    """The link of a server in a thread."""
    from pipeline.serve.app import ServerLimits, Service, create_app

    service = Service(work, facts={"Model": "x"}, **options)
    with served(create_app(folder, service, ServerLimits(file_bytes=1_000_000, spare_bytes=0))) as link:
        yield link


@pytest.fixture
def clip(tmp_path):
    return report_samples.dive_video(tmp_path / "dive.mp4")


def upload(page, clip, *names):
    files = [{"name": name, "mimeType": "video/mp4", "buffer": clip.read_bytes()} for name in names]
    page.set_input_files("#files", files)


def reached(page, name, state):
    """The line of a video once its state begins with these words."""
    line = f"[...document.querySelectorAll('.submission')].find(n => n.querySelector('.name').textContent === {name!r})"
    wait_for(page, f"{line}?.querySelector('.state').textContent.startsWith({state!r})")
    return page.locator(".submission", has=page.get_by_text(name, exact=True))


def open_report(line, page):
    line.locator(".open").click()
    wait_for(page, "document.querySelector('video')?.readyState >= 2")


@IN_VIEWS
def test_a_video_is_uploaded_scored_opened_scored_again_and_deleted(browser, clip, tmp_path, view):
    judges = "Scores videos like its 44 training videos (diving), on a scale of 20.00 to 95.00."
    with running(tmp_path / "serve", judges=judges) as link, opened(browser, link, **view) as page:
        assert page.inner_text(".subtitle").startswith(judges)
        GO_ON.clear()
        upload(page, clip, "slow flagged.mp4")
        line = reached(page, "slow flagged.mp4", "running")
        wait_for(page, "document.querySelector('.submission .activity')?.textContent.includes('left')")
        assert re.fullmatch(r"finding the athlete: 50 %, about \d+ s left", line.locator(".activity").inner_text())
        upload(page, clip, "slow too.mp4", "broken.mp4")
        reached(page, "broken.mp4", "queued")
        reached(page, "slow too.mp4", "queued").locator(".cancel").click()
        reached(page, "slow too.mp4", "cancelled")
        GO_ON.set()
        reached(page, "slow flagged.mp4", "shaking camera")
        failed = reached(page, "broken.mp4", "failed")
        assert "the stream ends at frame 3" in failed.locator(".activity").inner_text()
        page.evaluate(DROP, list(clip.read_bytes()))
        line = reached(page, "dropped.mp4", "done")
        low, high = map(
            float, line.locator(".interval").inner_text().removeprefix("likely ").removesuffix(" (80 %)").split(" to ")
        )
        assert low < float(line.locator(".score").inner_text()) < high
        fits(page, view)
        open_report(line, page)
        drag_begin(page, 1, 0.6)
        page.click("[data-part=rescore] a")
        page.wait_for_selector("#asked:not([hidden])")
        assert "Score dropped.mp4 again with the phases as you set them" in page.inner_text("#asked")
        page.click("#asked .yes")
        page.get_by_text("by the phases of the page").first.wait_for()
        names = page.locator(".submission .name").all_inner_texts()
        for left in range(len(names) - 1, -1, -1):
            page.locator(".submission summary").first.click()
            page.locator(".submission .delete").first.click()
            wait_for(page, f"document.querySelectorAll('.submission').length === {left}")
        page.get_by_text("Undo").last.click()
        wait_for(page, "document.querySelectorAll('.submission').length === 1")
        open_report(page.locator(".submission"), page)  # leaving the list deletes the others at once
        page.goto(link)
        wait_for(page, "document.querySelectorAll('.submission').length === 1")
        assert page.locator(".submission .name").inner_text() == names[-1]
