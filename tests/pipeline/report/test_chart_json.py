"""Numbers of the page's charts: thinning and rounding keep their values."""

from __future__ import annotations

import json
import math
import shlex
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from data.errors import PROGRAM, quoted
from models.estimate import Estimate
from pipeline.evaluate.evaluation_results import Losses
from pipeline.report import chart_json, text
from pipeline.report import page_data as d
from pipeline.score.score import Score, StepScore


@given(st.one_of(st.floats(), st.integers(-(10**9), 10**9)))
@example(1.79769e308)
def test_rounding_keeps_five_digits(value: float) -> None:
    made = chart_json.rounded(value)
    if not math.isfinite(value) or abs(value) > 1.7976e308:
        assert made is None
    else:
        assert made == pytest.approx(value, rel=1e-4, abs=0)
        assert made is not None
        assert chart_json.rounded(made) == made


def video(**parts: object) -> d.VideoSection:
    steps = (StepScore(0, 1, 2.0, 0.4, 0.6), StepScore(1, 2.5, 3.0, 0.5, 0.5))
    return d.VideoSection(
        "v", Score("v", score=5.0, interval80=(4.0, 6.0), steps=steps, duration=2.5, model="m"), **parts
    )  # type: ignore[arg-type]


def test_a_skeleton_is_drawn_within_a_twentieth_of_a_pixel() -> None:
    rng = np.random.default_rng(0)
    points = rng.uniform(0, 1, (6, 3, 17, 3)) * [640, 360, 1]
    points[2, 1] = np.nan
    points[3, 0, 5, 0] = np.nan
    made = chart_json.video_payload(video(skeleton=d.Skeleton(np.arange(6) / 25, points, (640, 360), ("a",))))[
        "skeleton"
    ]
    assert made["names"] == ["a"]
    back = np.array(made["points"], float).reshape(6, 3, 17, 3) / [10, 10, 100]
    there = np.isfinite(points).all(axis=-1)
    assert (back[~there] == [0, 0, -0.01]).all()
    assert np.abs(back - points)[there][:, :2].max() <= 0.0501
    assert np.abs(back - points)[there][:, 2].max() <= 0.00501


@given(st.integers(1, 20_000), st.integers(0, 99))
@settings(max_examples=20, deadline=None)
def test_a_drawn_curve_has_the_peaks_and_the_ends_of_the_whole(count: int, seed: int) -> None:
    values = np.random.default_rng(seed).normal(size=count)
    if count > 2:
        values[count // 2] = np.nan  # the smallest gap
    traces = d.Traces("t", "m", np.arange(count) / 30, {"s": values})
    (series,) = chart_json.video_payload(video(kinematics=(traces,)))["charts"][0]["series"]
    assert len(series["t"]) == len(series["v"]) <= chart_json.MAX_POINTS
    there = [value for value in series["v"] if value is not None]
    assert (max(there), min(there)) == (chart_json.rounded(np.nanmax(values)), chart_json.rounded(np.nanmin(values)))
    assert (None in series["v"]) == (count > 2)
    assert (series["v"][0], series["v"][-1]) == (chart_json.rounded(values[0]), chart_json.rounded(values[-1]))
    assert series["t"] == sorted(series["t"])
    if count <= chart_json.MAX_POINTS:
        assert series["v"] == [chart_json.rounded(value) for value in values]


def test_the_camera_is_shown_where_it_moves() -> None:
    time = np.arange(50) / 25
    still = d.CameraTrajectory(time, 0.001 * time, 0 * time, 1 + 0 * time, 0 * time)
    moved = d.CameraTrajectory(time, 0.3 * time, 0 * time, 1 + 0.1 * time, 2 * time)
    assert chart_json.is_static(still)
    assert not chart_json.is_static(moved)
    assert chart_json.charts(video(camera=still)) == ()
    assert [chart.title for chart in chart_json.charts(video(camera=moved))] == [
        "Camera pan",
        "Camera zoom",
        "Camera rotation",
    ]
    unknown = d.CameraTrajectory(time, time * np.nan, time * np.nan, time * np.nan, time * np.nan)
    assert chart_json.is_static(unknown)
    assert chart_json.charts(video(camera=unknown)) == ()


def test_a_video_lasts_until_its_last_step_curve_or_frame() -> None:
    assert chart_json.axis_seconds(video()) == 2.5
    assert chart_json.axis_seconds(video(duration=7.0)) == 7.0
    late = d.Traces("t", "m", np.array([0.0, 9.5]), {"s": np.zeros(2)})
    assert chart_json.axis_seconds(video(duration=7.0, kinematics=(late,))) == 9.5
    assert chart_json.axis_seconds(video(duration=math.nan)) == 2.5
    assert chart_json.axis_seconds(d.VideoSection("v", Score("v"))) == 1e-3


def test_scores_of_a_video_and_of_a_batch_are_unrounded() -> None:
    made = chart_json.video_payload(video())
    assert made["scored"] == {
        "name": "v", "score": 5.0, "interval80": (4.0, 6.0), "interval95": None, "model": "m", "decimals": 2, "why": "",
        "within": None, "held_out": None, "known": False,
    }  # fmt: skip
    assert [(s["score"], s["interaction"]) for s in made["steps"]] == [(2.0, 0.6), (3.0, 0.5)]
    rows = (video(), d.VideoSection("failed", Score("failed")))
    training = (*np.random.default_rng(0).normal(size=20_000), math.nan)
    batch = chart_json.batch_payload(d.BatchSection(rows, training_scores=training))
    assert batch["scores"] == [5.0]
    assert len(batch["training"]) == 5000
    assert np.quantile(batch["training"], [0, 0.5, 1]) == pytest.approx(np.nanquantile(training, [0, 0.5, 1]), abs=0.01)


def test_the_words_of_a_command_are_quoted_here_and_not_by_the_page() -> None:
    made = chart_json.video_payload(d.VideoSection("-Anna's dive.mp4", Score("a")))
    assert made["typed"] == {"program": PROGRAM, "video": quoted(Path("-Anna's dive.mp4"))}
    assert shlex.split(made["typed"]["video"]) == ["./-Anna's dive.mp4"]


def test_curves_and_bars_of_an_evaluation() -> None:
    epoch = np.arange(1, 2001)
    curve = Losses(*map(tuple, (epoch, 1 / epoch, 0.5 / epoch, 2 / epoch)))
    bars = d.BarChart(
        "b", (d.Bar("x", Estimate(0.5, 0.4, 0.6)), d.Bar("y", Estimate(0.2), baseline=True)), "unit", "l", "r", "note"
    )
    made = chart_json.evaluation_payload(d.EvaluationSection(bars=bars, losses=curve))
    assert made["bars"]["bars"][1] == {"name": "y", "value": 0.2, "baseline": True, "low": None, "high": None}
    rows = made["curve"]
    assert (rows[0]["x"], rows[-1]["x"]) == (1, 2000)
    assert len(rows) <= chart_json.MAX_POINTS
    for row in rows:
        assert row["y"] == chart_json.rounded(1 / row["x"])
        assert row["low"] == chart_json.rounded(0.5 / row["x"])
        assert row["high"] == chart_json.rounded(2 / row["x"])


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(JSON)
@settings(max_examples=60, deadline=None)
def test_json_inside_a_script_ends_no_script_and_parses(value: object) -> None:
    written = text.script_json(value)
    assert not set("<>&\u2028\u2029") & set(written)
    parsed = json.loads(written)
    if isinstance(value, float):
        assert parsed == (value if math.isfinite(value) else None)
    if isinstance(value, str) and value.isprintable():
        assert parsed == value
