"""One system of colours: people have theirs in the video and its angles, and no other curve or mark has them."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.report import write_report
from tests.helpers import report_samples
from tests.helpers.browsing import IN_BROWSER, opened, wait_for

pytestmark = IN_BROWSER

PEOPLE, OTHERS = ("--p0", "--p1"), tuple(f"--s{number}" for number in range(8))

SHOWN_IN = """names => names.map((name) => {
    const box = document.body.appendChild(document.createElement("i"));
    box.style.color = `var(${name})`;
    const shown = getComputedStyle(box).color;
    box.remove();
    return shown; })"""
"""The colours of variables in the page's theme, as `rgb(…)`."""

CURVES_AND_MARKS = """[...document.querySelectorAll('.swatch, .plot svg *')]
    .filter((one) => !one.closest('.angles') && one.getClientRects().length)
    .map((one) => getComputedStyle(one))
    .flatMap((style) => [style.backgroundColor, style.stroke, style.fill])"""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of two athletes with every part."""
    folder = tmp_path_factory.mktemp("colours")
    write_report(folder / "report.html", report_samples.report(folder, count=2))
    return folder / "report.html"


def linear(colour: str) -> np.ndarray:
    """Red, green and blue in linear light, 0 to 1."""
    parts = np.array([float(part) for part in colour[4:-1].split(",")]) / 255
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def contrast(one: str, other: str) -> float:
    """The ratio of WCAG 2."""
    low, high = sorted(float(linear(colour) @ (0.2126, 0.7152, 0.0722)) for colour in (one, other))
    return (high + 0.05) / (low + 0.05)


def lab(colour: str) -> np.ndarray:
    """CIELAB under D65."""
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = to_xyz @ linear(colour) / (0.9505, 1, 1.089)
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (xyz * 24389 / 27 + 16) / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_of_curves_differ_and_can_be_seen(browser: Any, report: Path, scheme: str) -> None:
    with opened(browser, report.as_uri(), color_scheme=scheme) as tab:
        people, others, (panel,) = (tab.evaluate(SHOWN_IN, names) for names in (PEOPLE, OTHERS, ["--panel"]))
    assert min(contrast(colour, panel) for colour in people + others) >= 3
    first = people + others[:4]
    apart = {pair: float(np.linalg.norm(lab(pair[0]) - lab(pair[1]))) for pair in combinations(first, 2)}
    assert min(apart.values()) >= 25, min(apart, key=lambda pair: apart[pair])


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_only_people_have_the_colours_of_people(browser: Any, report: Path, scheme: str) -> None:
    with opened(browser, report.as_uri(), color_scheme=scheme) as tab:
        wait_for(tab, "document.querySelectorAll('#video-0 .angles svg').length > 0")
        wait_for(tab, "document.querySelectorAll('#evaluation svg').length > 2")
        people, used = tab.evaluate(SHOWN_IN, list(PEOPLE)), tab.evaluate(CURVES_AND_MARKS)
        angles = tab.evaluate(CURVES_AND_MARKS.replace("!one.closest", "one.closest"))
    assert len(used) > 100
    assert set(people) <= set(angles)
    assert not set(people) & set(used)


def test_a_mark_of_the_legend_of_scores_is_beside_its_word_on_a_phone(browser: Any, report: Path) -> None:
    with opened(browser, report.as_uri(), viewport={"width": 390, "height": 844}) as tab:
        heights = tab.eval_on_selector_all(".glyph-key span", "all => all.map((one) => one.offsetHeight)")
    assert len(heights) == 5
    assert max(heights) < 24
