"""A coach compares two videos in a real browser: one phase in both, equal numbers, what moved differently, a ghost."""

from dataclasses import replace

import numpy as np
import pytest

from pipeline.checks.accuracy import Accuracy
from pipeline.checks.flag import Flag
from tests.helpers import report_samples
from tests.helpers.browsing import IN_BROWSER, IN_VIEWS, fits, shown, until_clear, until_painted, wait_for

pytestmark = IN_BROWSER

LENGTH = report_samples.FRAMES / report_samples.RATE
LATE = [LENGTH * (k / 10) ** 1.5 for k in range(11)]
"""Bounds of the second video's steps: its first ones are short, so that equal times are other phases."""


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Three videos; the second one has the steps of `LATE`, the third one moves a fifth of the picture to the right."""
    made = report_samples.report(tmp_path_factory.mktemp("clips"), count=3)
    a, b, c = made.videos
    steps = tuple(replace(step, start=LATE[k], end=LATE[k + 1]) for k, step in enumerate(b.result.steps))
    right = replace(c.skeleton, keypoints=c.skeleton.keypoints + np.array([64.0, 0.0, 0.0]))
    videos = (a, replace(b, result=replace(b.result, steps=steps)), replace(c, skeleton=right))
    return replace(made, videos=videos, batch=None, evaluation=None)


def loaded(tab):
    """Wait until both videos show a picture."""
    wait_for(tab, "[...document.querySelectorAll('#compare video')].every(v => v.readyState >= 2 && !v.seeking)")


def both_at(tab, a, b):
    """Wait until A and B are at these times."""
    loaded(tab)
    far = f"(video, side) => Math.abs(video.currentTime - [{a}, {b}][side]) > 0.012"
    wait_for(tab, f"![...document.querySelectorAll('#compare video')].some({far})")


def overlays(tab, least):
    """Wait until both overlays have more than `least` painted pixels, or none if `least` is 0."""
    for side in (0, 1):
        canvas = f"#compare .stage >> nth={side} >> canvas"
        until_painted(tab, least, canvas) if least else until_clear(tab, canvas)


@IN_VIEWS
def test_two_videos_are_compared_step_by_step(browser, data, tmp_path, view):
    """The same part of the same step in both, numbers of the scores that add up, and what moved differently."""
    compared = replace(data, videos=data.videos[:2], comparison=True)
    with shown(browser, tmp_path, compared, **view) as tab:
        loaded(tab)
        numbers_of(tab, *(video.result for video in compared.videos))
        for key, step in (("5", 4), ("0", 9), ("k", 8), ("j", 9)):
            tab.keyboard.press(key)
            both_at(tab, 0.1 * step * LENGTH, LATE[step])
        slide = "i => { i.value = 2.5; i.dispatchEvent(new Event('input', { bubbles: true })); }"
        tab.eval_on_selector("#compare input", slide)
        both_at(tab, 0.25 * LENGTH, (LATE[2] + LATE[3]) / 2)
        tab.click("#compare button >> text='7'")
        assert tab.get_attribute("#compare tbody tr >> nth=6", "aria-current") == "step"
        slider = tab.get_by_role("slider", name="Phase of both videos")
        slider.focus()
        tab.keyboard.press("3")
        assert slider.get_attribute("aria-valuetext") == f"Step 3 of 10, A {0.2 * LENGTH:.2f} s · B {LATE[2]:.2f} s"
        tab.select_option("#compare [data-part=speed]", "0.125")  # so that they stop before they end
        tab.keyboard.press("4")
        tab.keyboard.press(" ")
        wait_for(tab, "document.querySelector('#compare video').currentTime > .7")
        tab.keyboard.press(" ")
        loaded(tab)
        a, b = tab.evaluate("[...document.querySelectorAll('#compare video')].map(v => v.currentTime)")
        assert 10 * a / LENGTH == pytest.approx(np.interp(b, LATE, range(11)), abs=0.1), "they play and stop together"
        tab.keyboard.press("o")
        overlays(tab, 0)
        tab.click("#compare .moved button >> nth=1")
        both_at(tab, 0.65 * LENGTH, 0.65 * LENGTH - 0.12)
        wait_for(tab, "document.querySelector('#compare .stages').getBoundingClientRect().bottom <= innerHeight")
        overlays(tab, 50)  # rings around both knees
        tab.keyboard.press("1")
        overlays(tab, 0)
        fits(tab, view)


def numbers_of(tab, a, b):
    """Rows and bars are the differences of the shown scores, and the foot of the table adds up."""
    cells = "all => all.map(r => [...r.cells].map(c => c.textContent.replace('\u2212', '-')))"
    rows = tab.eval_on_selector_all("#compare tbody tr", cells)
    gaps = [round(y.score, 2) - round(x.score, 2) for x, y in zip(a.steps, b.steps, strict=True)]
    assert [float(row[3]) for row in rows] == pytest.approx(gaps, abs=1e-6)
    sums = [[float(cell) for cell in row[1:4]] for row in tab.eval_on_selector_all("#compare tfoot tr", cells)]
    for steps, outside, score in zip(*sums, strict=True):
        assert steps + outside == pytest.approx(score, abs=1e-6)
    difference = f"{round(b.score or 0, 2) - round(a.score or 0, 2):+.2f}".replace("-", "\N{MINUS SIGN}")
    assert tab.inner_text("#compare .difference").startswith(f"B \N{MINUS SIGN} A: {difference} points. The 80 %")
    assert [" ".join(text.split()) for text in tab.locator("#compare .moved li").all_inner_texts()] == [
        "Show B begins 0.12 s later in the movement (the lines below allow for it)",
        "Show Left athlete: knees 40 degrees straighter in B (A and B: 90 and 130 degrees, step 7 of A)",
    ]


def test_a_report_opens_two_of_its_videos_side_by_side(browser, data, tmp_path):
    """At the step that is shown, by keys; the best video beside one of these, and a ghost with its hips on theirs."""
    best = tuple(replace(video, beside=data.videos[2].name) for video in data.videos[:2])
    learned = replace(data.videos[2], held_out_score=61.0)
    with shown(browser, tmp_path, replace(data, videos=(*best, learned))) as tab:
        tab.click("#video-0 .step >> nth=6")
        tab.click("#video-0 .more summary")
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
        assert tab.inner_text("#compare .difference") == "The scores are not compared: the model was trained on B."
        assert "61.00 predicted by networks that did not see it" in " ".join(
            tab.inner_text("#compare .side >> nth=1").split()
        )
        assert not tab.is_visible("#compare .compared"), "steps of a video that the model knows are not a measure"
        tab.keyboard.press("6")
        both_at(tab, 1.02, 1.02)
        tab.click("#compare [data-do=ghost]")
        for _ in range(5):
            tab.click("#compare [data-do=ghost-on]")
        both_at(tab, 1.02, 1.2)
        tab.click("#compare [data-do=align]")
        assert tab.inner_text("#compare [data-part=aligned]").startswith("Hips together at A 1.02 s · B 1.20 s")


def test_what_is_said_of_pairs_that_differ_little_or_cannot_be_compared(browser, data, tmp_path):
    """A difference is read beside the model's error; other steps or another model give one message."""
    a, b, c = data.videos
    accuracy = Accuracy(38, 0.5, 1.0, 2.0, 2.0, True)
    a = replace(a, result=replace(a.result, accuracy=accuracy))
    videos = [replace(b, name="short", training=None, result=replace(b.result, steps=b.result.steps[:8]))]
    videos.append(replace(c, name="foreign", result=replace(c.result, model="another")))
    for name, gap, flags in (("large", 4.0, ()), ("small", 1.0, ()), ("no score", 4.0, (Flag("bad", "too short"),))):
        result = replace(b.result, score=a.result.score + gap, flags=flags, accuracy=accuracy)
        videos.append(replace(b, name=name, result=result))
    with shown(browser, tmp_path, replace(data, videos=(a, *videos), comparison=True)) as tab:
        alert, choice = tab.get_by_role("alert"), tab.get_by_role("combobox", name="B", exact=True)
        for name, said in (
            ("short", "A has 10 steps and B has 8: steps cannot be compared"),
            ("foreign", "A and B were scored by different models"),
            ("large", "B scores higher. B"),
            ("small", "Not certainly different. B"),
            ("no score", "The scores are not compared: B has no score."),
        ):
            choice.select_option(name)
            assert said in tab.inner_text("#compare")
            assert (alert.inner_text() == "") == (name not in ("short", "foreign"))
            assert tab.is_visible("#compare table") == (name in ("large", "small"))
