"""Trials of several people whose quality, style and task are planted in trial-level descriptors."""

from dataclasses import replace

import numpy as np

from data.video.records import Labels
from tests.helpers.made_features import made_features

DESCRIPTORS, USEFUL = 24, 6
"""Number of the descriptors of `people`, and of those that show the quality of a trial; the others show the person."""


def people(seed=0, *, people=8, tasks=3, trials=4, style=0.7):
    """Trials of several people: trial-level descriptors with planted causes; the agents are noise.

    A score is the person's skill plus the trial's luck, and each task has an offset of its own. The first `USEFUL`
    descriptors move with the quality of the trial, in the same direction in every task. All carry the person's style
    (its deviation `style` is in units of the effect of the quality), the task's level and noise. With few people
    style and skill agree by chance, so a model that reads the style is right about people of the training part and
    wrong about others. `trials` are of each person in each task.
    """
    rng = np.random.default_rng([seed, people, tasks, trials, DESCRIPTORS])
    task, person, _ = (index.ravel() for index in np.indices((tasks, people, trials)))
    skill = rng.normal(size=(people, 1)) + 0.4 * rng.normal(size=(people, tasks))
    quality = skill[person, task] + 0.7 * rng.normal(size=len(task))
    effect = np.where(np.arange(DESCRIPTORS) < USEFUL, rng.choice([-1.0, 1.0], DESCRIPTORS), 0.0)
    shown = quality[:, None] * effect + style * rng.normal(size=(people, DESCRIPTORS))[person]
    level = 3.0 * rng.normal(size=(tasks, DESCRIPTORS))
    trial = (shown + level[task] + 1.2 * rng.normal(size=shown.shape)).astype(np.float32)
    score = 15 + 4 * quality + np.array([-3.0, 0.0, 3.0])[task % 3]
    noise = made_features(len(score), channels=3, scene=0, seed=seed)
    records = tuple(
        replace(
            record,
            id=f"trial-{i:03d}",
            task=f"task {task[i]}",
            labels=Labels(float(score[i])),
            groups={"subject": f"p{person[i]}", "trial": f"t{i}"},
        )
        for i, record in enumerate(noise.records)
    )
    return replace(noise, records=records, trial=trial)
