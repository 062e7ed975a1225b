"""Which secondary agent fits one person before a still camera: half of the body, or the camera.

    python -m benchmarks.one_body [--count 160] [--train 96] [--splits 3] [--out FILE]

Planted data without pictures: joints with 2 px of noise replace the pose stage, and a camera without motion the
camera stage. In `sides` the right arm and leg follow the left ones, in `levels` the legs follow the arms
(`synthetic.planted_relation`): whoever follows more closely scores higher. `dives` are rendered dives of one diver with
the execution award, in which no half follows the other. The first two favour one form each, by construction.

`aim` is recipe `fast` without a scene feature, 3 runs; `trial` is ridge regression on the trial-level descriptors.
Values are Spearman's rank correlations on held-out performances, means over splits. Planted data is no proof.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from scipy.stats import spearmanr
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.timestep_settings import noisy_pose
from data.store import Array, StageOutput
from data.store.arrays import Floats
from data.video import Labels, Record
from extractors.timesteps import Timesteps, TimestepsConfig
from pipeline.features import FeatureSet
from pipeline.recipes import TrainConfig, model_for
from pipeline.score import Bundle
from pipeline.train import train
from synthetic import plan_dives
from synthetic.dive_scene import between_steps, set_scene
from synthetic.planted_relation import Relation, follow
from synthetic.rendering import Truth

ROLES = {
    "folder: camera": {"primary": "pose:0", "secondary": ("camera_flow",)},
    "left, right": {"primary": "pose:0:left", "secondary": ("pose:0:right",)},
    "upper, lower": {"primary": "pose:0:upper", "secondary": ("pose:0:lower",)},
}
"""What is compared, by name in the table."""

RATE, ROWS = 25, 100
RADIANS = 0.2
"""Angle of a limb per unit of a planted signal."""

TRUNK = np.array([[0, -80], [4, -84], [-4, -84], [8, -80], [-8, -80], [18, -50], [-18, -50], [11, 0], [-11, 0]])
"""Nose, eyes, ears, shoulders, hips in px, left before right, y down."""


def limbs(arms: Floats, legs: Floats) -> Floats:
    """(row, 17, 2) px of COCO's joints; `arms` and `legs` are (row, 4): root, middle, left then right."""
    xy = np.zeros((len(arms), 17, 2))
    xy[:, :7], xy[:, 11:13] = TRUNK[:7], TRUNK[7:]
    for angles, root, length, rest in ((arms, 5, 26.0, 0.5), (legs, 11, 40.0, 0.1)):
        for side in (0, 1):
            sign = 1 - 2 * side
            first = rest + RADIANS * angles[:, 2 * side]
            second = first + RADIANS * angles[:, 2 * side + 1]
            for joint, angle in ((root + 2 + side, first), (root + 4 + side, second)):
                xy[:, joint] = xy[:, joint - 2] + length * np.stack([sign * np.sin(angle), np.cos(angle)], axis=1)
    return 2.0 * xy + 250.0


def followed(count: int, what: str, seed: int = 0) -> tuple[list[Truth], Floats]:
    """People whose right side follows the left, or whose legs follow the arms, and their scores from 0 to 10."""
    relation = Relation.draw(4, seed)
    quality = np.random.default_rng([seed, count]).uniform(size=count)
    truths = []
    for number, value in enumerate(quality):
        leader, follower = follow(np.random.default_rng([seed, count, number]), relation, value, ROWS, RATE)
        arms, legs = leader, follower
        if what == "sides":
            arms = np.concatenate([leader[:, :2], follower[:, :2]], axis=1)
            legs = np.concatenate([leader[:, 2:], follower[:, 2:]], axis=1)
        truths.append(seen(limbs(arms, legs)[:, None]))
    return truths, 10 * quality


def dived(count: int) -> tuple[list[Truth], Floats]:
    """Dives of one diver before a still camera, from the side, and the execution awards."""
    truths, dives = [], plan_dives(count, 7)
    for dive in dives:
        steps, _ = set_scene(dive.shape, dive.execution[:1], dive.pair, ROWS / RATE)
        world = between_steps(steps, np.arange(ROWS) / RATE)[:, :, :17]
        truths.append(seen(100.0 * world[..., :2] * [1.0, -1.0]))
    return truths, np.array([dive.scores.awards[0] for dive in dives])


def seen(keypoints: Floats) -> Truth:
    """The truth of (row, person, 17, 2) px that are visible throughout."""
    return Truth(np.arange(len(keypoints)) / RATE, keypoints, np.ones(keypoints.shape[:3], bool), np.zeros((0, 3)))


def still_camera(seed: int, cells: int = 12) -> StageOutput:
    """The stage `camera_flow` for a tripod: no motion, and noise of .001 picture widths per second in the cells."""
    rng, pairs = np.random.default_rng([seed, cells]), ROWS - 1
    time = np.stack([np.arange(pairs), np.arange(1, ROWS)], axis=1) / RATE
    flow = rng.normal(0, 0.001, (pairs, cells, 2))
    values = {
        "time": time,
        "motion": np.zeros((pairs, 4)),
        "inliers": np.ones(pairs),
        "cells": flow,
        "cell_mask": np.ones((pairs, cells), bool),
    }
    return StageOutput({name: Array(value, ("pair",) + ("",) * (value.ndim - 1), "") for name, value in values.items()})


def features_of(truths: Sequence[Truth], scores: Floats, roles: dict[str, Any]) -> FeatureSet:
    """Time steps of people in these roles."""
    stage = Timesteps(TimestepsConfig(scene="", **roles))
    outputs = []
    for seed, truth in enumerate(truths):
        upstream = {"pose": noisy_pose(truth, seed), "camera_flow": still_camera(seed)}
        outputs.append(stage.extract(SimpleNamespace(upstream=upstream)).arrays)  # type: ignore[arg-type]
    records = tuple(Record(str(number), None, labels=Labels(float(score))) for number, score in enumerate(scores))
    names = ("primary", "primary_mask", "secondary", "secondary_mask", "scene", "trial", "duration")
    values: dict[str, Any] = {name: np.stack([arrays[name].values for arrays in outputs]) for name in names}
    return FeatureSet(records, **values, names={n: outputs[0][n].names for n in ("primary", "secondary", "trial")})


def compare(features: FeatureSet, scores: Floats, order: NDArray[np.intp], train_size: int) -> dict[str, float]:
    """Rank correlations of both systems on the rows of `order` after the first `train_size`."""
    rows, rest = order[:train_size], order[train_size:]
    run = train(features, TrainConfig(runs=3), model_for("fast"), rows=rows)
    ridge = make_pipeline(StandardScaler(), RidgeCV(np.logspace(-1, 5, 13)))
    ridge.fit(features.trial[rows], scores[rows])
    predicted = {"aim": Bundle(run).predict(features.take(rest)).score, "trial": ridge.predict(features.trial[rest])}
    return {name: float(spearmanr(values, scores[rest])[0]) for name, values in predicted.items()}


def measure(count: int, train_size: int, splits: int) -> list[dict[str, Any]]:
    """One row for each planted set and form."""
    sets = {"sides": followed(count, "sides"), "levels": followed(count, "levels"), "dives": dived(count)}
    rows = []
    for planted, (truths, scores) in sets.items():
        for form, roles in ROLES.items():
            features = features_of(truths, scores, roles)
            orders = [np.random.default_rng(seed).permutation(count) for seed in range(splits)]
            each = [compare(features, scores, order, train_size) for order in orders]
            means = {name: float(np.mean([one[name] for one in each])) for name in each[0]}
            rows.append({"planted": planted, "secondary": form, **means, "splits": each})
    return rows


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--count", type=int, default=160)
    parser.add_argument("--train", type=int, default=96)
    parser.add_argument("--splits", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("runs/benchmarks/one_body.json"))
    given = parser.parse_args()
    rows = measure(given.count, given.train, given.splits)
    table = Table("planted", "secondary agent", "AIM", "trial-level ridge")
    for row in rows:
        table.add_row(row["planted"], row["secondary"], f"{row['aim']:.3f}", f"{row['trial']:.3f}")
    Console().print(table)
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps({"count": given.count, "train": given.train, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
