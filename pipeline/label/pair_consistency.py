"""How well answers on pairs fit one scale: a test against chance, and the infit of each judge and each video.

Infit is the information-weighted mean square of Rasch models: the squared residuals of a judge's answers, or of the
answers on a video, over their expected squares. It is about 1 where answers are as uncertain as the scale says. It is
larger where easy pairs are decided against the scale.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from data.store.arrays import Floats, Rows

DRAWS = 999
"""Random sets of answers that the test against chance compares with."""

LEVEL = 0.05
"""Chance of a false alarm: of the test against chance, and of any misfit among all judges, or among all videos."""


@dataclass(frozen=True)
class Infit:
    """Infit by judge or video.

    Attributes:
        value: (k,) NaN without an answer.
        misfits: (k,) whether it is larger than chance explains.
    """

    value: Floats
    misfits: NDArray[np.bool_]


class Misfit(NamedTuple):
    """A rater or a video whose answers on pairs contradict the scale of all answers."""

    kind: str  # "rater" or "video"
    name: str
    infit: float


@dataclass(frozen=True)
class PairFit:
    """How well answers on pairs fit one scale.

    Attributes:
        chance: of `chance_probability`.
        reliability: scale separation reliability.
        raters, videos: infit by name.
        misfits: those whose infit is larger than chance explains; raters only where there are several.
        same, common: pairs that two raters judged, and those of them with the same answer.
        groups: number of groups of videos that no answer connects with one another.
    """

    chance: float
    reliability: float
    raters: Mapping[str, float]
    videos: Mapping[str, float]
    misfits: tuple[Misfit, ...]
    same: int
    common: int
    groups: int


def chance_probability(count: int, first: Rows, second: Rows, outcome: Floats) -> float:
    """The probability of answers that agree so well, or better, if every answer is the toss of a coin.

    The statistic is the score test of the Bradley-Terry model against equal videos. "Equal" counts for no side.

    Args:
        first, second, outcome: (m,) as in `fit_scale`.
    """
    decided = outcome != 0.5
    a, b, signs = first[decided], second[decided], np.sign(outcome[decided] - 0.5)
    answers = np.arange(len(signs))
    design = np.zeros((len(signs), count))
    design[answers, a], design[answers, b] = 1.0, -1.0
    inverse = np.linalg.pinv(design.T @ design, hermitian=True)
    tosses = np.random.default_rng(0).choice([-1.0, 1.0], (DRAWS, len(signs)))
    wins = np.vstack([signs, tosses]) @ design
    made, *random = ((wins @ inverse) * wins).sum(axis=1)
    return float((1 + (np.array(random) >= made - 1e-9).sum()) / (1 + DRAWS))


def infit(value: Floats, first: Rows, second: Rows, outcome: Floats, members: NDArray[np.bool_]) -> Infit:
    """The infit of each of k judges or videos.

    "Equal" is no deviation from any scale, so such answers are left out. An infit is a misfit where its distance to 1
    has a probability below `LEVEL` / k, by the normal approximation.

    Args:
        value: (n,) scale.
        first, second, outcome: (m,) as in `fit_scale`.
        members: (k, m) which answers are those of a judge, or on a video.
    """
    from scipy.stats import norm

    chance = 1 / (1 + np.exp(value[second] - value[first]))
    variance = np.where(outcome == 0.5, 0.0, chance * (1 - chance))
    square = np.where(outcome == 0.5, 0.0, (outcome - chance) ** 2)
    expected, deviation = members @ variance, np.sqrt(members @ (variance * (1 - 4 * chance * (1 - chance))))
    with np.errstate(invalid="ignore", divide="ignore"):
        made = members @ square / expected
        distance = (members @ square - expected) / np.maximum(deviation, 1e-12)
    return Infit(made, (expected > 0) & (distance > norm.isf(LEVEL / max(1, len(members)))))
