"""The parts of a score add up to it as shown, whatever the numbers and the rounding."""

import csv
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
from pipeline.report.performers import progress_of
from pipeline.report.text import to_digits
from pipeline.score.score_tables import Scores, csv_text, scores_as_json
from pipeline.score.video_score import Score, ScoreParts, StepScore
from tests.helpers.approved import page_text

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
def test_the_parts_sum_to_the_score_as_shown(row, decimals):
    parts = ScoreParts.of(row, decimals)
    assert parts.constant + sum(parts.steps) + (parts.other or 0) == parts.total
    assert str(parts.total) == f"{Decimal(f'{row.score:.{decimals}f}') + 0}"
    exact = (row.score or 0.0) - math.fsum([*(step.score for step in row.steps), row.other_share or 0.0])
    half = 0.5 * 10**-decimals
    assert abs(float(parts.constant) - exact) <= half * (len(row.steps) + 2) + 1e-9
    for shown in (parts.total, parts.constant, *parts.steps):
        assert shown.as_tuple().exponent == -decimals
        assert not (shown.is_zero() and shown.is_signed())


@given(scores)
def test_csv_and_json_add_up(row):
    (line,) = csv.DictReader(io.StringIO(csv_text([row])))
    names = ["constant", *(name for name in line if name.startswith("step_")), "other_share"]
    assert sum(Decimal(line[name] or "0") for name in names) == Decimal(line["score"])
    (shown,) = scores_as_json([row])
    values = [shown["constant"], *(step["score"] for step in shown["steps"]), shown["other_share"] or 0.0]
    assert sum(Decimal(repr(value)) for value in values) == Decimal(repr(shown["score"]))
    assert (shown["other_share"] is None) == (row.other_share is None)


UNLIKE = Flag("bad", "unlike the training performances", "The distance is 3.1 times the limit.")


def accuracy(within):
    """The accuracy of a model that is better than guessing."""
    return Accuracy(38, 0.5, 0.6 * within, within, within, True)


@pytest.mark.parametrize(
    ("within", "expected"), [(18.3, "34"), (5.2, "34.3"), (0.18, "34.26"), (0.004, "34.26"), (math.nan, "34.26")]
)
def test_the_digits_of_the_headline_follow_its_accuracy(within, expected):
    row = Score("v", score=34.261, interval80=(10.111, 50.222), accuracy=accuracy(within))
    page = render_report(ReportData("t", videos=(VideoSection("v", row),)))
    assert f'<span class="summary-score"><b>{expected}</b>' in page
    assert f"{10.111:.{row.decimals}f} to {50.222:.{row.decimals}f} <small>80 %</small>" in page
    assert Scores([row]).table()[1][0][1:3] == (expected, f"{10.111:.{row.decimals}f} to {50.222:.{row.decimals}f}")


def test_no_number_is_a_negative_zero_and_differences_are_those_of_printed_numbers():
    tiny = Score("v", score=-1e-9, spread=0.0, steps=(StepScore(0, 1, -1e-9),), interval80=(-1e-9, 1e-9))
    assert not re.search(r"-0(?![.\d]*[1-9])", csv_text([tiny]))
    assert Scores([tiny]).table()[1][0][1:3] == ("0.00", "0.00 to 0.00")
    assert (to_digits(-0.0001, 3), to_digits(-0.0001, 3, sign=True), significant(-0.0)) == ("0.000", "+0.000", "0")
    first, last = (
        VideoSection("v", Score("v", score=score, accuracy=accuracy(18.3)), subject="anna", day=day)
        for day, score in (("1", 33.6), ("2", 36.4))
    )
    assert "34 on 1, 36 on 2 (+2; 2 videos)" in progress_of("anna", (first, last))


def test_without_steps_or_a_finite_score_there_is_no_sum():
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


def test_a_performance_with_a_bad_flag_has_no_score_anywhere_but_in_one_column(snapshot):
    """A model of synchronised dives scores a person who walks; R and pandas find its output in unchecked_output."""
    steps = tuple(StepScore(i, i + 1, 4.5) for i in range(3))
    ends = {"interval80": (40.0, 50.0), "interval95": (30.0, 60.0)}
    given = {"percentile": 76.0, "steps": steps, "accuracy": accuracy(0.5), **ends}
    walk, dive = Score("walk.mp4", score=45.43, flags=(UNLIKE,), **given), Score("dive.mp4", score=40.25, **given)
    rows = [walk, replace(dive, other_share=-2.125)]
    videos = tuple(VideoSection(row.id, row, training=TrainingSteps(((3.0, 0.5),) * 3, (-1.0, -0.5))) for row in rows)
    page = page_text(render_report(ReportData("t", videos=videos, batch=BatchSection(videos))))
    assert "45" not in page.split("walk.mp4")[2].split("dive.mp4")[0], "what the network said is on no page"
    for name, text in (
        ("page", page),
        ("CSV", csv_text(rows)),
        ("JSON", json.dumps(scores_as_json(rows), indent=1)),
        ("terminal", repr(Scores(rows).table())),
    ):
        assert text == snapshot(name=name)
