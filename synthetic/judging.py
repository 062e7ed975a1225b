"""Dives and their scores: shapes, hidden errors and the formula.

The five counting awards of a synchronised dive (execution of each diver, three for synchronisation) run from 0 to
10 in half points, and

    final = 0.6 x difficulty x (sum of the five)

as in the FineDiving labels of synchronised dives. An award is 10 minus deductions that grow linearly with each
hidden error (`EXECUTION_COST`, `SYNCHRONISATION_COST`: points lost at the error's `*_RANGE`) minus small judge
noise. Difficulty depends on the shape alone: `difficulty`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

GRAVITY = 9.81  # acceleration of free fall, m/s^2
GROUPS = ("forward", "back", "reverse", "inward")
POSITIONS = ("straight", "pike", "tuck")

BASE_DIFFICULTY = {1: 1.4, 3: 2.0, 5: 2.7, 7: 3.3}
POSITION_DIFFICULTY = {"tuck": 0.0, "pike": 0.2, "straight": 0.4}
GROUP_DIFFICULTY = {"forward": 0.0, "back": 0.1, "inward": 0.2, "reverse": 0.3}

EXECUTION_RANGE = {"knees": 55.0, "apart": 22.0, "entry": 42.0, "loose": 1.0, "tilt": 20.0, "weak": 1.0}
"""Largest execution errors: degrees, degrees, degrees, share, degrees, m/s of take-off speed lost."""
EXECUTION_COST = {"knees": 2.5, "apart": 2.0, "entry": 3.5, "loose": 1.5, "tilt": 1.5, "weak": 0.5}

SYNCHRONISATION_RANGE = {"lag": 0.16, "tempo": 0.15, "height": 0.4, "drift": 0.6}
"""Largest synchronisation errors: seconds, seconds, metres, metres."""
SYNCHRONISATION_COST = {"lag": 4.0, "tempo": 3.0, "height": 1.5, "drift": 1.5}

BEST_SPEED = 3.6  # upward speed at take-off of a diver without error, m/s (an apex 0.66 m above the take-off)
JUDGE_NOISE = 0.25  # standard deviation of one judge's award before it is rounded to half points


@dataclass(frozen=True)
class Shape:
    """The kind of a dive."""

    group: str  # one of `GROUPS`: direction of take-off and of rotation
    halves: int  # half somersaults, odd, so that every dive enters head first
    position: str  # one of `POSITIONS`

    @property
    def code(self) -> str:
        """The code that divers use, such as "105B"."""
        letter = {"straight": "A", "pike": "B", "tuck": "C"}[self.position]
        return f"{1 + GROUPS.index(self.group)}0{self.halves}{letter}"

    @property
    def facing(self) -> int:
        """+1 when the diver looks away from the platform at take-off, -1 when towards it."""
        return 1 if self.group in ("forward", "reverse") else -1

    @property
    def rotation(self) -> int:
        """+1 when the diver somersaults towards his front, -1 towards his back."""
        return 1 if self.group in ("forward", "inward") else -1


def shapes() -> tuple[Shape, ...]:
    """Every shape in the data set: straight only up to 1 1/2 somersaults, 3 1/2 not in reverse."""
    return tuple(
        Shape(group, halves, position)
        for group in GROUPS
        for halves in BASE_DIFFICULTY
        for position in POSITIONS
        if not (position == "straight" and halves > 3) and not (group == "reverse" and halves == 7)
    )


def difficulty(shape: Shape) -> float:
    """Degree of difficulty, 1.4 to 3.7: somersaults + position + group."""
    total = BASE_DIFFICULTY[shape.halves] + POSITION_DIFFICULTY[shape.position] + GROUP_DIFFICULTY[shape.group]
    return round(total, 1)


@dataclass(frozen=True)
class ExecutionErrors:
    """The errors of one diver; zeros are a flawless dive."""

    knees: float = 0.0  # bend of the knees where they should be straight, degrees
    apart: float = 0.0  # angle of each leg (and arm at entry) from where they should touch, degrees
    entry: float = 0.0  # rotation too much (+) or too little (-) at entry, degrees
    loose: float = 0.0  # how far tuck or pike stays open, 0..1
    tilt: float = 0.0  # sideways tilt of the body, degrees, signed
    weak: float = 0.0  # take-off speed lost, m/s


@dataclass(frozen=True)
class SynchronisationErrors:
    """The differences between the two divers."""

    lag: float = 0.0  # seconds by which the second diver is later (negative: earlier)
    tempo: float = 0.0  # seconds by which the second diver's somersault is later during the flight
    drift: float = 0.0  # metres by which the two drift apart (+) or together (-) until entry


@dataclass(frozen=True)
class Scores:
    """The labels of one dive."""

    awards: tuple[float, float, float, float, float]  # execution of each diver, three of synchronisation; 0..10
    execution: float  # sum of the two execution awards, 0..20
    synchronisation: float  # sum of the three synchronisation awards, 0..30
    difficulty: float
    final: float  # 0.6 x difficulty x sum of awards


def _award(sizes: Mapping[str, float], cost: Mapping[str, float], largest: Mapping[str, float]) -> float:
    """10 minus the cost of each error, which grows linearly to that of the largest one; may be below 0."""
    return 10.0 - sum(points * abs(sizes[name]) / largest[name] for name, points in cost.items())


def execution_quality(errors: ExecutionErrors) -> float:
    """Award of a noiseless, continuous judge for one diver, may be below 0."""
    return _award(vars(errors), EXECUTION_COST, EXECUTION_RANGE)


def synchronisation_quality(pair: SynchronisationErrors, first: ExecutionErrors, second: ExecutionErrors) -> float:
    """Award of a noiseless, continuous synchronisation judge, may be below 0."""
    apex = [(BEST_SPEED - errors.weak) ** 2 / (2 * GRAVITY) for errors in (first, second)]
    sizes = vars(pair) | {"height": apex[1] - apex[0]}
    return _award(sizes, SYNCHRONISATION_COST, SYNCHRONISATION_RANGE)


def judge(
    shape: Shape, first: ExecutionErrors, second: ExecutionErrors, pair: SynchronisationErrors, rng: np.random.Generator
) -> Scores:
    """The five awards and the labels that follow (formula in the module's docstring)."""
    synchronisation = synchronisation_quality(pair, first, second)
    qualities = [execution_quality(first), execution_quality(second), *[synchronisation] * 3]
    noisy = np.asarray(qualities) + rng.normal(0.0, JUDGE_NOISE, 5)
    awards = np.round(2 * np.clip(noisy, 0.0, 10.0)) / 2
    level = difficulty(shape)
    a, b, c, d, e = (float(award) for award in awards)
    return Scores((a, b, c, d, e), a + b, c + d + e, level, round(0.6 * level * (a + b + c + d + e), 2))


def draw_errors(rng: np.random.Generator) -> tuple[ExecutionErrors, ExecutionErrors, SynchronisationErrors]:
    """Hidden errors of a pair, correlated by a common severity, with random variation.

    One severity is drawn per pair, and from it one per diver and one for their synchronisation. Each error is a random
    share of its range around that severity.
    """
    severity = rng.uniform(0.0, 1.0)

    def size(level: float, largest: float) -> float:
        return float(np.clip(0.8 * level + 0.2 * rng.uniform(-0.4, 1.4), 0.0, 1.0)) * largest

    def sign() -> float:
        return float(rng.choice((-1.0, 1.0)))

    def diver() -> ExecutionErrors:
        level = 0.75 * severity + 0.25 * rng.uniform()
        drawn = {name: size(level, largest) for name, largest in EXECUTION_RANGE.items()}
        signed = {name: drawn[name] * sign() for name in ("entry", "tilt")}
        return ExecutionErrors(**drawn | signed)

    first, second = diver(), diver()
    level = 0.6 * severity + 0.4 * rng.uniform()
    drawn = {name: sign() * size(level, SYNCHRONISATION_RANGE[name]) for name in ("lag", "tempo", "drift")}
    return first, second, SynchronisationErrors(**drawn)
