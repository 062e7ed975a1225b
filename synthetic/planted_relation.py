"""The relation in every synthetic data set: a follower follows a leader, more closely at higher quality.

Leader and follower are latent signals (row, channel) without unit; the makers of layouts turn them into tool motions,
camera motions or moving shapes. Neither signal alone carries information about the quality; only the residual of the
follower after subtracting the leader does. The follower magnifies the leader, lags behind it, and deviates from it.

    asymmetric   follower(t) = gain leader(t - lag) + (1 - quality) (direction + wobble(t))
    symmetric    both share one motion, and each agent has half of the error, with opposite signs
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from data.store.arrays import Floats

ERROR = 1.5  # length of the error of the worst follower, in deviations of the leader's wandering
GAINS = (1.7, 3.3)  # bounds of the follower's magnification of each channel


@dataclass(frozen=True)
class Relation:
    """The parameters of one data set, common to all performances."""

    gain: Floats  # (channel,) magnification of the leader by the follower
    direction: Floats  # (channel,) unit vector of a bad follower's error
    lag: float  # delay of the follower in seconds
    symmetric: bool  # whether exchanging the two makes no difference

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
    """Leader and follower (row, channel) of one performance, of a quality from 0 (worst) to 1 (no error but noise).

    `rng` draws the motion and noise of this performance; `rate` is in rows a second.
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


def _wander(rng: np.random.Generator, channels: int) -> Callable[[Floats], Floats]:
    """A smooth motion over time: a constant and three oscillations per channel."""
    rest, shape = rng.normal(size=channels), (channels, 3)
    size, speed, phase = (rng.uniform(low, high, shape) for low, high in ((0.1, 0.6), (0.1, 1.0), (0, 6.3)))
    return lambda time: rest + (size * np.sin(2 * np.pi * speed * time[:, None, None] + phase)).sum(axis=2)
