"""Conformal intervals against the definitions, written as loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from pipeline.checks.intervals import (
    binomial_range,
    coverage_line,
    cross_interval,
    group_weights,
    held_out_intervals,
    needed,
    threshold,
    upper_quantile,
)


@given(st.lists(st.integers(0, 6), min_size=1, max_size=20))
def test_every_group_weighs_the_same_and_the_new_one_too(groups: list[int]) -> None:
    weights = group_weights(np.array(groups))
    count = len(set(groups))
    for group in set(groups):
        assert weights[np.array(groups) == group].sum() == pytest.approx(1 / (count + 1))
    assert weights.sum() == pytest.approx(count / (count + 1))


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=40), st.sampled_from([0.5, 0.8, 0.9, 0.95]))
def test_without_groups_the_quantile_has_the_standard_rank(values: list[float], level: float) -> None:
    got = upper_quantile(np.array(values)[:, None], group_weights(np.arange(len(values))), level)[0]
    rank = math.ceil(round(level * (len(values) + 1), 9))
    assert got == (sorted(values)[rank - 1] if rank <= len(values) else np.inf)
    assert math.isfinite(got) == (len(values) >= needed(level))


@given(st.integers(0, 999), st.integers(2, 25), st.sampled_from([0.8, 0.95]))
@settings(max_examples=40, deadline=None)
def test_cross_intervals_hold_the_quantiles_of_both_ends(seed: int, count: int, level: float) -> None:
    rng = np.random.default_rng(seed)
    centres, residuals = rng.normal(size=(count, 3)), rng.exponential(size=count)
    groups = rng.integers(0, count, count)
    weights = group_weights(groups)
    got = cross_interval(centres, residuals, weights, level)

    def reached(values: np.ndarray) -> float:
        total = 0.0
        for value, weight in sorted(zip(values.tolist(), weights.tolist(), strict=True)):
            total += weight
            if total >= level - 1e-9:
                return value
        return math.inf

    expected = [[-reached(residuals - centres[:, j]), reached(centres[:, j] + residuals)] for j in range(3)]
    if np.isfinite(expected).all():
        assert got is not None
        np.testing.assert_allclose(got, expected)
        assert (got[:, 0] <= got[:, 1]).all()
    else:
        assert got is None


@given(st.integers(0, 999), st.integers(2, 5))
@settings(max_examples=30, deadline=None)
def test_a_held_out_interval_comes_from_the_other_folds_alone(seed: int, folds: int) -> None:
    rng = np.random.default_rng(seed)
    truth, predicted = rng.normal(size=(2, 30))
    fold = [str(i % folds) for i in range(30)]
    got = held_out_intervals(truth, predicted, fold, 0.8)
    for row, interval in enumerate(got):
        others = sorted(abs(truth[i] - predicted[i]) for i in range(30) if fold[i] != fold[row])
        reach = others[math.ceil(round(0.8 * (len(others) + 1), 9)) - 1]
        assert interval == pytest.approx((predicted[row] - reach, predicted[row] + reach))
    truth[3] += 100  # only the intervals of other folds may change
    changed = held_out_intervals(truth, predicted, fold, 0.8)
    for row in range(30):
        if fold[row] == fold[3]:
            assert changed[row] == got[row]
    assert held_out_intervals(truth, predicted, ["one"] * 30, 0.8) == [None] * 30


def test_intervals_cover_as_often_as_they_say() -> None:
    rng = np.random.default_rng(0)
    hits = []
    for _ in range(300):
        values = rng.standard_t(3, size=40)
        reach = float(upper_quantile(np.abs(values[:39, None]), group_weights(np.arange(39)), 0.8)[0])
        hits.append(abs(values[39]) <= reach)
    low, high = binom.interval(0.999, 300, 0.8)
    assert low <= sum(hits) <= high


def test_a_threshold_with_too_few_values_is_the_greatest() -> None:
    values = np.array([3.0, 1.0, 2.0])
    assert threshold(values, group_weights(np.arange(3)), 0.99) == 3
    many = np.arange(199.0)
    assert threshold(many, group_weights(np.arange(199)), 0.99) == 197


def test_the_line_on_coverage_counts_what_has_an_interval() -> None:
    intervals = [(0.0, 1.0)] * 8 + [(5.0, 6.0)] * 2 + [None]
    low, high = binomial_range(10, 0.8)
    assert coverage_line(intervals, [0.5] * 11, 0.8) == f"8 of 10 (80 %), nominal 80 %: {low} to {high} by chance"
    assert coverage_line([None], [1.0], 0.8) == "no intervals"
    assert (needed(0.8), needed(0.95)) == (4, 19)
