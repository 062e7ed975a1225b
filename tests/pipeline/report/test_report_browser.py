"""The report page in a real browser: the video follows the steps, tables sort, nothing complains."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from data.video import decode
from pipeline.evaluate.system_table import Table, TableRow
from pipeline.report import ReportData, write_report
from pipeline.report.page_data import BatchSection, EvaluationSection, ScatterPoint, VideoSection
from pipeline.score.score import Score
from tests.helpers import report_samples
from tests.helpers.browsing import IN_BROWSER, now, opened, shown, wait_for

pytestmark = IN_BROWSER


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page with every part."""
    folder = tmp_path_factory.mktemp("report")
    write_report(folder / "report.html", report_samples.report(folder))
    return folder / "report.html"


@pytest.fixture
def page(browser: Any, report: Path) -> Iterator[Any]:
    """The page opened; a complaint of the browser or a request to the network fails the test."""
    with opened(browser, report.as_uri()) as tab:
        yield tab


def painted(page: Any, canvas: str = ".stage canvas") -> int:
    """Pixels of a section's first canvas of this kind that are not transparent."""
    script = """canvas => canvas.width ? canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height)
        .data.filter((value, i) => i % 4 === 3 && value > 0).length : 0"""
    return int(page.eval_on_selector(f"#video-0 {canvas}", script))


LINE_AND_AXES = """[...document.querySelectorAll('#video-0 .chart:not([hidden]) .plot')].map((plot) => {
    const line = getComputedStyle(plot, '::after'), y = plot.getBoundingClientRect().top + parseFloat(line.top);
    const top = (mark) => plot.querySelector(`[aria-label="${mark}"]`).getBoundingClientRect().top;
    return [y, y + parseFloat(line.height), top("y-grid"), top("x-axis tick")]; })"""
"""Of each chart: both ends of the line of time, the highest line of the grid, the horizontal axis; in pixels."""


def test_a_click_on_a_step_moves_the_video_and_the_cursor(page: Any) -> None:
    page.click("#video-0 .step >> nth=4")
    assert now(page) == pytest.approx(4 * 0.204, abs=0.01)
    assert page.get_attribute("#video-0 .step >> nth=4", "aria-current") == "true"
    place = "[...document.querySelectorAll('#video-0 {}')].map((n) => parseFloat(getComputedStyle(n, '::after').left))"
    (steps,) = page.evaluate(place.format(".steps"))
    left = page.locator("#video-0 .steps").bounding_box()["x"]
    step = page.locator("#video-0 .step >> nth=4").bounding_box()
    assert left + steps == pytest.approx(step["x"], abs=2)
    charts = page.evaluate(place.format(".chart:not([hidden]) .plot"))
    assert charts == pytest.approx([steps + 46] * len(charts), abs=2), "each chart has its own line, inside its axes"
    tops, bottoms, highest, axes = np.array(page.evaluate(LINE_AND_AXES)).T
    assert bottoms == pytest.approx(axes, abs=1), "the line ends at the axis and cuts no number below it"
    above = highest - tops
    assert min(above) == pytest.approx(0, abs=1), "it begins at the top of the axes, where some grids end"


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
    poster = """async () => { const i = new Image();
        i.src = document.querySelector('#video-0 video').poster; await i.decode(); return [i.width, i.height]; }"""
    assert page.evaluate(poster) == [320, 240]
    page.focus("#video-0 .step >> nth=0")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.dataset.step") == "2"
    assert now(page) == pytest.approx(0.408, abs=0.01)
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("j")
    assert now(page) == pytest.approx(0.612, abs=0.01)
    page.keyboard.press(".")
    assert now(page) == pytest.approx(0.64, abs=0.005), "the begin of the frame after that of 0.60 s"
    for key, step in (("0", 9), ("3", 2)):
        page.keyboard.press(key)
        assert now(page) == pytest.approx(step * 0.204, abs=0.01)
    assert painted(page) == 0
    page.keyboard.press("o")
    assert page.get_attribute("#video-0 [data-do=skeleton]", "aria-pressed") == "true"
    assert painted(page) > 300
    page.keyboard.press("o")
    assert painted(page) == 0
    before = now(page)
    page.keyboard.press(" ")
    wait_for(page, f"document.querySelector('#video-0 video').currentTime > {before} + .1")


@pytest.mark.parametrize("width", [1280, 390])
def test_the_sentence_and_the_sum_are_readable(browser: Any, report: Path, width: int) -> None:
    with opened(browser, report.as_uri(), viewport={"width": width, "height": 900}) as tab:
        assert "does not judge that moment" in " ".join(tab.inner_text("#video-0 .why").split())
        tiles = [
            Decimal(text.replace("\N{MINUS SIGN}", "-"))
            for text in tab.locator("#video-0 .step > span").all_inner_texts()
        ]
        total, constant, steps = re.findall(r"[\d.]+", tab.inner_text("#video-0 .sum"))
        assert sum(tiles) == Decimal(steps)
        assert Decimal(total) == Decimal(constant) + Decimal(steps)
        clipped = "all => all.filter(n => n.scrollWidth > n.clientWidth + 1).length"
        assert tab.eval_on_selector_all("#video-0 .step", clipped) == 0
        assert tab.locator("#video-0 .attention u").count() == 10
        assert tab.evaluate("document.documentElement.scrollWidth") <= width


def test_limits_of_the_page_are_said(page: Any, browser: Any, tmp_path: Path) -> None:
    assert page.inner_text(".shown-part").startswith("These are the first 4 of 28 scored videos")
    chip = page.locator("#scores td.chips .chip >> nth=0").bounding_box()
    head = page.locator("#scores th:last-child .sort").bounding_box()
    assert head["x"] == pytest.approx(chip["x"], abs=2)
    one = VideoSection("only.mp4", Score("only.mp4", score=1.0))
    with shown(browser, tmp_path, ReportData("One", batch=BatchSection((one,), training_scores=(1.0, 2.0)))) as tab:
        assert tab.locator("#scores tbody tr").count() == 1
        assert tab.locator("#distribution").count() == 0


def test_few_scores_are_dots_and_digits_have_one_width(browser: Any, tmp_path: Path) -> None:
    rows = tuple(VideoSection(f"{i}.mp4", Score(f"{i}", score=60.0 + i)) for i in range(8))
    for count, dots in ((3, 3), (7, 7), (8, 0)):
        data = ReportData("Few", batch=BatchSection(rows[:count], training_scores=(50.0, 65.0, 80.0)))
        with shown(browser, tmp_path, data) as tab:
            wait_for(tab, "document.querySelector('#distribution svg')")
            assert tab.locator("#distribution svg circle").count() == dots
            width = """(() => { const c = document.createElement("canvas").getContext("2d");
                c.font = getComputedStyle(document.body).font;
                return [..."0123456789"].map((digit) => c.measureText(digit).width); })()"""
            assert len(set(tab.evaluate(width))) == 1


def test_the_table_sorts_and_filters(page: Any) -> None:
    column = "[...document.querySelectorAll('#scores tbody tr:not([hidden])')].map(r => r.cells[2].dataset.v)"
    page.click("#scores .sort >> text=Score")
    order = page.evaluate(column)
    scores = [float(v) for v in order if v]
    assert len(order) == 28
    assert order[len(scores) :] == [""] * page.locator("#scores .no-score").count(), "no score: no rank"
    assert scores == sorted(scores, reverse=True)
    page.click("#scores .sort >> text=Score")
    assert [float(v) for v in page.evaluate(column) if v] == sorted(scores)
    page.fill("#filter", "final 3")
    assert page.eval_on_selector("#shown", "o => o.value") == "3 of 28 videos"
    page.fill("#filter", "final")
    page.select_option("#show", "flagged")
    assert len(page.evaluate(column)) == 3


def test_thousands_of_rows_come_in_parts(browser: Any, tmp_path: Path) -> None:
    rows = tuple(VideoSection(f"dive_{i:04d}.mp4", Score(f"{i}", score=float(i))) for i in range(1000))
    with shown(browser, tmp_path, ReportData("Many", batch=BatchSection(rows))) as tab:
        assert tab.locator("#scores tbody tr").count() == 200
        assert tab.eval_on_selector("#shown", "o => o.value") == "1000 videos, the first 200 shown"
        tab.click("#more")
        assert tab.locator("#scores tbody tr").count() == 400
        tab.click("#scores .sort >> text=Score")
        assert tab.inner_text("#scores tbody tr >> nth=0").startswith("dive_0999.mp4")
        tab.fill("#filter", "dive_0003")
        assert tab.locator("#scores tbody tr").count() == 1
        assert not tab.is_visible("#more")


@pytest.fixture(params=[1280, 390])
def leaderboard(browser: Any, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Any]:
    """The page of an evaluation of 26 systems; the last but one has the highest correlation and the worst error."""
    rows = tuple(TableRow(f"system {i}", (None if i == 25 else i / 100, 30.0 + i)) for i in range(26))
    table = Table("Leaderboard", ("rho", "MAE"), rows, better=("high", "low"))
    predictions = (ScatterPoint("a", 10, 12, (4, 70)), ScatterPoint("b", 20, 55), ScatterPoint("c", 15, -30))
    data = ReportData("Leaderboard", evaluation=EvaluationSection(predictions=predictions, table=table))
    with shown(browser, tmp_path, data, viewport={"width": request.param, "height": 700}) as tab:
        wait_for(tab, "document.querySelector('#scatter svg')")
        yield tab
        assert tab.evaluate("document.documentElement.scrollWidth") <= request.param


def test_every_system_of_a_leaderboard_is_shown_and_sorts(leaderboard: Any) -> None:
    assert leaderboard.locator(".results tbody tr").count() == 26
    assert leaderboard.eval_on_selector(".scroll.whole", "box => box.scrollHeight - box.clientHeight") == 0
    bold = leaderboard.locator(".results strong")
    assert bold.all_inner_texts() == ["30.000", "0.240"]
    head = leaderboard.get_by_role("columnheader", name="MAE")
    assert head.get_attribute("aria-sort") == "none"
    leaderboard.get_by_role("button", name="MAE").focus()
    for order in ("ascending", "descending"):
        leaderboard.keyboard.press("Enter")
        assert head.get_attribute("aria-sort") == order
        shown = [float(text) for text in leaderboard.locator(".results td:nth-child(3)").all_inner_texts()]
        assert shown == sorted(shown, reverse=order == "descending")
    leaderboard.get_by_role("button", name="rho").press(" ")
    assert leaderboard.get_by_role("columnheader", name="rho").get_attribute("aria-sort") == "descending"
    assert head.get_attribute("aria-sort") == "none"
    cells = leaderboard.locator(".results td:nth-child(2)").all_inner_texts()
    assert cells == [*(f"{i / 100:.3f}" for i in range(24, -1, -1)), "\N{EN DASH}"]
    leaderboard.get_by_role("button", name="System", exact=True).click()
    names = leaderboard.locator(".results tbody th").all_inner_texts()
    assert names == [f"system {i}" for i in range(26)]


def test_predictions_far_from_the_true_scores_are_in_the_chart(leaderboard: Any) -> None:
    marks = """svg => {
        const box = (query) => [...svg.querySelectorAll(query)].map((mark) => {
            const r = mark.getBoundingClientRect(); return [r.left, r.right, r.top, r.bottom]; });
        return [box("[aria-label=dot] circle"), box("[aria-label=rule] line"), box("[aria-label=link] path")];
    }"""
    dots, intervals, ((left, right, top, bottom),) = leaderboard.eval_on_selector("#scatter svg", marks)
    assert right - left == pytest.approx(bottom - top, abs=0.1), "one unit is as long on both axes"
    assert (len(dots), len(intervals)) == (3, 1)
    for x0, x1, y0, y1 in (*dots, *intervals):
        assert left <= x0 <= x1 <= right
        assert top <= y0 <= y1 <= bottom


def test_no_column_of_an_evaluation_is_half_empty(browser: Any, tmp_path: Path) -> None:
    full = report_samples.evaluation(np.random.default_rng(7))
    assert full.bars is not None
    long = replace(
        full, bars=replace(full.bars, bars=tuple(replace(full.bars.bars[0], name=f"{i}") for i in range(20)))
    )
    ends = """all => { const found = {};
        const boxes = all.map((one) => one.getBoundingClientRect());
        for (const { left, bottom } of boxes) found[left] = Math.max(found[left] ?? 0, bottom - boxes[0].top);
        return Object.values(found); }"""
    for evaluation in (full, long):
        with shown(browser, tmp_path, ReportData("x", evaluation=evaluation)) as tab:
            wait_for(tab, "document.querySelector('#scatter svg') && document.querySelector('#bars svg')")
            heights = tab.eval_on_selector_all(".masonry > *", ends)
            assert len(heights) == 2
            assert min(heights) > 0.75 * max(heights)


def test_a_row_opens_its_video_section(page: Any) -> None:
    assert not page.evaluate("document.getElementById('video-2').open")
    page.click("#scores a >> text=dive_03")
    wait_for(page, "document.querySelector('#video-2 video')?.readyState >= 2")
    page.click("#video-2 .step >> nth=9")
    assert now(page, 2) == pytest.approx(9 * 0.204, abs=0.01)


def test_it_fits_a_phone_and_prints(browser: Any, report: Path, tmp_path: Path) -> None:
    with opened(browser, report.as_uri(), viewport={"width": 390, "height": 844}, is_mobile=True) as tab:
        assert tab.evaluate("document.documentElement.scrollWidth") <= 390
        assert tab.evaluate("innerWidth") == 390
        for scheme in ("light", "dark"):
            tab.emulate_media(color_scheme=scheme)
            colour = tab.evaluate("getComputedStyle(document.body).backgroundColor")
            assert (int(colour[4:].split(",")[0]) < 100) == (scheme == "dark")
        assert len(tab.pdf(path=str(tmp_path / "print.pdf"))) > 20_000


def test_hostile_names_run_nothing(browser: Any, tmp_path: Path) -> None:
    from tests.pipeline.report.test_page_writer import HOSTILE, hostile_report

    tab, dialogs = browser.new_page(), list[str]()
    tab.on("dialog", lambda box: (dialogs.append(box.message), box.dismiss()))
    for number, name in enumerate(HOSTILE):
        page = tmp_path / f"{number}.html"
        write_report(page, hostile_report(name))
        tab.goto(page.as_uri())
        wait_for(tab, "document.readyState === 'complete'")
        assert dialogs == []
        assert tab.locator("h1").count() == 1
    tab.close()


def test_the_player_goes_frame_by_frame_slows_down_loops_a_step_and_zooms(page: Any) -> None:
    page.click("#video-0 .step >> nth=4")
    page.click("#video-0 [data-do=frame-on]")
    assert now(page) == pytest.approx(0.84, abs=0.005)
    page.click("#video-0 [data-do=frame-back]")
    assert now(page) == pytest.approx(0.8, abs=0.005)
    speeds = page.locator("#video-0 [data-part=speed] option").all_inner_texts()
    assert speeds == ["1×", "½×", "¼×", "⅛×"]
    page.select_option("#video-0 [data-part=speed]", "0.125")
    assert page.evaluate("document.querySelector('#video-0 video').playbackRate") == 0.125
    page.click("#video-0 .step >> nth=4")
    page.click("#video-0 [data-do=loop]")
    page.evaluate("times = []; setInterval(() => times.push(document.querySelector('#video-0 video').currentTime), 20)")
    page.click("#video-0 [data-do=play]")
    wait_for(page, "document.querySelector('#video-0 [data-do=play]').textContent === 'Pause'")
    wait_for(page, "times.filter((t, i) => i && t < times[i - 1]).length >= 2")
    # A busy machine is late to go back, but not each time.
    in_time = "(t, i) => i && t < times[i - 1] && times[i - 1] > 5 * .204 - .05 && times[i - 1] < 5 * .204 + .15"
    wait_for(page, f"times.some({in_time})")
    assert page.evaluate("times.every((t) => t > 4 * .204 - .05)")
    page.click("#video-0 [data-do=play]")
    page.click("#video-0 [data-do=zoom-in]")
    assert "scale(2)" in page.get_attribute("#video-0 video", "style")
    box = page.locator("#video-0 .stage").bounding_box()
    before = page.get_attribute("#video-0 video", "style")
    page.mouse.move(box["x"] + 50, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + 80, box["y"] + 70)
    page.mouse.up()
    assert page.get_attribute("#video-0 video", "style") != before
    page.click("#video-0 [data-do=zoom-out]")
    assert page.get_attribute("#video-0 video", "style") == ""


def test_on_a_phone_every_button_of_the_player_is_large_enough_and_on_the_screen(browser: Any, report: Path) -> None:
    with opened(browser, report.as_uri(), viewport={"width": 390, "height": 844}) as tab:
        for box in (
            one.bounding_box() for one in tab.locator("#video-0 .tools:visible > *:is(button, select):visible").all()
        ):
            assert box["width"] >= 30
            assert box["height"] >= 30
            assert box["x"] + box["width"] <= 390


def test_angles_of_two_athletes_have_the_athletes_colours(page: Any) -> None:
    legend = page.locator("#video-0 .angles .chart:not([hidden]) .swatch")
    shown = legend.evaluate_all("all => all.map(n => [n.style.background, n.classList.contains('dashed')])")
    blue, orange, grey = "var(--p0)", "var(--p1)", "var(--s6)"
    assert shown == [[blue, False], [blue, True], [orange, False], [orange, True], [grey, False]]


def test_angles_are_read_at_the_cursor_and_drawn_on_the_video(page: Any) -> None:
    page.click("#video-0 .step >> nth=1")
    names = page.locator("#video-0 .angles .chart:not([hidden]) .legend li").all_inner_texts()
    assert names[0].startswith("left athlete, left")
    assert names[-1].startswith("difference")
    assert float(names[0].rsplit(None, 1)[1]) == pytest.approx(180, abs=3)
    page.select_option("#video-0 [data-part=angle]", label="Trunk against the vertical")
    shown = page.locator("#video-0 .angles .chart:not([hidden]) .legend li").all_inner_texts()
    assert [name.rsplit(None, 1)[0] for name in shown] == ["left athlete", "right athlete", "difference"]
    first = float(shown[0].rsplit(None, 1)[1])
    page.click("#video-0 .step >> nth=5")
    later = page.locator("#video-0 .angles .chart:not([hidden]) .legend li").first.inner_text()
    assert float(later.rsplit(None, 1)[1]) > first + 20, "the diver turns over"
    assert painted(page) == 0
    page.click("#video-0 [data-do=angles]")
    assert painted(page) > 50


def test_a_difference_from_the_better_videos_leads_to_its_time(page: Any) -> None:
    first = page.inner_text("#video-0 .video-body > :first-child")
    assert first.startswith(
        "Work on this first: Left athlete: hips 38 degrees more bent at 1.12 s than in any of the 6"
    )
    assert "These are observations, not causes of the score." in first
    page.click("#video-0 .work-first summary")
    assert "dataset.root=FOLDER" in page.inner_text("#video-0 .work-first"), "the best video is not on this page"


def test_a_video_without_differences_says_that_nothing_stands_out(browser: Any, tmp_path: Path) -> None:
    data = report_samples.report(tmp_path, count=1)
    plain = replace(data.videos[0], better=replace(report_samples.BETTER, observations=(), count=0))
    with shown(browser, tmp_path, replace(data, videos=(plain,))) as tab:
        first = tab.inner_text("#video-0 .video-body > :first-child p >> nth=0")
        assert first == "Nothing stands out from the better training videos."


def test_on_a_phone_the_button_is_beside_the_sentence_and_the_video_on_the_first_screen(
    browser: Any, tmp_path: Path
) -> None:
    data = report_samples.report(tmp_path, count=1)
    alone = replace(data, videos=data.videos[:1], batch=None, evaluation=None)
    with shown(browser, tmp_path, alone, viewport={"width": 390, "height": 844}) as tab:
        sentence, button, stage = (
            tab.locator(f"#video-0 {part}").bounding_box()
            for part in (".work-first > p >> nth=0", ".work-first [data-moment]", ".stage")
        )
        assert sentence["y"] <= button["y"] < sentence["y"] + sentence["height"]
        assert stage["y"] < 400
        assert stage["y"] + stage["height"] < 844


def test_the_player_has_one_set_of_controls(page: Any) -> None:
    assert not page.evaluate("document.querySelector('#video-0 video').controls")
    page.eval_on_selector("#video-0 [data-part=seek]", "i => { i.value = 1; i.dispatchEvent(new Event('input')); }")
    assert now(page) == pytest.approx(1, abs=0.005)
    page.click("#video-0 .step >> nth=4")
    assert float(page.input_value("#video-0 [data-part=seek]")) == pytest.approx(4 * 0.204, abs=0.01)
    page.click("#video-0 video")
    wait_for(page, "document.querySelector('#video-0 [data-do=play]').textContent === 'Pause'")
    page.click("#video-0 [data-do=full]")
    wait_for(page, "document.fullscreenElement?.matches(':has(video):has(canvas):has([data-do=play])')")
    page.click("#video-0 [data-do=full]")
    wait_for(page, "!document.fullscreenElement")


def test_at_its_begin_a_video_has_no_line_of_time_at_the_edge_of_the_first_step(page: Any) -> None:
    line = "getComputedStyle(document.querySelector('#video-0 .steps'), '::after').display"
    assert page.evaluate(line) == "none"
    page.click("#video-0 .step >> nth=1")
    assert page.evaluate(line) == "block"


def test_a_page_of_several_athletes_opens_with_the_videos(page: Any) -> None:
    sections = page.eval_on_selector_all("main > section", "all => all.map((one) => one.id)")
    assert sections == ["batch", "videos", "compare", "evaluation", "origin"]


@pytest.mark.parametrize(("width", "height"), [(390, 844), (1366, 700)])
def test_show_scrolls_to_the_video_and_loops_the_marked_moment_slowly(
    browser: Any, report: Path, width: int, height: int
) -> None:
    with opened(browser, report.as_uri(), viewport={"width": width, "height": height}) as tab:
        tab.evaluate("document.querySelector('#video-0').scrollIntoView({ behavior: 'instant' })")
        tab.evaluate("window.player = document.querySelector('#video-0 video'); window.times = []")
        tab.evaluate("setInterval(() => times.push(player.currentTime), 20)")
        tab.click("#video-0 [data-moment]")
        inside = """(() => { const box = document.querySelector('#video-0 .stage').getBoundingClientRect();
            return box.top >= 0 && box.bottom <= innerHeight; })()"""
        wait_for(tab, inside)
        wait_for(tab, "!player.paused")
        assert tab.evaluate("player.playbackRate") == 0.25
        assert tab.input_value("#video-0 [data-part=speed]") == "0.25"
        wait_for(tab, "times.filter((t, i) => i && t < times[i - 1]).length >= 1")
        wait_for(tab, "player.currentTime > .8 && player.currentTime < 1.5")
        assert painted(tab) > 50, "rings around both hips, without the skeletons"
        tab.click("#video-0 .step >> nth=1")
        assert tab.evaluate("player.playbackRate") == 1
        assert painted(tab) == 0
        assert tab.get_attribute("#video-0 [data-do=loop]", "aria-pressed") == "false"


def test_the_best_of_training_opens_beside_a_video_with_one_click(browser: Any, tmp_path: Path) -> None:
    data = report_samples.report(tmp_path, count=3)
    best = data.videos[2].name
    videos = tuple(replace(video, beside=best) for video in data.videos)
    videos = (*videos[:2], replace(videos[2], held_out_score=61.0))
    with shown(browser, tmp_path, replace(data, videos=videos)) as tab:
        tab.click("#video-0 [data-do=beside]")
        chosen = [tab.eval_on_selector(f"#compare-{s}", "n => n.selectedOptions[0].textContent") for s in "AB"]
        assert chosen == [data.videos[0].name, best]
        assert tab.inner_text("#compare .difference") == "No difference of scores: the model was trained on B."
        assert "61.00 held-out prediction" in " ".join(tab.inner_text("#compare .side >> nth=1").split())
        assert not tab.is_visible("#compare .compared"), "steps of a video that the model knows are no measure"
        tab.select_option("#compare-B", index=1)
        assert tab.is_visible("#compare .compared")


def test_scores_joints_and_tables_are_saved_from_the_page(page: Any) -> None:
    def saved(selector: str) -> tuple[str, list[str]]:
        with page.expect_download() as made:
            page.click(selector)
        return made.value.suggested_filename, made.value.path().read_text("utf-8").splitlines()

    name, lines = saved("[data-file='scores.csv']")
    assert (name, lines[0].split(",")[0], len(lines)) == ("scores.csv", "video", 29)
    name, lines = saved("#video-0 [data-joints]")
    head = lines[0].split(",")
    assert name == "final-dive-01-mp4-joints.csv"
    assert {"time_s", "person", "left_knee_x", "left_knee_y", "left_knee_score"} <= set(head)
    rows = [dict(zip(head, line.split(","), strict=True)) for line in lines[1:]]
    assert len(rows) == 2 * report_samples.FRAMES
    assert [row["person"] for row in rows[:2]] == ["left athlete", "right athlete"]
    expected = report_samples.keypoints()[4, 0, 13]
    assert [float(rows[8][f"left_knee_{end}"]) for end in ("x", "y")] == pytest.approx(expected[:2], abs=0.06)
    assert rows[41]["left_knee_x"] == "", "not detected"
    assert saved("[data-file='table-1.tex']")[1][0].startswith(r"\begin{table}")


def test_the_video_is_saved_with_what_is_drawn_over_it(page: Any, tmp_path: Path) -> None:
    with page.expect_download() as made:
        page.click("#video-0 [data-overlay]")
    assert re.fullmatch(r"final-dive-01-mp4-overlay\.(webm|mp4)", made.value.suggested_filename)
    made.value.save_as(saved := tmp_path / made.value.suggested_filename)
    frames = [frame.image.astype(int) for frame in decode(saved)]
    assert len(frames) > 1, "a recorder in real time: a busy machine draws few"
    assert frames[0].shape == (*report_samples.SIZE[::-1], 3)
    blue = [(image[..., 2] - image[..., 0] > 150).sum() for image in frames]  # the colour of the first skeleton
    assert max(blue) > 100
    assert page.is_enabled("#video-0 [data-overlay]")


def test_start_end_and_the_athlete_are_chosen_by_clicks_on_the_contact_sheet(page: Any) -> None:
    page.click("#video-0 .choose summary")
    tiles = page.locator("#video-0 .tile")
    assert tiles.count() == page.locator("#video-0 .frame").count()
    wait_for(page, "document.querySelector('#video-0 .tile img').naturalWidth > 0")
    assert painted(page, ".tile canvas") > 30, "the people whom the program follows"
    assert "Followed now: left athlete right athlete" in " ".join(page.inner_text("#video-0 .choose").split())
    tiles.nth(2).get_by_role("button", name="Start").click()
    tiles.nth(6).get_by_role("button", name="End").click()
    assert page.locator("#video-0 .tile.out").count() == tiles.count() - 5
    for tile, x, y in ((2, 0.35, 0.3), (6, 0.5, 0.8)):
        box = tiles.nth(tile).locator(".shot").bounding_box()
        tiles.nth(tile).locator(".shot").click(position={"x": x * box["width"], "y": y * box["height"]})
    assert page.locator("#video-0 .tile i").first.is_visible()
    command = page.inner_text("#video-0 [data-part=command]")
    found = re.fullmatch(
        r"ffmpeg -i final/dive_01\.mp4 -ss 0\.54 -to 1\.63 trimmed\.mp4\n"
        r"aqa score trimmed\.mp4 --model MODEL --set 'pose\.region=\[(.*)\]'",
        command,
    )
    assert found, command
    corners = [float(corner) for corner in found[1].split(",")]
    assert corners == pytest.approx([0.23, 0.18, 0.62, 0.92], abs=0.015), "holds both clicks"
    assert not page.is_visible("#video-0 [data-part=apply]"), "a page from disk has no server"
    page.click("#video-0 .step >> nth=4")
    page.click("#video-0 .choose >> text=Start here")
    assert "-ss 0.82 " in page.inner_text("#video-0 [data-part=command]"), "the moment in the player"
    page.click("#video-0 [data-choose=clear]")
    assert not page.is_visible("#video-0 [data-part=command]")


def saved(page: Any, name: str) -> Path:
    """The file that the button of this name saves."""
    with page.expect_download() as made:
        page.get_by_role("button", name=name, exact=True).first.click()
    return Path(made.value.path()).rename(Path(made.value.path()).with_name(made.value.suggested_filename))


def test_each_chart_is_saved_as_picture_and_as_numbers(page: Any) -> None:
    charts = page.locator("#video-0 .chart:visible, #batch figure, #evaluation figure")
    for kind in ("PNG", "CSV"):
        assert charts.count() == charts.filter(has=page.get_by_role("button", name=f" as {kind}")).count() > 5
    drawn = saved(page, "Difference between the divers as PNG")
    assert drawn.name == "final-dive-01-mp4-difference-between-the-divers.png"
    picture = cv2.imread(str(drawn))
    width = page.locator("#video-0 .chart svg >> nth=0").bounding_box()["width"]
    assert picture.shape[1] == pytest.approx(2 * width, abs=2)
    for curve in ((0x0F, 0x8A, 0x6D), (0xB0, 0x41, 0x8F)):
        near = (abs(picture[..., ::-1].astype(int) - curve).sum(axis=-1) < 30).sum()
        assert near > 200, "the colours of the style sheet"
    with saved(page, "Difference between the divers as CSV").open(encoding="utf-8") as file:
        rows = [*csv.reader(file)]
    assert rows[0] == ["time_s", *(f"{part} (torso lengths)" for part in ("head", "trunk", "arms", "legs"))]
    assert len(rows) == 1 + report_samples.FRAMES
    assert [row[4] for row in rows[21:24]] == ["", "", ""], "not detected"
    shown = page.locator("#video-0 .chart .value >> nth=0").inner_text()
    assert float(rows[1][1]) == pytest.approx(float(shown), abs=0.005)
    predictions = saved(page, "Predicted against true as CSV").read_text("utf-8").splitlines()
    assert predictions[0] == "video,task,fold,judges,predicted,low80,high80"
    assert len(predictions) == 104
    assert saved(page, "Score per step as CSV").read_text("utf-8").count("\n") == 11


def test_no_name_in_a_saved_chart_starts_a_formula(browser: Any, tmp_path: Path) -> None:
    names = ("=1+1", "+a, b", 'plain "x"')
    predictions = tuple(ScatterPoint(name, 1.0, 2.0) for name in names)
    with shown(browser, tmp_path, ReportData("x", evaluation=EvaluationSection(predictions=predictions))) as tab:
        wait_for(tab, "document.querySelector('#scatter svg')")
        with saved(tab, "Predicted against true as CSV").open(encoding="utf-8") as file:
            assert [row["video"] for row in csv.DictReader(file)] == ["'=1+1", "'+a, b", 'plain "x"']


def test_one_button_prints_the_open_videos_with_their_key_frames(browser: Any, tmp_path: Path) -> None:
    data = report_samples.report(tmp_path, count=1)
    better = replace(report_samples.BETTER, observations=report_samples.BETTER.observations * 2)
    video = replace(data.videos[0], better=better)
    with shown(browser, tmp_path, replace(data, videos=(video,), batch=None, evaluation=None)) as tab:
        tab.evaluate("window.print = () => { window.printed = true; }")
        tab.get_by_role("button", name="PDF").click()
        wait_for(tab, "window.printed")
        assert tab.evaluate("[...document.querySelectorAll('.frame img')].every((one) => one.naturalWidth > 0)")
        tab.emulate_media(media="print")
        for part, visible in ((".frame img", True), (".work-first li", True), (".stage", False), (".tools", False)):
            assert tab.locator(f"#video-0 {part} >> nth=0").is_visible() == visible, part
        assert not tab.locator("#video-0 button:visible:not(.step, .frame)").count()
