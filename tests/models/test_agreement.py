"""Agreement of raters against published values and independent computations."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from models.agreement import agreement, chance_of, intraclass, krippendorff, of_mean

SHROUT_FLEISS = np.array(
    [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], dtype=float
)
"""Table 2 of Shrout and Fleiss 1979: six targets, four judges."""


def test_the_published_example() -> None:
    single, mean = intraclass(SHROUT_FLEISS)
    assert (round(single.value, 2), round(mean.value, 2)) == (0.29, 0.62)  # its table 4
    assert (round(single.low, 3), round(single.high, 3)) == (0.019, 0.761)


def test_intervals_hold_on_normal_scores() -> None:
    rng, inside = np.random.default_rng(0), 0
    for _ in range(400):
        scores = rng.normal(size=(25, 1)) * 2 + rng.normal(size=(1, 3)) * 0.3 + rng.normal(size=(25, 3))
        one = intraclass(scores)[0]
        inside += one.low <= 4 / (4 + 0.09 + 1) <= one.high
    assert 0.92 <= inside / 400 <= 0.98


def test_two_raters_by_scipy() -> None:
    rng = np.random.default_rng(1)
    scores = rng.normal(size=(30, 1)) + 0.5 * rng.normal(size=(30, 2))
    agreed = agreement(scores)
    assert agreed is not None
    assert agreed.kendall == pytest.approx(stats.kendalltau(*scores.T).statistic)
    assert agreed.spearman == pytest.approx(stats.spearmanr(*scores.T).statistic)
    assert agreed.difference == pytest.approx(np.abs(scores[:, 0] - scores[:, 1]).mean())
    for one in (agreed.icc, agreed.icc_mean):
        assert one.low < one.value < one.high


def test_gaps_and_too_few() -> None:
    gaps = SHROUT_FLEISS.copy()
    gaps[0, 1] = gaps[1, :3] = np.nan
    agreed = agreement(gaps)
    assert agreed is not None
    assert (agreed.videos, agreed.raters, agreed.complete) == (5, 4, 4)
    assert agreed.icc.value == pytest.approx(intraclass(SHROUT_FLEISS[2:])[0].value)
    assert agreement(SHROUT_FLEISS[:2]) is None
    assert agreement(SHROUT_FLEISS[:, :1]) is None


def test_equal_scores_agree_and_one_score_for_all_is_undefined() -> None:
    same = agreement(np.repeat(np.arange(5.0)[:, None], 2, axis=1))
    assert same is not None
    assert (same.icc.value, same.kendall, same.difference) == pytest.approx((1.0, 1.0, 0.0))
    constant = agreement(np.ones((5, 2)))
    assert constant is not None
    assert constant.icc.value is None


def test_alpha_is_that_of_the_package_krippendorff() -> None:
    gaps = SHROUT_FLEISS.copy()
    gaps[0, 1] = gaps[1, :3] = gaps[4, 0] = np.nan
    assert krippendorff(SHROUT_FLEISS) == pytest.approx(0.14730785039046446)  # its version 0.9.0, "interval"
    assert krippendorff(gaps) == pytest.approx(0.08081957882754698)
    assert np.isnan(krippendorff(np.ones((5, 2))))


def test_random_scores_are_chance_in_nineteen_of_twenty() -> None:
    tables = [np.random.default_rng(seed).normal(size=(8, 3)) for seed in range(60)]
    found = [chance_of(table, krippendorff(table)) < 0.05 for table in tables]
    assert np.mean(found) <= 0.12
    good = np.random.default_rng(0).normal(size=(12, 1)) + np.zeros((12, 3))
    assert chance_of(good, krippendorff(good)) == pytest.approx(0.001)


def test_the_reliability_of_the_mean_is_its_squared_correlation_with_the_truth() -> None:
    said, true = [], []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        truth = rng.normal(size=(30, 1))
        scores = truth + rng.normal(size=(30, 3))
        said.append(of_mean(krippendorff(scores), 3))
        true.append(np.corrcoef(scores.mean(axis=1), truth[:, 0])[0, 1] ** 2)
    assert np.mean(said) == pytest.approx(np.mean(true), abs=0.05)
    assert of_mean(-0.2, 3) == 0
