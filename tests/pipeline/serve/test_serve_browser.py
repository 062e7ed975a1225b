"""The web application in a real browser: drop a video, watch it, open the report, click on a step."""

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
from pipeline.report.page_data import VideoSection
from pipeline.score.score import Score
from pipeline.serve.server import UploadProgress
from pipeline.serve.submission_queue import RunningSubmission
from pipeline.serve.submissions import REPORT, Submission
from tests.helpers import report_samples
from tests.helpers.browsing import IN_BROWSER, drag_begin, now, opened, served, wait_for

pytest.importorskip("uvicorn")
pytest.importorskip("fastapi")

pytestmark = IN_BROWSER


GO_ON = threading.Event()
"""The tests set it to let the work end, so that nothing depends on speed."""


def two_sections(report: Path) -> tuple[VideoSection, ...]:
    """Two videos that can be compared."""
    clip = report_samples.dive_video(report.with_name("made.mp4"))
    return tuple(report_samples.video(clip, 0, np.random.default_rng(3), name) for name in ("a.mp4", "b.mp4"))


def work(submission: Submission, folder: Path, running: RunningSubmission) -> Score | None:
    """Report half of the work, wait for `GO_ON` where the name asks for it, then write a page of the uploaded video."""
    report, video = folder / REPORT, folder / submission.file
    if submission.pair:
        write_report(report, ReportData("Compared", videos=two_sections(report), comparison=True, home="/"))
        return None
    shown = UploadProgress(running)
    shown.plan({submission.id: 100})
    shown.inside(submission.id, 50, 100, ("pose",))
    while "slow" in submission.name and not GO_ON.is_set():
        if running.stop.wait(0.02):
            raise Cancelled
        shown.inside(submission.id, 50, 100, ("pose",))
    if "broken" in submission.name:
        raise VideoError("the stream ends at frame 3 of 51", fix="Copy or download the video again")
    section = report_samples.video(video, 1, np.random.default_rng(3), submission.name)
    if "phases" in submission.name:
        names = ["take-off (1)"] * 4 + ["entry"] * 6
        section = report_samples.in_phases(section, names)
    write_report(report, ReportData("Scored", videos=(section,), home="/"))
    level: Any = "bad" if "invalid" in submission.name else "warn" if "flagged" in submission.name else ""
    flags = (Flag(level, "shaking camera"),) if level else ()
    return Score("x", score=section.result.score, interval80=section.result.interval80, flags=flags)


@contextmanager
def running(folder: Path, **options: Any) -> Iterator[str]:
    """The link of a server in a thread."""
    from pipeline.serve.app import ServerLimits, Service, create_app

    app = create_app(
        folder, Service(work, facts={"Model": "x"}, **options), ServerLimits(file_bytes=1_000_000, spare_bytes=0)
    )
    with served(app) as link:
        yield link


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The link of a server that the tests of this module share."""
    with running(tmp_path_factory.mktemp("serve")) as link:
        yield link


@pytest.fixture
def page(browser: Any, address: str) -> Iterator[Any]:
    """The start page; a complaint of the browser fails the test."""
    with opened(browser, address, viewport={"width": 1100, "height": 800}) as tab:
        yield tab


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return report_samples.dive_video(tmp_path_factory.mktemp("clip") / "dive.mp4")


def upload(page: Any, clip: Path, *names: str) -> None:
    files = [{"name": name, "mimeType": "video/mp4", "buffer": clip.read_bytes()} for name in names]
    page.set_input_files("#files", files)


def state(name: str) -> str:
    """Script that gives the state of a video's line."""
    return (
        "[...document.querySelectorAll('.submission')].find(n => n.querySelector('.name').textContent === "
        f"{name!r})?.querySelector('.state').textContent"
    )


def test_upload_progress_report_and_a_step_that_moves_the_video(page: Any, clip: Path) -> None:
    GO_ON.clear()
    upload(page, clip, "slow final dive.mp4")
    wait_for(page, f"{state('slow final dive.mp4')} === 'running'")
    wait_for(page, "document.querySelector('.submission progress').value === .5")
    GO_ON.set()
    wait_for(page, f"{state('slow final dive.mp4')}?.startsWith('done')")
    assert float(page.inner_text(".submission .score")) > 0
    assert page.inner_text(".submission .activity").startswith("scored in")
    page.click(".submission a.open")
    wait_for(page, "document.querySelector('video')?.readyState >= 2")
    page.click("#video-0 .step >> nth=5")
    assert now(page) == pytest.approx(5 * 0.204, abs=0.01)
    page.click("text=All videos")
    wait_for(page, "document.querySelectorAll('.submission').length > 0")
    interval = page.inner_text(".submission .interval")
    low, high = (float(word) for word in interval.replace("80 %: ", "").split(" to "))
    assert low < float(page.inner_text(".submission .score")) < high
    page.click(".submission .delete")
    wait_for(page, "document.querySelectorAll('.submission').length === 0")


def test_a_warning_is_not_green_and_the_time_left_is_shown(page: Any, clip: Path) -> None:
    GO_ON.clear()
    upload(page, clip, "slow flagged.mp4")
    wait_for(page, "document.querySelector('.submission .activity')?.textContent.includes('left')")
    assert re.fullmatch(r"finding the athlete: 50 %, about \d+ s left", page.inner_text(".submission .activity"))
    GO_ON.set()
    wait_for(page, f"{state('slow flagged.mp4')} === 'done, 1 flag'")
    assert page.inner_text(".submission .activity").startswith("shaking camera · scored in")
    colours = "getComputedStyle(document.querySelector('.submission .state')).color"
    shown = page.evaluate(colours)
    page.evaluate("document.querySelector('.submission .state').className = 'state chip done'")
    assert page.evaluate(colours) != shown
    page.click(".submission .delete")


def test_a_dropped_file_is_taken(page: Any, clip: Path) -> None:
    content = list(clip.read_bytes())
    page.evaluate(
        """content => { const data = new DataTransfer();
        data.items.add(new File([new Uint8Array(content)], "dropped.mp4"));
        document.dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true })); }""",
        content,
    )
    wait_for(page, f"{state('dropped.mp4')}?.startsWith('done')")


def test_queue_cancel_and_failure(page: Any, clip: Path) -> None:
    GO_ON.clear()
    upload(page, clip, "slow.mp4")
    wait_for(page, f"{state('slow.mp4')} === 'running'")
    upload(page, clip, "broken.mp4")
    wait_for(page, f"{state('broken.mp4')} === 'queued'")
    page.click(".submission:has-text('slow.mp4') .cancel")
    wait_for(page, f"{state('slow.mp4')} === 'cancelled'")
    wait_for(page, f"{state('broken.mp4')} === 'failed'")
    assert "the stream ends at frame 3" in page.inner_text(".submission:has-text('broken.mp4') .activity")


def test_refusals_are_shown(page: Any, clip: Path) -> None:
    page.set_input_files("#files", [{"name": "large.mp4", "mimeType": "video/mp4", "buffer": bytes(1_000_001)}])
    wait_for(page, "document.getElementById('messages').textContent.includes('larger than 1 MB')")


def test_a_refusal_stays_until_it_is_dismissed(browser: Any, address: str) -> None:
    context = browser.new_context()
    context.clock.install()
    tab = context.new_page()
    tab.goto(address)
    tab.set_input_files("#files", [{"name": "large.mp4", "mimeType": "video/mp4", "buffer": bytes(1_000_001)}])
    tab.locator("#messages li").wait_for()
    tab.clock.run_for(600_000)
    assert "large.mp4: larger than 1 MB" in tab.inner_text("#messages li")
    tab.click("#messages >> text=Dismiss")
    assert tab.locator("#messages li").count() == 0
    context.close()


def test_the_page_says_what_it_judges(browser: Any, tmp_path: Path) -> None:
    judges = "Judges diving, on a scale of 20.00 to 95.00, as learned from 44 training videos."
    with running(tmp_path, judges=judges) as link, opened(browser, link) as tab:
        assert tab.inner_text(".subtitle").startswith(judges)


def test_a_trial_of_two_files(browser: Any, clip: Path, tmp_path: Path) -> None:
    """The page says what it needs and waits for the other file; a second view needs no second kinematics file."""
    with running(tmp_path, reads=("video", "kinematics")) as address:
        tab = browser.new_page()  # not `opened`, since a refusal is an error in the console
        tab.goto(address)
        assert "reads the video and the kinematics" in tab.inner_text("#needs")
        text = {"name": "T_B001.txt", "mimeType": "text/plain", "buffer": b"1 2 3"}
        tab.set_input_files("#files", [text])
        assert "add the video of this trial" in tab.inner_text(".submission .activity")
        upload(tab, clip, "T_B001_capture1.mp4", "T_C002_capture1.mp4")
        wait_for(tab, f"{state('T_B001_capture1.mp4 + T_B001.txt')}?.startsWith('done')")
        assert "add the kinematics file" in tab.inner_text(".submission:has-text('T_C002_capture1.mp4') .activity")
        upload(tab, clip, "T_B001_capture2.mp4")
        wait_for(tab, f"{state('T_B001_capture2.mp4 + T_B001.txt')}?.startsWith('done')")
        tab.set_input_files("#files", [{**text, "name": "T_D003.txt"}])
        wait_for(tab, "document.getElementById('messages').textContent.includes('the kinematics of T_D003')")


def test_it_fits_a_phone(browser: Any, address: str) -> None:
    with opened(browser, address, viewport={"width": 390, "height": 844}, is_mobile=True) as tab:
        assert tab.evaluate("[innerWidth, document.documentElement.scrollWidth]") == [390, 390]


def test_two_uploads_are_compared_and_downloaded_from_the_list(page: Any, clip: Path) -> None:
    upload(page, clip, "before.mp4", "after.mp4", "invalid.mp4")
    for name in ("before.mp4", "after.mp4", "invalid.mp4"):
        wait_for(page, f"{state(name)}?.startsWith('done')")
    line = page.locator(".submission", has_text="before.mp4")
    assert re.search(r"20\d\d", line.locator("time").inner_text()), "the day of the upload"
    assert line.locator(".download").get_attribute("download") == "before.mp4.html"
    wrong = page.locator(".submission", has_text="invalid.mp4")
    assert wrong.locator(".score").inner_text() == ""
    assert wrong.locator(".state").inner_text().endswith("no score")
    assert wrong.locator(".interval").inner_text() == ""
    page.get_by_label("Compare before.mp4").check()
    assert not page.is_visible("#compare")
    page.get_by_label("Compare after.mp4").check()
    assert page.get_by_label("Compare invalid.mp4").is_disabled()
    page.click("#compare")
    pair = page.locator(".submission", has_text=" beside ")
    pair.locator(".open").wait_for()
    assert pair.locator(".name").inner_text() in ("before.mp4 beside after.mp4", "after.mp4 beside before.mp4")
    with page.expect_download() as saved:
        page.click("#scores")
    assert saved.value.path().read_text().startswith("video,uploaded,score")


def test_a_part_chosen_on_the_page_is_scored_after_a_question(page: Any, clip: Path) -> None:
    upload(page, clip, "whole.mp4")
    wait_for(page, f"{state('whole.mp4')}?.startsWith('done')")
    page.locator(".submission", has_text="whole.mp4").locator(".open").click()
    wait_for(page, "document.querySelector('video')?.readyState >= 2")
    page.click("#video-0 .choose summary")
    page.locator("#video-0 .tile").nth(4).get_by_role("button", name="Start").click()
    assert page.locator("#video-0 [data-part=command]").is_hidden(), "visitors of a page type no commands"
    page.click("#video-0 [data-part=apply] a")
    page.wait_for_selector("#asked:not([hidden])")
    assert "Score this video again from 1.09 to 2.04 s" in page.inner_text("#asked")
    page.click("#asked .yes")
    wait_for(page, f"{state('whole.mp4 (1.09 to 2.04 s)')}?.startsWith('done')")


def test_a_dragged_edge_of_a_phase_is_scored_after_a_question(page: Any, clip: Path) -> None:
    upload(page, clip, "phases.mp4")
    wait_for(page, f"{state('phases.mp4')}?.startsWith('done')")
    page.locator(".submission", has_text="phases.mp4").locator(".open").click()
    wait_for(page, "document.querySelector('video')?.readyState >= 2")
    link = page.locator("[data-part=rescore] a")
    assert link.is_hidden(), "nothing was dragged"
    drag_begin(page, 1, 0.6)
    link.click()
    page.wait_for_selector("#asked:not([hidden])")
    assert "Score this video again with the phases as you set them" in page.inner_text("#asked")
    page.click("#asked .yes")
    page.get_by_text("by the phases of the page").first.wait_for()


def test_buttons_are_at_one_place_and_a_tick_is_beside_its_name(browser: Any, tmp_path: Path) -> None:
    clip = report_samples.dive_video(tmp_path / "dive.mp4")
    long = "invalid and a rather long name of a file.mp4"
    with running(tmp_path / "serve") as link, opened(browser, link, viewport={"width": 390, "height": 844}) as tab:
        upload(tab, clip, "a.mp4", "broken.mp4", long)
        wait_for(tab, f"{state('a.mp4')} === 'done' && {state('broken.mp4')} === 'failed'")
        wait_for(tab, f"{state(long)}?.startsWith('done')")
        lefts = tab.eval_on_selector_all(".actions", "all => all.map((one) => one.getBoundingClientRect().left)")
        ticks = tab.locator(".submission", has_text=long).locator(".pick, .name")
        tick, name = (ticks.nth(place).bounding_box() for place in (0, 1))
    assert len(lefts) == 3
    assert max(lefts) - min(lefts) < 1
    assert name["y"] < tick["y"] + tick["height"]
