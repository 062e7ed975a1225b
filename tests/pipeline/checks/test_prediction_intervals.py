"""Conformal intervals against the definitions, written as loops."""

import math
import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.checks.held_out import HeldOut
from pipeline.checks.prediction_intervals import (
    LEVELS,
    cross_interval,
    group_weights,
    needed,
    reach,
)


@given(st.integers(0, 999), st.integers(2, 25), st.sampled_from([0.8, 0.95]))
@settings(max_examples=40, deadline=None)
def test_cross_intervals_hold_the_quantiles_of_both_ends(seed, count, level):
    rng = np.random.default_rng(seed)
    centres, residuals = rng.normal(size=(count, 3)), rng.exponential(size=count)
    weights = group_weights(rng.integers(0, count, count))
    got = cross_interval(centres, residuals, weights, level)

    def reached(values):
        order = np.argsort(values)
        enough = weights[order].cumsum() >= level - 1e-9
        return values[order][enough.argmax()] if enough.any() else math.inf

    expected = [[-reached(residuals - centres[:, j]), reached(centres[:, j] + residuals)] for j in range(3)]
    assert (got is None) != np.isfinite(expected).all()
    if got is not None:
        np.testing.assert_allclose(got, expected)
        assert (got[:, 0] <= got[:, 1]).all()


def own(truth, predicted, fold):
    """The 80 % intervals of held-out predictions."""
    return HeldOut(truth, predicted, fold, np.arange(len(truth))).own_intervals()


@given(st.integers(0, 999), st.integers(2, 5))
@settings(max_examples=30, deadline=None)
def test_a_held_out_interval_comes_from_the_other_folds_alone(seed, folds):
    truth, predicted = np.random.default_rng(seed).normal(size=(2, 30))
    fold = np.arange(30) % folds
    for row, interval in enumerate(own(truth, predicted, fold)):
        others = np.sort(np.abs(truth - predicted)[fold != fold[row]])
        reach = others[math.ceil(round(0.8 * (len(others) + 1), 9)) - 1]
        assert interval == pytest.approx((predicted[row] - reach, predicted[row] + reach))
    assert own(truth, predicted, 0 * fold) == [None] * 30
    pairs = HeldOut(truth[:8], np.zeros(8), np.array([*"aabb"] * 2), np.array([*"xxyy"] * 2)).own_intervals()
    assert pairs == [None] * 8, "one independent performance in the other fold is too few"


def test_the_reach_is_infinite_where_there_are_few():
    values = np.arange(199.0)
    for count, last in ((98, math.inf), (99, 98), (199, 197)):
        assert reach(values[:count], np.arange(count), 0.99) == last
    assert [needed(level) for level in LEVELS] == [4, 19]
    assert group_weights(np.array([5, 7, 5, 5])) == pytest.approx([1 / 9, 1 / 3, 1 / 9, 1 / 9])


@pytest.mark.parametrize("count", [4, 10, 30])
def test_eight_of_ten_new_errors_are_within_the_stated_one(count):
    """Simulated: errors are normal, so the chance that a new one is within a bound is known without a draw."""
    random, chances = np.random.default_rng(count), []
    for _ in range(1500):
        truth = random.normal(size=count)
        held_out = HeldOut(truth, truth + random.normal(size=count), np.arange(count) % 2, np.arange(count))
        within = held_out.accuracy.within
        chances.append(math.erf(within / math.sqrt(2)))
    assert 0.795 <= np.mean(chances) <= 0.84


@given(st.integers(0, 9999), st.integers(2, 40), st.floats(0, 3))
@settings(max_examples=60, deadline=None)
def test_a_better_model_is_printed_beside_a_larger_error_of_guessing(seed, count, noise):
    """Views of one performance count once, in the verdict and in the errors."""
    rng = np.random.default_rng(seed)
    truth, group = rng.normal(size=count), rng.integers(0, count, count)
    accuracy = HeldOut(truth, truth + noise * rng.normal(size=count), np.arange(count) % 2, group).accuracy
    printed = re.search(r"mean error is ([\d.]+), that of guessing the mean ([\d.]+)", str(accuracy))
    ours, guess = map(float, printed.groups())
    assert accuracy.performances == len(set(group.tolist()))
    assert ours < guess if accuracy.better else str(accuracy).startswith("not certainly better than guessing the mean")


def test_a_model_that_guesses_is_called_better_in_one_of_twenty_cases():
    """Three users, whose own labels are as far from the predictions as from the mean."""
    rng, better = np.random.default_rng(5), 0
    for _ in range(1500):
        gains = np.repeat(rng.normal(size=3), 2)
        truth = np.tile([10.0, -10.0], 3)  # the mean of the other folds is 0: guessing is 10 off
        predicted = truth - np.sign(truth) * (10 - gains)
        better += HeldOut(truth, predicted, np.repeat(np.arange(3), 2), np.repeat(np.arange(3), 2)).accuracy.better
    assert 0.035 <= better / 1500 <= 0.065


def test_three_performances_do_not_tell_how_far_off_new_videos_are():
    accuracy = HeldOut(np.arange(3.0), np.arange(3.0) + 0.1, np.arange(3) % 2, np.arange(3)).accuracy
    assert (accuracy.within, accuracy.decimals) == (None, 2)
    assert "3 held-out training performances are too few to tell how far off new videos are" in str(
        replace(accuracy, better=True)
    )
