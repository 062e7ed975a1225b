"""A scale from answers "this one is better": Bradley-Terry with standard errors.

P(first better than second) = 1 / (1 + exp(second - first)), so a difference of 1 means that the better video is
preferred in 73 of 100 answers. "Equal" counts as half of an answer for each side. A normal prior with mean zero keeps
the values of videos finite that have no answers or always won. The scale is the mean over priors of several deviations,
each weighted by its evidence given the answers (Laplace's approximation). Newton's method is implemented here, since
its Hessian gives the standard errors. `choix`, the reference in the tests, takes 2 s for 2000 answers, too long between
two questions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data.store.arrays import Floats, Rows

DEVIATIONS = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Standard deviations of the priors of a scale."""

WITH_EQUAL = (0.125, 0.25, *DEVIATIONS)
"""Priors for the reliability, which allow for videos that raters cannot distinguish. On a scale of few answers, these
priors would make the standard errors too small (`benchmarks/label.py`)."""

STEPS = 100
"""Most steps of Newton's method, which usually takes ten."""


@dataclass(frozen=True)
class PairScale:
    """The scale of n videos.

    Attributes:
        value: (n,) mean zero.
        covariance: (n, n) of the values about their mean.
    """

    value: Floats
    covariance: Floats

    @property
    def error(self) -> Floats:
        """(n,) standard errors."""
        return np.sqrt(np.maximum(np.diag(self.covariance), 0.0))

    @property
    def reliability(self) -> float:
        """Expected squared correlation of the values with the truth, 0 to 1; 0 for equal values."""
        square = self.value @ self.value
        if not square:
            return 0.0
        return float(
            (square + self.value @ self.covariance @ self.value / square) / (square + np.trace(self.covariance))
        )


def fit_scale(count: int, first: Rows, second: Rows, outcome: Floats) -> PairScale:
    """The scale of `count` videos from m answers on pairs.

    Args:
        first, second: (m,) numbers of the two videos.
        outcome: (m,) 1 if the first was better, 0 if the second was, 0.5 if they were equal.
    """
    fits = (fit_under_prior(count, first, second, outcome, deviation) for deviation in DEVIATIONS)
    scales, evidence = zip(*fits, strict=True)
    weights = np.exp(np.array(evidence) - max(evidence))
    weights /= weights.sum()
    values = np.array([scale.value for scale in scales])
    mean = weights @ values
    within = np.tensordot(weights, [scale.covariance for scale in scales], 1)
    return PairScale(mean, within + (values - mean).T * weights @ (values - mean))


def pair_reliability(count: int, first: Rows, second: Rows, outcome: Floats) -> float:
    """The reliability of the scale under its likeliest prior; arguments as in `fit_scale`.

    For 30 answers on 10 videos with a true reliability of .69, the mean over priors would give .47, since so few
    answers leave weight on priors of equal videos.
    """
    fits = (fit_under_prior(count, first, second, outcome, deviation) for deviation in WITH_EQUAL)
    return max(fits, key=lambda fit: fit[1])[0].reliability


def fit_under_prior(count: int, a: Rows, b: Rows, won: Floats, deviation: float) -> tuple[PairScale, float]:
    """The most probable scale under one prior, and the log evidence of that prior."""
    value, prior = np.zeros(count), np.eye(count) / deviation**2
    for _ in range(STEPS):
        chance = 1 / (1 + np.exp(value[b] - value[a]))
        gradient = -value / deviation**2
        np.add.at(gradient, a, won - chance)
        np.add.at(gradient, b, chance - won)
        information = np.zeros((count, count))
        np.add.at(information, (a, b), chance * (chance - 1))
        information += information.T
        information[np.diag_indices(count)] = -information.sum(axis=1)
        step = np.linalg.solve(prior + information, gradient)
        largest = np.abs(step).max(initial=0.0)
        value += step * min(1.0, 2.0 / max(largest, 1e-12))
        if largest < 1e-9:
            break
    covariance = np.asarray(np.linalg.inv(prior + information), np.float64) - deviation**2 / max(count, 1)
    difference = value[a] - value[b]
    fit = -(won * np.logaddexp(0, -difference) + (1 - won) * np.logaddexp(0, difference)).sum()
    size = np.linalg.slogdet(prior + information)[1]
    evidence = fit - value @ value / (2 * deviation**2) - count * np.log(deviation) - size / 2
    return PairScale(value, covariance), float(evidence)
