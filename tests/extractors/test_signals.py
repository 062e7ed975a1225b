"""Irregular, weighted signals: gaps, runs between cuts, exchanges."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extractors.signals import (
    FILL_WEIGHT,
    LONE_PERIOD_S,
    exchanges,
    fill_gaps,
    row_period,
    runs_between,
)


def test_gaps_are_filled_by_lines_and_never_beyond_the_ends() -> None:
    time = np.arange(6.0)
    values = np.array([[0.0, 1, 0, 0, 4, 0]]).T
    weight = np.array([[0, 1.0, 0, 0, 0.5, 0]]).T
    filled, heavy = fill_gaps(time, values, weight, 3.0)
    assert filled.ravel().tolist() == [0, 1, 2, 3, 4, 0]
    assert heavy.ravel().tolist() == [0, 1, 0.25, 0.25, 0.5, 0]
    assert fill_gaps(time, values, weight, 2.9)[1].ravel().tolist() == weight.ravel().tolist()


@given(st.integers(0, 9999), st.integers(1, 20), st.floats(0, 0.5))
@settings(max_examples=60, deadline=None)
def test_filled_gaps_are_between_their_ends(seed: int, rows: int, longest: float) -> None:
    rng = np.random.default_rng(seed)
    time, values = np.cumsum(rng.uniform(0.01, 0.1, rows)), rng.normal(0, 10, (rows, 3))
    weight = rng.uniform(0.1, 1, (rows, 3)) * (rng.random((rows, 3)) < 0.6)
    before = values.copy(), weight.copy()
    filled, heavy = fill_gaps(time, values, weight, longest)
    np.testing.assert_array_equal((values, weight), before)  # the arguments stay as they are
    present = weight > 0
    np.testing.assert_array_equal(filled[present], values[present])
    np.testing.assert_array_equal(heavy[present], weight[present])
    for row, column in np.argwhere(~present):
        left, right = (rows[present[rows, column]] for rows in (np.arange(row), np.arange(row, len(time))))
        inside = len(left) and len(right) and time[right[0]] - time[left[-1]] <= longest
        assert (heavy[row, column] > 0) == bool(inside)
        if inside:
            ends = [filled[left[-1], column], filled[right[0], column]]
            assert min(ends) - 1e-9 <= filled[row, column] <= max(ends) + 1e-9
            assert heavy[row, column] == FILL_WEIGHT * min(weight[left[-1], column], weight[right[0], column])
    again, weights = fill_gaps(time, filled, heavy, longest)
    np.testing.assert_array_equal(weights, heavy)
    np.testing.assert_allclose(again, filled)


def test_runs_between_cuts() -> None:
    assert runs_between(np.arange(5.0), np.array([2.0, 9.0, np.nan])) == [slice(0, 2), slice(2, 5)]
    assert runs_between(np.zeros(0), np.zeros(0)) == []


def test_the_period_of_rows() -> None:
    assert row_period(np.array([0, 0.1, 0.2, 0.9])) == pytest.approx(0.1)
    assert row_period(np.zeros(1)) == row_period(np.zeros(3)) == LONE_PERIOD_S


@given(st.integers(0, 9999), st.integers(1, 9))
@settings(max_examples=60, deadline=None)
def test_exchanges_cost_least_of_all_choices(seed: int, rows: int) -> None:
    rng = np.random.default_rng(seed)
    same, crossed, price = rng.uniform(0, 1, (3, rows))
    price *= 0.5
    same[0] = crossed[0] = 0

    def cost(states: tuple[bool, ...]) -> float:
        moved = sum(same[now] if states[now] == states[now - 1] else crossed[now] for now in range(1, rows))
        return float(moved + sum(price[now] for now in range(rows) if states[now]))

    got = tuple(exchanges(same, crossed, price).tolist())
    assert cost(got) == pytest.approx(min(map(cost, itertools.product((False, True), repeat=rows))))
