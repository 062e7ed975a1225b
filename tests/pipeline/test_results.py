"""The parts of a score add up to it as shown, whatever the numbers and the rounding."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.report import ReportData, render_report
from pipeline.report.page_data import VideoReport
from pipeline.results import Score, ScoreParts, StepScore
from pipeline.score.score_tables import as_json, csv_text

points = st.floats(-1000, 1000)
scores = st.builds(
    lambda score, steps, other: Score(
        "v", score=score, other_share=other, steps=tuple(StepScore(i, i + 1, share) for i, share in enumerate(steps))
    ),
    points,
    st.lists(points, min_size=1, max_size=12),
    st.none() | points,
)


@given(scores, st.integers(0, 9))
def test_the_parts_sum_to_the_score_as_shown(row: Score, decimals: int) -> None:
    parts = ScoreParts.of(row, decimals)
    assert parts is not None
    assert parts.constant + sum(parts.steps) + (parts.other or 0) == parts.total
    assert str(parts.total) == f"{Decimal(f'{row.score:.{decimals}f}') + 0}"
    exact = (row.score or 0.0) - math.fsum([*(step.score for step in row.steps), row.other_share or 0.0])
    half = 0.5 * 10**-decimals
    assert abs(float(parts.constant) - exact) <= half * (len(row.steps) + 2) + 1e-9
    for shown in (parts.total, parts.constant, *parts.steps):
        assert shown.as_tuple().exponent == -decimals
        assert not (shown.is_zero() and shown.is_signed())


@given(scores)
def test_csv_and_json_add_up(row: Score) -> None:
    (line,) = csv.DictReader(io.StringIO(csv_text([row])))
    names = ["constant", *(name for name in line if name.startswith("step_")), "other_share"]
    assert sum(Decimal(line[name] or "0") for name in names) == Decimal(line["score"])
    (shown,) = as_json([row])
    values = [shown["constant"], *(step["score"] for step in shown["steps"]), shown["other_share"] or 0.0]
    assert sum(Decimal(repr(value)) for value in values) == Decimal(repr(shown["score"]))
    assert (shown["other_share"] is None) == (row.other_share is None)


@pytest.mark.parametrize("other", [None, 0.305, -2.125])
def test_the_page_shows_the_sum(other: float | None) -> None:
    row = Score("v", score=15.875, other_share=other, steps=tuple(StepScore(i, i + 1, 0.4535) for i in range(10)))
    page = render_report(ReportData("t", videos=(VideoReport("v", row),)))
    line = page.split('<p class="sum">')[1].split("</p>")[0].replace("\N{MINUS SIGN} ", "-").replace("+ ", "+")
    numbers = [Decimal(word) for word in line.replace("<b>", "").replace("</b>", "").split() if word[-1].isdigit()]
    assert len(numbers) == (3 if other is None else 4)
    assert numbers[0] == sum(numbers[1:]) == Decimal("15.88")
    tiles = [Decimal(part.split("</span>")[0]) for part in page.split("</b><span>")[1:]]
    assert sum(tiles) == numbers[2]


def test_without_steps_or_a_finite_score_there_is_no_sum() -> None:
    whole = Score("v", score=1.0, steps=(StepScore(0, 1, 0.5),))
    assert ScoreParts.of(whole, 2) is not None
    broken = [Score("v", score=1.0), Score("v", error="no frame"), replace(whole, score=math.nan)]
    broken.append(replace(whole, steps=(StepScore(0, 1, math.inf),)))
    for row in broken:
        assert ScoreParts.of(row, 2) is None
        assert as_json([row])[0]["constant"] is None
