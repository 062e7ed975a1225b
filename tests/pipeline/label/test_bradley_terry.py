"""The scale from pairs: its places, its errors and its reliability."""

import numpy as np
import pytest

from pipeline.label.bradley_terry import WITH_EQUAL, PairScale, fit_scale


def compared(truth, count, seed):
    """Answers of a rater with logistic noise on random pairs."""
    rng = np.random.default_rng(seed)
    first, second = np.array([rng.choice(len(truth), 2, replace=False) for _ in range(count)]).T
    won = rng.random(count) < 1 / (1 + np.exp(truth[second] - truth[first]))
    return first, second, won.astype(float)


def test_the_scale_is_that_of_choix():
    choix = pytest.importorskip("choix", reason='needs python -m pip install -e ".[test]"')
    first, second, won = compared(np.random.default_rng(0).normal(size=12), 60, 1)
    data = [(a, b) if w else (b, a) for a, b, w in zip(first, second, won, strict=True)]
    expected = choix.opt_pairwise(12, data, alpha=1 / (2 * 2.0**2))
    assert fit_scale(12, first, second, won, (2.0,)).value == pytest.approx(expected, abs=1e-5)


def test_priors_are_weighted_by_their_evidence():
    """Video 3 has no answers; one answer is "equal". The numbers are approved."""
    scale = fit_scale(4, [0, 0, 1, 2, 0], [1, 2, 2, 0, 1], [1, 0.5, 1, 0, 1])
    assert scale.value == pytest.approx([0.660187, -0.179037, -0.481150, 0], abs=1e-5)
    assert scale.error == pytest.approx([0.930929, 0.874887, 0.934735, 1.848005], abs=1e-5)
    assert scale.reliability == pytest.approx(0.136069, abs=1e-5)


def test_the_reliability_is_the_share_of_variance_that_is_not_error():
    covariance = np.diag([0.5, 0.5, 0.5])
    assert PairScale(np.array([-1.0, 0.0, 1.0]), covariance).reliability == pytest.approx(1 / 1.5)
    assert PairScale(np.zeros(3), covariance).reliability == 0
    assert PairScale(np.zeros(1), np.zeros((1, 1))).reliability == 0


def test_intervals_hold_the_truth_and_the_reliability_is_its_squared_correlation():
    """Random answers have little."""
    inside, said, true, of_chance = [], [], [], []
    for seed in range(30):
        truth = np.random.default_rng(seed).normal(size=20) * 1.5
        first, second, won = compared(truth, 120, seed)
        scale = fit_scale(20, first, second, won)
        inside.append(np.abs(scale.value - truth + truth.mean()) < 1.96 * scale.error)
        scale = fit_scale(20, first, second, won, WITH_EQUAL)
        said.append(scale.reliability)
        true.append(np.corrcoef(scale.value, truth)[0, 1] ** 2)
        tossed = np.random.default_rng(seed).integers(0, 2, 120).astype(float)
        of_chance.append(fit_scale(20, first, second, tossed, WITH_EQUAL).reliability)
    assert 0.9 <= np.mean(inside) <= 0.99
    assert np.mean(said) == pytest.approx(np.mean(true), abs=0.07)
    assert np.mean(of_chance) < 0.3
