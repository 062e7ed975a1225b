"""Agreement of raters against published values and independent computations."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from models.agreement import agreement, intraclass

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
    assert agreed.kendall.value == pytest.approx(stats.kendalltau(*scores.T).statistic)
    assert agreed.spearman.value == pytest.approx(stats.spearmanr(*scores.T).statistic)
    assert agreed.difference.value == pytest.approx(np.abs(scores[:, 0] - scores[:, 1]).mean())
    for one in (agreed.icc, agreed.kendall, agreed.spearman, agreed.difference):
        assert one.low < one.value < one.high


def test_gaps_and_too_few() -> None:
    gaps = SHROUT_FLEISS.copy()
    gaps[0, 1] = gaps[1, :3] = np.nan
    agreed = agreement(gaps)
    assert agreed is not None
    assert (agreed.videos, agreed.raters) == (5, 4)
    assert agreed.icc.value == pytest.approx(intraclass(SHROUT_FLEISS[2:])[0].value)
    assert agreement(SHROUT_FLEISS[:2]) is None
    assert agreement(SHROUT_FLEISS[:, :1]) is None


def test_equal_scores_agree_and_one_score_for_all_is_undefined() -> None:
    same = agreement(np.repeat(np.arange(5.0)[:, None], 2, axis=1))
    assert same is not None
    assert (same.icc.value, same.kendall.value, same.difference.value) == pytest.approx((1.0, 1.0, 0.0))
    constant = agreement(np.ones((5, 2)))
    assert constant is not None
    assert np.isnan(constant.icc.value)
