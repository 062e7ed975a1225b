"""Metrics against scipy and by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from models import metrics

pairs = st.lists(st.tuples(st.integers(-5, 5), st.integers(-5, 5)), min_size=2, max_size=30)


@given(pairs)
@settings(max_examples=200, deadline=None)
def test_rank_correlations_equal_scipy(values: list[tuple[int, int]]) -> None:
    a, b = np.array(values, dtype=float).T
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        assert math.isnan(metrics.spearman(a, b))
        assert math.isnan(metrics.kendall(a, b))
        return
    assert metrics.spearman(a, b) == pytest.approx(stats.spearmanr(a, b).statistic, abs=1e-12)
    assert metrics.kendall(a, b) == pytest.approx(stats.kendalltau(a, b).statistic, abs=1e-12)


def test_averages_count_undefined_and_clipped() -> None:
    average = metrics.fisher_average([1.0, 0.5, float("nan"), -1.0])
    assert (average.undefined, average.clipped) == (1, 2)
    assert math.isfinite(average.value)
    assert metrics.arithmetic_average([0.5, float("nan"), 0.7]).value == pytest.approx(0.6)
    assert math.isnan(metrics.fisher_average([]).value)
    assert math.isnan(metrics.arithmetic_average([float("nan")]).value)


def test_errors() -> None:
    predicted, true = [1.0, 2.0, 4.0], [1.0, 3.0, 2.0]
    assert metrics.mse(predicted, true) == pytest.approx(5 / 3)
    assert metrics.mae(predicted, true) == pytest.approx(1.0)
    assert metrics.relative_l2(predicted, true, 0, 10) == pytest.approx(100 * (0 + 0.01 + 0.04) / 3)
    assert math.isnan(metrics.relative_l2(predicted, true, 5, 5))
    assert math.isnan(metrics.mse([], []))


@pytest.mark.parametrize(("predicted", "true"), [([1.0], [1.0, 2.0]), ([float("nan"), 1.0], [1.0, 2.0])])
def test_unusable_pairs_are_refused(predicted: list[float], true: list[float]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        metrics.spearman(predicted, true)


VALUES = st.integers(-3, 3).map(float)


@given(
    arrays(np.float64, st.sampled_from([(12,), (5, 12)]), elements=VALUES),
    arrays(np.float64, 12, elements=VALUES),
    arrays(np.float64, (5, 12), elements=st.integers(0, 3).map(float)),
)
def test_the_rank_correlations_of_samples_are_those_of_their_rows(a: Any, b: Any, weights: Any) -> None:
    """To the bit, whether the samples share the predictions or have their own."""
    rows = [np.repeat(np.arange(12), sample.astype(int)) for sample in weights]
    each = np.broadcast_to(a, (5, 12))
    expected = [metrics.spearman(one[drawn], b[drawn]) for one, drawn in zip(each, rows, strict=True)]
    np.testing.assert_array_equal(metrics.spearman_of_samples(a, b, weights), expected)


def test_weights_count_the_rows_of_samples() -> None:
    drawn, weights = metrics.resamples(4, draws=6, seed=1), metrics.resampled_weights(4, draws=6, seed=1)
    assert [np.bincount(rows, minlength=4).tolist() for rows in drawn] == weights.tolist()
    assert metrics.resampled_weights(0).shape == (0, 0)


def test_bootstrap_interval_covers() -> None:
    """95 % intervals of a mean hold the true mean in about 95 % of trials."""
    rng = np.random.default_rng(0)
    hits = 0
    for trial in range(100):
        sample = rng.normal(size=60)
        low, high = metrics.bootstrap_interval(lambda rows, s=sample: float(s[rows].mean()), 60, draws=200, seed=trial)
        hits += low <= 0 <= high
    assert 85 <= hits <= 100
    assert math.isnan(metrics.bootstrap_interval(lambda rows: float("nan"), 5, draws=3)[0])
    assert math.isnan(metrics.bootstrap_interval(lambda rows: 0.0, 0)[0])


def test_equal_values_have_no_correlation_even_where_their_mean_rounds() -> None:
    assert math.isnan(metrics.spearman([0.1, 0.1, 0.1], [1, 2, 3]))
