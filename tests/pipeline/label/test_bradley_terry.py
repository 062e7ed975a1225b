"""The scale from pairs: its places, its errors and its reliability."""

import numpy as np
import pytest

from pipeline.label.bradley_terry import fit_scale, fit_under_prior, pair_reliability


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
    assert fit_under_prior(12, first, second, won, 2.0)[0].value == pytest.approx(expected, abs=1e-5)


def test_priors_are_weighted_by_their_evidence():
    """Video 3 has no answers; one answer is "equal". The numbers are approved."""
    answers = np.array([0, 0, 1, 2, 0]), np.array([1, 2, 2, 0, 1]), np.array([1, 0.5, 1, 0, 1])
    scale = fit_scale(4, *answers)
    assert scale.value == pytest.approx([0.660187, -0.179037, -0.481150, 0], abs=1e-5)
    assert scale.error == pytest.approx([0.930929, 0.874887, 0.934735, 1.848005], abs=1e-5)
    assert pair_reliability(4, *answers) == pytest.approx(0.401780, abs=1e-5)
    assert pair_reliability(2, *np.zeros((2, 0), int), np.zeros(0)) == 0


@pytest.mark.parametrize(("videos", "answers", "deviation"), [(20, 120, 1.5), (10, 30, 2.0)])
def test_intervals_hold_the_truth_and_the_reliability_is_its_squared_correlation(videos, answers, deviation):
    """Of 30 answers on 10 videos too, where the mean over priors said .21 too little. Random answers have little."""
    inside, said, true, of_chance = [], [], [], []
    for seed in range(60):
        truth = np.random.default_rng(seed).normal(size=videos) * deviation
        first, second, won = compared(truth, answers, seed)
        scale = fit_scale(videos, first, second, won)
        inside.append(np.abs(scale.value - truth + truth.mean()) < 1.96 * scale.error)
        said.append(pair_reliability(videos, first, second, won))
        true.append(np.corrcoef(scale.value, truth)[0, 1] ** 2)
        tossed = np.random.default_rng(seed).integers(0, 2, answers).astype(float)
        of_chance.append(pair_reliability(videos, first, second, tossed))
    assert 0.9 <= np.mean(inside) <= 0.99
    assert np.mean(said) == pytest.approx(np.mean(true), abs=0.08)
    assert np.mean(of_chance) < 0.3
