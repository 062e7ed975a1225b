"""A coach opens a report in a real browser: finds a video, watches and measures it, and saves what is on the page."""

import csv
import re

import cv2
import pytest

from data.video import decode
from pipeline.report import ReportData, write_report
from pipeline.report.page_data import BatchSection, VideoSection
from pipeline.score.video_score import Score
from tests.helpers import report_samples
from tests.helpers.browsing import (
    IN_BROWSER,
    IN_VIEWS,
    WIDE,
    box,
    drag,
    fits,
    opened,
    saved,
    shown,
    until_clear,
    until_painted,
    wait_for,
)  # fmt: skip

pytestmark = IN_BROWSER

STEP_S = report_samples.FRAMES / report_samples.RATE / 10
ANGLE = ((0.2, 0.2), (0.5, 0.6), (0.8, 0.5))
"""Shares of the picture: the end of a side, the vertex, the end of the other side; 121 degrees in 320 x 240 px."""


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return report_samples.report(tmp_path_factory.mktemp("clips"))


@pytest.fixture(scope="module")
def report(data, tmp_path_factory):
    """The address of a page with every part."""
    path = tmp_path_factory.mktemp("report") / "report.html"
    write_report(path, data)
    return path.as_uri()


@pytest.fixture
def page(browser, report, view):
    """The page opened; a complaint of the browser or a request to the network fails the test."""
    with opened(browser, report, **view) as tab:
        yield tab
        fits(tab, view)


def at(page, seconds, index=0):
    """Wait until the video of a section is at a time."""
    wait_for(page, f"Math.abs(document.querySelector('#video-{index} video').currentTime - {seconds}) < 0.01")


def step(page, number):
    page.click(f"#video-0 .step >> nth={number}")


def curves(page):
    """The value of each curve of the shown angle, by its name."""
    lines = page.locator("#video-0 .angles .chart:not([hidden]) .legend li").all_inner_texts()
    return dict(line.rsplit(None, 1) for line in lines)


@IN_VIEWS
def test_a_video_is_found_in_the_table_and_read(page, view):
    column = "[...document.querySelectorAll('#scores tbody tr:not([hidden])')].map(r => r.cells[2].dataset.v)"
    for descending in (True, False):
        page.click("#scores .sort >> text=Score")
        order = page.evaluate(column)
        scores = [float(value) for value in order if value]
        assert scores == sorted(scores, reverse=descending)
        assert order[len(scores) :] == [""] * page.locator("#scores .no-score").count(), "no score: no rank"
    page.fill("#filter", "final 3")
    assert page.eval_on_selector("#shown", "o => o.value") == "3 of 28 videos"
    page.fill("#filter", "final")
    page.select_option("#show", "flagged")
    assert len(page.evaluate(column)) == 3
    page.click("#scores a >> text=dive_03")
    wait_for(page, "document.querySelector('#video-2 video')?.readyState >= 2")
    page.click("#video-2 .step >> nth=9")
    at(page, 9 * STEP_S, 2)
    clipped = "all => all.filter(n => n.scrollWidth > n.clientWidth + 1).length"
    assert page.eval_on_selector_all("#video-0 .step", clipped) == 0
    step(page, 4)
    at(page, 4 * STEP_S)
    assert page.get_attribute("#video-0 .step >> nth=4", "aria-current") == "true"
    if view is WIDE:
        middle = 46 + box(page, "#video-0 .steps")["width"] / 2  # of the charts, which have the axis of the steps
        page.locator("#video-0 .chart .plot >> nth=0").click(position={"x": middle, "y": 60})
        wait_for(page, "Math.abs(document.querySelector('#video-0 video').currentTime - 1.02) < 0.03")
    else:
        large_enough(page)
    page.click("#video-0 .frame >> nth=2")
    at(page, 2 * 1.9 / 7)


def large_enough(page):
    """Buttons of the player are on the screen of a phone, for thumbs."""
    for tool in page.locator("#video-0 .tools:visible > *:is(button, select):visible").all():
        place = tool.bounding_box()
        assert min(place["width"], place["height"]) >= 30
        assert place["x"] + place["width"] <= 390


@pytest.mark.parametrize("view", [WIDE])
def test_the_player_by_keys_and_buttons(page):
    assert not page.evaluate("document.querySelector('#video-0 video').controls"), "one set of controls"
    page.focus("#video-0 .step >> nth=0")
    page.keyboard.press("ArrowRight")
    at(page, STEP_S)
    page.evaluate("document.activeElement.blur()")
    for key, seconds in (("j", 2 * STEP_S), ("3", 2 * STEP_S), ("0", 9 * STEP_S), ("k", 8 * STEP_S), (".", 1.64)):
        page.keyboard.press(key)
        at(page, seconds)
    until_painted(page, 300)  # skeletons are drawn from the start
    page.keyboard.press("o")
    until_clear(page)
    page.eval_on_selector("#video-0 [data-part=seek]", "i => { i.value = 1; i.dispatchEvent(new Event('input')); }")
    at(page, 1)
    step(page, 4)
    for button, seconds in (("frame-on", 0.84), ("frame-back", 0.8)):
        page.click(f"#video-0 [data-do={button}]")
        at(page, seconds)
    page.select_option("#video-0 [data-part=speed]", "0.125")
    assert page.evaluate("document.querySelector('#video-0 video').playbackRate") == 0.125
    step(page, 4)
    page.click("#video-0 [data-do=loop]")
    page.evaluate("times = []; setInterval(() => times.push(document.querySelector('#video-0 video').currentTime), 20)")
    page.click("#video-0 [data-do=play]")
    wait_for(page, "times.filter((t, i) => i && t < times[i - 1]).length >= 1")
    assert page.evaluate(f"times.every((t) => t > {4 * STEP_S} - .05)"), "the step is looped"
    page.click("#video-0 [data-do=play]")
    assert ": 100%" not in page.get_attribute("#video-0 video", "style"), "the picture begins with the athletes"
    page.click("#video-0 [data-do=whole]")
    page.click("#video-0 [data-do=zoom-in]")
    before = page.get_attribute("#video-0 video", "style")
    assert "width: 200%" in before
    page.locator("#video-0 .stage").scroll_into_view_if_needed()
    stage = box(page, "#video-0 .stage")
    drag(page, (stage["x"] + 50, stage["y"] + 50), (stage["x"] + 80, stage["y"] + 70))
    assert page.get_attribute("#video-0 video", "style") != before, "an enlarged picture is dragged"
    page.click("#video-0 [data-do=zoom-out]")
    assert "width: 100%" in page.get_attribute("#video-0 video", "style")
    for state in ("document.fullscreenElement?.matches(':has(video):has(canvas)')", "!document.fullscreenElement"):
        page.click("#video-0 [data-do=full]")
        wait_for(page, state)


@IN_VIEWS
def test_what_to_work_on_is_shown_in_the_video_and_angles_are_read_at_its_time(page):
    page.click("#video-0 [data-do=skeleton]")
    step(page, 1)
    at(page, STEP_S)
    page.select_option("#video-0 [data-part=angle]", label="Trunk against the vertical")
    assert [*curves(page)] == ["left athlete", "right athlete", "difference"]
    upright = float(curves(page)["left athlete"])
    step(page, 5)
    at(page, 5 * STEP_S)
    assert float(curves(page)["left athlete"]) > upright + 20, "the diver turns over"
    page.click("#video-0 [data-do=angles]")
    until_painted(page, 50)
    page.click("#video-0 [data-do=angles]")
    page.evaluate("player = document.querySelector('#video-0 video'); times = []")
    page.evaluate("setInterval(() => times.push(player.currentTime), 20)")
    page.click("#video-0 [data-moment]")
    wait_for(page, "!player.paused && times.filter((t, i) => i && t < times[i - 1]).length >= 1")
    wait_for(page, "player.currentTime > .8 && player.currentTime < 1.5 && player.playbackRate === .25")
    wait_for(page, "(b => b.top >= 0 && b.bottom <= innerHeight)(player.parentElement.getBoundingClientRect())")
    until_painted(page, 50)  # rings around both hips, without the skeletons
    step(page, 1)
    wait_for(page, "player.paused && player.playbackRate === 1")
    until_clear(page)
    assert page.get_attribute("#video-0 [data-do=loop]", "aria-pressed") == "false"


def places(page, *points):
    """Places of the window for shares of what is shown of the first video, which is scrolled into view."""
    page.locator("#video-0 .stage").scroll_into_view_if_needed()
    stage, before = box(page, "#video-0 .stage"), None
    while stage != before:  # what is drawn late still moves it
        page.wait_for_timeout(200)
        stage, before = box(page, "#video-0 .stage"), stage
    return [(stage["x"] + x * stage["width"], stage["y"] + y * stage["height"]) for x, y in points]


def marks(page):
    return list(page.locator("#video-0 .marks li button:first-child").all_inner_texts())


def reload(page):
    page.reload()
    wait_for(page, "document.querySelector('#video-0 video').readyState >= 2")
    to_draw(page)


def to_draw(page):
    """Show the whole frame without skeletons, and all tools."""
    for part in (".more summary", "[data-do=skeleton]", "[data-do=whole]"):
        page.click(f"#video-0 {part}")


@IN_VIEWS
def test_an_angle_a_length_a_time_and_a_note_are_kept_saved_and_printed(browser, page, view, tmp_path):
    to_draw(page)
    step(page, 4)
    page.click("#video-0 [data-draw=angle]")
    if view is WIDE:
        drag(page, *places(page, *ANGLE[:2]))
        assert marks(page) == [], "the second side is missing"
        page.mouse.click(*places(page, ANGLE[2])[0])
    else:
        (x, y), *others = places(page, *ANGLE)
        touch = page.context.new_cdp_session(page)
        for kind, across in (("touchStart", [x]), ("touchMove", [x + 9]), ("touchEnd", [])):  # a finger trembles
            touched = {"type": kind, "touchPoints": [{"x": place, "y": y} for place in across]}
            touch.send("Input.dispatchTouchEvent", touched)
        for place in (*others, others[1]):
            page.touchscreen.tap(*place)
        assert page.evaluate("document.querySelector('#video-0 video').paused")  # by a tap too many
    name = "Angle 121° at 0.80 s"
    page.get_by_role("button", name=name, exact=True).wait_for()
    until_painted(page, 100, marks=True)
    step(page, 9)
    until_clear(page, marks=True)  # an angle belongs to its frame
    reload(page)
    page.click("#video-0 .marks button >> nth=0")
    at(page, 0.8)
    until_painted(page, 100, marks=True)
    page.click("#video-0 [data-do=zoom-in]")
    page.click("#video-0 [data-draw=line]")
    before = page.get_attribute("#video-0 video", "style")
    drag(page, *places(page, (0.3, 0.3), (0.6, 0.7)))
    assert page.get_attribute("#video-0 video", "style") == before  # the picture is not dragged
    page.click("#video-0 [data-do=zoom-out]")
    page.fill("#video-0 [data-length]", "2")
    page.click("#video-0 [data-draw=note]")
    page.keyboard.type("late\n")
    printed = f"{name}, Line 2.00 m at 0.80 s, Note at 0.80 s: late"
    wait_for(page, f"document.querySelector('#video-0 .drawn').textContent === '{printed}'")
    picture = cv2.imread(str(saved(page, "#video-0 [data-picture]")[1]))
    assert picture.shape[:2] == (994, 1280)  # the frame, and its note below
    copy = saved(page, "[data-page]")[1].rename(tmp_path / "copy.html")
    with opened(browser, copy.as_uri(), **view) as other:
        assert marks(other) == marks(page), "a page that is passed on has the marks"
    page.emulate_media(media="print")
    until_painted(page, 100, "#video-0 .drawn canvas", marks=True)
    page.emulate_media(media="screen")
    page.get_by_role("button", name=f"Delete {name}").click()
    page.click("#video-0 [data-draw=circle]")
    page.keyboard.press("Escape")
    assert page.get_attribute("#video-0 .stage", "class") == "stage"
    step(page, 9)
    at(page, 9 * STEP_S)
    until_clear(page)
    for _ in range(2):
        page.click("#video-0 [data-delete='0']")
    until_clear(page)
    assert marks(page) == []
    step(page, 1)
    page.click("#video-0 [data-watch='0']")
    step(page, 4)
    page.click("#video-0 [data-do=frame-on]")
    at(page, 0.84)
    page.click("#video-0 [data-watch='1']")
    said = "0.640 s, 16 frames (0.200 to 0.840 s)"
    assert page.inner_text("#video-0 [data-part=watch]") == said, "frames begin every 0.04 s, steps every 0.204 s"
    reload(page)
    assert page.inner_text("#video-0 [data-part=watch]") == said


@pytest.mark.parametrize("view", [WIDE])
def test_numbers_pictures_and_the_video_are_saved_from_the_page(page, tmp_path):
    page.click("#video-0 .more summary")
    name, path = saved(page, "#video-0 [data-joints]")
    with path.open() as file:
        rows = [*csv.DictReader(file)]
    assert (name, len(rows)) == ("final-dive-01-mp4-joints.csv", 2 * report_samples.FRAMES)
    expected = report_samples.keypoints()[4, 0, 13]
    assert [float(rows[8][f"left_knee_{end}"]) for end in "xy"] == pytest.approx(expected[:2], abs=0.06)
    assert rows[41]["left_knee_x"] == "", "not detected"
    for button, first, lines in (
        ("[data-file='scores.csv']", "video,", 29),
        ("[data-file='table-1.tex']", r"\begin{table}", None),
        ("role=button[name='Score per step as CSV']", "", 11),
        ("role=button[name='Predicted against true as CSV']", "video,task,fold,judges,predicted,low80,high80", 104),
    ):
        text = saved(page, button)[1].read_text("utf-8").splitlines()
        assert text[0].startswith(first)
        assert lines in (None, len(text)), button
    name, path = saved(page, "role=button[name='Difference between the divers as PNG']")
    assert name == "final-dive-01-mp4-difference-between-the-divers.png"
    picture = cv2.imread(str(path))
    assert picture.shape[1] == pytest.approx(2 * box(page, "#video-0 .chart svg")["width"], abs=2)
    assert len({*map(tuple, picture.reshape(-1, 3).tolist())}) > 8, "curves in their colours"
    name, path = saved(page, "#video-0 [data-overlay]")
    assert re.fullmatch(r"final-dive-01-mp4-overlay\.(webm|mp4)", name)
    frames = [frame.image.astype(int) for frame in decode(path.rename(tmp_path / name))]
    assert len(frames) > 1, "a recorder in real time: a busy machine draws few"
    assert frames[0].shape == (*report_samples.SIZE[::-1], 3)
    assert max((image[..., 2] - image[..., 0] > 150).sum() for image in frames) > 100, "the first skeleton"
    page.evaluate("window.print = () => { window.printed = true; }")
    page.get_by_role("button", name="PDF").first.click()
    wait_for(page, "window.printed")
    page.emulate_media(media="print")
    parts = {".frame img": True, ".work-first p": True, ".stage": False, ".tools": False}
    assert {part: page.locator(f"#video-0 {part} >> nth=0").is_visible() for part in parts} == parts
    page.emulate_media(media="screen")


def test_many_rows_come_in_parts(browser, tmp_path):
    rows = tuple(VideoSection(f"dive_{i:04d}.mp4", Score(f"{i}", score=float(i))) for i in range(1000))
    with shown(browser, tmp_path, ReportData("Many", batch=BatchSection(rows))) as tab:
        assert tab.eval_on_selector("#shown", "o => o.value") == "1000 videos, the first 200 shown"
        tab.click("#more")
        assert tab.locator("#scores tbody tr").count() == 400
        tab.click("#scores .sort >> text=Score")
        assert tab.inner_text("#scores tbody tr >> nth=0").startswith("dive_0999.mp4")
        tab.fill("#filter", "dive_0003")
        assert tab.locator("#scores tbody tr").count() == 1
        assert not tab.is_visible("#more")
