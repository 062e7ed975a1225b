"""Recipe `fast` beside recipe `paper`, and the forty networks of a JIGSAWS evaluation.

    python -m benchmarks.recipe_comparison [--train 188] [--test 200] [--width 128] [--runs 2] [--seeds 2] [--out FILE]

First: both recipes, each with its own network, on planted time steps (`benchmarks.planted_steps`) of the size of
TASD-2's training part; the paper's network at `--width` in place of 512, since 3000 epochs take an hour at 512 on
two cores. Rank correlation on the test part with the 95 % interval of the paired difference, and
processor time, which other work on the machine hardly changes.

Second: 10 runs x 4 folds by `fast` on a set the size of JIGSAWS suturing: 39 trials in two views, 138 channels an
agent, 400 scene entries. The target is two minutes on two cores.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Hashable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from benchmarks.ablations import planted_features
from benchmarks.made_features import made_features
from data.splits import Fold, kfold
from pipeline.evaluate import evaluate
from pipeline.evaluate.cross_validation import fold_jobs, make_parts
from pipeline.evaluate.spread import run_here
from pipeline.observer import Progress
from pipeline.recipes import fast, model_for, paper
from pipeline.systems import AimSystem

TRIALS, CHANNELS, SCENE, FIGURES = 39, 138, 400, 47


def against_paper(train: int, test: int, width: int, runs: int, seed: int) -> dict[str, Any]:
    """Correlation and processor time of both recipes on one planted set."""
    features = planted_features(train + test, seed=seed)
    fold = Fold("fixed", features.ids[:train], features.ids[train:])
    systems = {
        "fast": AimSystem("fast", model_for("fast"), fast(runs=runs)),
        "paper": AimSystem("paper", model_for("paper", width=width), paper(runs=runs)),
    }
    seconds: dict[str, float] = {}
    stamps = [time.process_time()]

    class Stopwatch(Progress):
        def finish(self, item: Hashable, failure: str = "") -> None:
            seconds[list(systems)[len(seconds)]] = time.process_time() - stamps[-1]
            stamps.append(time.process_time())

    results = evaluate(features, [fold], list(systems.values()), against="fast", draws=1000, progress=Stopwatch())
    spearman = {name: results["systems"][name]["tasks"]["planted"]["together"]["spearman"] for name in systems}
    lead = results["differences"]["paper"]["planted"]
    return {"rho": spearman, "seconds": seconds, "lead": lead, "times": seconds["paper"] / seconds["fast"]}


def forty_networks() -> dict[str, Any]:
    """Seconds that 10 runs on each of 4 folds take at the size of JIGSAWS suturing."""
    made = made_features(2 * TRIALS, channels=CHANNELS, scene=SCENE, trial=FIGURES)
    records = tuple(replace(r, groups={**r.groups, "trial": str(i // 2)}) for i, r in enumerate(made.records))
    features = replace(made, records=records)
    parts = make_parts(features, kfold(records, k=4))
    start, used = time.perf_counter(), time.process_time()
    run_here(features, fold_jobs(parts, [AimSystem("AIM", model_for("fast"), fast(runs=10))]))
    seconds, used = time.perf_counter() - start, time.process_time() - used
    return {"networks": 10 * len(parts), "seconds": seconds, "cpu": used, "cores": torch.get_num_threads()}


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", type=int, default=188)
    parser.add_argument("--test", type=int, default=200)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--runs", type=int, default=2)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("runs/benchmarks/recipe_comparison.json"))
    given = parser.parse_args()
    forty = forty_networks()
    Console().print(
        f"{forty['networks']} networks by `fast`: {forty['seconds']:.1f} s on {forty['cores']} core(s), "
        f"{forty['cpu']:.1f} s of processor time"
    )
    seeds = [against_paper(given.train, given.test, given.width, given.runs, seed) for seed in range(given.seeds)]
    grid = Table(title=f"{given.train} train, {given.test} test, {given.runs} runs; paper's network at {given.width}")
    for column in ("seed", "fast", "paper", "fast's lead", "95 % interval", "fast, CPU s", "paper, CPU s", "times"):
        grid.add_column(column, justify="right")
    for seed, pair in enumerate(seeds):
        lead, rho, seconds = pair["lead"], pair["rho"], pair["seconds"]
        interval = f"{lead['low']:+.3f} … {lead['high']:+.3f}"
        cells = [f"{rho['fast']:.3f}", f"{rho['paper']:.3f}", f"{lead['value']:+.3f}", interval]
        grid.add_row(str(seed), *cells, f"{seconds['fast']:.1f}", f"{seconds['paper']:.1f}", f"{pair['times']:.0f}")
    Console().print(grid)
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps({"forty": forty, "recipes": seeds}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
