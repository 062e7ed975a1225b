"""A scale from answers "this one is better": Bradley-Terry with standard errors, and the gain of the next answer.

P(first better than second) = 1 / (1 + exp(second - first)), so a difference of 1 means that the better video is
preferred in 73 of 100 answers. "Equal" counts as half of an answer for each side. A normal prior with mean zero keeps
videos finite that have no answers or always won. The scale is the mean over priors of several spreads, each weighted by
its evidence given the answers (Laplace's approximation). Newton's method is written out, since its Hessian gives the
standard errors. `choix`, which the tests compare with, takes 2 s for 2000 answers, too long between two questions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from data.store.arrays import Floats, Rows

SPREADS = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Standard deviations of the priors."""

CHOOSING = 2.0
"""Standard deviation of the prior that chooses the next pair. With few answers, a wider prior takes one defeat as
certain and asks about neighbours too early (`benchmarks/label.py`)."""

STEPS = 100
"""Most steps of Newton's method, which usually takes ten."""


@dataclass(frozen=True)
class PairScale:
    """The scale of n videos.

    Attributes:
        value: (n,) mean zero.
        covariance: (n, n) of the values about their mean.
        spread: of the prior that explains the answers best.
        information: (n, n) of all answers, the Hessian without the prior.
    """

    value: Floats
    covariance: Floats
    spread: float
    information: Floats

    @property
    def error(self) -> Floats:
        """(n,) standard errors."""
        return np.sqrt(np.maximum(np.diag(self.covariance), 0.0))

    def gains(self) -> Floats:
        """(n, n) gain of an answer on each pair: its information times the variance of the difference.

        It is large for neighbours on the scale, whose answer is open, and for videos with few answers.
        """
        chance = 1 / (1 + np.exp(self.value[:, None] - self.value))
        variance = np.diag(self.covariance)
        return np.asarray(chance * (1 - chance) * (variance[:, None] + variance - 2 * self.covariance))

    def answers_to_half(self, answers: int) -> int | None:
        """Number of further answers that halve the root mean square error, if they are like those until now.

        None where no number does, since no answer connects some of the videos.
        """
        if len(self.value) < 2 or not answers:
            return None
        precisions = np.linalg.eigvalsh(self.information)[1:]  # the first is that of a shift of all videos: none

        def square(factor: float) -> float:
            return float((1 / (1 / self.spread**2 + factor * precisions)).mean())

        low, high, goal = 1.0, 1e4, square(1.0) / 4
        if square(high) > goal:
            return None
        for _ in range(40):
            middle = (low + high) / 2
            low, high = (low, middle) if square(middle) <= goal else (middle, high)
        return int(np.ceil((high - 1) * answers))


def fit_scale(
    count: int, first: ArrayLike, second: ArrayLike, outcome: ArrayLike, spreads: Sequence[float] = SPREADS
) -> PairScale:
    """The scale of `count` videos from m answers on pairs.

    Args:
        first, second: (m,) numbers of the two videos.
        outcome: (m,) 1 where the first was better, 0 where the second was, 0.5 where they were equal.
        spreads: standard deviations of the priors.
    """
    a, b = np.asarray(first, dtype=np.intp), np.asarray(second, dtype=np.intp)
    won = np.asarray(outcome, dtype=np.float64)
    scales, evidence = zip(*(_newton(count, a, b, won, spread) for spread in spreads), strict=True)
    weights = np.exp(np.array(evidence) - max(evidence))
    weights /= weights.sum()
    mean = sum(weight * scale.value for weight, scale in zip(weights, scales, strict=True))
    covariance = sum(
        weight * (scale.covariance + np.outer(scale.value - mean, scale.value - mean))
        for weight, scale in zip(weights, scales, strict=True)
    )
    best = scales[int(np.argmax(weights))]
    return PairScale(np.asarray(mean, np.float64), np.asarray(covariance, np.float64), best.spread, best.information)


def _newton(count: int, a: Rows, b: Rows, won: Floats, spread: float) -> tuple[PairScale, float]:
    """The most probable scale under a prior, and the logarithm of the evidence for that prior."""
    value, prior = np.zeros(count), np.eye(count) / spread**2
    for _ in range(STEPS):
        chance = 1 / (1 + np.exp(value[b] - value[a]))
        gradient = -value / spread**2
        np.add.at(gradient, a, won - chance)
        np.add.at(gradient, b, chance - won)
        information = _laplacian(count, a, b, chance * (1 - chance))
        step = np.linalg.solve(prior + information, gradient)
        value = value + step * min(1.0, 2.0 / max(np.abs(step).max(initial=0.0), 1e-12))
        if np.abs(step).max(initial=0.0) < 1e-9:
            break
    covariance = np.asarray(np.linalg.inv(prior + information), np.float64) - spread**2 / max(count, 1)
    difference = value[a] - value[b]
    fit = -float((won * np.logaddexp(0, -difference) + (1 - won) * np.logaddexp(0, difference)).sum())
    size = np.linalg.slogdet(prior + information)[1]
    evidence = fit - float(value @ value) / (2 * spread**2) - count * np.log(spread) - size / 2
    return PairScale(value, covariance, spread, information), float(evidence)


def _laplacian(count: int, a: Rows, b: Rows, weight: Floats) -> Floats:
    matrix: NDArray[np.float64] = np.zeros((count, count))
    np.add.at(matrix, (a, b), -weight)
    matrix += matrix.T
    matrix[np.diag_indices(count)] = -matrix.sum(axis=1)
    return matrix
