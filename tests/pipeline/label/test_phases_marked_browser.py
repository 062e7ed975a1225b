"""Phases marked in a real browser: by keys, mended by dragging, taken back, left out, and read again as a data set."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from data.datasets import with_phases
from data.video import Phase, find_videos, probe
from pipeline.label import find_session, write_phases
from pipeline.label.label_app import create_label_app
from tests.helpers import browsing, report_samples
from tests.helpers.browsing import IN_BROWSER, served, wait_for

pytest.importorskip("uvicorn")

pytestmark = IN_BROWSER

NAMES = ("approach", "take-off", "flight", "entry")


@contextmanager
def running(folder: Path) -> Iterator[str]:
    """The link of a server in a thread."""
    session, _ = find_session(folder, phases=NAMES)
    with served(create_label_app(session)) as link:
        yield link


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    """Two videos of 51 frames, of different content."""
    film = report_samples.dive_video(tmp_path / "film.mp4").read_bytes()
    (tmp_path / "videos").mkdir()
    for number in range(2):
        (tmp_path / f"videos/{number}.mp4").write_bytes(
            film + (8 + number).to_bytes(4, "big") + b"free" + bytes(number)
        )
    return tmp_path / "videos"


@pytest.fixture
def opened(browser: Any) -> Iterator[Callable[..., Any]]:
    """Opens a page in a context of its own; a complaint of the browser fails the test."""
    with ExitStack() as pages:
        yield lambda link, **options: pages.enter_context(browsing.opened(browser, link, **options))


def begin(tab: Any, name: str) -> None:
    wait_for(tab, "!document.getElementById('name-form').hidden")
    tab.keyboard.type(name)
    tab.keyboard.press("Enter")
    ready(tab, 0)


def ready(tab: Any, done: int) -> None:
    """Wait for a video after `done` saved ones, then stop it."""
    wait_for(tab, f"document.getElementById('counts').textContent === '{done} of 2 videos'")
    stop(tab)


def stop(tab: Any) -> None:
    """Stop the video that began to play."""
    wait_for(tab, "document.querySelector('#videos video')?.readyState >= 2")
    wait_for(tab, "!document.querySelector('#videos video').paused")
    tab.keyboard.press("Space")
    wait_for(tab, "document.querySelector('#videos video').paused")


def go(tab: Any, frame: int) -> None:
    """Show a frame, by the video's own clock, 25 frames per second."""
    tab.evaluate(f"document.querySelector('#videos video').currentTime = {frame / 25 + 1e-3}")
    wait_for(tab, f"document.querySelector('.now').value === '{frame / 25:.2f} s'")


def shown(tab: Any) -> list[str]:
    """What the buttons of the phases say."""
    return [" ".join(button.inner_text().split()) for button in tab.locator(".begins [data-phase]").all()]


def rows(folder: Path, rater: str) -> list[list[str]]:
    write_phases(find_session(folder, phases=NAMES)[0])
    with (folder / "phases" / f"{rater}.csv").open() as stream:
        return list(csv.reader(stream))[1:]


def test_phases_by_keys_taken_back_left_out_and_dragged(opened: Callable[..., Any], videos: Path) -> None:
    with running(videos) as link:
        tab = opened(link)
        begin(tab, "Anna")
        go(tab, 5)
        tab.keyboard.press("Enter")
        go(tab, 12)
        tab.keyboard.press("ArrowRight")
        tab.keyboard.press(".")
        tab.keyboard.press("ArrowLeft")
        tab.keyboard.press("2")
        assert shown(tab) == ["1 approach 0.20 s", "2 take-off 0.52 s", "3 flight", "4 entry"]
        go(tab, 3)
        tab.keyboard.press("3")
        assert "take-off would begin after flight" in tab.text_content("#message")
        go(tab, 20)
        tab.keyboard.press("3")
        tab.keyboard.press("Backspace")
        assert shown(tab)[2:] == ["3 flight", "4 entry"]
        tab.keyboard.press("0")
        go(tab, 40)
        tab.keyboard.press("Enter")
        assert shown(tab) == ["1 approach 0.20 s", "2 take-off 0.52 s", "3 flight left out", "4 entry 1.60 s"]
        go(tab, 45)
        tab.keyboard.press("e")
        strip = tab.locator(".one .phases").bounding_box()

        def place(frame: float) -> tuple[float, float]:
            return strip["x"] + strip["width"] * frame / 51, strip["y"] + strip["height"] / 2

        tab.mouse.move(*place(40))
        tab.mouse.down()
        tab.mouse.move(*place(36.5), steps=4)
        tab.mouse.up()
        assert shown(tab)[3] == "4 entry 1.44 s"
        assert tab.inner_text("#answer [type=submit]").startswith("Next video")
        tab.keyboard.press("Enter")
        ready(tab, 1)
        (first,) = {row[0] for row in rows(videos, "anna")}
        assert [row[1:] for row in rows(videos, "anna")] == [
            ["approach", "0.2000", "0.5200"], ["take-off", "0.5200", "1.4400"], ["entry", "1.4400", "1.8000"],
        ]  # fmt: skip
        tab.keyboard.press("b")
        wait_for(tab, "document.querySelector('.begins [data-phase=entry]').ariaPressed === 'true'")
        stop(tab)
        go(tab, 37)
        tab.keyboard.press("4")
        tab.keyboard.press("Enter")
        ready(tab, 1)
        assert rows(videos, "anna")[2] == [first, "entry", "1.4800", "1.8000"]
    listing = with_phases(find_videos([videos]), videos / "phases")
    assert listing.problems == ()
    marked = {record.id: record.phases for record in listing.records}
    assert marked[first] == (Phase("approach", 0.2, 0.52), Phase("take-off", 0.52, 1.48), Phase("entry", 1.48, 1.8))
    assert sum(map(bool, marked.values())) == 1


def test_a_reload_asks_the_video_that_has_no_phases_and_a_skipped_one_comes_again(
    opened: Callable[..., Any], videos: Path
) -> None:
    with running(videos) as link:
        tab = opened(link)
        begin(tab, "Anna")
        first = tab.get_attribute("#videos video", "data-src")
        tab.keyboard.press("s")
        wait_for(tab, f"document.querySelector('#videos video').dataset.src !== '{first}'")
        ready(tab, 0)
        for frame, key in ((0, "1"), (10, "2"), (20, "3"), (30, "4")):
            go(tab, frame)
            tab.keyboard.press(key)
        tab.keyboard.press("Enter")
        ready(tab, 1)
        assert tab.get_attribute("#videos video", "data-src") == first, "the skipped one"
        assert all(row[3] for row in rows(videos, "anna")[:3])
        assert rows(videos, "anna")[3][3] == "2.0400", "the end of the video"
        tab.reload()
        ready(tab, 1)
        assert tab.get_attribute("#videos video", "data-src") == first
        go(tab, 7)
        tab.keyboard.press("4")
        tab.keyboard.press("Enter")
        wait_for(tab, "!document.getElementById('end').hidden")
        tab.click("[data-end=more]")
        ready(tab, 2)
        assert tab.locator(".begins [aria-pressed=true]").count() in (1, 4), "marked ones are shown again"
    assert len(rows(videos, "anna")) == 5


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_thumbs_reach_everything_at_390_px(opened: Callable[..., Any], videos: Path, scheme: str) -> None:
    with running(videos) as link:
        tab = opened(link, viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True, color_scheme=scheme)
        wait_for(tab, "!document.getElementById('name-form').hidden")
        tab.fill("#name", "Anna")
        tab.tap("#name-form button")
        wait_for(tab, "document.querySelector('#videos video')?.readyState >= 2")
        wait_for(tab, "!document.querySelector('#videos video').paused")
        tab.tap("#answer [data-do=play]")
        wait_for(tab, "document.querySelector('#videos video').paused")
        assert tab.evaluate("[innerWidth, document.documentElement.scrollWidth]") == [390, 390]
        assert tab.locator("button:visible", has_text="›").count() == 1, "the one that a thumb reaches"
        go(tab, 10)
        tab.tap(".begins [data-phase=approach]")
        go(tab, 30)
        tab.tap(".begins [data-phase=flight]")
        bottom = tab.locator("#answer").bounding_box()["y"]
        for part in (".stage", ".one .phases", ".tools"):
            box = tab.locator(part).bounding_box()
            assert box["y"] + box["height"] <= bottom, part
        for button in tab.locator("#answer button:visible").all():
            box = button.bounding_box()
            assert box["height"] >= 44
            assert box["y"] + box["height"] <= 844
            assert box["x"] + box["width"] <= 390
        touch, strip = tab.context.new_cdp_session(tab), tab.locator(".one .phases").bounding_box()
        for kind, frame in (("touchStart", 30), ("touchMove", 33), ("touchMove", 35.5), ("touchEnd", None)):
            x, y = strip["x"] + strip["width"] * (frame or 0) / 51, strip["y"] + strip["height"] / 2
            touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}] if frame else []})
        wait_for(tab, "document.querySelector('.begins [data-phase=flight] small').textContent === '1.40 s'")
        tab.tap("#answer [data-do=leaveOut]")
        tab.tap("#answer [type=submit]")
        ready(tab, 1)
    assert [row[1:3] for row in rows(videos, "anna")] == [["approach", "0.4000"], ["flight", "1.4000"]]
    assert math.isclose(probe(videos / "0.mp4")[1][10], 0.4, abs_tol=1e-3)
