"""The parts of a score add up to it as shown, whatever the numbers and the rounding."""

from __future__ import annotations

import csv
import html
import io
import json
import math
import re
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import significant
from pipeline.cache.failure import Failure
from pipeline.checks.accuracy import Accuracy
from pipeline.checks.flag import Flag
from pipeline.report import ReportData, render_report
from pipeline.report.page_data import BatchSection, TrainingSteps, VideoSection
from pipeline.report.performers import PerformerScores
from pipeline.report.text import to_digits
from pipeline.score.score import Score, ScoreParts, StepScore
from pipeline.score.score_tables import csv_text, score_rows, scores_as_json

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
    (shown,) = scores_as_json([row])
    values = [shown["constant"], *(step["score"] for step in shown["steps"]), shown["other_share"] or 0.0]
    assert sum(Decimal(repr(value)) for value in values) == Decimal(repr(shown["score"]))
    assert (shown["other_share"] is None) == (row.other_share is None)


@pytest.mark.parametrize("other", [None, 0.305, -2.125])
def test_the_page_shows_the_sum(other: float | None) -> None:
    row = Score("v", score=15.875, other_share=other, steps=tuple(StepScore(i, i + 1, 0.4535) for i in range(10)))
    page = render_report(ReportData("t", videos=(VideoSection("v", row),)))
    line = page.split('<p class="sum">')[1].split("</p>")[0].replace("\N{MINUS SIGN} ", "-").replace("+ ", "+")
    numbers = [Decimal(word) for word in line.replace("<b>", "").replace("</b>", "").split() if word[-1].isdigit()]
    assert len(numbers) == (3 if other is None else 4)
    assert numbers[0] == sum(numbers[1:]) == Decimal("15.88")
    tiles = [Decimal(part.split("</span>")[0]) for part in page.split("</b><span>")[1:]]
    assert sum(tiles) == numbers[2]


UNLIKE = Flag("bad", "unlike the training performances", "The distance is 3.1 times the limit.")


def accuracy(within: float) -> Accuracy:
    """The accuracy of a model that is better than guessing."""
    return Accuracy(38, 0.5, 0.6 * within, within, within, True)


def page_text(page: str) -> str:
    """The words of the page's body, without scripts."""
    body = re.sub(r"<(script|style)\b.*?</\1>", " ", page.split("<body>")[1], flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())


def test_a_performance_with_a_bad_flag_has_no_score_anywhere_but_in_one_column() -> None:
    """A model of synchronised dives scores a person who walks."""
    steps = tuple(StepScore(i, i + 1, 4.5) for i in range(10))
    ends = {"interval80": (40.0, 50.0), "interval95": (30.0, 60.0)}
    row = Score("walk.mp4", score=45.43, percentile=76.0, steps=steps, flags=(UNLIKE,), accuracy=accuracy(0.5), **ends)
    assert (row.valid, row.score, row.percentile, row.interval80) == (False, None, None, None)
    assert row.steps == tuple(StepScore(i, i + 1) for i in range(10)), "times alone"
    assert row.raw_score == 45.43
    training = TrainingSteps(((3.0, 0.5),) * 10, (-1.0, -0.5))
    good = Score("dive.mp4", score=40.25, percentile=60.0, steps=steps, accuracy=accuracy(0.5), **ends)
    videos = tuple(VideoSection(one.id, one, training=training) for one in (row, good))
    page = render_report(ReportData("t", videos=videos, batch=BatchSection(videos)))
    section = page.split('id="video-0"')[1].split('id="video-1"')[0]
    shown = page_text(f"<body>{section}")
    assert "No score: unlike the training performances." in shown
    assert not {"percentile", "interval", "Score per step", "Attention"} & set(shown.split())
    assert "45" not in shown, "what the network said is on no page"
    assert '<td class="n" data-v=""><span class="no-score">no score</span></td>' in page
    assert json.loads(page.split('id="batch-data">')[1].split("</script>")[0])["scores"] == [40.25]
    assert page_text(page).count("No score:") == 1

    bad, fine = scores_as_json([row, good])
    assert (bad["valid"], bad["why"], bad["percentile"]) == (False, "unlike the training performances", None)
    assert (bad["score"], bad["interval80"], bad["raw_score"]) == (None, None, 45.43)
    assert {step["score"] for step in bad["steps"]} == {None}
    assert (fine["valid"], fine["why"], fine["percentile"]) == (True, "", 60.0)
    first, second = csv.DictReader(io.StringIO(csv_text([row, good])))
    assert (first["valid"], first["why"], first["raw_score"]) == (
        "false",
        "unlike the training performances",
        "45.430000",
    )
    said = {name for name, value in first.items() if re.fullmatch(r"-?[0-9.]+", value)}
    assert said == {"raw_score"}, "R and pandas find a number in one column"
    assert (second["valid"], second["why"]) == ("true", "")
    assert [cells[1:4] for cells in score_rows([row, good])[1]] == [
        (None, None, None),
        ("40.25", "40.00 to 50.00", "30.00 to 60.00"),
    ]
    failed = Score("v", failure=Failure("video", "", "no frame"))
    assert (failed.valid, failed.why) == (False, str(failed.failure))
    assert failed.why.startswith("no frame. ")


@pytest.mark.parametrize(
    ("within", "expected"), [(18.3, "34"), (5.2, "34.3"), (0.18, "34.26"), (0.004, "34.26"), (math.nan, "34.26")]
)
def test_the_digits_of_the_headline_follow_its_accuracy(within: float, expected: str) -> None:
    row = Score("v", score=34.261, interval80=(10.111, 50.222), accuracy=accuracy(within))
    page = render_report(ReportData("t", videos=(VideoSection("v", row),)))
    assert f'<span class="big">{expected}</span>' in page
    assert f"<dd>{10.111:.{row.decimals}f} to {50.222:.{row.decimals}f}</dd>" in page
    assert score_rows([row])[1][0][1:3] == (expected, f"{10.111:.{row.decimals}f} to {50.222:.{row.decimals}f}")


def test_no_number_is_a_negative_zero_and_differences_are_those_of_printed_numbers() -> None:
    tiny = Score("v", score=-1e-9, spread=0.0, steps=(StepScore(0, 1, -1e-9),), interval80=(-1e-9, 1e-9))
    (line,) = csv.DictReader(io.StringIO(csv_text([tiny])))
    assert not [value for value in line.values() if value.startswith(("-0", "'-0"))]
    assert score_rows([tiny])[1][0][1:3] == ("0.00", "0.00 to 0.00")
    assert (to_digits(-0.0001, 3), to_digits(-0.0001, 3, sign=True), significant(-0.0)) == ("0.000", "+0.000", "0")
    one, other = (Score("v", score=score, accuracy=accuracy(18.3)) for score in (33.6, 36.4))
    first, last = (VideoSection("v", row, subject="anna", day=day) for row, day in ((one, "1"), (other, "2")))
    assert "34 on 1, 36 on 2 (+2; 2 videos)" in PerformerScores("anna", (first, last)).sentence


def test_without_steps_or_a_finite_score_there_is_no_sum() -> None:
    whole = Score("v", score=1.0, steps=(StepScore(0, 1, 0.5),))
    assert ScoreParts.of(whole, 2) is not None
    broken = [
        Score("v", score=1.0),
        Score("v", failure=Failure("video", "", "no frame")),
        replace(whole, score=math.nan),
    ]
    broken.append(replace(whole, steps=(StepScore(0, 1, math.inf),)))
    for row in broken:
        assert ScoreParts.of(row, 2) is None
        assert scores_as_json([row])[0]["constant"] is None
