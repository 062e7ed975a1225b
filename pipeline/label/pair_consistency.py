"""How well answers on pairs fit one scale: tests of all answers and of each rater against chance, and videos' infit.

Infit is the information-weighted mean square of Rasch models: the squared residuals of the answers on a video over
their expected squares. It is about 1 if answers are as uncertain as the scale predicts. It is larger if easy pairs are
decided against the scale. Raters have no infit: the scale would contain and follow their own answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from data.store.arrays import Bools, Floats, Rows
from pipeline.label.bradley_terry import fit_scale

DRAWS = 999
"""Random sets of answers in the test against chance."""

LEVEL = 0.05
"""False-alarm rate of the tests against chance, for an honest rater, and for any misfit among all videos."""

LEAST_RATERS = 3
"""Fewest raters to test each: of two raters, nobody can tell which one tosses coins."""


@dataclass(frozen=True)
class PairFit:
    """How well answers on pairs fit one scale.

    Attributes:
        chance: of `chance_probability`.
        reliability: of `pair_reliability`.
        raters: of at least `LEAST_RATERS`, the first value of `rater_chance` by name.
        random: raters whose answers look random.
        videos: infit by name.
        misfits: videos whose infit is larger than chance explains.
        same, common: pairs that two raters answered equally, and all that two raters judged.
        groups: number of groups of videos without answers between them.
    """

    chance: float
    reliability: float
    raters: Mapping[str, float]
    random: tuple[str, ...]
    videos: Mapping[str, float]
    misfits: tuple[str, ...]
    same: int
    common: int
    groups: int


def chance_probability(count: int, first: Rows, second: Rows, outcome: Floats) -> float:
    """The probability that coin tosses agree with each other at least as well as these answers.

    The statistic is the score test of the Bradley-Terry model against equal videos. "Equal" counts for no side.

    Args:
        first, second, outcome: (m,) as in `fit_scale`.
    """
    decided = outcome != 0.5
    design, signs = design_of(count, first[decided], second[decided]), np.sign(outcome[decided] - 0.5)
    inverse = np.linalg.pinv(design.T @ design, hermitian=True)
    tosses = np.random.default_rng(0).choice([-1.0, 1.0], (DRAWS, len(signs)))
    wins = np.vstack([signs, tosses]) @ design
    made, *random = ((wins @ inverse) * wins).sum(axis=1)
    return float((1 + (np.array(random) >= made - 1e-9).sum()) / (1 + DRAWS))


def rater_chance(count: int, first: Rows, second: Rows, outcome: Floats, mine: Bools) -> tuple[float, bool]:
    """Whether one rater's answers agree with the scale of all others, by the score test of a slope of zero.

    Args:
        first, second, outcome: (m,) as in `fit_scale`; "equal" is left out, as it contradicts no scale.
        mine: (m,) which answers are the rater's.

    Returns the probability that coin tosses agree with that scale at least as well, and whether the answers look
    random. They do if that probability is above `LEVEL`, and an honest rater would agree so little with a probability
    below `LEVEL`, including the error of the others' scale. So a few answers never look random.
    """
    from scipy.stats import norm

    others, mine = fit_scale(count, first[~mine], second[~mine], outcome[~mine]), mine & (outcome != 0.5)
    design = design_of(count, first[mine], second[mine])
    apart = design @ others.value
    chance = 1 / (1 + np.exp(-apart))
    variance = chance * (1 - chance)
    slope, least = (apart * variance) @ design, np.finfo(float).tiny
    error = (apart**2 * variance).sum() + slope @ others.covariance @ slope
    agreed, missing = ((outcome[mine] - of) @ apart for of in (0.5, chance))
    tossed = float(norm.sf(agreed / np.sqrt(max((apart**2).sum() / 4, least))))
    return tossed, bool(tossed >= LEVEL > norm.cdf(missing / np.sqrt(max(error, least))))


def infit(value: Floats, design: Floats, outcome: Floats) -> tuple[Floats, Bools]:
    """(n,) infit of each video, NaN without an answer, and whether it is larger than chance explains.

    "Equal" fits every scale, so these answers are left out. An infit is a misfit if its distance to 1 has a probability
    below `LEVEL` / n, by the normal approximation.

    Args:
        value: (n,) scale.
        design: (m, n) of `design_of`.
        outcome: (m,) as in `fit_scale`.
    """
    from scipy.stats import norm

    chance, members = 1 / (1 + np.exp(-design @ value)), (design.T != 0) & (outcome != 0.5)
    variance, made = chance * (1 - chance), members @ (outcome - chance) ** 2
    expected, deviation = members @ variance, np.sqrt(members @ (variance * (1 - 4 * variance)))
    with np.errstate(invalid="ignore"):
        return made / expected, made - expected > norm.isf(LEVEL / max(1, len(value))) * np.maximum(deviation, 1e-12)


def design_of(count: int, first: Rows, second: Rows) -> Floats:
    """(m, count) 1 for the first video of an answer, -1 for the second."""
    answers, design = np.arange(len(first)), np.zeros((len(first), count))
    design[answers, first], design[answers, second] = 1.0, -1.0
    return design
