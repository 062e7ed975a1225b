"""What each part of AIM is worth on planted time steps: full model, every row of table 5, roles exchanged.

    python -m benchmarks.ablations [--train 300] [--test 200] [--runs 10] [--out FILE]

On the asymmetric set every part has something to do (`data.synthetic.planted_steps`); on the symmetric one the
roles are equal and exchanging them must make no difference. Leads are in Spearman's rho on the test part, with 95 %
bootstrap intervals of the paired difference.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from data.splits import Fold
from data.synthetic.planted_steps import planted_steps
from data.videos import Labels, Record
from pipeline.evaluate import evaluate
from pipeline.features import FeatureSet
from pipeline.leaderboard import ABLATIONS, OURS
from pipeline.recipes import fast, model_for
from pipeline.systems import AimSystem


def planted_features(count: int, *, symmetric: bool = False, seed: int = 0) -> FeatureSet:
    """`count` performances of planted time steps as a feature set."""
    made = planted_steps(count, symmetric=symmetric, seed=seed)
    labels = zip(made.score, made.execution, made.synchronisation, strict=True)
    records = tuple(
        Record(f"{i}", None, task="planted", labels=Labels(*map(float, row))) for i, row in enumerate(labels)
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


def ablate(train: int, test: int, runs: int, *, symmetric: bool = False) -> dict[str, Any]:
    """Results of `evaluate` for the full model and its ablations."""
    features = planted_features(train + test, symmetric=symmetric)
    config = fast(runs=runs)
    changes = {"exchanged roles": ABLATIONS["exchanged roles"]} if symmetric else ABLATIONS
    systems = [AimSystem(OURS, model_for("fast"), config)]
    systems += [AimSystem(name, replace(model_for("fast"), **changed), config) for name, changed in changes.items()]
    fold = Fold("fixed", features.ids[:train], features.ids[train:])
    return evaluate(features, [fold], systems, protocol="planted", draws=1000, against=OURS)


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", type=int, default=300)
    parser.add_argument("--test", type=int, default=200)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--out", type=Path, default=Path("runs/benchmarks/ablations.json"))
    given = parser.parse_args()
    found = {}
    for symmetric in (False, True):
        title = "symmetric" if symmetric else "asymmetric"
        found[title] = ablate(given.train, given.test, given.runs, symmetric=symmetric)
        table = Table(title=f"{title} set, {given.train} train, {given.test} test, {given.runs} runs")
        for column in ("system", "rho", "full model's lead", "95 % interval"):
            table.add_column(column, justify="left" if column == "system" else "right")
        for name, told in found[title]["systems"].items():
            lead = found[title]["differences"].get(name, {}).get("planted")
            cells = ("", "") if lead is None else (f"{lead['value']:+.3f}", f"{lead['low']:+.3f} … {lead['high']:+.3f}")
            table.add_row(name, f"{told['tasks']['planted']['together']['spearman']:.3f}", *cells)
        Console().print(table)
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
