"""The relation that every made data set hides: a follower follows a leader, the better the higher the quality.

Leader and follower are latent signals (row, channel) without unit; the makers of layouts turn them into tool
motions, camera motions or moving shapes. What either of them does alone says nothing of the quality: the leader
wanders freely and the follower wanders with it. Only what is left of the follower after the leader has been taken
away tells, and that is asymmetric: the follower magnifies the leader, comes later, and errs.

    asymmetric   follower(t) = gain leader(t - lag) + (1 - quality) (direction + wobble(t))
    symmetric    both share one motion, and the error lies half on either, with opposite signs

`planted_steps` makes time steps in place of signals, for training the scorer without any extractor.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

ERROR = 1.5
"""Length of the error of the worst follower, in deviations of the leader's wandering."""

GAINS = (1.7, 3.3)
"""Bounds of the follower's magnification of each channel."""


@dataclass(frozen=True)
class Relation:
    """What is the same in all performances of one data set.

    Attributes:
        gain: (channel,) how much the follower magnifies the leader.
        direction: (channel,) unit vector in which a bad follower is off.
        lag: seconds that the follower comes later.
        symmetric: whether exchanging the two makes no difference.
    """

    gain: Floats
    direction: Floats
    lag: float
    symmetric: bool

    @classmethod
    def draw(cls, channels: int, seed: int, *, symmetric: bool = False) -> Relation:
        """A relation between agents of `channels` channels each."""
        rng = np.random.default_rng([seed, channels])
        gain = np.ones(channels) if symmetric else rng.uniform(*GAINS, channels)
        direction = rng.choice([-1.0, 1.0], size=channels) / np.sqrt(channels)
        return cls(gain, direction, 0.0 if symmetric else 0.05, symmetric)


def follow(
    rng: np.random.Generator, relation: Relation, quality: float, rows: int, rate: float
) -> tuple[Floats, Floats]:
    """Leader and follower (row, channel) of one performance.

    Args:
        rng: what is particular about this performance.
        relation: what all performances share.
        quality: from 0 (worst) to 1 (no error but noise).
        rows: length.
        rate: rows a second.
    """
    channels = len(relation.direction)
    time = np.arange(rows) / rate
    wander = _wander(rng, channels)
    wobble = 0.3 * _wander(rng, channels)(time) / np.sqrt(channels)
    error = ERROR * (1 - quality) * (relation.direction + wobble)
    noise = 0.003 * rng.normal(size=(2, rows, channels))
    if relation.symmetric:
        return wander(time) + error / 2 + noise[0], wander(time) - error / 2 + noise[1]
    return wander(time) + noise[0], relation.gain * wander(time - relation.lag) + error + noise[1]


@dataclass(frozen=True)
class _Wander:
    """A smooth motion: a resting point and three swings per channel."""

    rest: Floats
    size: Floats
    speed: Floats
    phase: Floats

    def __call__(self, time: Floats) -> Floats:
        angle = 2 * np.pi * self.speed * time[:, None, None] + self.phase
        return np.asarray(self.rest + (self.size * np.sin(angle)).sum(axis=2))


def _wander(rng: np.random.Generator, channels: int) -> _Wander:
    shape = (channels, 3)
    return _Wander(
        rng.normal(size=channels),
        rng.uniform(0.1, 0.6, shape),
        rng.uniform(0.1, 1.0, shape),
        rng.uniform(0, 6.3, shape),
    )


@dataclass(frozen=True)
class PlantedSteps:
    """Time steps of n performances, T steps each, and what judges gave them.

    Attributes:
        primary: (n, T, channel).
        secondary: (n, T, 1, channel).
        scene: (n, T, entry).
        quality: (n,) from 0 to 1, how well the secondary follows.
        execution: (n,) from 0 to 10, shown by the scene.
        synchronisation: (n,) 10 x quality.
        score: (n,) .65 synchronisation + .35 execution.
    """

    primary: NDArray[np.float32]
    secondary: NDArray[np.float32]
    scene: NDArray[np.float32]
    quality: Floats
    execution: Floats
    synchronisation: Floats
    score: Floats


EXECUTION_SHARE = 0.35


def planted_steps(
    count: int, *, steps: int = 10, channels: int = 6, entries: int = 16, seed: int = 0, symmetric: bool = False
) -> PlantedSteps:
    """Performances in which every part of AIM has something to do.

    The secondary is the primary, magnified by a gain per channel, plus an error of random sign in every step and
    channel: neither agent alone, nor a plain difference, nor a linear map of both shows its size. In about half of
    the steps the error's size is 1 - quality and the scene shows nothing but noise; in the others the error's size
    is noise and the scene shows the execution. One entry pattern of the scene tells which steps are which. In a
    symmetric set the gain is 1 and the error lies half on either agent.

    Args:
        count: n.
        steps: T.
        channels: of either agent.
        entries: of the scene.
        seed: of everything.
        symmetric: see above.
    """
    rng = np.random.default_rng([seed, count, steps, channels])
    gain = np.ones(channels) if symmetric else rng.uniform(*GAINS, channels)
    quality, execution = rng.uniform(0, 1, (2, count))
    together = rng.uniform(size=(count, steps)) < 0.5
    size = np.where(together, (1 - quality)[:, None], rng.uniform(0, 1, (count, steps)))
    error = ERROR * size[:, :, None] * rng.choice([-1.0, 1.0], (count, steps, channels))
    wander = 0.8 * rng.normal(size=(count, 1, channels)) + 0.6 * rng.normal(size=(count, steps, channels))
    noise = 0.05 * rng.normal(size=(2, count, steps, channels))
    if symmetric:
        primary, secondary = wander + error / 2, wander - error / 2
    else:
        primary, secondary = wander / gain, wander - error
    shown = np.where(together, rng.uniform(0, 1, (count, steps)), execution[:, None]) - 0.5
    patterns = rng.normal(size=(2, entries))
    scene = 0.5 * rng.normal(size=(count, steps, entries)) + 2.5 * shown[:, :, None] * patterns[0]
    scene += np.where(together, 1.0, -1.0)[:, :, None] * patterns[1]
    return PlantedSteps(
        primary=(primary + noise[0] / gain).astype(np.float32),
        secondary=(secondary + noise[1])[:, :, None].astype(np.float32),
        scene=scene.astype(np.float32),
        quality=quality,
        execution=10 * execution,
        synchronisation=10 * quality,
        score=10 * ((1 - EXECUTION_SHARE) * quality + EXECUTION_SHARE * execution),
    )
