"""What the settings of `timesteps` are worth, and how little the frame rate changes its features.

    python -m benchmarks.timestep_settings [--dives 200] [--train 64] [--splits 4] [--no-aim] [--out FILE]

Rendered dives without their pictures: true joints with 2 px of noise, random scores and 3 % of the frames without a
person replace the pose stage, so that only the features differ. `ridge` is ridge regression (strength by
leave-one-out on the training part) on primary channels and the absolute difference of the agents; `AIM` is recipe
`fast` without a scene feature, 3 runs. Figures are Spearman's rank correlations on held-out dives, means over splits.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from scipy.stats import spearmanr
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from data.store import Array, StageOutput
from data.video import Labels, Record
from extractors.timesteps import Timesteps, TimestepsConfig
from pipeline.features import FeatureSet
from pipeline.recipes import TrainConfig
from pipeline.score import Bundle
from pipeline.train import train
from synthetic import plan_dives
from synthetic.dives import Dive
from synthetic.rendering import Options, Truth, film_dive

SETTINGS: dict[str, dict[str, Any]] = {
    "default": {},
    "place, angle": {"pose": {"forms": ("place", "angle")}},
    "camera, body, velocity, angle": {"pose": {"forms": ("camera", "body", "velocity", "angle")}},
    "origin per frame": {"pose": {"centre": "frame"}},
    "means only": {"statistics": "mean"},
    "3 samples": {"statistics": "samples", "k": 3},
    "3 cosines": {"statistics": "dct", "k": 3},
}
"""What is compared, by name in the table."""


class Upstream:
    """Outputs of other stages as a stage's source."""

    def __init__(self, pose: StageOutput) -> None:
        self.upstream = {"pose": pose}


@dataclass(frozen=True)
class Made:
    """Dives and their truth."""

    dives: list[Dive]
    truths: list[Truth]


def make(count: int, options: Options) -> Made:
    """Plan dives and work out where every joint is; no frame is drawn."""
    dives = plan_dives(count, 7)
    films = (
        film_dive(d.shape, d.execution, d.pair, np.random.default_rng([d.key[0], 4, d.key[1]]), options) for d in dives
    )
    return Made(dives, [film.truth for film in films])


def noisy_pose(truth: Truth, seed: int, every: int = 1, noise: float = 2.0) -> StageOutput:
    """A pose output made from the truth of every n-th frame."""
    rng = np.random.default_rng(seed)
    xy = truth.keypoints + rng.normal(0, noise, truth.keypoints.shape)
    score = rng.uniform(0.3, 0.9, xy.shape[:3]) * np.where(truth.visible, 1, 0.2)
    lost = rng.random(xy.shape[:2]) < 0.03 * (noise > 0)
    xy[lost], score[lost] = np.nan, 0
    keypoints = np.concatenate([xy, score[..., None]], axis=3)[::every].astype(np.float32)
    return StageOutput(
        {
            "time": Array(truth.time[::every], ("frame",), "s"),
            "keypoints": Array(keypoints, ("frame", "agent", "joint", "xyc"), "px"),
        }
    )


def features_of(made: Made, settings: dict[str, Any]) -> tuple[FeatureSet, float]:
    """The feature set without a scene, and milliseconds per dive."""
    stage = Timesteps(TimestepsConfig(scene="", **settings))
    sources = [Upstream(noisy_pose(truth, seed)) for seed, truth in enumerate(made.truths)]
    start = time.perf_counter()
    outputs = [stage.extract(source).arrays for source in sources]  # type: ignore[arg-type]
    spent = 1e3 * (time.perf_counter() - start) / len(outputs)

    def stacked(name: str) -> NDArray[Any]:
        return np.stack([arrays[name].values for arrays in outputs])

    records = tuple(
        Record(dive.name, None, labels=Labels(dive.scores.final, dive.scores.execution, dive.scores.synchronisation))
        for dive in made.dives
    )
    names = ("primary", "primary_mask", "secondary", "secondary_mask", "scene", "trial", "duration")
    values: dict[str, Any] = {name: stacked(name) for name in names}
    return FeatureSet(records, **values, names={"primary": outputs[0]["primary"].names}), spent


def ridge(features: FeatureSet, splits: Sequence[NDArray[np.intp]], train_size: int) -> dict[str, float]:
    """Correlation for each label."""
    apart = np.abs(features.primary - features.secondary[:, :, 0])
    table = np.concatenate([features.primary, apart], axis=2).reshape(len(features), -1)
    correlations: dict[str, list[float]] = {}
    for name in ("score", "execution", "synchronisation"):
        label = np.array([getattr(record.labels, name) for record in features.records])
        for order in splits:
            rows, rest = order[:train_size], order[train_size:]
            model = make_pipeline(StandardScaler(), RidgeCV(np.logspace(1, 6, 11)))
            model.fit(table[rows], label[rows])
            correlations.setdefault(name, []).append(float(spearmanr(model.predict(table[rest]), label[rest])[0]))
    return {name: float(np.mean(values)) for name, values in correlations.items()}


def aim(features: FeatureSet, splits: Sequence[NDArray[np.intp]], train_size: int) -> float:
    """Correlation of recipe `fast` for the final score."""
    changes = []
    for order in splits:
        run = train(features, TrainConfig(runs=3), rows=order[:train_size])
        rest = features.take(order[train_size:])
        label = np.array([getattr(record.labels, "score", np.nan) for record in rest.records])
        changes.append(float(spearmanr(Bundle(run).predict(rest).score, label)[0]))
    return float(np.mean(changes))


def half_rate(count: int = 40) -> dict[str, float]:
    """Median change of the features from 50 to 25 frames per second, by statistic, in deviations over the dives."""
    made = make(count, Options(frames=204, rate=50))
    stage = Timesteps(TimestepsConfig(scene=""))
    tables = []
    for every in (1, 2):
        sources = [Upstream(noisy_pose(truth, 0, every, noise=0.0)) for truth in made.truths]
        outputs = [stage.extract(source).arrays["primary"] for source in sources]  # type: ignore[arg-type]
        tables.append(np.stack([output.values for output in outputs]))
    change = np.abs(tables[0] - tables[1]) / np.maximum(tables[0].std(axis=0), 1e-3)
    kinds = np.array([name.rpartition(".")[2] for name in outputs[0].names])
    return {str(kind): float(np.median(change[..., kinds == kind])) for kind in dict.fromkeys(kinds.tolist())}


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--dives", type=int, default=200)
    parser.add_argument("--train", type=int, default=64)
    parser.add_argument("--splits", type=int, default=4)
    parser.add_argument("--no-aim", action="store_true")
    parser.add_argument("--out", type=Path, default=Path("runs/benchmarks/timestep_settings.json"))
    given = parser.parse_args()
    made = make(given.dives, Options())
    splits = [np.random.default_rng(seed).permutation(given.dives) for seed in range(given.splits)]
    table = Table("settings", "channels", "ms a dive", "ridge final", "execution", "synchronisation", "AIM final")
    rows = []
    for name, settings in SETTINGS.items():
        features, spent = features_of(made, settings)
        row = {"settings": name, "channels": features.primary.shape[2], "ms": spent}
        row |= ridge(features, splits, given.train)
        row["aim"] = None if given.no_aim else aim(features, splits, given.train)
        rows.append(row)
        figures = [f"{row[key]:.3f}" if row[key] is not None else "-" for key in list(row)[3:]]
        table.add_row(name, str(row["channels"]), f"{spent:.1f}", *figures)
    rates = half_rate()
    console = Console()
    console.print(table)
    rates_text = ", ".join(f"{name} {value:.3f}" for name, value in rates.items())
    console.print(f"50 against 25 frames per second, median change in deviations over the dives: {rates_text}")
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps({"settings": rows, "half_rate": rates}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
