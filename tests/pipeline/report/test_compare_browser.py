"""Two videos side by side in a real browser: one phase, equal numbers, keyboard and names for screen readers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.checks.accuracy import Accuracy
from pipeline.checks.flag import Flag
from pipeline.report import ReportData, write_report
from pipeline.report.page_data import VideoSection
from tests.helpers import report_samples
from tests.helpers.browsing import IN_BROWSER, opened, shown, wait_for

pytestmark = IN_BROWSER

LENGTH = report_samples.FRAMES / report_samples.RATE
LATE = [LENGTH * (k / 10) ** 1.5 for k in range(11)]
"""Bounds of the second video's steps: its first ones are short, so that equal times are other phases."""

WIDTHS = pytest.mark.parametrize("width", [1280, 390])


def late(video: VideoSection) -> VideoSection:
    """The video with the bounds of `LATE`."""
    steps = [replace(step, start=LATE[k], end=LATE[k + 1]) for k, step in enumerate(video.result.steps)]
    return replace(video, result=replace(video.result, steps=tuple(steps)))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> ReportData:
    """Three videos; the second one has steps of unequal lengths."""
    made = report_samples.report(tmp_path_factory.mktemp("clips"), count=3)
    return replace(made, videos=(made.videos[0], late(made.videos[1]), made.videos[2]), evaluation=None)


@pytest.fixture(scope="module")
def pages(data: ReportData, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Addresses of a page of two videos, of a report, and of a page whose videos do not belong together."""
    folder = tmp_path_factory.mktemp("pages")
    a, b, c = data.videos
    short = replace(b, training=None, result=replace(b.result, steps=b.result.steps[:8]))
    foreign = replace(c, result=replace(c.result, model="another"))
    made = {
        "pair": replace(data, videos=(a, b), batch=None, comparison=True),
        "report": data,
        "unlike": replace(data, videos=(a, short, foreign), batch=None, comparison=True),
    }
    for name, page in made.items():
        write_report(folder / f"{name}.html", page)
    return {name: (folder / f"{name}.html").as_uri() for name in made}


@pytest.fixture
def pair(browser: Any, pages: dict[str, str], width: int) -> Iterator[Any]:
    """The page of two videos."""
    with opened(browser, pages["pair"], viewport={"width": width, "height": 900}) as tab:
        loaded(tab)
        yield tab


def loaded(tab: Any) -> None:
    """Wait until both videos show a picture."""
    wait_for(tab, "[...document.querySelectorAll('#compare video')].every(v => v.readyState >= 2 && !v.seeking)")


def times(tab: Any) -> list[float]:
    """The times of both videos in seconds."""
    return list(tab.evaluate("[...document.querySelectorAll('#compare video')].map(v => v.currentTime)"))


def phase_of(seconds: float, bounds: list[float]) -> float:
    """The phase of a time: the number of passed steps, with the share of the current one."""
    k = max(i for i in range(10) if bounds[i] <= seconds)
    return k + (seconds - bounds[k]) / (bounds[k + 1] - bounds[k])


def painted(tab: Any) -> list[int]:
    """Pixels of both overlays that are not transparent."""
    script = """all => all.map(c => c.getContext("2d").getImageData(0, 0, c.width, c.height)
        .data.filter((value, i) => i % 4 === 3 && value > 0).length)"""
    return list(tab.eval_on_selector_all("#compare canvas", script))


@WIDTHS
def test_both_videos_show_the_same_part_of_the_same_step(pair: Any) -> None:
    pair.keyboard.press("5")
    assert times(pair) == pytest.approx([0.4 * LENGTH, LATE[4]], abs=0.01)
    pair.keyboard.press("0")
    assert times(pair) == pytest.approx([0.9 * LENGTH, LATE[9]], abs=0.01)
    pair.keyboard.press("k")
    assert times(pair) == pytest.approx([0.8 * LENGTH, LATE[8]], abs=0.01)
    pair.keyboard.press("j")
    pair.click("#compare [data-do=back]")
    pair.click("#compare [data-do=next]")
    assert times(pair) == pytest.approx([0.9 * LENGTH, LATE[9]], abs=0.01)
    slide = "i => { i.value = 2.5; i.dispatchEvent(new Event('input', { bubbles: true })); }"
    pair.eval_on_selector("#compare input", slide)
    assert times(pair) == pytest.approx([0.25 * LENGTH, (LATE[2] + LATE[3]) / 2], abs=0.01)
    pair.click("#compare button >> text='7'")
    assert pair.get_attribute("#compare tbody tr >> nth=6", "aria-current") == "step"
    pair.keyboard.press(".")
    assert times(pair)[0] == pytest.approx(1.24, abs=0.005), "the begin of the frame after that of 1.20 s"
    assert pair.evaluate("document.documentElement.scrollWidth") <= pair.viewport_size["width"]


@WIDTHS
def test_they_play_and_stop_together(pair: Any) -> None:
    pair.select_option("#compare [data-part=speed]", "0.125")  # so that they stop before they end
    pair.keyboard.press("4")
    pair.keyboard.press(" ")
    wait_for(pair, "document.querySelector('#compare video').currentTime > .7")
    pair.keyboard.press(" ")
    assert pair.inner_text("#compare .play") == "Play"
    wait_for(pair, "[...document.querySelectorAll('#compare video')].every(v => v.paused && !v.seeking)")
    a, b = times(pair)
    assert phase_of(a, [0.1 * k * LENGTH for k in range(11)]) == pytest.approx(phase_of(b, LATE), abs=0.1)
    assert 0.7 < a < LENGTH


@WIDTHS
def test_numbers_and_bars_are_those_of_the_scores(pair: Any, data: ReportData) -> None:
    a, b = (video.result for video in data.videos[:2])
    rows = pair.eval_on_selector_all("#compare tbody tr", "all => all.map(r => [...r.cells].map(c => c.textContent))")
    gaps = [round(x.score, 2) - round(y.score, 2) for x, y in zip(a.steps, b.steps, strict=True)]
    shown = [row[3].replace("\N{MINUS SIGN}", "-") for row in rows]
    assert [float(text) for text in shown] == pytest.approx(gaps, abs=1e-6)
    assert all(re.fullmatch(r"[+-]\d+\.\d\d", text) for text in shown)
    assert [row[5:] for row in rows] == [
        [f"{100 * (step.interaction or 0):.0f} %" for step in pair_of] for pair_of in zip(a.steps, b.steps, strict=True)
    ]
    sums = pair.eval_on_selector_all(
        "#compare tfoot tr",
        "all => all.map(r => [...r.cells].slice(1, 4).map(c => +c.textContent.replace('\u2212', '-')))",
    )
    for steps, outside, score in zip(*sums, strict=True):
        assert steps + outside == pytest.approx(score, abs=1e-6)
    assert sums[2][:2] == [round(a.score or 0, 2), round(b.score or 0, 2)]
    box = """all => all.map(i => {
        const cell = i.parentElement.getBoundingClientRect(), bar = i.getBoundingClientRect();
        const middle = cell.left + cell.width / 2;
        return (bar.width / cell.width) * 2 * (bar.left + bar.width / 2 < middle ? -1 : 1); })"""
    bars = pair.eval_on_selector_all("#compare td.bar i", box)
    widest = max(map(abs, gaps))
    assert bars == pytest.approx([gap / widest for gap in gaps], abs=0.03)
    difference = round(a.score or 0, 2) - round(b.score or 0, 2)
    text = f"A \u2212 B: {difference:+.2f} points. The 80 % intervals do not overlap.".replace("-", "\N{MINUS SIGN}")
    assert pair.inner_text("#compare .difference") == text


@WIDTHS
def test_skeletons_are_on_both(pair: Any) -> None:
    wait_for(pair, "[...document.querySelectorAll('#compare canvas')].every(c => c.width > 100)")
    assert min(painted(pair)) > 100
    pair.keyboard.press("o")
    assert painted(pair) == [0, 0]
    assert pair.get_attribute("#compare [data-do=skeletons]", "aria-pressed") == "false"


@WIDTHS
def test_a_screen_reader_gets_names_and_the_place(pair: Any) -> None:
    assert pair.get_by_role("region", name="Side by side").count() == 1
    for side in "AB":
        assert (
            pair.get_by_role("group", name=f"Video {side}").get_by_role("combobox", name=side, exact=True).count() == 1
        )
    for name in ("Back one step", "Play", "Next step", "Skeletons", "Go to step 10"):
        assert pair.get_by_role("button", name=name, exact=True).count() == 1, name
    assert pair.locator("#compare").get_by_label("Speed", exact=True).locator("option").count() == 4
    assert pair.get_by_role("table", name="Score per step, in points").get_by_role("rowheader").count() == 13
    slider = pair.get_by_role("slider", name="Phase of both videos")
    slider.focus()
    pair.keyboard.press("3")
    assert slider.get_attribute("aria-valuetext") == f"Step 3 of 10, A {0.2 * LENGTH:.2f} s · B {LATE[2]:.2f} s"
    pair.keyboard.press("ArrowRight")
    assert 2 < float(slider.input_value()) < 3
    assert times(pair)[1] > LATE[2] + 0.002


@WIDTHS
def test_the_button_of_a_report_opens_two_of_its_videos(browser: Any, pages: dict[str, str], width: int) -> None:
    with opened(browser, pages["report"], viewport={"width": width, "height": 900}) as tab:
        assert not tab.is_visible("#compare")
        button = tab.get_by_role("button", name="Compare with… (final/dive_01.mp4)")
        button.focus()
        tab.keyboard.press("Enter")
        loaded(tab)
        assert tab.evaluate("document.activeElement.id") == "compare-title"
        tab.keyboard.press("j")
        assert times(tab) == pytest.approx([0.1 * LENGTH, LATE[1]], abs=0.01)
        same = "document.querySelector('#compare video').src === document.querySelector('#video-0 video').src"
        assert tab.evaluate(same), "the page holds each video once"
        tab.get_by_role("combobox", name="B", exact=True).select_option("final/dive_03.mp4")
        loaded(tab)
        tab.keyboard.press("Tab")
        assert tab.get_attribute("#compare video >> nth=1", "aria-label") == "Video B: final/dive_03.mp4"
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
        tab.click("#compare [data-do=close]")
        assert not tab.is_visible("#compare")
        assert "Compare with" in tab.evaluate("document.activeElement.textContent")


def test_videos_that_cannot_be_compared_give_one_message(browser: Any, pages: dict[str, str]) -> None:
    with opened(browser, pages["unlike"]) as tab:
        alert = tab.get_by_role("alert")
        assert alert.inner_text().startswith("A has 10 steps and B has 8: steps cannot be compared")
        assert not tab.is_visible("#compare table")
        tab.get_by_role("combobox", name="B", exact=True).select_option("final/dive_03.mp4")
        assert alert.inner_text().startswith("A and B were scored by different models")
        tab.get_by_role("combobox", name="B", exact=True).select_option("final/dive_01.mp4")
        assert tab.is_visible("#compare table")
        assert alert.inner_text() == ""


def test_a_difference_is_read_beside_the_models_error(browser: Any, data: ReportData, tmp_path: Path) -> None:
    """A difference below the usual error is no progress, and a score that is not valid has no difference."""
    a, b = (replace(video, result=replace(video.result, flags=())) for video in data.videos[:2])
    gap = abs((a.result.score or 0.0) - (b.result.score or 0.0))

    def said(within: float, *flags: Flag) -> str:
        accuracy = Accuracy(38, 0.5, within / 2, within, within, True)
        pair = [replace(video, result=replace(video.result, accuracy=accuracy)) for video in (a, b)]
        pair[1] = replace(pair[1], result=replace(pair[1].result, flags=flags))
        with shown(browser, tmp_path, replace(data, videos=tuple(pair), batch=None, comparison=True)) as tab:
            text: str = tab.inner_text("#compare")
        return text

    larger = said(gap / 2)
    assert "Larger than the model's usual error (±" in larger
    assert "no sign of progress" not in larger
    assert "Smaller than the model's usual error (±" in said(gap * 2)
    assert "): no sign of progress." in said(gap * 2)
    invalid = said(gap / 2, Flag("bad", "too short"))
    assert "No difference of scores: B has no score." in invalid
    assert "No score: too short." in invalid


@WIDTHS
def test_what_moved_differently_is_listed_by_size_and_shown_in_both(pair: Any) -> None:
    said = pair.locator("#compare .moved li").all_inner_texts()
    assert [" ".join(text.split()) for text in said] == [
        "Show Left athlete: knees 40 degrees more bent in A (A and B: 90 and 130 degrees, step 7)",
        "Show Performance 0.30 s shorter in A (A and B: 2.04 and 2.34 s)",
    ]
    pair.keyboard.press("o")
    assert painted(pair) == [0, 0]
    pair.click("#compare .moved button >> nth=0")
    assert times(pair) == pytest.approx([0.65 * LENGTH, (LATE[6] + LATE[7]) / 2], abs=0.01)
    wait_for(pair, "document.querySelector('#compare .stages').getBoundingClientRect().bottom <= innerHeight")
    assert min(painted(pair)) > 50, "rings around both knees"
    pair.keyboard.press("1")
    assert painted(pair) == [0, 0]


def test_a_and_b_share_no_colour_with_the_athletes(browser: Any, pages: dict[str, str]) -> None:
    with opened(browser, pages["pair"]) as tab:
        colours = tab.eval_on_selector_all("td.bar i", "all => all.map((bar) => getComputedStyle(bar).backgroundColor)")
        athletes = ["rgb(47, 140, 255)", "rgb(255, 157, 46)"]
        assert len(set(colours)) == 2
        assert not set(colours) & set(athletes)
        edges = tab.eval_on_selector_all(".stages .stage", "all => all.map((one) => getComputedStyle(one).boxShadow)")
        dots = tab.eval_on_selector_all(".side .dot", "all => all.map((one) => getComputedStyle(one).backgroundColor)")
        assert [set(colours) & {edge[: edge.index(")") + 1]} for edge in edges] == [{dot} for dot in dots]


def test_what_moved_differently_is_on_the_first_screen(browser: Any, pages: dict[str, str]) -> None:
    with opened(browser, pages["pair"], viewport={"width": 1280, "height": 800}) as tab:
        loaded(tab)
        assert tab.locator("#compare .moved li").first.bounding_box()["y"] < 500


def test_a_comparison_opens_at_the_moment_just_shown(browser: Any, pages: dict[str, str]) -> None:
    with opened(browser, pages["report"]) as tab:
        tab.click("#video-0 .step >> nth=6")
        tab.click("#video-0 [data-do=compare]")
        loaded(tab)
        assert times(tab) == pytest.approx([0.6 * LENGTH, LATE[6]], abs=0.02)


def test_a_video_of_training_shows_what_moved_differently(browser: Any, data: ReportData, tmp_path: Path) -> None:
    a, b = data.videos[:2]
    videos = (a, replace(b, held_out_score=61.0))
    with shown(browser, tmp_path, replace(data, videos=videos, batch=None, comparison=True)) as tab:
        assert not tab.is_visible("#compare .compared")
        assert tab.locator("#compare .moved li").count() == 2


def alphas(tab: Any) -> list[int]:
    """The opacity of the middle row of A's canvas at nine places from left to right."""
    script = """canvas => [...Array(9).keys()].map((i) => canvas.getContext("2d")
        .getImageData(Math.round((0.05 + 0.1125 * i) * canvas.width), canvas.height / 2, 1, 1).data[3])"""
    return list(tab.eval_on_selector("#compare canvas", script))


@WIDTHS
def test_a_ghost_of_b_has_its_hips_on_those_of_a_at_the_moment_that_is_set(
    browser: Any, data: ReportData, tmp_path: Path, width: int
) -> None:
    a, b = data.videos[0], data.videos[2]
    assert b.skeleton is not None
    right = b.skeleton.keypoints + np.array([64.0, 0.0, 0.0])  # a fifth of the picture
    b = replace(b, skeleton=replace(b.skeleton, keypoints=right))
    pair_of = replace(data, videos=(a, b), batch=None, comparison=True)
    with shown(browser, tmp_path, pair_of, viewport={"width": width, "height": 900}) as tab:
        loaded(tab)
        tab.keyboard.press("o")
        tab.keyboard.press("4")
        loaded(tab)
        assert alphas(tab) == [0] * 9
        tab.click("#compare [data-do=ghost]")
        assert alphas(tab)[:7] == pytest.approx([128] * 7, abs=2)
        assert alphas(tab)[-1] == 0, "the ghost ends a fifth before the right edge"
        assert tab.inner_text("#compare [data-part=aligned]").startswith("Hips together at A 0.61 s · B 0.61 s")
        for _ in range(5):
            tab.click("#compare [data-do=ghost-on]")
        loaded(tab)
        assert times(tab) == pytest.approx([0.612, 0.8], abs=0.005), "the fifth frame after that of 0.60 s"
        tab.keyboard.press("6")
        loaded(tab)
        assert times(tab) == pytest.approx([1.02, 1.208], abs=0.005), "B stays as far ahead in seconds"
        tab.click("#compare [data-do=align]")
        assert tab.inner_text("#compare [data-part=aligned]").startswith("Hips together at A 1.02 s · B 1.21 s")
        tab.click("#compare [data-do=ghost]")
        loaded(tab)
        assert times(tab) == pytest.approx([1.02, 1.02], abs=0.005)
        assert alphas(tab) == [0] * 9
        assert tab.evaluate("document.documentElement.scrollWidth") <= width


def test_a_ghost_without_hips_covers_the_picture(browser: Any, data: ReportData, tmp_path: Path) -> None:
    pair_of = tuple(replace(video, skeleton=None) for video in (data.videos[0], data.videos[2]))
    with shown(browser, tmp_path, replace(data, videos=pair_of, batch=None, comparison=True)) as tab:
        loaded(tab)
        tab.click("#compare [data-do=ghost]")
        assert alphas(tab) == pytest.approx([128] * 9, abs=2)
        assert tab.inner_text("#compare [data-part=aligned]").startswith("Hips are not detected")
