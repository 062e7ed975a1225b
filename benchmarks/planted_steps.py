"""Time steps with a planted relation, in which every part of AIM has something to do; no extractor needed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.store.arrays import Floats


@dataclass(frozen=True)
class PlantedSteps:
    """Time steps of n performances, T steps each, and what judges gave them.

    Attributes:
        primary: (n, T, channel).
        secondary: (n, T, 1, channel).
        scene: (n, T, entry).
        together: (n, T) true in steps that count for the following, false in those that count for the execution.
        quality: (n,) from 0 to 1, how well the secondary follows.
        form: (n,) from 0 to 1, shown by the primary's own channels.
        execution: (n,) from 0 to 10, shown by the scene.
        synchronisation: (n,) 10 x quality.
        score: (n,) from 0 to 10, `WEIGHTS` of quality, form and execution.
    """

    primary: NDArray[np.float32]
    secondary: NDArray[np.float32]
    scene: NDArray[np.float32]
    together: NDArray[np.bool_]
    quality: Floats
    form: Floats
    execution: Floats
    synchronisation: Floats
    score: Floats


WEIGHTS = (0.4, 0.35, 0.25)
"""Shares of the following, of the primary's own form and of the execution in the score."""

STEP_ERROR = 0.4
"""Largest error of a step and channel, in deviations of the wandering: hidden unless the primary is subtracted."""

DISTRACTION = 2.0
"""Size of the distractors relative to the signal: the follower's error in steps where following does not count, and the
scene in steps where it does. They harm an average over all steps, but not a fusion with weights from the scene."""

STEP_GAINS = (1.3, 1.8)
"""Bounds of the magnification of each channel in `planted_steps`."""


def planted_steps(
    count: int,
    *,
    steps: int = 10,
    channels: int = 6,
    own_channels: int = 4,
    entries: int = 16,
    seed: int = 0,
    symmetric: bool = False,
) -> PlantedSteps:
    """Performances in which every part of AIM has something to do.

    The secondary is the primary, magnified by a gain per channel, plus an error of random sign in every step and
    channel. Neither agent alone, nor a plain difference, nor a linear map of both shows its size. In about half of the
    steps the error's size is 1 - quality and the scene is noise; in the others the error's size is noise and the
    scene shows the execution. The noise is twice as large as the signal (`DISTRACTION`). One pattern of the scene
    marks the two kinds of steps; attention fusion has to learn it.

    Each agent has further channels. Those of the primary show its form, which counts. Those of the secondary are as
    large, have random signs in every step, and carry no information, so the roles cannot be exchanged. In a symmetric
    set the gain is 1, each agent has half of the error, both show a form, and the mean of both forms counts.

    Args:
        count: n. steps: T.
        channels: in which the secondary follows. own_channels: further channels of either agent.
        entries: of the scene.
        seed: of everything.
        symmetric: see above.
    """
    rng = np.random.default_rng([seed, count, steps, channels, own_channels])
    gain = np.ones(channels) if symmetric else rng.uniform(*STEP_GAINS, channels)
    quality, execution, form, other = rng.uniform(0, 1, (4, count))
    together = rng.uniform(size=(count, steps)) < 0.5
    error = _error(rng, together, quality, channels)
    wander = 0.8 * rng.normal(size=(count, 1, channels)) + 0.6 * rng.normal(size=(count, steps, channels))
    share = 0.5 if symmetric else 0.0
    primary = _agent(rng, wander + share * error, form, own_channels, meant=True)
    secondary = _agent(rng, gain * (wander - (1 - share) * error), other, own_channels, meant=symmetric)
    form = (form + other) / 2 if symmetric else form
    return PlantedSteps(
        primary=primary,
        secondary=secondary[:, :, None],
        scene=_scene(rng, together, execution, entries),
        together=together,
        quality=quality,
        form=form,
        execution=10 * execution,
        synchronisation=10 * quality,
        score=10 * (np.stack([quality, form, execution], axis=1) @ np.array(WEIGHTS)),
    )


def _error(rng: np.random.Generator, together: NDArray[np.bool_], quality: Floats, channels: int) -> Floats:
    """(n, T, channel): what the follower adds, as large as its lack of quality where that counts, else at random."""
    size = np.where(together, (1 - quality)[:, None], rng.uniform(0, DISTRACTION, together.shape))
    signs = rng.choice([-1.0, 1.0], (*together.shape, channels))
    return np.asarray(STEP_ERROR * size[:, :, None] * signs)


def _agent(
    rng: np.random.Generator, moved: Floats, shows: Floats, own_channels: int, *, meant: bool
) -> NDArray[np.float32]:
    """(n, T, channel + own): an agent's motion, then its own channels, of random sign unless they are `meant`."""
    shape = (*moved.shape[:2], own_channels)
    alone = 3.0 * (shows - 0.5)[:, None, None] + 0.4 * rng.normal(size=shape)
    alone = alone if meant else alone * rng.choice([-1.0, 1.0], shape)
    measured = moved + 0.03 * rng.normal(size=moved.shape)
    return np.concatenate([measured, alone], axis=2).astype(np.float32)


def _scene(
    rng: np.random.Generator, together: NDArray[np.bool_], execution: Floats, entries: int
) -> NDArray[np.float32]:
    """(n, T, entry): which steps count for the following, and in the others the execution."""
    noise = DISTRACTION * (rng.uniform(0, 1, together.shape) - 0.5)
    shown = np.where(together, noise, execution[:, None] - 0.5)
    patterns = rng.normal(size=(2, entries))
    scene = 0.3 * rng.normal(size=(*together.shape, entries)) + 3.0 * shown[:, :, None] * patterns[0]
    scene += np.where(together, 1.0, -1.0)[:, :, None] * patterns[1]
    return np.asarray(scene, dtype=np.float32)
