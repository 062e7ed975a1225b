"""Descriptors of one moving point against closed forms, numpy and plain loops."""

import itertools
import tracemalloc

import numpy as np
import pytest

from extractors.timesteps.motion_descriptors import (
    PointTrack,
    activity,
    correlation,
    lag_by_correlation,
    spectral_centroid,
    track_descriptors,
)

TIME = np.arange(600) / 50


def track(position, unit="m", weight=None):
    return PointTrack("left.", unit, TIME, position, np.ones(len(TIME)) if weight is None else weight)


def test_a_circle_has_the_speed_acceleration_and_jerk_of_its_radius():
    radius, turns = 0.3, 2 * np.pi * 0.35
    circle = radius * np.stack([np.cos(turns * TIME), np.sin(turns * TIME)], axis=1)
    got = track_descriptors(track(circle))
    for name, power in (("log_speed_m_s", 1), ("log_acceleration_m_s2", 2), ("log_jerk_m_s3", 3)):
        assert got[name] == pytest.approx(np.log(radius * turns**power), abs=0.12), name
    assert got["log_path_m"] == pytest.approx(np.log(radius * turns * 12), abs=0.06)
    assert got["speed_variation"] == pytest.approx(0, abs=0.06)  # only the ends differ
    assert got["idle_share"] == got["slow_share"] == 0
    assert got["log_volume"] == pytest.approx(2 * np.log(radius / np.sqrt(2)), abs=0.01)
    assert "slow_share" not in track_descriptors(track(circle, unit="body"))
    too_fast = 8 * np.stack([np.cos(60 * TIME), np.sin(60 * TIME)], axis=1)
    assert track(too_fast, unit="body").speed()[1].max() == 0


def test_correlation_and_lag_of_two_signals():
    a, b, weight = np.array([0.0, 1, 9, 2]), np.array([1.0, 0, 5, 3]), np.array([1, 1, 0, 2])
    expected = np.corrcoef(np.repeat(a, weight), np.repeat(b, weight))[0, 1]
    assert correlation(a, b, weight) == pytest.approx(expected)
    assert correlation(a, np.ones(4), weight) == correlation(a, b, 0 * weight) == 0
    early, late = np.sin(6 * TIME)[:, None], np.sin(6 * (TIME - 0.113))[:, None]
    assert lag_by_correlation(TIME, early, late, 0.5) == pytest.approx((0.113, 1), abs=1e-3)
    assert lag_by_correlation(TIME, late, early, 0.5)[0] == pytest.approx(-0.113, abs=1e-3)


def test_a_lag_is_at_most_a_quarter_of_the_performance():
    time = np.arange(20) / 10
    step = (time >= 1.0).astype(float)[:, None]
    assert abs(lag_by_correlation(time, step, np.roll(step, -9, axis=0), 5.0)[0]) <= 0.5
    assert lag_by_correlation(time[:3], step[:3], step[:3], 1.0) == (0.0, 0.0)
    assert lag_by_correlation(time, np.zeros((20, 0)), np.zeros((20, 0)), 1.0) == (0.0, 0.0)


def test_a_gripper_that_closes_five_times():
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


def test_a_gap_of_days_in_the_times_takes_no_memory():
    days = np.concatenate([TIME, TIME + 10 * 86_400.0])
    tracemalloc.start()
    spectral_centroid(days, np.sin(days))
    lag_by_correlation(days, np.sin(days)[:, None], np.cos(days)[:, None], 2.0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 50e6, "memory follows the rows that exist, not the span of their times"
