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
from tests.helpers.browsing import IN_BROWSER, now, shown

pytestmark = IN_BROWSER

PHASES = ("run",) * 4 + ("flight",) * 3 + ("entry",) * 3


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> ReportData:
    """One video with three phases."""
    made = report_samples.report(tmp_path_factory.mktemp("clips"), count=1)
    (video,) = made.videos
    steps = tuple(replace(step, phase=name) for step, name in zip(video.result.steps, PHASES, strict=True))
    return replace(
        made, videos=(replace(video, result=replace(video.result, steps=steps)),), batch=None, evaluation=None
    )


def test_a_dragged_phase_is_saved(browser: Any, data: ReportData, tmp_path: Path) -> None:
    before = data.videos[0].result.phases
    with shown(browser, tmp_path, data) as page:
        flight = page.locator(".phases button >> nth=1")
        assert flight.inner_text().startswith("flight")
        flight.scroll_into_view_if_needed()
        box, whole = flight.bounding_box(), page.locator(".phases").bounding_box()
        page.mouse.move(box["x"] + 3, box["y"] + 5)
        page.mouse.down()
        page.mouse.move(whole["x"] + whole["width"] * 0.5, box["y"] + 5)
        page.mouse.up()
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
