"""Numbers of the page's charts: thinning and rounding keep their values."""

import json
import math
import shlex

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from data.errors import PROGRAM
from pipeline.evaluate.evaluation_results import Losses
from pipeline.report import chart_json, text
from pipeline.report import page_data as d
from pipeline.score.video_score import Score, StepScore


@given(st.one_of(st.floats(), st.integers(-(10**9), 10**9)))
@example(1.79769e308)
def test_rounding_keeps_five_digits(value):
    made = chart_json.rounded(value)
    if not math.isfinite(value) or abs(value) > 1.7976e308:
        assert made is None
    else:
        assert made == pytest.approx(value, rel=1e-4, abs=0)


def video(**parts):
    steps = (StepScore(0, 1, 2.0, 0.4, 0.6), StepScore(1, 2.5, 3.0, 0.5, 0.5))
    return d.VideoSection(
        "v", Score("v", score=5.0, interval80=(4.0, 6.0), steps=steps, duration=2.5, model="m"), **parts
    )  # type: ignore[arg-type]


def test_a_skeleton_is_drawn_within_a_twentieth_of_a_pixel():
    points = np.random.default_rng(0).uniform(0, 1, (6, 3, 17, 3)) * [640, 360, 1]
    points[3, 0, 5, 0] = np.nan
    skeleton = d.Skeleton(np.arange(6) / 25, points, (640, 360), ("a",))
    made = chart_json.video_payload(video(skeleton=skeleton))["skeleton"]
    back = np.array(made["points"], float).reshape(6, 3, 17, 3) / [10, 10, 100]
    assert back[3, 0, 5].tolist() == [0, 0, -0.01], "not detected"
    points[3, 0, 5] = [0, 0, -0.01]
    assert (np.abs(back - points) <= [0.0501, 0.0501, 0.00501]).all()


@given(st.integers(1, 20_000), st.integers(0, 99))
@settings(max_examples=20, deadline=None)
def test_a_drawn_curve_has_the_peaks_and_the_ends_of_the_whole(count, seed):
    values = np.random.default_rng(seed).normal(size=count)
    if count > 2:
        values[count // 2] = np.nan  # the smallest gap
    traces = d.Traces("t", "m", np.arange(count) / 30, {"s": values})
    (series,) = chart_json.video_payload(video(kinematics=(traces,)))["charts"][0]["series"]
    drawn = series["v"]
    assert len(series["t"]) == len(drawn) <= chart_json.MAX_POINTS
    assert series["t"] == sorted(series["t"])
    assert (None in drawn) == (count > 2)
    there = [value for value in drawn if value is not None]
    ends = [*map(chart_json.rounded, (np.nanmin(values), np.nanmax(values), values[0], values[-1]))]
    assert [min(there), max(there), drawn[0], drawn[-1]] == ends
    assert count > chart_json.MAX_POINTS or drawn == [*map(chart_json.rounded, values)]


def test_the_camera_is_shown_where_it_moves():
    time = np.arange(50) / 25

    def titles(*moved):
        pan = d.Traces("Camera pan", "", time, dict(enumerate(moved)), least=0.1)
        return [chart.title for chart in chart_json.charts(video(camera=pan))]

    assert titles(0.3 * time, 0 * time) == ["Camera pan"]
    assert titles(0.001 * time, 0 * time) == titles(*2 * (time * np.nan,)) == []


def test_a_video_lasts_until_its_last_step_curve_or_frame():
    assert chart_json.axis_seconds(video()) == 2.5
    assert chart_json.axis_seconds(video(duration=7.0)) == 7.0
    late = d.Traces("t", "m", np.array([0.0, 9.5]), {"s": np.zeros(2)})
    assert chart_json.axis_seconds(video(duration=7.0, kinematics=(late,))) == 9.5
    assert chart_json.axis_seconds(video(duration=math.nan)) == 2.5
    assert chart_json.axis_seconds(d.VideoSection("v", Score("v"))) == 1e-3


def test_scores_of_a_batch_are_those_of_its_videos_and_a_thinned_training_part():
    rows = (video(), d.VideoSection("failed", Score("failed")))
    training = (*np.random.default_rng(0).normal(size=20_000), math.nan)
    batch = chart_json.batch_payload(d.BatchSection(rows, training_scores=training))
    assert batch["scores"] == [5.0]
    assert len(batch["training"]) == 5000
    assert np.quantile(batch["training"], [0, 0.5, 1]) == pytest.approx(np.nanquantile(training, [0, 0.5, 1]), abs=0.01)


def test_the_words_of_a_command_are_quoted_here_and_not_by_the_page():
    made = chart_json.video_payload(d.VideoSection("-Anna's dive.mp4", Score("a")))["typed"]
    assert made["program"] == PROGRAM
    assert shlex.split(made["video"]) == ["./-Anna's dive.mp4"]


def test_a_curve_of_losses_is_thinned_and_keeps_its_values():
    epoch = np.arange(1, 2001)
    curve = Losses(*map(tuple, (epoch, 1 / epoch, 0.5 / epoch, 2 / epoch)))
    rows = chart_json.evaluation_payload(d.EvaluationSection(losses=curve))["curve"]
    assert (rows[0]["x"], rows[-1]["x"]) == (1, 2000)
    assert len(rows) <= chart_json.MAX_POINTS
    for row in rows:
        values = (1 / row["x"], 0.5 / row["x"], 2 / row["x"])
        assert [row["y"], row["low"], row["high"]] == [*map(chart_json.rounded, values)]


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(JSON)
@settings(max_examples=60, deadline=None)
def test_json_inside_a_script_ends_no_script_and_parses(value):
    written = text.script_json(value)
    assert not set("<>&\u2028\u2029") & set(written)
    parsed = json.loads(written)
    if isinstance(value, float):
        assert parsed == (value if math.isfinite(value) else None)
    if isinstance(value, str) and value.isprintable():
        assert parsed == value
