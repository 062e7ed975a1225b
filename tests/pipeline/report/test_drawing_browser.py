"""Drawing on the picture and the stopwatch, in a real browser: by mouse and finger, kept for the video."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from pipeline.report import ReportData, write_report
from tests.helpers import report_samples
from tests.helpers.browsing import IN_BROWSER, now, opened, wait_for

pytestmark = IN_BROWSER

ANGLE = ((0.2, 0.2), (0.5, 0.6), (0.8, 0.5))
"""Shares of the picture: the end of a side, the vertex, the end of the other side."""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> ReportData:
    """Two videos without an evaluation."""
    made = report_samples.report(tmp_path_factory.mktemp("clips"), count=2)
    return replace(made, batch=None, evaluation=None)


@pytest.fixture(scope="module")
def address(data: ReportData, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page of the two videos; beside it is the page of their comparison, `pair.html`."""
    folder = tmp_path_factory.mktemp("drawing")
    write_report(folder / "report.html", data)
    write_report(folder / "pair.html", replace(data, title="Compared", comparison=True))
    return (folder / "report.html").as_uri()


@pytest.fixture
def page(browser: Any, address: str) -> Iterator[Any]:
    """The page with the tools of its first video unfolded."""
    with opened(browser, address) as tab:
        tab.click("#video-0 .measure summary")
        yield tab


def places(page: Any, points: tuple[tuple[float, float], ...]) -> list[tuple[float, float]]:
    """Pixels of the window for shares of the first video's picture, which is scrolled into view."""
    page.locator("#video-0 .stage").scroll_into_view_if_needed()
    box = page.locator("#video-0 .stage").bounding_box()
    return [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]


def drag(page: Any, *points: tuple[float, float]) -> None:
    """Press at the first point and release at the last one."""
    first, *further = places(page, points)
    page.mouse.move(*first)
    page.mouse.down()
    for place in further:
        page.mouse.move(*place)
    page.mouse.up()


def marks(page: Any) -> list[str]:
    """The texts of the list of marks."""
    return list(page.locator("#video-0 .marks li button:first-child").all_inner_texts())


def painted(page: Any, canvas: str = "#video-0 .stage canvas") -> int:
    """Pixels in the colour of marks."""
    script = """canvas => { const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        const yellow = (i) => data[i] > 200 && data[i + 1] > 180 && data[i + 2] < 140 && data[i + 3] > 40;
        let count = 0;
        for (let i = 0; i < data.length; i += 4) count += yellow(i);
        return count; }"""
    return int(page.eval_on_selector(canvas, script))


def expected_degrees() -> int:
    """The angle of `ANGLE` in pixels of the video."""
    (ax, ay), (x, y), (bx, by) = [(x * report_samples.SIZE[0], y * report_samples.SIZE[1]) for x, y in ANGLE]
    turn = abs(math.degrees(math.atan2(ay - y, ax - x) - math.atan2(by - y, bx - x)))
    return round(min(turn, 360 - turn))


def test_an_angle_is_measured_in_pixels_of_the_video_and_kept(page: Any) -> None:
    page.click("#video-0 .step >> nth=4")
    page.click("#video-0 [data-draw=angle]")
    assert painted(page) == 0
    drag(page, *ANGLE[:2])
    assert marks(page) == [], "the second side is missing"
    page.mouse.click(*places(page, ANGLE[2:])[0])
    assert marks(page) == [f"Angle {expected_degrees()}° at 0.80 s"]
    assert painted(page) > 100
    assert page.get_attribute("#video-0 [data-draw=angle]", "aria-pressed") == "false"
    page.click("#video-0 .step >> nth=9")
    assert painted(page) == 0, "an angle belongs to its frame"
    page.reload()
    wait_for(page, "document.querySelector('#video-0 video').readyState >= 2")
    page.click("#video-0 .measure summary")
    page.click("#video-0 .marks button >> nth=0")
    assert now(page) == pytest.approx(0.8, abs=0.005)
    assert painted(page) > 100
    page.get_by_role("button", name=f"Delete Angle {expected_degrees()}° at 0.80 s").click()
    assert (marks(page), painted(page)) == ([], 0)
    page.reload()
    wait_for(page, "document.querySelector('#video-0 video').readyState >= 2")
    assert page.locator("#video-0 .marks li").count() == 0


def test_the_whole_picture_shows_while_it_is_drawn_on(page: Any) -> None:
    page.evaluate("scrollTo({ top: 1e6, behavior: 'instant' })")
    assert page.locator("#video-0 .stage").bounding_box()["y"] < 0
    page.locator("#video-0 [data-draw=line]").evaluate("node => node.click()")
    wait_for(page, "document.querySelector('#video-0 .stage').getBoundingClientRect().top > 40")


def test_a_line_and_a_circle_stay_faint_over_other_frames(page: Any) -> None:
    for kind in ("line", "circle"):
        page.click(f"#video-0 [data-draw={kind}]")
        drag(page, (0.3, 0.3), (0.6, 0.7))
    assert marks(page) == ["Line at 0.00 s", "Circle at 0.00 s"]
    strong = """canvas => canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data
        .reduce((most, value, i) => i % 4 === 3 ? Math.max(most, value) : most, 0)"""
    assert page.eval_on_selector("#video-0 .stage canvas", strong) == 255
    page.click("#video-0 .step >> nth=9")
    assert 0 < page.eval_on_selector("#video-0 .stage canvas", strong) < 200


def test_escape_ends_drawing_and_an_enlarged_picture_is_drawn_on_at_the_right_place(page: Any) -> None:
    page.click("#video-0 [data-draw=line]")
    drag(page, (0.3, 0.3), (0.3, 0.3))
    page.keyboard.press("Escape")
    assert page.get_attribute("#video-0 .stage", "class") == "stage"
    assert marks(page) == []
    page.click("#video-0 [data-do=zoom-in]")
    page.click("#video-0 [data-draw=angle]")
    before = page.get_attribute("#video-0 video", "style")
    drag(page, *ANGLE[:2])
    page.mouse.click(*places(page, ANGLE[2:])[0])
    assert marks(page) == [f"Angle {expected_degrees()}° at 0.00 s"], "no angle depends on the magnification"
    assert page.get_attribute("#video-0 video", "style") == before, "the picture was not dragged"


def test_a_finger_draws_by_taps(browser: Any, address: str) -> None:
    phone = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
    with opened(browser, address, **phone) as tab:
        tab.tap("#video-0 .measure summary")
        tab.tap("#video-0 [data-draw=angle]")
        for place in places(tab, ANGLE):
            tab.touchscreen.tap(*place)
        assert marks(tab) == [f"Angle {expected_degrees()}° at 0.00 s"]
        assert tab.evaluate("document.documentElement.scrollWidth") <= 390


def test_each_page_of_a_video_shows_what_was_drawn(page: Any, address: str) -> None:
    page.click("#video-0 [data-draw=circle]")
    drag(page, (0.3, 0.3), (0.6, 0.7))
    page.goto(address.replace("report.html", "pair.html"))
    wait_for(page, "[...document.querySelectorAll('#compare video')].every(v => v.readyState >= 2 && !v.seeking)")
    page.keyboard.press("o")
    assert painted(page, "#compare canvas") > 100


def test_a_page_in_print_has_the_frames_that_were_drawn_on(page: Any) -> None:
    page.click("#video-0 .step >> nth=4")
    for kind in ("line", "circle"):
        page.click(f"#video-0 [data-draw={kind}]")
        drag(page, (0.3, 0.3), (0.6, 0.7))
    for _ in range(2):  # as drawn, and as kept
        wait_for(page, "document.querySelector('#video-0 .drawn').textContent === 'Line at 0.80 s, Circle at 0.80 s'")
        assert page.locator("#video-0 .drawn figure").count() == 1
        assert not page.is_visible("#video-0 .drawn")
        page.emulate_media(media="print")
        assert page.is_visible("#video-0 .drawn canvas")
        assert painted(page, "#video-0 .drawn canvas") > 100
        opaque = "canvas => canvas.getContext('2d').getImageData(5, 5, 1, 1).data[3]"
        assert page.eval_on_selector("#video-0 .drawn canvas", opaque) == 255, "the frame is below the marks"
        page.emulate_media(media="screen")
        page.reload()
    page.click("#video-0 .measure summary")
    page.click("#video-0 [data-delete='1']")
    page.click("#video-0 [data-delete='0']")
    wait_for(page, "!document.querySelector('#video-0 .drawn figure')")


def test_the_stopwatch_counts_the_frames_between_two_moments(page: Any) -> None:
    page.click("#video-0 .step >> nth=1")
    page.click("#video-0 [data-watch='0']")
    assert page.inner_text("#video-0 [data-part=watch]") == "from 0.200 s"
    page.click("#video-0 [data-do=frame-on]")
    page.click("#video-0 [data-watch='1']")
    assert page.inner_text("#video-0 [data-part=watch]") == "0.040 s, 1 frame (0.200 to 0.240 s)"
    page.click("#video-0 .step >> nth=4")
    page.click("#video-0 [data-watch='1']")
    said = "0.600 s, 15 frames (0.200 to 0.800 s)"
    assert page.inner_text("#video-0 [data-part=watch]") == said, "frames begin every 0.04 s, steps every 0.204 s"
    page.click("#video-0 [data-do=frame-on]")
    page.click("#video-0 [data-watch='1']")
    said = "0.640 s, 16 frames (0.200 to 0.840 s)"
    assert page.inner_text("#video-0 [data-part=watch]") == said
    page.reload()
    wait_for(page, "document.querySelector('#video-0 video').readyState >= 2")
    page.click("#video-0 .measure summary")
    assert page.inner_text("#video-0 [data-part=watch]") == said
