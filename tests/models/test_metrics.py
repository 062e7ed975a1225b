"""Metrics against scipy and by hand."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from models import metrics
from pipeline.evaluate.task_results import fold_average

pairs = st.lists(st.tuples(st.integers(-5, 5), st.integers(-5, 5)), min_size=2, max_size=30)


@given(pairs)
@settings(max_examples=200, deadline=None)
def test_rank_correlations_equal_scipy(values):
    a, b = np.array(values, dtype=float).T
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        assert math.isnan(metrics.spearman(a, b))
        assert math.isnan(metrics.kendall(a, b))
        return
    assert metrics.spearman(a, b) == pytest.approx(stats.spearmanr(a, b).statistic, abs=1e-12)
    assert metrics.kendall(a, b) == pytest.approx(stats.kendalltau(a, b).statistic, abs=1e-12)


def test_averages_leave_out_what_is_undefined():
    assert fold_average([1.0, 0.5, float("nan"), None, -1.0]).fisher == pytest.approx(math.tanh(math.atanh(0.5) / 3))
    assert metrics.arithmetic_average([0.5, float("nan"), 0.7]) == pytest.approx(0.6)
    assert math.isnan(metrics.fisher_average([]))
    assert math.isnan(metrics.arithmetic_average([float("nan")]))


def test_errors():
    predicted, true = [1.0, 2.0, 4.0], [1.0, 3.0, 2.0]
    assert metrics.mse(predicted, true) == pytest.approx(5 / 3)
    assert metrics.mae(predicted, true) == pytest.approx(1.0)
    assert math.isnan(metrics.mse([], []))


@pytest.mark.parametrize(("predicted", "true"), [([1.0], [1.0, 2.0]), ([float("nan"), 1.0], [1.0, 2.0])])
def test_unusable_pairs_are_refused(predicted, true):
    with pytest.raises(ValueError, match=r"\w"):
        metrics.spearman(predicted, true)


def test_equal_values_have_no_correlation_even_where_their_mean_rounds():
    assert math.isnan(metrics.spearman([0.1, 0.1, 0.1], [1, 2, 3]))
