"""Trial-level descriptors of people who are never seen in training, with what carries over between them planted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.store.arrays import Floats

USEFUL = 6  # descriptors that show the quality of a trial; the others show the person, or nothing


@dataclass(frozen=True)
class PlantedPeople:
    """Trials of several people in several tasks."""

    trial: NDArray[np.float32]  # (n, descriptor)
    person: NDArray[np.intp]  # (n,) numbers
    task: NDArray[np.intp]  # (n,) numbers
    score: Floats  # (n,)


def planted_people(
    *, people: int = 8, tasks: int = 3, trials: int = 4, descriptors: int = 24, style: float = 0.7, seed: int = 0
) -> PlantedPeople:
    """Trials whose score is the person's skill plus the trial's luck, each task with an offset of its own.

    The first `USEFUL` descriptors move with the quality of the trial, in the same direction in every task. All carry
    the person's style (its deviation `style` is in units of the effect of the quality), the task's level and noise.
    With few people style and skill agree by chance, so a model that reads the style is right about people of the
    training part and wrong about others. `trials` are of each person in each task.
    """
    rng = np.random.default_rng([seed, people, tasks, trials, descriptors])
    task, person, _ = (index.ravel() for index in np.indices((tasks, people, trials)))
    skill = rng.normal(size=(people, 1)) + 0.4 * rng.normal(size=(people, tasks))
    quality = skill[person, task] + 0.7 * rng.normal(size=len(task))
    effect = np.where(np.arange(descriptors) < USEFUL, rng.choice([-1.0, 1.0], descriptors), 0.0)
    shown = quality[:, None] * effect + style * rng.normal(size=(people, descriptors))[person]
    level = 3.0 * rng.normal(size=(tasks, descriptors))
    noise = 1.2 * rng.normal(size=shown.shape)
    score = 15 + 4 * quality + np.array([-3.0, 0.0, 3.0])[task % 3]
    return PlantedPeople((shown + level[task] + noise).astype(np.float32), person, task, score)
