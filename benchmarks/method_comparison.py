"""Measures the published methods on planted data, and the gain from choosing the epoch on the test set.

    python -m benchmarks.method_comparison [--count 60] [--runs 1] [--out FILE]

In each set, one cue (`CUES`) determines the score. Half of the performances train AIM and the other methods by recipe
`fast`, half test them. The set "nothing" has 4 folds instead. There each system is also evaluated at the epoch chosen
by inner validation and, as an oracle, at the best epoch on the test part. Writes JSON and prints tables.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from benchmarks.measuring import options, show, write
from data.splits import Fold, kfold
from data.store.arrays import Floats
from data.video import Labels, Record
from models.aim_config import AimConfig
from pipeline.evaluate import Protocol, cross_validate
from pipeline.evaluate.leaderboard import OURS
from pipeline.folds import Row, best_on_test, chosen_epoch, last_epoch, watching
from pipeline.settings.train_config import TrainConfig
from pipeline.systems import AimSystem, published_systems
from pipeline.train.feature_set import FeatureSet

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
"""The cue for the score, by name of the set."""

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
    noisy: NDArray[np.bool_]  # (n,) true if the score is noisy ("noise")


def planted_cue(cue: Cue, count: int) -> PlantedCue:
    """Performances whose quality, from 0 to 1, determines one cue of `CUES`; the rest is noise."""
    steps, channels, entries = 8, 6, 4  # channels of either agent, entries of the scene
    rng = np.random.default_rng([0, list(CUES).index(cue), count])
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
    first, second, control = (array.astype(np.float32) for array in (primary, secondary[:, :, None], scene))
    return PlantedCue(first, second, control, score, judges, difficulty, noisy)


CHOICE: Cue = "nothing"
"""Set of the second table."""


def cue_features(cue: Cue, count: int) -> FeatureSet:
    """`count` performances of a planted cue as a feature set."""
    made = planted_cue(cue, count)
    records = tuple(
        Record(
            f"{i:03d}",
            None,
            task=cue,
            labels=Labels(
                float(made.score[i]),
                difficulty=None if np.isnan(made.difficulty[i]) else float(made.difficulty[i]),
                judges=tuple(map(float, made.judges[i])),
            ),
        )
        for i in range(count)
    )
    return FeatureSet(
        records=records,
        primary=made.primary,
        primary_mask=np.ones(made.primary.shape[:2], dtype=bool),
        secondary=made.secondary,
        secondary_mask=np.ones(made.secondary.shape[:3], dtype=bool),
        scene=made.scene,
        trial=np.zeros((count, 0), dtype=np.float32),
        duration=np.full(count, 4.0),
    )


def measure(cue: Cue, count: int, runs: int) -> dict[str, Any]:
    """Rank correlation of every system on `count` performances after training on `count` others, or over folds."""
    features, config = cue_features(cue, 2 * count), TrainConfig(networks=runs, scene_gain=1.0)
    networks = [AimSystem(OURS, AimConfig(), config), *published_systems(features, config)]
    systems: list[Row] = []
    for one in map(watching, networks):
        systems.append(last_epoch(one))
        systems += [chosen_epoch(one), best_on_test(one)] if cue == CHOICE else []
    started = time.process_time()
    folds = [Fold("fixed", features.ids[:count], features.ids[count:])]
    if cue == CHOICE:
        features = features.take(np.arange(count))
        folds = kfold(features.records, k=4)
    results = cross_validate(features, Protocol(folds), systems).systems
    rows = [
        {"system": name, "rho": task.rho.value, "mean of the folds": task.per_fold.arithmetic}
        for name, result in results.items()
        if (task := result.tasks[cue])
    ]
    return {"systems": rows, "cpu_s": round(time.process_time() - started)}


def main() -> None:
    """Measure, print, write."""
    parser = options(__doc__, "method_comparison.json")
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--runs", type=int, default=1)
    given = parser.parse_args()
    sets = dict[str, dict[str, Any]]()
    for cue in CUES:
        sets[cue] = measure(cue, given.count, given.runs)
        show(f"{cue}, {sets[cue]['cpu_s']} s of processor time", sets[cue]["systems"])
        write(given.out, {"count": given.count, "runs": given.runs, "sets": sets})


if __name__ == "__main__":
    main()
