"""A visitor of the web application in a real browser: uploads videos, reads their pages, compares, saves, deletes."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data.errors import Cancelled, VideoError
from pipeline.checks.flag import Flag
from pipeline.report import ReportData, write_report
from pipeline.score.score import Score
from pipeline.serve.server import UploadProgress
from pipeline.serve.submissions import REPORT
from tests.helpers import report_samples
from tests.helpers.browsing import (
    IN_BROWSER,
    IN_VIEWS,
    box,
    drag_begin,
    fits,
    now,
    opened,
    saved,
    served,
    wait_for,
)  # fmt: skip

pytest.importorskip("uvicorn")
pytest.importorskip("fastapi")

pytestmark = IN_BROWSER

GO_ON = threading.Event()
"""The tests set it to let the work end, so that nothing depends on speed."""


def work(submission: Any, folder: Path, running: Any) -> Score | None:
    """Report half of the work, wait for `GO_ON` where the name asks for it, then write a page of the uploaded video."""
    report, video, rng = folder / REPORT, folder / submission.file, np.random.default_rng(3)
    if submission.pair:
        clip = report_samples.dive_video(report.with_name("made.mp4"))
        pair = tuple(report_samples.video(clip, 0, rng, name) for name in ("a.mp4", "b.mp4"))
        write_report(report, ReportData("Compared", videos=pair, comparison=True, home="/"))
        return None
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
    level: Any = "bad" if "invalid" in submission.name else "warn" if "flagged" in submission.name else ""
    flags = (Flag(level, "shaking camera"),) if level else ()
    return Score("x", score=section.result.score, interval80=section.result.interval80, flags=flags)


LIKE_DONE = """one => { const done = one.cloneNode(true);
    done.className = "state chip done";
    one.after(done);
    const same = getComputedStyle(one).color === getComputedStyle(done).color;
    done.remove();
    return same; }"""
"""Whether an element has the colour of the state "done"."""

DROP = """content => { const data = new DataTransfer();
    data.items.add(new File([new Uint8Array(content)], "dropped.mp4"));
    document.dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true })); }"""


@contextmanager
def running(folder: Path, **options: Any) -> Iterator[str]:
    """The link of a server in a thread."""
    from pipeline.serve.app import ServerLimits, Service, create_app

    service = Service(work, facts={"Model": "x"}, **options)
    with served(create_app(folder, service, ServerLimits(file_bytes=1_000_000, spare_bytes=0))) as link:
        yield link


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return report_samples.dive_video(tmp_path / "dive.mp4")


def upload(page: Any, clip: Path, *names: str) -> None:
    files = [{"name": name, "mimeType": "video/mp4", "buffer": clip.read_bytes()} for name in names]
    page.set_input_files("#files", files)


def reached(page: Any, name: str, state: str) -> Any:
    """The line of a video once its state begins with these words."""
    line = f"[...document.querySelectorAll('.submission')].find(n => n.querySelector('.name').textContent === {name!r})"
    wait_for(page, f"{line}?.querySelector('.state').textContent.startsWith({state!r})")
    return page.locator(".submission", has=page.get_by_text(name, exact=True))


def open_report(line: Any, page: Any) -> None:
    line.locator(".open").click()
    wait_for(page, "document.querySelector('video')?.readyState >= 2")


@IN_VIEWS
def test_a_video_is_uploaded_scored_opened_scored_again_and_deleted(
    browser: Any, clip: Path, tmp_path: Path, view: dict[str, Any]
) -> None:
    judges = "Judges diving, on a scale of 20.00 to 95.00, as learned from 44 training videos."
    with running(tmp_path / "serve", judges=judges) as link, opened(browser, link, **view) as page:
        assert page.inner_text(".subtitle").startswith(judges)
        GO_ON.clear()
        upload(page, clip, "slow flagged.mp4")
        line = reached(page, "slow flagged.mp4", "running")
        wait_for(page, "document.querySelector('.submission .activity')?.textContent.includes('left')")
        assert re.fullmatch(r"finding the athlete: 50 %, about \d+ s left", line.locator(".activity").inner_text())
        assert page.evaluate("document.querySelector('.submission progress').value") == 0.5
        upload(page, clip, "slow too.mp4", "broken.mp4")
        reached(page, "broken.mp4", "queued")
        reached(page, "slow too.mp4", "queued").locator(".cancel").click()
        reached(page, "slow too.mp4", "cancelled")
        GO_ON.set()
        line = reached(page, "slow flagged.mp4", "done, 1 flag")
        assert line.locator(".activity").inner_text().startswith("shaking camera · scored in")
        assert line.locator(".state").evaluate(LIKE_DONE) is False, "a warning is not green"
        failed = reached(page, "broken.mp4", "failed")
        assert "the stream ends at frame 3" in failed.locator(".activity").inner_text()
        page.evaluate(DROP, list(clip.read_bytes()))
        line = reached(page, "dropped.mp4", "done")
        low, high = map(float, line.locator(".interval").inner_text().removeprefix("80 %: ").split(" to "))
        assert low < float(line.locator(".score").inner_text()) < high
        fits(page, view)
        open_report(line, page)
        page.click("#video-0 .step >> nth=5")
        assert now(page) == pytest.approx(5 * 0.204, abs=0.01)
        assert page.locator("[data-part=rescore] a").is_hidden(), "nothing was dragged"
        drag_begin(page, 1, 0.6)
        page.click("[data-part=rescore] a")
        page.wait_for_selector("#asked:not([hidden])")
        assert "Score this video again with the phases as you set them" in page.inner_text("#asked")
        page.click("#asked .yes")
        page.get_by_text("by the phases of the page").first.wait_for()
        open_report(page.locator(".submission", has_text="dropped.mp4").last, page)
        page.click("#video-0 .choose summary")
        page.locator("#video-0 .tile").nth(4).get_by_role("button", name="Start").click()
        assert page.locator("#video-0 [data-part=command]").is_hidden(), "visitors of a page type no commands"
        page.click("#video-0 [data-part=apply] a")
        page.wait_for_selector("#asked:not([hidden])")
        assert "Score this video again from 1.09 to 2.04 s" in page.inner_text("#asked")
        page.click("#asked .yes")
        reached(page, "dropped.mp4 (1.09 to 2.04 s)", "done")
        for left in range(page.locator(".submission").count() - 1, -1, -1):
            page.locator(".submission .delete").first.click()
            wait_for(page, f"document.querySelectorAll('.submission').length === {left}")


@IN_VIEWS
def test_two_uploads_are_compared_and_all_scores_are_saved(
    browser: Any, clip: Path, tmp_path: Path, view: dict[str, Any]
) -> None:
    long = "invalid and a rather long name of a file.mp4"
    with running(tmp_path / "serve") as link, opened(browser, link, **view) as page:
        upload(page, clip, "before.mp4", "after.mp4", long)
        line, _, wrong = (reached(page, name, "done") for name in ("before.mp4", "after.mp4", long))
        assert re.search(r"20\d\d", line.locator("time").inner_text()), "the day of the upload"
        assert line.locator(".download").get_attribute("download") == "before.mp4.html"
        assert [wrong.locator(part).inner_text() for part in (".score", ".interval")] == ["", ""]
        assert wrong.locator(".state").inner_text().endswith("no score")
        lefts = page.eval_on_selector_all(".actions", "all => all.map((one) => one.getBoundingClientRect().left)")
        assert max(lefts) - min(lefts) < 1, "buttons are at one place"
        tick, name = (wrong.locator(part).bounding_box() for part in (".pick", ".name"))
        assert name["y"] < tick["y"] + tick["height"]
        page.get_by_label("Compare before.mp4").check()
        assert not page.is_visible("#compare")
        page.get_by_label("Compare after.mp4").check()
        assert page.get_by_label(f"Compare {long}").is_disabled()
        page.click("#compare")
        pair = page.locator(".submission", has_text=" beside ")
        pair.locator(".open").wait_for()
        assert pair.locator(".name").inner_text() in ("before.mp4 beside after.mp4", "after.mp4 beside before.mp4")
        assert saved(page, "#scores")[1].read_text().startswith("video,uploaded,score")
        fits(page, view)


def test_refusals_stay_until_dismissed_and_a_trial_waits_for_its_other_file(
    browser: Any, clip: Path, tmp_path: Path
) -> None:
    """A second view of a trial needs no second kinematics file."""
    with running(tmp_path / "serve") as link:
        context = browser.new_context()  # not `opened`, since a refusal is an error in the console
        context.clock.install()
        tab = context.new_page()
        tab.goto(link)
        tab.set_input_files("#files", [{"name": "large.mp4", "mimeType": "video/mp4", "buffer": bytes(1_000_001)}])
        tab.locator("#messages li").wait_for()
        tab.clock.run_for(600_000)
        assert "large.mp4: larger than 1 MB" in tab.inner_text("#messages li")
        tab.click("#messages >> text=Dismiss")
        assert tab.locator("#messages li").count() == 0
        context.close()
    with running(tmp_path / "trials", reads=("video", "kinematics")) as link:
        tab = browser.new_page()
        tab.goto(link)
        assert "reads the video and the kinematics" in tab.inner_text("#needs")
        text = {"name": "T_B001.txt", "mimeType": "text/plain", "buffer": b"1 2 3"}
        tab.set_input_files("#files", [text])
        assert "add the video of this trial" in tab.inner_text(".submission .activity")
        upload(tab, clip, "T_B001_capture1.mp4", "T_C002_capture1.mp4")
        reached(tab, "T_B001_capture1.mp4 + T_B001.txt", "done")
        assert "add the kinematics file" in tab.inner_text(".submission:has-text('T_C002_capture1.mp4') .activity")
        upload(tab, clip, "T_B001_capture2.mp4")
        reached(tab, "T_B001_capture2.mp4 + T_B001.txt", "done")
        tab.set_input_files("#files", [{**text, "name": "T_D003.txt"}])
        wait_for(tab, "document.getElementById('messages').textContent.includes('the kinematics of T_D003')")
        assert box(tab, "#messages")["height"] > 0
        tab.close()
