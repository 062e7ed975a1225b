"""The scale from pairs: its places, its errors and its reliability."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.label.bradley_terry import WITH_EQUAL, PairScale, _newton, fit_scale


def compared(truth: np.ndarray, count: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Answers of a rater with logistic noise on random pairs."""
    rng = np.random.default_rng(seed)
    first, second = np.array([rng.choice(len(truth), 2, replace=False) for _ in range(count)]).T
    won = rng.random(count) < 1 / (1 + np.exp(truth[second] - truth[first]))
    return first, second, won.astype(float)


def test_the_scale_is_that_of_choix() -> None:
    choix = pytest.importorskip("choix", reason='needs python -m pip install -e ".[test]"')
    truth = np.random.default_rng(0).normal(size=12)
    first, second, won = compared(truth, 60, 1)
    data = [(a, b) if w else (b, a) for a, b, w in zip(first, second, won, strict=True)]
    expected = choix.opt_pairwise(12, data, alpha=1 / (2 * 2.0**2))
    scale, _ = _newton(12, first, second, won, 2.0)
    assert scale.value == pytest.approx(expected, abs=1e-5)


def test_95_percent_intervals_hold_the_truth() -> None:
    inside = []
    for seed in range(40):
        truth = np.random.default_rng(seed).normal(size=20)
        truth -= truth.mean()
        scale = fit_scale(20, *compared(truth, 100, seed))
        inside.append(np.abs(scale.value - truth) < 1.96 * scale.error)
    assert 0.9 <= np.mean(inside) <= 0.99


def test_equal_videos_and_videos_that_always_won_have_finite_places() -> None:
    scale = fit_scale(3, [0, 0, 1], [1, 1, 2], [0.5, 0.5, 1.0])
    assert scale.value[0] == pytest.approx(scale.value[1], abs=0.5)
    assert np.isfinite(scale.value).all()
    assert scale.value[2] == scale.value.min()
    assert scale.value.sum() == pytest.approx(0, abs=1e-6)


def test_the_reliability_is_the_share_of_variance_that_is_not_error() -> None:
    covariance = np.diag([0.5, 0.5, 0.5])
    assert PairScale(np.array([-1.0, 0.0, 1.0]), covariance).reliability == pytest.approx(1 / 1.5)
    assert PairScale(np.zeros(3), covariance).reliability == 0
    assert PairScale(np.zeros(1), np.zeros((1, 1))).reliability == 0


def test_the_reliability_is_the_squared_correlation_with_the_truth() -> None:
    said, true = [], []
    for seed in range(30):
        truth = np.random.default_rng(seed).normal(size=20) * 1.5
        scale = fit_scale(20, *compared(truth, 120, seed), WITH_EQUAL)
        said.append(scale.reliability)
        true.append(np.corrcoef(scale.value, truth)[0, 1] ** 2)
    assert np.mean(said) == pytest.approx(np.mean(true), abs=0.07)


def test_random_answers_have_little_reliability() -> None:
    said = []
    for seed in range(20):
        first, second, _ = compared(np.zeros(20), 240, seed)
        won = np.random.default_rng(seed).integers(0, 2, 240).astype(float)
        said.append(fit_scale(20, first, second, won, WITH_EQUAL).reliability)
    assert np.mean(said) < 0.25
