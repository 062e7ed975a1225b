"""Agreement of raters against published values and independent computations."""

import numpy as np
import pytest
from scipy import stats

from models.agreement import agreement, chance_of, intraclass, krippendorff, of_mean

SHROUT_FLEISS = np.array(
    [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], dtype=float
)
"""Table 2 of Shrout and Fleiss 1979: six targets, four judges."""


def test_the_published_example():
    single, mean = intraclass(SHROUT_FLEISS)
    assert (round(single.value, 2), round(mean.value, 2)) == (0.29, 0.62)  # its table 4
    ends = [round(end, 3) for one in (single, mean) for end in (one.low, one.high)]
    assert ends == [0.019, 0.761, 0.071, 0.927]


def test_a_mean_beyond_the_pole_of_its_formula_has_no_interval_or_no_value():
    _, of_mean = intraclass(np.array([[6.0, 10], [2, 6], [8, 7], [5, 1], [5, 3]]))
    assert (round(of_mean.value or 0, 2), of_mean.interval) == (0.42, None), "its low end would be 25.86"
    opposed, of_mean = intraclass(np.array([[1.0, 5, 3], [5, 1, 3.2], [3, 3.1, 3]]))
    assert (round(opposed.value or 0, 2), of_mean.value, of_mean.interval) == (-1.0, None, None)


def test_two_raters_by_scipy():
    rng = np.random.default_rng(1)
    scores = rng.normal(size=(30, 1)) + 0.5 * rng.normal(size=(30, 2))
    agreed = agreement(scores)
    assert agreed is not None
    assert agreed.kendall == pytest.approx(stats.kendalltau(*scores.T).statistic)
    assert agreed.spearman == pytest.approx(stats.spearmanr(*scores.T).statistic)
    assert agreed.difference == pytest.approx(np.abs(scores[:, 0] - scores[:, 1]).mean())
    for one in (agreed.icc, agreed.icc_mean):
        assert one.low < one.value < one.high


def test_gaps_and_too_few():
    gaps = SHROUT_FLEISS.copy()
    gaps[0, 1] = gaps[1, :3] = np.nan
    agreed = agreement(gaps)
    assert agreed is not None
    assert (agreed.videos, agreed.raters, agreed.complete) == (5, 4, 4)
    assert agreed.icc.value == pytest.approx(intraclass(SHROUT_FLEISS[2:])[0].value)
    assert agreement(SHROUT_FLEISS[:2]) is None
    assert agreement(SHROUT_FLEISS[:, :1]) is None


def test_equal_scores_agree_and_one_score_for_all_is_undefined():
    same = agreement(np.repeat(np.arange(5.0)[:, None], 2, axis=1))
    assert same is not None
    assert (same.icc.value, same.kendall, same.difference) == pytest.approx((1.0, 1.0, 0.0))
    constant = agreement(np.ones((5, 2)))
    assert constant is not None
    assert constant.icc.value is None


def test_alpha_is_that_of_the_package_krippendorff():
    gaps = SHROUT_FLEISS.copy()
    gaps[0, 1] = gaps[1, :3] = gaps[4, 0] = np.nan
    assert krippendorff(SHROUT_FLEISS) == pytest.approx(0.14730785039046446)  # its version 0.9.0, "interval"
    assert krippendorff(gaps) == pytest.approx(0.08081957882754698)
    assert np.isnan(krippendorff(np.ones((5, 2))))


def test_chance_and_the_reliability_of_the_mean():
    tables = [np.random.default_rng(seed).normal(size=(8, 3)) for seed in range(4)]
    chances = [chance_of(table, krippendorff(table)) for table in tables]
    assert chances == pytest.approx([0.127, 0.188, 0.993, 0.499])
    good = np.random.default_rng(0).normal(size=(12, 1)) + np.zeros((12, 3))
    assert chance_of(good, krippendorff(good)) == pytest.approx(0.001)
    assert np.isnan(chance_of(good, float("nan")))
    assert [of_mean(alpha, 3) for alpha in (-0.2, 0.0, 0.5)] == pytest.approx([0, 0, 0.75])
