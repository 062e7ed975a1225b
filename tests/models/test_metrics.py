"""Metrics against scipy and against the averages printed in the paper."""

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


PAPER_AVERAGES = [
    ((0.63, 0.65, 0.82), 0.71),  # table 2, ours
    ((0.36, 0.51, 0.75), 0.57),  # table 2, JR-GCN
    ((0.31, 0.39, 0.58), 0.43),  # table 2, ST-GCN
    ((0.34, 0.23, 0.72), 0.46),  # table 2, TSN
    ((0.05, 0.09, 0.11), 0.08),  # table 2, baseline
    ((0.17, 0.37, 0.73), 0.46),  # table 2, baseline + kinetic
    ((0.37, 0.25, 0.60), 0.41),  # table 3, DTC + DFT + ApEn
    ((0.45, 0.34, 0.61), 0.47),  # table 3, ours
    ((0.92, 0.85), 0.89),  # table 4, ours, multi-task
    ((0.89, 0.85), 0.87),  # table 4, ours, single-task
    ((0.77, 0.73), 0.75),  # table 4, I3D-SVR linear
    ((0.07, 0.41, 0.64), 0.40),  # table 5, without AIM
    ((0.61, 0.55, 0.80), 0.67),  # table 5, without attention fusion
    ((0.55, 0.62, 0.80), 0.67),  # table 5, exchanged
    ((0.61, 0.62, 0.79), 0.68),  # table 5, without transformation
    ((0.60, 0.61, 0.80), 0.68),  # table 5, without difference
    ((0.7419, 0.7296, 0.5890, 0.4960, 0.9298, 0.9043), 0.7789),  # table 7, ours
    ((0.7630, 0.7358, 0.6006, 0.5405, 0.9013, 0.9254), 0.7849),  # table 7, JR-GCN
    ((0.3286, 0.5770, 0.1681, 0.1234, 0.6600, 0.6483), 0.4433),  # table 7, ST-GCN
    ((0.6047, 0.5636, 0.4593, 0.5029, 0.7912, 0.6927), 0.6165),  # table 7, C3D-LSTM
    ((0.7902, 0.6824, 0.5209, 0.4006, 0.5937, 0.9120), 0.6937),  # table 7, C3D-SVR
]


@pytest.mark.parametrize(("row", "printed"), PAPER_AVERAGES)
def test_the_papers_averages_follow_from_its_rows(row: tuple[float, ...], printed: float) -> None:
    """The rows are rounded themselves, to two places or four: one unit of the last place is allowed."""
    unit = 1e-4 if len(row) == 6 else 1e-2
    assert metrics.fisher_average(row).value == pytest.approx(printed, abs=unit)


def test_known_fisher_averages() -> None:
    assert metrics.fisher_average((0.63, 0.65, 0.82)).value == pytest.approx(0.712, abs=5e-4)
    assert metrics.fisher_average((0.45, 0.34, 0.61)).value == pytest.approx(0.475, abs=5e-4)
    assert metrics.fisher_average((0.9150, 0.8513)).value == pytest.approx(0.887, abs=5e-4)  # printed as 89


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


@given(
    arrays(np.float64, 12, elements=st.integers(-3, 3).map(float)),
    arrays(np.float64, 12, elements=st.integers(-3, 3).map(float)),
    arrays(np.intp, st.integers(0, 15), elements=st.integers(0, 11)),
)
def test_the_rank_correlation_of_rows_is_that_of_their_values(a: Any, b: Any, rows: Any) -> None:
    expected = metrics.spearman(a[rows], b[rows])
    np.testing.assert_array_equal(metrics.spearman_of_rows(a, b)(rows), expected)


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
