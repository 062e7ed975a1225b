"""Phases on a page, in a real browser: the begin of one is dragged, and saved as the table that is read again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from data.datasets import with_phases
from data.video import Listing, Record
from pipeline.report import ReportData
from tests.helpers import report_samples
from tests.helpers.browsing import IN_BROWSER, drag_begin, now, shown

pytestmark = IN_BROWSER

PHASES = ("run",) * 4 + ("flight",) * 3 + ("entry",) * 3


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> ReportData:
    """One video with three phases."""
    made = report_samples.report(tmp_path_factory.mktemp("clips"), count=1)
    (video,) = made.videos
    return replace(made, videos=(report_samples.in_phases(video, PHASES),), batch=None, evaluation=None)


def test_a_dragged_phase_is_saved(browser: Any, data: ReportData, tmp_path: Path) -> None:
    before = data.videos[0].result.phases
    with shown(browser, tmp_path, data) as page:
        flight = page.locator(".phases button >> nth=1")
        assert flight.inner_text().startswith("flight")
        drag_begin(page, 1, 0.5)
        length = before[-1].end
        assert now(page) == pytest.approx(0.5 * length, abs=0.08)
        with page.expect_download() as saved:
            page.click(".phases [data-do=save]")
        saved.value.save_as(tmp_path / "phases.csv")
    record = Record(data.videos[0].name, None)
    listing = with_phases(Listing((record,)), tmp_path / "phases.csv")
    assert listing.problems == ()
    after = listing.records[0].phases
    assert [phase.name for phase in after] == ["run", "flight", "entry"]
    assert after[0].end == after[1].start == pytest.approx(0.5 * length, abs=0.08)
    assert abs(after[1].start - before[1].start) > 0.1
    assert after[2] == before[2]


def test_bands_key_frames_and_the_comparison_name_phases(browser: Any, tmp_path: Path) -> None:
    """Of the steps a phase has a row with the sum of its shares; its button shows both videos at its begin."""
    made = report_samples.report(tmp_path, count=2)
    videos = tuple(report_samples.in_phases(video, PHASES) for video in made.videos[:2])
    compared = replace(made, videos=videos, batch=None, evaluation=None)
    with shown(browser, tmp_path, compared) as page:
        video = page.locator("#video-0")
        assert [text.split()[0] for text in video.locator(".frame").all_inner_texts()] == list(PHASES[:8])
        band = video.locator(".time-axis .plot g[aria-label=rect] rect").first
        chart = video.locator(".time-axis .plot").first.bounding_box()
        share = (videos[0].result.phases[1].end - videos[0].result.phases[1].start) / videos[0].result.phases[-1].end
        assert band.bounding_box()["width"] == pytest.approx(share * chart["width"], rel=0.15)
        page.click("#video-0 [data-do=compare]")
        assert "step 7 (flight))" in page.inner_text("#compare .moved")
        rows = page.eval_on_selector_all(
            "#compare tfoot tr", "all => all.map(r => [...r.cells].map(c => c.textContent))"
        )
        assert [row[0] for row in rows][:3] == ["run", "flight", "entry"]
        for name, *cells in rows[:3]:
            sums = [sum(round(step.score, 2) for step in one.result.steps if step.phase == name) for one in videos]
            shown_sums = [float(cell.replace("\N{MINUS SIGN}", "-")) for cell in cells[:3]]
            assert shown_sums == pytest.approx([*sums, sums[0] - sums[1]], abs=1e-6)
        page.click("#compare tfoot button >> text=flight")
        assert page.inner_text("#compare [data-part=now]").startswith("Step 5 · flight")
