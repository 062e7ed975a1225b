"""Measures whether a change to AIM makes it rank the trials of new people, on synthetic users.

    python -m benchmarks.new_people [--sets 4] [--first 0] [--related] [--out FILE]

A set has `USERS` users with `TRIALS` trials each. The scene and the channels of both agents show the user more than the
quality of a trial. Each user in turn is held out. A training fits one network of the recipe `tools`, as it is and with
the changes of `CHANGES`: without the scene, and with other targets. A last row takes, in each fold, the change that
ranks best within the users of inner folds of the training part. The table shows Spearman's correlation within the
held-out user, averaged over users and sets, and that of all held-out trials of a set ranked together.

A training takes some 4 s of one core, a set some 10 minutes. Prints a table and writes JSON.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from scipy.stats import rankdata

from data.store.arrays import Floats
from data.video import Labels
from models.metrics import spearman
from pipeline.folds import inner_folds
from pipeline.settings.config import load_config
from pipeline.settings.recipes import TrainConfig
from pipeline.systems import AimSystem, System
from pipeline.systems.regressors import FOR_NEW_USERS
from pipeline.train import TrainingControl, label_table
from pipeline.train.feature_set import FeatureSet
from pipeline.train.fit import one_thread
from tests.helpers.made_features import made_features

USERS, TRIALS = 6, 5
"""Users of a set, and trials of each."""

CHANNELS, SHOWN, SCENE, PATTERNS = 38, 5, 200, 24
"""Channels of an agent, those that the quality moves, values of the scene, and the patterns it is mixed from."""

AS_IT_IS, RIDGE, CHOSEN = "as it is", "ridge within users, for comparison", "the change that inner validation chooses"
CHANGES = {
    AS_IT_IS: (True, "scores"),
    "without the scene": (False, "scores"),
    "scores less the user's mean as targets": (True, "differences"),
    "without the scene, scores less the user's mean": (False, "differences"),
    "ranks of all trials as targets": (True, "ranks"),
    "without the scene, ranks within the user": (False, "ranks within users"),
}
"""By name: whether AIM sees the scene, and what it learns."""


def made_users(seed: int, *, related: bool = False) -> FeatureSet:
    """A set of users: the skill of the user and noise make the score of a trial; both agents and the scene show it.

    `related`: the secondary agent also follows the primary one, more or less well, whatever the score.
    """
    rng, count = np.random.default_rng([seed, 77]), USERS * TRIALS
    user = np.repeat(np.arange(USERS), TRIALS)
    quality = rng.normal(size=USERS)[user] + 0.7 * rng.normal(size=count)
    made = made_features(count, channels=CHANNELS, scene=SCENE, seed=seed)

    def agent(like: NDArray[np.float32]) -> NDArray[np.float32]:
        noise = like if related else rng.normal(size=like.shape)
        style = rng.normal(size=(USERS, CHANNELS))[user]
        effect = np.where(np.arange(CHANNELS) < SHOWN, rng.choice([-0.3, 0.3], CHANNELS), 0)
        moved = quality[:, None] * effect + style
        return np.asarray(1.2 * noise + moved.reshape(count, *[1] * (noise.ndim - 2), CHANNELS), np.float32)

    primary, secondary = agent(made.primary), agent(made.secondary)
    patterns = rng.normal(size=(PATTERNS, SCENE)) / np.arange(1, PATTERNS + 1)[:, None]
    place = 3.0 * rng.normal(size=(USERS, PATTERNS))[user]
    mixed = 0.7 * rng.normal(size=(count, made.primary.shape[1], PATTERNS)) + place[:, None]
    mixed[..., 5] += 0.2 * quality[:, None]
    records = tuple(
        replace(record, labels=Labels(float(15 + 4 * quality[row])), groups={"subject": f"user {user[row]}"})
        for row, record in enumerate(made.records)
    )
    trial = np.concatenate([primary.mean(1), secondary.mean((1, 2))], -1).astype(np.float32)
    scene = (mixed @ patterns).astype(np.float32)
    return replace(made, records=records, primary=primary, secondary=secondary, scene=scene, trial=trial)


def users_of(features: FeatureSet) -> dict[str, NDArray[np.bool_]]:
    """By user: a mask (n,) of the rows."""
    who = np.array([record.groups["subject"] for record in features.records])
    return {user: who == user for user in sorted(set(who))}


def with_targets(features: FeatureSet, kind: str) -> FeatureSet:
    """The features with the scores that AIM learns instead, on a scale like that of the scores."""
    scores = label_table(features.records)[:, 0].copy()
    if kind == "ranks":
        scores = rankdata(scores) / len(scores)
    for mine in users_of(features).values():
        if kind == "differences":
            scores[mine] -= scores[mine].mean()
        elif kind == "ranks within users":
            scores[mine] = rankdata(scores[mine]) / mine.sum()
    records = zip(features.records, 15 + 4 * scores, strict=True)
    return replace(features, records=tuple(replace(one, labels=Labels(float(score))) for one, score in records))


def predicted_by(system: System, train: FeatureSet, test: FeatureSet) -> Floats:
    """The scores (m,) that a system gives the test part."""
    return np.asarray(system.fit(train, None, TrainingControl())(test).score.mean(0))


def predicted(name: str, train: FeatureSet, test: FeatureSet) -> Floats:
    """The scores (m,) that AIM, changed as `name` says, gives the test part."""
    if name == RIDGE:
        return predicted_by(FOR_NEW_USERS, train, test)
    scene, targets = CHANGES[name]
    if not scene:
        train, test = (replace(part, scene=part.scene[..., :0]) for part in (train, test))
    if targets != "scores":
        train = with_targets(train, targets)
    aim: System = AimSystem("AIM", load_config("jigsaws").method.network, TrainConfig(recipe="tools", networks=1))
    return predicted_by(aim, train, test)


def within_users(test: FeatureSet, scores: Floats) -> list[float]:
    """Spearman's correlation of scores (m,) with the true ones, for each user."""
    true = label_table(test.records)[:, 0]
    return [spearman(scores[mine], true[mine]) for mine in users_of(test).values()]


def one_set(seed: int, *, related: bool) -> dict[str, tuple[float, float]]:
    """By row of the table: the correlation within users, and that of all trials together."""
    features = made_users(seed, related=related)
    scores_of: dict[str, Floats] = {name: np.zeros(len(features)) for name in (*CHANGES, CHOSEN, RIDGE)}
    for mine in users_of(features).values():
        train, test = features.take(np.flatnonzero(~mine)), features.take(np.flatnonzero(mine))
        for name in (*CHANGES, RIDGE):
            scores_of[name][mine] = predicted(name, train, test)
        inside: dict[str, list[float]] = {name: [] for name in CHANGES}
        for part in inner_folds(train, np.arange(len(train)), ("subject",)):
            inner_train, inner_test = train.take(part.train), train.take(part.test)
            for name, rhos in inside.items():
                rhos += within_users(inner_test, predicted(name, inner_train, inner_test))
        scores_of[CHOSEN][mine] = scores_of[max(inside, key=lambda name: float(np.mean(inside[name])))][mine]
    true = label_table(features.records)[:, 0]
    return {
        name: (float(np.mean(within_users(features, scores))), float(spearman(scores, true)))
        for name, scores in scores_of.items()
    }


def summary(sets: Iterable[dict[str, tuple[float, float]]]) -> list[dict[str, Any]]:
    """Rows of the table: means over sets, and the standard error (of two or more) of their gain over AIM as it is."""
    sets = list(sets)
    rows: list[dict[str, Any]] = []
    for name in sets[0]:
        values = np.array([one[name] for one in sets])
        gain = values[:, 0] - [one[AS_IT_IS][0] for one in sets]
        error = float(gain.std(ddof=1) / np.sqrt(len(gain))) if len(gain) > 1 else None
        within, together = values.mean(0).tolist()
        rows.append({"row": name, "within": within, "together": together, "gain": float(gain.mean()), "gain_se": error})
    return rows


def main() -> None:
    """Print the table and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=int, default=4, help="number of sets of users")
    parser.add_argument("--first", type=int, default=0, help="seed of the first set")
    parser.add_argument("--related", action="store_true", help="harder: the agents also follow each other")
    parser.add_argument("--out", type=Path, default=Path("new_people.json"))
    options = parser.parse_args()
    sets = []
    with one_thread():
        for seed in range(options.first, options.first + options.sets):
            sets.append(one_set(seed, related=options.related))
            options.out.write_text(json.dumps({"sets": sets, "rows": summary(sets)}, indent=1) + "\n")
            print(f"set {seed}: done", flush=True)
    table = Table("AIM", "rho within users", "all together", "gain within users")
    for row in summary(sets):
        spread = "" if row["gain_se"] is None else f" ± {row['gain_se']:.3f}"
        gain = f"{row['gain']:+.3f}{spread}"
        table.add_row(str(row["row"]), f"{row['within']:.3f}", f"{row['together']:.3f}", gain)
    Console().print(table)


if __name__ == "__main__":
    main()
