"""Descriptors of one moving point against closed forms, numpy and plain loops."""

from __future__ import annotations

import itertools
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extractors.timesteps.motion_descriptors import (
    PointTrack,
    activity,
    correlation,
    lag_by_correlation,
    spectral_centroid,
    track_descriptors,
)

TIME = np.arange(600) / 50


def track(position: np.ndarray, unit: str = "m", weight: np.ndarray | None = None) -> PointTrack:
    return PointTrack("left.", unit, TIME, position, np.ones(len(TIME)) if weight is None else weight)


def test_a_circle_has_the_speed_acceleration_and_jerk_of_its_radius() -> None:
    radius, turns = 0.3, 2 * np.pi * 0.35
    circle = radius * np.stack([np.cos(turns * TIME), np.sin(turns * TIME)], axis=1)
    got = track_descriptors(track(circle))
    for name, power in (("log_speed_m_s", 1), ("log_acceleration_m_s2", 2), ("log_jerk_m_s3", 3)):
        assert got[name] == pytest.approx(np.log(radius * turns**power), abs=0.12), name
    assert got["log_path_m"] == pytest.approx(np.log(radius * turns * 12), abs=0.06)
    assert got["speed_variation"] == pytest.approx(0, abs=0.06)  # only the ends differ
    assert got["idle_share"] == got["slow_share"] == 0
    assert got["log_volume"] == pytest.approx(2 * np.log(radius / np.sqrt(2)), abs=0.01)


def test_a_point_that_rests_half_of_the_time_is_idle_half_of_the_time() -> None:
    speed = np.where(TIME < 6, 0.2, 0.0)
    got = track_descriptors(track(np.cumsum(speed / 50)[:, None] * [0.6, 0.8]))
    assert got["idle_share"] == pytest.approx(0.5, abs=0.03)
    assert got["slow_share"] == pytest.approx(0.5, abs=0.03)
    assert got["speed_variation"] == pytest.approx(1, abs=0.05)  # standard deviation .1 over mean .1
    assert "slow_share" not in track_descriptors(track(np.zeros((600, 2)), unit="body"))


@given(st.integers(0, 9999))
@settings(max_examples=30, deadline=None)
def test_weighted_correlation_is_numpys(seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, weight = rng.normal(size=40), rng.integers(0, 5, 40)
    b = rng.uniform(-1, 1) * a + rng.normal(size=40)
    repeated = np.corrcoef(np.repeat(a, weight), np.repeat(b, weight))[0, 1]
    assert correlation(a, b, weight.astype(float)) == pytest.approx(repeated)
    assert correlation(a, np.ones(40), weight.astype(float)) == 0
    assert correlation(a, b, np.zeros(40)) == 0


@given(st.floats(-0.4, 0.4), st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_a_planted_lag_is_found_to_a_part_of_a_row(lag: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    rates, phases = rng.uniform(0.2, 1.5, 6), rng.uniform(0, 6, 6)
    a, b = (np.sin(2 * np.pi * rates * (TIME - late)[:, None] + phases).sum(axis=1) for late in (0, lag))
    got, agreement = lag_by_correlation(TIME, a[:, None], b[:, None], 0.5)
    assert got == pytest.approx(lag, abs=0.006)
    assert agreement > 0.98
    back, _ = lag_by_correlation(TIME, b[:, None], a[:, None], 0.5)
    assert back == pytest.approx(-got, abs=1e-9)


def test_a_lag_is_at_most_a_quarter_of_the_performance() -> None:
    time = np.arange(20) / 10
    step = (time >= 1.0).astype(float)[:, None]
    assert abs(lag_by_correlation(time, step, np.roll(step, -9, axis=0), 5.0)[0]) <= 0.5
    assert lag_by_correlation(time[:3], step[:3], step[:3], 1.0) == (0.0, 0.0)
    assert lag_by_correlation(time, np.zeros((20, 0)), np.zeros((20, 0)), 1.0) == (0.0, 0.0)


def test_a_gripper_that_closes_five_times() -> None:
    opened = 0.5 + 0.5 * np.clip(10 * np.sin(2 * np.pi * TIME / 2.4 + 0.1), -1, 1)  # five periods, .08 s a closing
    closings = sum(before > 0.5 >= after for before, after in itertools.pairwise(opened))
    got = activity(TIME, opened, np.ones(600))
    assert closings == 5
    assert np.expm1(got["log_closings_min"]) == pytest.approx(closings / (TIME[-1] / 60))
    assert got["reversals_s"] == pytest.approx(9 / TIME[-1])  # between five closings and five openings
    assert got["log_travel_rad"] - got["log_gripper_rad_s"] == pytest.approx(np.log(TIME[-1]))
    hidden = activity(TIME, opened, np.where(TIME < 6, 1.0, 0.0))
    assert np.expm1(hidden["log_closings_min"]) == pytest.approx(3 / (TIME[-1] / 60))
    assert set(activity(TIME, opened, np.zeros(600)).values()) == {0.0}
    assert activity(TIME, np.full(600, 0.3), np.ones(600))["log_closings_min"] == 0


@given(st.floats(0.5, 10), st.floats(0.5, 10))
@settings(max_examples=30, deadline=None)
def test_two_tones_have_their_mean_frequency(first: float, second: float) -> None:
    tones = np.sin(2 * np.pi * first * TIME) + np.cos(2 * np.pi * second * TIME)
    if abs(first - second) > 0.5:  # else they beat
        assert spectral_centroid(TIME, tones) == pytest.approx((first + second) / 2, abs=0.15)
    assert spectral_centroid(TIME[:3], tones[:3]) == 0


def test_a_gap_of_days_in_the_times_takes_no_memory() -> None:
    days = np.concatenate([TIME, TIME + 10 * 86_400.0])
    tracemalloc.start()
    spectral_centroid(days, np.sin(days))
    lag_by_correlation(days, np.sin(days)[:, None], np.cos(days)[:, None], 2.0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 50e6, "memory follows the rows that exist, not the span of their times"
