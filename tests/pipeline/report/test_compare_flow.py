"""A coach compares two videos in a real browser: one phase in both, equal numbers, what moved differently, a ghost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.checks.accuracy import Accuracy
from pipeline.checks.flag import Flag
from pipeline.report import ReportData
from tests.helpers import report_samples
from tests.helpers.browsing import IN_BROWSER, IN_VIEWS, box, fits, painted, shown, wait_for

pytestmark = IN_BROWSER

LENGTH = report_samples.FRAMES / report_samples.RATE
LATE = [LENGTH * (k / 10) ** 1.5 for k in range(11)]
"""Bounds of the second video's steps: its first ones are short, so that equal times are other phases."""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> ReportData:
    """Three videos; the second one has the steps of `LATE`, the third one moves a fifth of the picture to the right."""
    made = report_samples.report(tmp_path_factory.mktemp("clips"), count=3)
    a, b, c = made.videos
    steps = tuple(replace(step, start=LATE[k], end=LATE[k + 1]) for k, step in enumerate(b.result.steps))
    assert c.skeleton is not None
    right = replace(c.skeleton, keypoints=c.skeleton.keypoints + np.array([64.0, 0.0, 0.0]))
    videos = (a, replace(b, result=replace(b.result, steps=steps)), replace(c, skeleton=right))
    return replace(made, videos=videos, batch=None, evaluation=None)


@pytest.fixture
def pair(browser: Any, data: ReportData, tmp_path: Path, view: dict[str, Any]) -> Iterator[Any]:
    """The page of the first two videos."""
    compared = replace(data, videos=data.videos[:2], comparison=True)
    with shown(browser, tmp_path, compared, **view) as tab:
        loaded(tab)
        yield tab
        fits(tab, view)


def loaded(tab: Any) -> None:
    """Wait until both videos show a picture."""
    wait_for(tab, "[...document.querySelectorAll('#compare video')].every(v => v.readyState >= 2 && !v.seeking)")


def both_at(tab: Any, a: float, b: float) -> None:
    loaded(tab)
    times = tab.evaluate("[...document.querySelectorAll('#compare video')].map(v => v.currentTime)")
    assert times == pytest.approx([a, b], abs=0.012)


def overlays(tab: Any) -> list[int]:
    """Painted pixels of both overlays."""
    return [painted(tab, f"#compare .stage >> nth={side} >> canvas") for side in (0, 1)]


@IN_VIEWS
def test_both_videos_show_the_same_part_of_the_same_step(pair: Any) -> None:
    for key, step in (("5", 4), ("0", 9), ("k", 8), ("j", 9)):
        pair.keyboard.press(key)
        both_at(pair, 0.1 * step * LENGTH, LATE[step])
    slide = "i => { i.value = 2.5; i.dispatchEvent(new Event('input', { bubbles: true })); }"
    pair.eval_on_selector("#compare input", slide)
    both_at(pair, 0.25 * LENGTH, (LATE[2] + LATE[3]) / 2)
    pair.click("#compare button >> text='7'")
    assert pair.get_attribute("#compare tbody tr >> nth=6", "aria-current") == "step"
    assert min(overlays(pair)) > 100, "skeletons"
    slider = pair.get_by_role("slider", name="Phase of both videos")
    slider.focus()
    pair.keyboard.press("3")
    assert slider.get_attribute("aria-valuetext") == f"Step 3 of 10, A {0.2 * LENGTH:.2f} s · B {LATE[2]:.2f} s"
    pair.select_option("#compare [data-part=speed]", "0.125")  # so that they stop before they end
    pair.keyboard.press("4")
    pair.keyboard.press(" ")
    wait_for(pair, "document.querySelector('#compare video').currentTime > .7")
    pair.keyboard.press(" ")
    loaded(pair)
    a, b = pair.evaluate("[...document.querySelectorAll('#compare video')].map(v => v.currentTime)")
    place = np.interp(b, LATE, range(11))
    assert 10 * a / LENGTH == pytest.approx(place, abs=0.1), "they play and stop together"


@IN_VIEWS
def test_numbers_are_those_of_the_scores_and_add_up(pair: Any, data: ReportData) -> None:
    a, b = (video.result for video in data.videos[:2])
    cells = "all => all.map(r => [...r.cells].map(c => c.textContent.replace('\u2212', '-')))"
    rows = pair.eval_on_selector_all("#compare tbody tr", cells)
    gaps = [round(y.score, 2) - round(x.score, 2) for x, y in zip(a.steps, b.steps, strict=True)]
    assert [float(row[3]) for row in rows] == pytest.approx(gaps, abs=1e-6)
    attention = [
        [f"{100 * (step.interaction or 0):.0f} %" for step in both] for both in zip(a.steps, b.steps, strict=True)
    ]
    assert [row[5:] for row in rows] == attention
    sums = [[float(cell) for cell in row[1:4]] for row in pair.eval_on_selector_all("#compare tfoot tr", cells)]
    for steps, outside, score in zip(*sums, strict=True):
        assert steps + outside == pytest.approx(score, abs=1e-6)
    bar = """all => all.map(i => {
        const cell = i.parentElement.getBoundingClientRect(), bar = i.getBoundingClientRect();
        return (bar.width / cell.width) * 2 * (bar.left + bar.width / 2 < cell.left + cell.width / 2 ? -1 : 1); })"""
    bars = pair.eval_on_selector_all("#compare td.bar i", bar)
    assert bars == pytest.approx([gap / max(map(abs, gaps)) for gap in gaps], abs=0.03)
    difference = f"{round(b.score or 0, 2) - round(a.score or 0, 2):+.2f}".replace("-", "\N{MINUS SIGN}")
    assert pair.inner_text("#compare .difference").startswith(f"B \N{MINUS SIGN} A: {difference} points. The 80 %")
    colours = pair.eval_on_selector_all("td.bar i", "all => all.map((bar) => getComputedStyle(bar).backgroundColor)")
    assert len(set(colours)) == 2
    assert not set(colours) & {"rgb(47, 140, 255)", "rgb(255, 157, 46)"}, "those of the athletes"


@IN_VIEWS
def test_what_moved_differently_is_listed_by_size_and_shown_in_both(pair: Any) -> None:
    said = [" ".join(text.split()) for text in pair.locator("#compare .moved li").all_inner_texts()]
    assert said == [
        "Show B begins 0.12 s later in the movement (the lines below allow for it)",
        "Show Left athlete: knees 40 degrees straighter in B (A and B: 90 and 130 degrees, step 7)",
    ]
    pair.keyboard.press("o")
    assert overlays(pair) == [0, 0]
    pair.click("#compare .moved button >> nth=1")
    both_at(pair, 0.65 * LENGTH, 0.65 * LENGTH - 0.12)
    wait_for(pair, "document.querySelector('#compare .stages').getBoundingClientRect().bottom <= innerHeight")
    assert min(overlays(pair)) > 50, "rings around both knees"
    pair.keyboard.press("1")
    assert overlays(pair) == [0, 0]


@IN_VIEWS
def test_a_report_opens_two_of_its_videos_side_by_side(
    browser: Any, data: ReportData, tmp_path: Path, view: dict[str, Any]
) -> None:
    best = tuple(replace(video, beside=data.videos[2].name) for video in data.videos[:2])
    learned = replace(data.videos[2], held_out_score=61.0)
    with shown(browser, tmp_path, replace(data, videos=(*best, learned)), **view) as tab:
        tab.click("#video-0 .step >> nth=6")
        button = tab.get_by_role("button", name="Compare with… (final/dive_01.mp4)")
        button.focus()
        tab.keyboard.press("Enter")
        both_at(tab, 0.6 * LENGTH, LATE[6])
        assert tab.evaluate("document.activeElement.id") == "compare-title"
        same = "document.querySelector('#compare video').src === document.querySelector('#video-0 video').src"
        assert tab.evaluate(same), "the page holds each video once"
        assert tab.is_visible("#compare .compared")
        tab.click("#compare [data-do=close]")
        assert "Compare with" in tab.evaluate("document.activeElement.textContent")
        tab.click("#video-0 [data-do=beside]")
        loaded(tab)
        chosen = [tab.eval_on_selector(f"#compare-{s}", "n => n.selectedOptions[0].textContent") for s in "AB"]
        assert chosen == [data.videos[0].name, data.videos[2].name]
        assert tab.inner_text("#compare .difference") == "No difference of scores: the model was trained on B."
        assert "61.00 held-out prediction" in " ".join(tab.inner_text("#compare .side >> nth=1").split())
        assert not tab.is_visible("#compare .compared"), "steps of a video that the model knows are no measure"
        assert tab.locator("#compare .moved li").count() > 0
        fits(tab, view)


def test_videos_that_cannot_be_compared_give_one_message(browser: Any, data: ReportData, tmp_path: Path) -> None:
    a, b, c = data.videos
    short = replace(b, training=None, result=replace(b.result, steps=b.result.steps[:8]))
    foreign = replace(c, result=replace(c.result, model="another"))
    with shown(browser, tmp_path, replace(data, videos=(a, short, foreign), comparison=True)) as tab:
        alert, choice = tab.get_by_role("alert"), tab.get_by_role("combobox", name="B", exact=True)
        assert alert.inner_text().startswith("A has 10 steps and B has 8: steps cannot be compared")
        assert not tab.is_visible("#compare table")
        choice.select_option(c.name)
        assert alert.inner_text().startswith("A and B were scored by different models")
        choice.select_option(a.name)
        assert tab.is_visible("#compare table")
        assert alert.inner_text() == ""


@pytest.mark.parametrize(
    ("error", "flags", "said"),
    [
        (0.5, (), "Larger than the model's usual error (±"),
        (2.0, (), "): no sign of progress."),
        (0.5, (Flag("bad", "too short"),), "No difference of scores: B has no score."),
    ],
    ids=["larger", "smaller", "not valid"],
)
def test_a_difference_is_read_beside_the_models_error(
    browser: Any, data: ReportData, tmp_path: Path, error: float, flags: tuple[Flag, ...], said: str
) -> None:
    a, b = (replace(video.result, flags=()) for video in data.videos[:2])
    within = error * abs((a.score or 0.0) - (b.score or 0.0))
    accuracy = Accuracy(38, 0.5, within / 2, within, within, True)
    results = (replace(a, accuracy=accuracy), replace(b, accuracy=accuracy, flags=flags))
    videos = tuple(replace(video, result=result) for video, result in zip(data.videos[:2], results, strict=True))
    with shown(browser, tmp_path, replace(data, videos=videos, comparison=True)) as tab:
        assert said in tab.inner_text("#compare")


def alphas(tab: Any) -> list[int]:
    """The opacity of the middle row of A's canvas at nine places from left to right."""
    script = """canvas => [...Array(9).keys()].map((i) => canvas.getContext("2d")
        .getImageData(Math.round((0.05 + 0.1125 * i) * canvas.width), canvas.height / 2, 1, 1).data[3])"""
    return list(tab.eval_on_selector("#compare canvas", script))


@IN_VIEWS
def test_a_ghost_of_b_has_its_hips_on_those_of_a_at_the_moment_that_is_set(
    browser: Any, data: ReportData, tmp_path: Path, view: dict[str, Any]
) -> None:
    compared = replace(data, videos=(data.videos[0], data.videos[2]), comparison=True)
    with shown(browser, tmp_path, compared, **view) as tab:
        loaded(tab)
        tab.keyboard.press("o")
        tab.keyboard.press("4")
        loaded(tab)
        assert alphas(tab) == [0] * 9
        tab.click("#compare [data-do=ghost]")
        assert alphas(tab)[:7] == pytest.approx([128] * 7, abs=2)
        assert alphas(tab)[-1] == 0, "the ghost ends a fifth before the right edge"
        for _ in range(5):
            tab.click("#compare [data-do=ghost-on]")
        both_at(tab, 0.612, 0.8)
        tab.keyboard.press("6")
        both_at(tab, 1.02, 1.208)
        tab.click("#compare [data-do=align]")
        assert tab.inner_text("#compare [data-part=aligned]").startswith("Hips together at A 1.02 s · B 1.21 s")
        tab.click("#compare [data-do=ghost]")
        both_at(tab, 1.02, 1.02)
        assert alphas(tab) == [0] * 9
    bare = tuple(replace(video, skeleton=None) for video in compared.videos)
    with shown(browser, tmp_path, replace(compared, videos=bare)) as tab:
        loaded(tab)
        tab.click("#compare [data-do=ghost]")
        assert alphas(tab) == pytest.approx([128] * 9, abs=2)
        assert tab.inner_text("#compare [data-part=aligned]").startswith("Hips are not detected")
        assert box(tab, "#compare .stage")["y"] < 500, "on the first screen"
