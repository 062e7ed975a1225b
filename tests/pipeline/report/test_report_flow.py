"""A coach opens a report in a real browser: finds a video, watches and measures it, and saves what is on the page."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from itertools import combinations
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from data.datasets import with_phases
from data.video import Listing, Record, decode
from pipeline.report import ReportData, write_report
from pipeline.report.page_data import BatchSection, VideoSection
from pipeline.score.score import Score
from tests.helpers import report_samples
from tests.helpers.browsing import (
    IN_BROWSER,
    IN_VIEWS,
    WIDE,
    box,
    drag,
    drag_begin,
    fits,
    now,
    opened,
    painted,
    saved,
    shown,
    until_painted,
    wait_for,
)  # fmt: skip
from tests.helpers.hostile_pages import HOSTILE, hostile_report

pytestmark = IN_BROWSER

STEP_S = report_samples.FRAMES / report_samples.RATE / 10
PHASES = ("run",) * 4 + ("flight",) * 3 + ("entry",) * 3
ANGLE = ((0.2, 0.2), (0.5, 0.6), (0.8, 0.5))
"""Shares of the picture: the end of a side, the vertex, the end of the other side; 106 degrees in 320 x 240 px."""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> ReportData:
    return report_samples.report(tmp_path_factory.mktemp("clips"))


@pytest.fixture(scope="module")
def report(data: ReportData, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a page with every part."""
    path = tmp_path_factory.mktemp("report") / "report.html"
    write_report(path, data)
    return path.as_uri()


@pytest.fixture
def page(browser: Any, report: str, view: dict[str, Any]) -> Iterator[Any]:
    """The page opened; a complaint of the browser or a request to the network fails the test."""
    with opened(browser, report, **view) as tab:
        yield tab
        fits(tab, view)


def at(page: Any, seconds: float, index: int = 0) -> None:
    assert now(page, index) == pytest.approx(seconds, abs=0.01)


def step(page: Any, number: int) -> None:
    page.click(f"#video-0 .step >> nth={number}")


def curves(page: Any) -> dict[str, str]:
    """The value of each curve of the shown angle, by its name."""
    lines = page.locator("#video-0 .angles .chart:not([hidden]) .legend li").all_inner_texts()
    return dict(line.rsplit(None, 1) for line in lines)


@IN_VIEWS
def test_a_video_is_found_in_the_table_and_opened(page: Any) -> None:
    sections = page.eval_on_selector_all("main > section", "all => all.map((one) => one.id)")
    assert sections == ["batch", "videos", "compare", "evaluation", "origin"]
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


@IN_VIEWS
def test_numbers_add_up_and_charts_are_on_the_axis_of_the_steps(page: Any, view: dict[str, Any]) -> None:
    texts = page.locator("#video-0 .step > span").all_inner_texts()
    tiles = [Decimal(text.replace("\N{MINUS SIGN}", "-")) for text in texts]
    total, constant, steps = re.findall(r"[\d.]+", page.inner_text("#video-0 .sum"))
    assert sum(tiles) == Decimal(steps)
    assert Decimal(total) == Decimal(constant) + Decimal(steps)
    clipped = "all => all.filter(n => n.scrollWidth > n.clientWidth + 1).length"
    assert page.eval_on_selector_all("#video-0 .step", clipped) == 0
    line = "getComputedStyle(document.querySelector('#video-0 .steps'), '::after').display"
    assert page.evaluate(line) == "none", "no line of time at the begin"
    step(page, 4)
    at(page, 4 * STEP_S)
    assert page.get_attribute("#video-0 .step >> nth=4", "aria-current") == "true"
    if view is WIDE:
        aligned_with_steps(page)
    else:
        large_enough(page)
    page.click("#video-0 .frame >> nth=2")
    at(page, 2 * 1.9 / 7)


def aligned_with_steps(page: Any) -> None:
    """The line of time and the axes of charts begin and end with the strip of steps; the fourth step is shown."""
    axis, fourth = box(page, "#video-0 .steps"), box(page, "#video-0 .step >> nth=4")
    lines = "[...document.querySelectorAll('#video-0 {}')].map((n) => parseFloat(getComputedStyle(n, '::after').left))"
    (cursor,) = page.evaluate(lines.format(".steps"))
    assert axis["x"] + cursor == pytest.approx(fourth["x"], abs=2)
    in_charts = page.evaluate(lines.format(".chart:not([hidden]) .plot"))
    assert in_charts == pytest.approx([cursor + 46] * len(in_charts), abs=2)
    ends = "all => all.map(s => s.getBoundingClientRect()).map(r => [r.left + 46, r.right - 10])"
    spans = page.eval_on_selector_all("#video-0 .chart svg", ends)
    assert len(spans) >= 3
    for span in spans:
        assert span == pytest.approx([axis["x"], axis["x"] + axis["width"]], abs=1.5)
    page.locator("#video-0 .chart .plot >> nth=0").click(position={"x": 46 + axis["width"] / 2, "y": 60})
    assert now(page) == pytest.approx(1.02, abs=0.02)


def large_enough(page: Any) -> None:
    """Buttons of the player are on the screen of a phone, for thumbs."""
    for tool in page.locator("#video-0 .tools:visible > *:is(button, select):visible").all():
        place = tool.bounding_box()
        assert min(place["width"], place["height"]) >= 30
        assert place["x"] + place["width"] <= 390


@IN_VIEWS
def test_the_player_by_keys_and_buttons(page: Any) -> None:
    assert not page.evaluate("document.querySelector('#video-0 video').controls"), "one set of controls"
    page.focus("#video-0 .step >> nth=0")
    page.keyboard.press("ArrowRight")
    at(page, STEP_S)
    page.evaluate("document.activeElement.blur()")
    for key, seconds in (("j", 2 * STEP_S), ("3", 2 * STEP_S), ("0", 9 * STEP_S), ("k", 8 * STEP_S), (".", 1.64)):
        page.keyboard.press(key)
        at(page, seconds)
    for pixels in (True, False):
        page.keyboard.press("o")
        assert (painted(page) > 300) == pixels, "skeletons"
    page.eval_on_selector("#video-0 [data-part=seek]", "i => { i.value = 1; i.dispatchEvent(new Event('input')); }")
    at(page, 1)
    step(page, 4)
    page.click("#video-0 [data-do=frame-on]")
    at(page, 0.84)
    page.click("#video-0 [data-do=frame-back]")
    at(page, 0.8)
    page.select_option("#video-0 [data-part=speed]", "0.125")
    assert page.evaluate("document.querySelector('#video-0 video').playbackRate") == 0.125
    step(page, 4)
    page.click("#video-0 [data-do=loop]")
    page.evaluate("times = []; setInterval(() => times.push(document.querySelector('#video-0 video').currentTime), 20)")
    page.click("#video-0 [data-do=play]")
    wait_for(page, "document.querySelector('#video-0 [data-do=play]').textContent === 'Pause'")
    wait_for(page, "times.filter((t, i) => i && t < times[i - 1]).length >= 1")
    assert page.evaluate(f"times.every((t) => t > {4 * STEP_S} - .05)"), "the step is looped"
    page.click("#video-0 [data-do=play]")
    page.click("#video-0 [data-do=zoom-in]")
    before = page.get_attribute("#video-0 video", "style")
    assert "scale(2)" in before
    stage = box(page, "#video-0 .stage")
    drag(page, (stage["x"] + 50, stage["y"] + 50), (stage["x"] + 80, stage["y"] + 70))
    assert page.get_attribute("#video-0 video", "style") != before, "an enlarged picture is dragged"
    page.click("#video-0 [data-do=zoom-out]")
    assert page.get_attribute("#video-0 video", "style") == ""
    page.click("#video-0 [data-do=full]")
    wait_for(page, "document.fullscreenElement?.matches(':has(video):has(canvas):has([data-do=play])')")
    page.click("#video-0 [data-do=full]")
    wait_for(page, "!document.fullscreenElement")


@IN_VIEWS
def test_what_to_work_on_is_shown_in_the_video_and_angles_are_read_at_its_time(page: Any) -> None:
    first = page.inner_text("#video-0 .video-body > :first-child")
    assert first.startswith("Largest difference from the better videos: Left athlete: hips 38 degrees more bent")
    step(page, 1)
    assert float(curves(page)["left athlete, left"]) == pytest.approx(180, abs=3)
    page.select_option("#video-0 [data-part=angle]", label="Trunk against the vertical")
    assert [*curves(page)] == ["left athlete", "right athlete", "difference"]
    upright = float(curves(page)["left athlete"])
    step(page, 5)
    assert float(curves(page)["left athlete"]) > upright + 20, "the diver turns over"
    assert painted(page) == 0
    page.click("#video-0 [data-do=angles]")
    until_painted(page, 50)
    page.click("#video-0 [data-do=angles]")
    page.evaluate("player = document.querySelector('#video-0 video'); times = []")
    page.evaluate("setInterval(() => times.push(player.currentTime), 20)")
    page.click("#video-0 [data-moment]")
    wait_for(page, "!player.paused && times.filter((t, i) => i && t < times[i - 1]).length >= 1")
    wait_for(page, "player.currentTime > .8 && player.currentTime < 1.5")
    wait_for(page, "(b => b.top >= 0 && b.bottom <= innerHeight)(player.parentElement.getBoundingClientRect())")
    assert page.evaluate("player.playbackRate") == 0.25
    until_painted(page, 50)  # rings around both hips, without the skeletons
    step(page, 1)
    assert page.evaluate("player.playbackRate") == 1
    assert painted(page) == 0
    assert page.get_attribute("#video-0 [data-do=loop]", "aria-pressed") == "false"


def places(page: Any, *points: tuple[float, float]) -> list[tuple[float, float]]:
    """Places of the window for shares of the first video's picture, which is scrolled into view."""
    page.locator("#video-0 .stage").scroll_into_view_if_needed()
    stage, before = box(page, "#video-0 .stage"), None
    while stage != before:  # what is drawn late still moves it
        page.wait_for_timeout(200)
        stage, before = box(page, "#video-0 .stage"), stage
    return [(stage["x"] + x * stage["width"], stage["y"] + y * stage["height"]) for x, y in points]


def marks(page: Any) -> list[str]:
    return list(page.locator("#video-0 .marks li button:first-child").all_inner_texts())


def reload(page: Any) -> None:
    page.reload()
    wait_for(page, "document.querySelector('#video-0 video').readyState >= 2")
    page.click("#video-0 .measure summary")


@IN_VIEWS
def test_an_angle_a_line_and_a_time_are_measured_and_kept(page: Any, view: dict[str, Any]) -> None:
    page.click("#video-0 .measure summary")
    step(page, 4)
    page.click("#video-0 [data-draw=angle]")
    if view is WIDE:
        drag(page, *places(page, *ANGLE[:2]))
        assert marks(page) == [], "the second side is missing"
        page.mouse.click(*places(page, ANGLE[2])[0])
    else:
        for place in places(page, *ANGLE):
            page.touchscreen.tap(*place)
    (ax, ay), (x, y), (bx, by) = (np.array(point) * report_samples.SIZE for point in ANGLE)
    turn = abs(math.degrees(math.atan2(ay - y, ax - x) - math.atan2(by - y, bx - x)))
    name = f"Angle {min(turn, 360 - turn):.0f}° at 0.80 s"
    assert marks(page) == [name], "in pixels of the video"
    if view is WIDE:
        until_painted(page, 100, marks=True)
    step(page, 9)
    assert painted(page, marks=True) == 0, "an angle belongs to its frame"
    reload(page)
    page.click("#video-0 .marks button >> nth=0")
    at(page, 0.8)
    until_painted(page, 100, marks=True)
    page.click("#video-0 [data-do=zoom-in]")
    page.click("#video-0 [data-draw=line]")
    before = page.get_attribute("#video-0 video", "style")
    drag(page, *places(page, (0.3, 0.3), (0.6, 0.7)))
    assert page.get_attribute("#video-0 video", "style") == before, "the picture is not dragged"
    assert marks(page) == [name, "Line at 0.80 s"]
    page.click("#video-0 [data-do=zoom-out]")
    wait_for(page, f"document.querySelector('#video-0 .drawn').textContent === '{name}, Line at 0.80 s'")
    page.emulate_media(media="print")
    assert page.is_visible("#video-0 .drawn canvas")
    until_painted(page, 100, "#video-0 .drawn canvas", marks=True)
    page.emulate_media(media="screen")
    page.get_by_role("button", name=f"Delete {name}").click()
    page.click("#video-0 [data-draw=circle]")
    page.keyboard.press("Escape")
    assert page.get_attribute("#video-0 .stage", "class") == "stage"
    step(page, 9)
    assert painted(page, marks=True) == 0
    assert painted(page) > 0, "a line stays, faintly, over other frames"
    page.click("#video-0 [data-delete='0']")
    assert (marks(page), painted(page)) == ([], 0)
    step(page, 1)
    page.click("#video-0 [data-watch='0']")
    step(page, 4)
    page.click("#video-0 [data-do=frame-on]")
    page.click("#video-0 [data-watch='1']")
    said = "0.640 s, 16 frames (0.200 to 0.840 s)"
    assert page.inner_text("#video-0 [data-part=watch]") == said, "frames begin every 0.04 s, steps every 0.204 s"
    reload(page)
    assert page.inner_text("#video-0 [data-part=watch]") == said


@IN_VIEWS
def test_start_end_and_athlete_are_chosen_on_the_contact_sheet(page: Any) -> None:
    page.click("#video-0 .choose summary")
    tiles = page.locator("#video-0 .tile")
    wait_for(page, "document.querySelector('#video-0 .tile img').naturalWidth > 0")
    until_painted(page, 30, "#video-0 .tile canvas")  # the people whom the program follows
    tiles.nth(2).get_by_role("button", name="Start").click()
    tiles.nth(6).get_by_role("button", name="End").click()
    assert page.locator("#video-0 .tile.out").count() == tiles.count() - 5
    for tile, x, y in ((2, 0.35, 0.3), (6, 0.5, 0.8)):
        shot = tiles.nth(tile).locator(".shot")
        shot.click(position={"x": x * shot.bounding_box()["width"], "y": y * shot.bounding_box()["height"]})
    typed = re.fullmatch(
        r"ffmpeg -i final/dive_01\.mp4 -ss 0\.54 -to 1\.63 trimmed\.mp4\n"
        r"aqa score trimmed\.mp4 --model MODEL --set 'pose\.region=\[(.*)\]'",
        page.inner_text("#video-0 [data-part=command]"),
    )
    assert typed is not None
    corners = [float(corner) for corner in typed[1].split(",")]
    assert corners == pytest.approx([0.23, 0.18, 0.62, 0.92], abs=0.015), "holds both clicks"
    assert not page.is_visible("#video-0 [data-part=apply]"), "a page from disk has no server"
    page.click("#video-0 [data-choose=clear]")
    assert not page.is_visible("#video-0 [data-part=command]")


@pytest.mark.parametrize("view", [WIDE])
def test_numbers_pictures_and_the_video_are_saved_from_the_page(page: Any, tmp_path: Path) -> None:
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
    charts = page.locator("#video-0 .chart:visible, #batch figure, #evaluation figure")
    for kind in ("PNG", "CSV"):
        assert charts.count() == charts.filter(has=page.get_by_role("button", name=f" as {kind}")).count() > 5
    name, path = saved(page, "role=button[name='Difference between the divers as PNG']")
    assert name == "final-dive-01-mp4-difference-between-the-divers.png"
    picture = cv2.imread(str(path))
    assert picture.shape[1] == pytest.approx(2 * box(page, "#video-0 .chart svg")["width"], abs=2)
    for curve in ((0x0F, 0x8A, 0x6D), (0xB0, 0x41, 0x8F)):
        assert (abs(picture[..., ::-1].astype(int) - curve).sum(axis=-1) < 30).sum() > 200, "colours of the style sheet"
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
    assert len(page.pdf()) > 20_000
    page.emulate_media(media="screen")


@IN_VIEWS
def test_a_dragged_phase_is_saved_and_read_again(
    browser: Any, data: ReportData, view: dict[str, Any], tmp_path: Path
) -> None:
    video = report_samples.in_phases(data.videos[0], PHASES)
    before = video.result.phases
    with shown(browser, tmp_path, ReportData("Phases", videos=(video,)), **view) as page:
        drag_begin(page, 1, 0.5)
        assert now(page) == pytest.approx(0.5 * before[-1].end, abs=0.08)
        _, path = saved(page, ".phases [data-do=save]")
        listing = with_phases(Listing((Record(video.name, None),)), path)
    after = listing.records[0].phases
    assert listing.problems == ()
    assert [phase.name for phase in after] == ["run", "flight", "entry"]
    assert after[0].end == after[1].start == pytest.approx(0.5 * before[-1].end, abs=0.08)
    assert after[1].start != pytest.approx(before[1].start, abs=0.1)
    assert after[2] == before[2]


COLOURS = """names => names.map((name) => {
    const box = document.body.appendChild(document.createElement("i"));
    box.style.color = `var(${name})`;
    const shown = getComputedStyle(box).color;
    box.remove();
    return shown; })"""

CURVES = """[...document.querySelectorAll('.swatch, .plot svg *')]
    .filter((one) => !one.closest('.angles') && one.getClientRects().length).map((one) => getComputedStyle(one))
    .flatMap((style) => [style.backgroundColor, style.stroke, style.fill])"""


def seen(colour: str) -> tuple[float, np.ndarray]:
    """The luminance of WCAG 2 and the CIELAB of `rgb(…)` under D65."""
    parts = np.array([float(part) for part in colour[4:-1].split(",")]) / 255
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ linear
    f = np.cbrt(np.maximum(xyz / (0.9505, 1, 1.089), 216 / 24389))
    return float(xyz[1]), np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@IN_VIEWS
def test_curves_can_be_told_apart_and_only_people_have_the_colours_of_people(page: Any) -> None:
    wait_for(page, "document.querySelectorAll('#video-0 .angles svg').length > 0")
    wait_for(page, "document.querySelectorAll('#evaluation svg').length > 2")
    names = ["--p0", "--p1", *(f"--s{number}" for number in range(8))]
    *colours, panel = page.evaluate(COLOURS, [*names, "--panel"])
    for colour in colours:
        low, high = sorted((seen(colour)[0], seen(panel)[0]))
        assert (high + 0.05) / (low + 0.05) >= 3
    assert min(np.linalg.norm(seen(a)[1] - seen(b)[1]) for a, b in combinations(colours[:6], 2)) >= 25
    people, used = set(colours[:2]), set(page.evaluate(CURVES))
    assert people <= set(page.evaluate(CURVES.replace("!one.closest", "one.closest")))
    assert not people & used


def test_many_rows_come_in_parts_and_few_scores_are_dots(browser: Any, tmp_path: Path) -> None:
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
    for count, dots in ((7, 7), (8, 0)):
        data = ReportData("Few", batch=BatchSection(rows[:count], training_scores=(50.0, 65.0, 80.0)))
        with shown(browser, tmp_path, data) as tab:
            wait_for(tab, "document.querySelector('#distribution svg')")
            assert tab.locator("#distribution svg circle").count() == dots


def test_a_phone_shows_the_advice_its_button_and_the_video_on_the_first_screen(
    browser: Any, data: ReportData, tmp_path: Path
) -> None:
    alone = replace(data, videos=data.videos[:1], batch=None, evaluation=None)
    with shown(browser, tmp_path, alone, viewport={"width": 390, "height": 844}) as tab:
        sentence, button, stage = (
            box(tab, f"#video-0 {part}") for part in (".work-first > p", ".work-first [data-moment]", ".stage")
        )
        assert sentence["y"] <= button["y"] < sentence["y"] + sentence["height"]
        assert stage["y"] < 400
        assert stage["y"] + stage["height"] < 844


def test_hostile_names_run_nothing(browser: Any, tmp_path: Path) -> None:
    tab, dialogs = browser.new_page(), list[str]()
    tab.on("dialog", lambda shown: (dialogs.append(shown.message), shown.dismiss()))
    for number, name in enumerate(HOSTILE):
        write_report(tmp_path / f"{number}.html", hostile_report(name))
        tab.goto((tmp_path / f"{number}.html").as_uri())
        wait_for(tab, "document.readyState === 'complete'")
        assert tab.locator("h1").count() == 1
    tab.close()
    assert dialogs == []
