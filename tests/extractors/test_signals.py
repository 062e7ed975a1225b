"""Irregular, weighted signals: gaps, runs between cuts, exchanges."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extractors.signals import (
    LONE_PERIOD_S,
    exchanges,
    fill_gaps,
    row_period,
    runs_between,
)


def test_gaps_are_filled_by_lines_and_never_beyond_the_ends():
    time = np.arange(6.0)
    values = np.array([[0.0, 1, 0, 0, 4, 0]]).T
    weight = np.array([[0, 1.0, 0, 0, 0.5, 0]]).T
    filled, heavy = fill_gaps(time, values, weight, 3.0)
    assert filled.ravel().tolist() == [0, 1, 2, 3, 4, 0]
    assert heavy.ravel().tolist() == [0, 1, 0.25, 0.25, 0.5, 0]
    assert fill_gaps(time, values, weight, 2.9)[1].ravel().tolist() == weight.ravel().tolist()


def test_runs_between_cuts():
    assert runs_between(np.arange(5.0), np.array([2.0, 9.0, np.nan])) == [slice(0, 2), slice(2, 5)]
    assert runs_between(np.zeros(0), np.zeros(0)) == []


def test_the_period_of_rows():
    assert row_period(np.array([0, 0.1, 0.2, 0.9])) == pytest.approx(0.1)
    assert row_period(np.zeros(1)) == row_period(np.zeros(3)) == LONE_PERIOD_S


@given(st.integers(0, 9999), st.integers(1, 9))
@settings(max_examples=60, deadline=None)
def test_exchanges_cost_least_of_all_choices(seed, rows):
    rng = np.random.default_rng(seed)
    same, crossed, price = rng.uniform(0, 1, (3, rows))
    price *= 0.5
    same[0] = crossed[0] = 0

    def cost(states):
        moved = sum(same[now] if states[now] == states[now - 1] else crossed[now] for now in range(1, rows))
        return float(moved + sum(price[now] for now in range(rows) if states[now]))

    got = tuple(exchanges(same, crossed, price).tolist())
    assert cost(got) == pytest.approx(min(map(cost, itertools.product((False, True), repeat=rows))))
