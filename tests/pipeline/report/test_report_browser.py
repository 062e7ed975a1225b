"""The report page in a real browser: the video follows the steps, tables sort, nothing complains."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.report import ReportData, write_report
from pipeline.report.page_data import BatchReport, VideoReport
from pipeline.results import Score
from tests.helpers import report_samples

playwright = pytest.importorskip("playwright.sync_api")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")
FLAGS += ("--disable-sync", "--no-first-run")

pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """One headless Chromium for all tests."""
    with playwright.sync_playwright() as p:
        started = p.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield started
        started.close()


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page with every part."""
    folder = tmp_path_factory.mktemp("report")
    write_report(folder / "report.html", report_samples.report(folder))
    return folder / "report.html"


@pytest.fixture
def page(browser: Any, report: Path) -> Iterator[Any]:
    """The page opened; a complaint of the browser or a request to the network fails the test."""
    yield from opened(browser, report.as_uri())


def opened(browser: Any, address: str, **options: Any) -> Iterator[Any]:
    """The page at `address` in a context of its own."""
    context = browser.new_context(**({"viewport": {"width": 1280, "height": 900}} | options))
    tab = context.new_page()
    complaints: list[str] = []
    # The hint about getImageData is about this test's own reading of the canvas.
    tab.on("console", lambda m: complaints.append(m.text) if m.type == "error" or "willRead" not in m.text else None)
    tab.on("pageerror", lambda e: complaints.append(str(e)))
    tab.on("request", lambda r: complaints.append(r.url) if r.url.startswith("http") else None)
    tab.goto(address)
    wait_for(tab, "document.querySelector('video')?.readyState >= 2")
    yield tab
    context.close()
    assert complaints == []


def wait_for(page: Any, script: str, seconds: float = 60) -> None:
    """Until `script` is true. The page's policy forbids the evaluation that Playwright's own waiting needs."""
    end = time.monotonic() + seconds
    while not page.evaluate(script):
        assert time.monotonic() < end, f"still not so: {script}"
        page.wait_for_timeout(30)


def now(page: Any, index: int = 0) -> float:
    """Where the video of a section is, in seconds."""
    return float(page.evaluate(f"document.querySelector('#video-{index} video').currentTime"))


def painted(page: Any) -> int:
    """Pixels of the first overlay that are not transparent."""
    script = """canvas => canvas.width ? canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height)
        .data.filter((value, i) => i % 4 === 3 && value > 0).length : 0"""
    return int(page.eval_on_selector("#video-0 canvas", script))


def test_a_click_on_a_step_moves_the_video_and_the_cursor(page: Any) -> None:
    page.click("#video-0 .step >> nth=4")
    assert now(page) == pytest.approx(4 * 0.204, abs=0.01)
    assert page.get_attribute("#video-0 .step >> nth=4", "aria-current") == "true"
    cursor = page.locator("#video-0 .cursor").bounding_box()
    step = page.locator("#video-0 .step >> nth=4").bounding_box()
    assert cursor["x"] == pytest.approx(step["x"], abs=2)


def test_charts_stand_on_the_same_axis_as_the_steps(page: Any) -> None:
    steps = page.locator("#video-0 .steps").bounding_box()
    ends = "all => all.map(s => s.getBoundingClientRect()).map(r => [r.left + 46, r.right - 10])"
    spans = page.eval_on_selector_all("#video-0 .chart svg", ends)
    assert len(spans) >= 3
    for left, right in spans:
        assert left == pytest.approx(steps["x"], abs=1.5)
        assert right == pytest.approx(steps["x"] + steps["width"], abs=1.5)


def test_a_click_on_a_chart_and_on_a_key_frame_moves_the_video(page: Any) -> None:
    box = page.locator("#video-0 .steps").bounding_box()
    plot = page.locator("#video-0 .chart .plot >> nth=0")
    plot.click(position={"x": 46 + box["width"] / 2, "y": 60})
    assert now(page) == pytest.approx(1.02, abs=0.02)
    page.click("#video-0 .frame >> nth=2")
    assert now(page) == pytest.approx(2 * 1.9 / 7, abs=0.01)


def test_keys_move_step_by_step_play_and_switch_the_overlay(page: Any) -> None:
    page.focus("#video-0 .step >> nth=0")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.dataset.step") == "2"
    assert now(page) == pytest.approx(0.408, abs=0.01)
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("j")
    assert now(page) == pytest.approx(0.612, abs=0.01)
    page.keyboard.press(".")
    assert now(page) == pytest.approx(0.652, abs=0.01)
    page.keyboard.press("o")
    assert page.get_attribute("#video-0 [data-do=skeleton]", "aria-pressed") == "true"
    before = now(page)
    page.keyboard.press(" ")
    wait_for(page, f"document.querySelector('#video-0 video').currentTime > {before} + .1")


def test_the_overlay_is_drawn_when_switched_on(page: Any) -> None:
    assert painted(page) == 0
    page.click("#video-0 [data-do=skeleton]")
    assert painted(page) > 300
    page.click("#video-0 [data-do=skeleton]")
    assert painted(page) == 0


def test_the_table_sorts_and_filters(page: Any) -> None:
    column = "[...document.querySelectorAll('#scores tbody tr:not([hidden])')].map(r => r.cells[2].dataset.v)"
    page.click("#scores .sort >> text=Score")
    scores = [float(v) for v in page.evaluate(column)]
    assert len(scores) == 28
    assert scores == sorted(scores, reverse=True)
    page.click("#scores .sort >> text=Score")
    assert [float(v) for v in page.evaluate(column)] == sorted(scores)
    page.fill("#filter", "final 3")
    assert page.eval_on_selector("#shown", "o => o.value") == "3 of 28 videos"
    page.fill("#filter", "final")
    page.select_option("#show", "flagged")
    assert len(page.evaluate(column)) == 3


def test_thousands_of_rows_come_in_parts(browser: Any, tmp_path: Path) -> None:
    rows = tuple(VideoReport(f"dive_{i:04d}.mp4", Score(f"{i}", score=float(i))) for i in range(1000))
    path = tmp_path / "many.html"
    write_report(path, ReportData("Many", batch=BatchReport(rows)))
    tab = browser.new_page()
    tab.goto(path.as_uri())
    assert tab.locator("#scores tbody tr").count() == 200
    assert tab.eval_on_selector("#shown", "o => o.value") == "1000 videos, the first 200 shown"
    tab.click("#more")
    assert tab.locator("#scores tbody tr").count() == 400
    tab.click("#scores .sort >> text=Score")
    assert tab.inner_text("#scores tbody tr >> nth=0").startswith("dive_0999.mp4")
    tab.fill("#filter", "dive_0003")
    assert tab.locator("#scores tbody tr").count() == 1
    assert not tab.is_visible("#more")
    tab.close()


def test_a_row_opens_its_video_section(page: Any) -> None:
    assert not page.evaluate("document.getElementById('video-2').open")
    page.click("#scores a >> text=dive_03")
    wait_for(page, "document.querySelector('#video-2 video')?.readyState >= 2")
    page.click("#video-2 .step >> nth=9")
    assert now(page, 2) == pytest.approx(9 * 0.204, abs=0.01)


def test_it_fits_a_phone_and_prints(browser: Any, report: Path, tmp_path: Path) -> None:
    for scheme in ("light", "dark"):
        for tab in opened(
            browser, report.as_uri(), viewport={"width": 390, "height": 844}, color_scheme=scheme, is_mobile=True
        ):
            assert tab.evaluate("document.documentElement.scrollWidth") <= 390
            assert tab.evaluate("innerWidth") == 390
            colour = tab.evaluate("getComputedStyle(document.body).backgroundColor")
            assert (int(colour[4:].split(",")[0]) < 100) == (scheme == "dark")
    for tab in opened(browser, report.as_uri()):
        assert len(tab.pdf(path=str(tmp_path / "print.pdf"))) > 20_000


def test_hostile_names_run_nothing(browser: Any, tmp_path: Path) -> None:
    from tests.pipeline.report.test_page_writer import HOSTILE, hostile_report

    for index, name in enumerate(HOSTILE):
        target = tmp_path / f"{index}.html"
        write_report(target, hostile_report(name))
        tab = browser.new_page()
        dialogs: list[str] = []
        tab.on("dialog", lambda box, messages=dialogs: messages.append(box.message))
        tab.goto(target.as_uri())
        tab.wait_for_timeout(100)
        assert dialogs == []
        assert tab.locator("h1").count() == 1
        tab.close()
