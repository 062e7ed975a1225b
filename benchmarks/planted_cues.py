"""Time steps in which one cue alone shows the score: what a method can find, and what it cannot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from data.store.arrays import Floats

Cue = Literal["level", "time", "moment", "relation", "difficulty", "noise", "nothing"]

CUES: dict[Cue, str] = {
    "level": "the mean of some channels over all steps",
    "time": "the step at which a pattern occurs once; the mean over the steps is the same for all",
    "moment": "channels in one step, marked in the scene; in all other steps they are distractors",
    "relation": "the size of the secondary agent's error against the magnified primary, of random sign",
    "difficulty": "the mean of some channels, judged by five judges; score: difficulty times the middle three judges",
    "noise": "as level, but half of the scores are noisy, which the scene marks",
    "nothing": "nothing",
}
"""What shows the score."""

JUDGES = 5


@dataclass(frozen=True)
class PlantedCue:
    """Time steps of n performances, T steps each."""

    primary: NDArray[np.float32]  # (n, T, channel)
    secondary: NDArray[np.float32]  # (n, T, 1, channel)
    scene: NDArray[np.float32]  # (n, T, entry)
    score: Floats  # (n,) around 50
    judges: Floats  # (n, 5) from 0 to 10 for "difficulty", else (n, 0)
    difficulty: Floats  # (n,) for "difficulty", else NaN
    noisy: NDArray[np.bool_]  # (n,) true where the score is noisy ("noise")


def planted_cue(
    cue: Cue, count: int, *, steps: int = 8, channels: int = 6, entries: int = 4, seed: int = 0
) -> PlantedCue:
    """Performances whose quality, from 0 to 1, is shown by one cue of `CUES`; the rest is noise.

    `channels` are those of either agent, `entries` those of the scene.
    """
    rng = np.random.default_rng([seed, list(CUES).index(cue), count])
    quality = rng.uniform(0, 1, count)
    primary, secondary = rng.normal(size=(2, count, steps, channels))
    scene = 0.5 * rng.normal(size=(count, steps, entries))
    shown = 2.0 * (quality - 0.5)[:, None] * rng.choice([-1.0, 1.0], channels)  # (n, channel)
    noisy = np.zeros(count, dtype=bool)
    rows = np.arange(count)
    if cue in ("level", "difficulty", "noise"):
        primary += shown[:, None]
    if cue == "noise":
        noisy = rng.uniform(size=count) < 0.5
        scene += np.where(noisy, 1.0, -1.0)[:, None, None]
    if cue == "time":
        place = np.minimum((quality * steps).astype(int), steps - 1)
        primary[rows, place] += 3.0 * rng.choice([-1.0, 1.0], channels)
    if cue == "moment":
        place, sign = rng.integers(steps, size=count), rng.choice([-1.0, 1.0], channels)
        primary = 0.3 * primary + 2.0 * rng.uniform(-1, 1, (count, steps, 1)) * sign
        primary[rows, place] = 0.3 * rng.normal(size=(count, channels)) + 2.0 * shown
        scene[rows, place] += 2.0
    if cue == "relation":
        error = (1 - quality)[:, None, None] * rng.choice([-1.0, 1.0], primary.shape)
        secondary = rng.uniform(1.3, 1.8, channels) * primary + error + 0.05 * secondary
    score = 100 * quality + np.where(noisy, 25.0, 1.0) * rng.normal(size=count)
    judges, difficulty = np.zeros((count, 0)), np.full(count, np.nan)
    if cue == "difficulty":
        given = 10 * quality[:, None] + rng.normal(size=(count, JUDGES))
        judges = np.round(2 * np.clip(given, 0, 10)) / 2
        difficulty = rng.choice([1.5, 2.5, 3.5], count)
        score = difficulty * np.sort(judges, axis=1)[:, 1:-1].sum(1)
    if cue == "nothing":
        score = rng.uniform(0, 100, count)
    first, second, around = (array.astype(np.float32) for array in (primary, secondary[:, :, None], scene))
    return PlantedCue(first, second, around, score, judges, difficulty, noisy)
