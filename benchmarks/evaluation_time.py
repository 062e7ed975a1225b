"""Seconds that `evaluate` and `leaderboard` take on sets like JIGSAWS, and the correlations that they give.

    python -m benchmarks.evaluation_time [--only 4fold] [--seeds 1] [--checkout DIR] [--out FILE]

The set: 103 trials of 3 tasks by 8 users in two views, 50 to 130 seconds each. Its kinematics are synthetic
(`synthetic.tiny_jigsaws`) and pass the stages `kinematics` and `timesteps`. The score moves some channels and the scene
of a view; the views share most of the scene's noise. The set is packed once a seed and evaluated by the command line,
each command twice: the second time it finds all trainings in the folder of the first.

    4fold   evaluate --config jigsaws                                     target 240 s on two quiet cores
    louo    evaluate --config jigsaws --set protocol=louo                 target 600 s
    quick   evaluate --config jigsaws --quick                             target  60 s
    board   leaderboard --config jigsaws, on the 39 trials of Suturing    target 600 s
    boards  leaderboard --config jigsaws, on 14 trials of each task       target 600 s

On a machine with other work, compare processor time with the target times the number of cores. `--checkout` evaluates
with the program in another folder, such as an older version, on the same set.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from data.store.arrays import Floats
from pipeline.api import extract
from pipeline.api import pack as pack_features
from pipeline.pack.pack_file import read_pack, write_pack
from pipeline.train import label_table
from pipeline.train.feature_set import FeatureSet
from synthetic.tiny_jigsaws import make_jigsaws

COMMANDS = {
    "4fold": (240, "jigsaws", ("evaluate",)),
    "louo": (600, "jigsaws", ("evaluate", "--set", "protocol=louo")),
    "quick": (60, "jigsaws", ("evaluate", "--quick")),
    "board": (600, "suturing", ("leaderboard",)),
    "boards": (600, "short", ("leaderboard",)),
}
"""By name: target in seconds, the set, and the words of the command beside `--config jigsaws`."""

SETS: dict[str, dict[str, int | None]] = {
    "jigsaws": {"Knot_Tying": None, "Needle_Passing": None, "Suturing": None},
    "suturing": {"Suturing": None},
    "short": {"Knot_Tying": 14, "Needle_Passing": 14, "Suturing": 14},
}
"""By name: tasks and the number of their trials; None: all of JIGSAWS."""

ROWS = {"Knot_Tying": 1500, "Needle_Passing": 2700, "Suturing": 2900}
"""Least kinematics rows of a trial, at 30 a second; a trial has up to a third more."""

SCENE, PATTERNS, SHOWN = 400, 24, 12
"""Entries of the scene, patterns that they are mixed from, and channels of an agent that show the score."""


def made_jigsaws(folder: Path, name: str, seed: int) -> Path:
    """The packed features of a synthetic JIGSAWS, one of `SETS`; made once."""
    place = folder / f"{name}-{seed}.h5"
    if place.exists():
        return place
    root = folder / f"{name}-{seed}"
    for task, trials in SETS[name].items():
        make_jigsaws(root, trials=trials, tasks=(task,), rows=ROWS[task], seed=seed, videos=False)
    settings = {"dataset.root": str(root), "stages": ["kinematics", "timesteps"], "timesteps.scene": ""}
    common: dict[str, Any] = {"config": "jigsaws", "overrides": settings, "cache": folder / f"cache-{name}-{seed}"}
    extract(workers=0, **common)
    kinematics = read_pack(pack_features(out=folder / "one-view.h5", **common).path)
    write_pack(place, two_views(with_skill(kinematics, seed), seed))
    return place


def standard_scores(trials: FeatureSet) -> Floats:
    """(n,) scores in deviations from their mean."""
    scores = label_table(trials.records)[:, 0]
    return np.asarray((scores - scores.mean()) / scores.std())


def with_skill(trials: FeatureSet, seed: int) -> FeatureSet:
    """The trials with `SHOWN` channels of each agent moved by the score and noise.

    Without them, 25 trials teach no network the relation that `make_jigsaws` plants.
    """
    rng, moved = np.random.default_rng(seed), {}
    for name in ("primary", "secondary"):
        values = getattr(trials, name).copy()
        channels = rng.choice(values.shape[-1], SHOWN, replace=False)
        shown = 0.6 * standard_scores(trials)[:, None] + 0.8 * rng.normal(size=(len(trials), SHOWN))
        spread = values[..., channels].std(axis=tuple(range(values.ndim - 1)))
        values[..., channels] += (shown * spread).reshape(len(trials), *[1] * (values.ndim - 2), SHOWN)
        moved[name] = values
    return replace(trials, **moved)


def two_views(trials: FeatureSet, seed: int) -> FeatureSet:
    """Every trial in two views: the same kinematics, and scenes that differ by noise."""
    rng = np.random.default_rng(seed)
    patterns = rng.normal(size=(PATTERNS, SCENE)) / np.arange(1, PATTERNS + 1)[:, None]
    shared = rng.normal(size=(len(trials), trials.primary.shape[1], PATTERNS))
    shared[..., 5] += 0.5 * standard_scores(trials)[:, None]
    views = []
    for view in ("capture1", "capture2"):
        noise = rng.normal(size=shared.shape)
        records = tuple(
            replace(r, id=f"{r.task}/video/{r.groups['trial']}_{view}.avi", groups={**r.groups, "view": view})
            for r in trials.records
        )
        views.append(replace(trials, records=records, scene=((shared + 0.7 * noise) @ patterns).astype(np.float32)))
    return views[0].followed_by(views[1])


def timed(pack: Path, name: str, seed: int, out: Path, checkout: Path) -> dict[str, Any]:
    """Seconds and correlations of one command, and its seconds when all its trainings are finished."""
    target, _, words = COMMANDS[name]
    settings = ["--config", "jigsaws", "--pack", str(pack), "--set", f"train.seed={seed}", "--out", str(out)]
    command = [sys.executable, "run_pipeline.py", *words, *settings]
    shutil.rmtree(out, ignore_errors=True)
    seconds, cpu = seconds_of(command, checkout, out.parent / f"{out.name}.log")
    resumed, _ = seconds_of(command, checkout, out.parent / f"{out.name}.log")
    results = json.loads((out / "results.json").read_text(encoding="utf-8"))
    systems = {name: correlations(system) for name, system in results["systems"].items()}
    times = {"seconds": seconds, "cpu_seconds": cpu, "target": target, "resumed_seconds": resumed}
    return {"command": name, **times, "systems": systems}


def seconds_of(command: Sequence[str], checkout: Path, log: Path) -> tuple[float, float]:
    """Wall and processor time of a command, in seconds."""
    start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    with log.open("w", encoding="utf-8") as lines:
        subprocess.run(command, cwd=checkout, check=True, stdout=lines, stderr=subprocess.STDOUT)
    seconds, used = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return seconds, used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime


def correlations(system: dict[str, Any]) -> dict[str, Any]:
    """Correlations averaged over tasks, and the deviation of single networks, averaged over tasks."""
    average = system["average"]
    tasks = system["tasks"].values()
    networks = [[one["rho"] for one in task["networks"] if one["rho"] is not None] for task in tasks]
    single = min(map(len, networks)) < 2
    return {
        "rho": average["rho"]["value"],
        "fisher": average["per_fold"]["fisher"],
        "mean": average["per_fold"]["arithmetic"],
        "deviation_of_networks": None if single else float(np.mean([np.std(each, ddof=1) for each in networks])),
    }


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=COMMANDS, action="append", help="repeat for several; default: all")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--checkout", type=Path, default=Path(), help="folder of the program to measure")
    parser.add_argument("--folder", type=Path, default=Path("runs/benchmarks/evaluation_time"))
    parser.add_argument("--out", type=Path, default=Path("runs/benchmarks/evaluation_time.json"))
    given = parser.parse_args()
    folder = given.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    measured = []
    for seed in range(given.seeds):
        for name in given.only or COMMANDS:
            pack = made_jigsaws(folder, COMMANDS[name][1], seed)
            out = folder / f"{given.checkout.resolve().name}-{name}-{seed}"
            measured.append({"seed": seed, **timed(pack, name, seed, out, given.checkout)})
            show(measured[-1])
    given.out.parent.mkdir(parents=True, exist_ok=True)
    report = {"cores": os.cpu_count(), "measured": measured}
    given.out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def show(one: dict[str, Any]) -> None:
    """Print the table of one command."""
    took = f"{one['seconds']:.0f} s (target {one['target']}), {one['cpu_seconds']:.0f} s of processor time"
    took += f", resumed in {one['resumed_seconds']:.0f} s"
    grid = Table(title=f"{one['command']}, seed {one['seed']}: {took}", title_justify="left")
    for column in ("system", "fisher", "mean", "together", "deviation of runs"):
        grid.add_column(column)
    for name, values in one["systems"].items():
        grid.add_row(name, *("" if value is None else f"{value:.3f}" for value in values.values()))
    Console().print(grid)


if __name__ == "__main__":
    main()
