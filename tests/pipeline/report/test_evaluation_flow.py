"""A researcher reads the page of an evaluation in a real browser: sorts the table, sees every prediction."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.estimate import Estimate
from pipeline.evaluate.system_table import Table, TableRow
from pipeline.report import ReportData
from pipeline.report.page_data import EvaluationSection, ScatterPoint
from tests.helpers import report_samples
from tests.helpers.browsing import IN_BROWSER, IN_VIEWS, fits, saved, shown, wait_for

pytestmark = IN_BROWSER


@pytest.fixture
def page(browser: Any, tmp_path: Path, view: dict[str, Any]) -> Iterator[Any]:
    """An evaluation of 26 systems; the last but one has the highest correlation and the worst error."""
    rows = tuple(TableRow(f"system {i}", (None if i == 25 else i / 100, 30.0 + i)) for i in range(26))
    table = Table("Leaderboard", ("rho", "MAE"), rows, better=("high", "low"))
    predictions = (
        ScatterPoint("=a", 10, Estimate(12, 4, 70)),
        ScatterPoint('"b"', 20, Estimate(55)),
        ScatterPoint("c", 15, Estimate(-30)),
    )
    data = ReportData("Leaderboard", evaluation=EvaluationSection(predictions=predictions, table=table))
    with shown(browser, tmp_path, data, **view) as tab:
        wait_for(tab, "document.querySelector('#scatter svg')")
        yield tab
        fits(tab, view)


@IN_VIEWS
def test_every_system_is_shown_and_sorted_by_keys(page: Any) -> None:
    assert page.eval_on_selector(".scroll.whole", "box => box.scrollHeight - box.clientHeight") == 0
    assert page.locator(".results strong").all_inner_texts() == ["30.000", "0.240"]
    head = page.get_by_role("columnheader", name="MAE")
    for order in ("ascending", "descending"):
        page.get_by_role("button", name="MAE").press("Enter")
        assert head.get_attribute("aria-sort") == order
        errors = [float(text) for text in page.locator(".results td:nth-child(3)").all_inner_texts()]
        assert errors == sorted(errors, reverse=order == "descending")
    page.get_by_role("button", name="rho").press(" ")
    assert head.get_attribute("aria-sort") == "none"
    cells = page.locator(".results td:nth-child(2)").all_inner_texts()
    assert cells == [*(f"{i / 100:.3f}" for i in range(24, -1, -1)), "\N{EN DASH}"]
    page.get_by_role("button", name="System", exact=True).click()
    assert page.locator(".results tbody th").all_inner_texts() == [f"system {i}" for i in range(26)]


@IN_VIEWS
def test_predictions_far_from_the_true_scores_are_in_the_chart(page: Any) -> None:
    marks = """svg => {
        const box = (query) => [...svg.querySelectorAll(query)].map((mark) => {
            const r = mark.getBoundingClientRect(); return [r.left, r.right, r.top, r.bottom]; });
        return [box("[aria-label=dot] circle"), box("[aria-label=rule] line"), box("[aria-label=link] path")];
    }"""
    dots, intervals, ((left, right, top, bottom),) = page.eval_on_selector("#scatter svg", marks)
    assert right - left == pytest.approx(bottom - top, abs=0.1), "one unit is as long on both axes"
    assert (len(dots), len(intervals)) == (3, 1)
    for x0, x1, y0, y1 in (*dots, *intervals):
        assert left <= x0 <= x1 <= right
        assert top <= y0 <= y1 <= bottom
    _, path = saved(page, "role=button[name='Predicted against true as CSV']")
    lines = [line.split(",")[0] for line in path.read_text("utf-8").splitlines()[1:]]
    assert lines == ["'=a", '"""b"""', "c"], "no name starts a formula"


def test_no_column_of_an_evaluation_is_half_empty(browser: Any, tmp_path: Path) -> None:
    full = report_samples.evaluation(np.random.default_rng(7))
    assert full.bars is not None
    many = replace(full.bars, bars=tuple(replace(full.bars.bars[0], name=f"{i}") for i in range(20)))
    ends = """all => { const found = {};
        const boxes = all.map((one) => one.getBoundingClientRect());
        for (const { left, bottom } of boxes) found[left] = Math.max(found[left] ?? 0, bottom - boxes[0].top);
        return Object.values(found); }"""
    for evaluation in (full, replace(full, bars=many)):
        with shown(browser, tmp_path, ReportData("x", evaluation=evaluation)) as tab:
            wait_for(tab, "document.querySelector('#scatter svg') && document.querySelector('#bars svg')")
            heights = tab.eval_on_selector_all(".masonry > *", ends)
            assert len(heights) == 2
            assert min(heights) > 0.75 * max(heights)
