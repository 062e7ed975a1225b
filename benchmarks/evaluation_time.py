"""Seconds of `evaluate` on a set like JIGSAWS.

    python -m benchmarks.evaluation_time [--only 4fold] [--checkout DIR] [--out FILE]

The set: 103 trials of 3 tasks by 8 users in two views, 50 to 130 seconds each. Its kinematics are synthetic
(`synthetic.tiny_jigsaws`) and pass through the stages `kinematics` and `timesteps`. Some channels and the scene of a
view depend on the score; the views share most of the scene's noise. The set is packed once and evaluated by the command
line. Each command runs twice, the second time with all trainings finished.

    4fold   evaluate --config jigsaws                                     target 240 s on two quiet cores
    louo    evaluate --config jigsaws --set protocol=louo                 target 600 s
    quick   evaluate --config jigsaws --quick                             target  60 s

On a busy machine, compare processor time with the target times the number of cores. `--checkout` evaluates the same set
with the program in another folder, such as an older version.
"""

from __future__ import annotations

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

from benchmarks.measuring import options, show, write
from data.store.arrays import Floats
from pipeline.api import extract
from pipeline.api import pack as pack_features
from pipeline.pack.pack_file import read_pack, write_pack
from pipeline.train import label_table
from pipeline.train.feature_set import FeatureSet
from synthetic.tiny_jigsaws import make_jigsaws

COMMANDS = {"4fold": (240, ()), "louo": (600, ("--set", "protocol=louo")), "quick": (60, ("--quick",))}
"""By name: target in seconds, and the words of the command beside `evaluate --config jigsaws`."""

ROWS = {"Knot_Tying": 1500, "Needle_Passing": 2700, "Suturing": 2900}
"""Least kinematics rows of a trial, at 30 a second; a trial has up to a third more."""

SCENE, PATTERNS, SHOWN = 400, 24, 12
"""Entries of the scene, patterns mixed into them, and channels of an agent that depend on the score."""


def made_jigsaws(folder: Path) -> Path:
    """The packed features of a synthetic JIGSAWS; made once."""
    place, root = folder / "jigsaws.h5", folder / "jigsaws"
    if place.exists():
        return place
    for task, rows in ROWS.items():
        make_jigsaws(root, trials=None, tasks=(task,), rows=rows, videos=False)
    settings = {"dataset.root": str(root), "stages": ["kinematics", "timesteps"], "timesteps.scene": ""}
    common: dict[str, Any] = {"config": "jigsaws", "overrides": settings, "cache": folder / "cache"}
    extract(workers=0, **common)
    kinematics = read_pack(pack_features(out=folder / "one-view.h5", **common).path)
    write_pack(place, two_views(with_skill(kinematics)))
    return place


def standard_scores(trials: FeatureSet) -> Floats:
    """(n,) scores in deviations from their mean."""
    scores = label_table(trials.records)[:, 0]
    return np.asarray((scores - scores.mean()) / scores.std())


def with_skill(trials: FeatureSet) -> FeatureSet:
    """The trials with `SHOWN` channels of each agent changed by the score and noise.

    Without them, networks cannot learn the relation in `make_jigsaws` from 25 trials.
    """
    rng, moved = np.random.default_rng(0), {}
    for name in ("primary", "secondary"):
        values = getattr(trials, name).copy()
        channels = rng.choice(values.shape[-1], SHOWN, replace=False)
        shown = 0.6 * standard_scores(trials)[:, None] + 0.8 * rng.normal(size=(len(trials), SHOWN))
        spread = values[..., channels].std(axis=tuple(range(values.ndim - 1)))
        values[..., channels] += (shown * spread).reshape(len(trials), *[1] * (values.ndim - 2), SHOWN)
        moved[name] = values
    return replace(trials, **moved)


def two_views(trials: FeatureSet) -> FeatureSet:
    """Every trial in two views, with the same kinematics and scenes that differ by noise."""
    rng = np.random.default_rng(0)
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


def timed(pack: Path, name: str, out: Path, checkout: Path) -> dict[str, Any]:
    """Seconds of a command, first without and then with finished trainings."""
    target, words = COMMANDS[name]
    settings = ["--config", "jigsaws", "--pack", str(pack), "--out", str(out)]
    command = [sys.executable, "run_pipeline.py", "evaluate", *words, *settings]
    shutil.rmtree(out, ignore_errors=True)
    seconds, cpu = seconds_of(command, checkout, out.parent / f"{out.name}.log")
    resumed, _ = seconds_of(command, checkout, out.parent / f"{out.name}.log")
    return {"command": name, "seconds": seconds, "target": target, "CPU seconds": cpu, "resumed in s": resumed}


def seconds_of(command: Sequence[str], checkout: Path, log: Path) -> tuple[float, float]:
    """Wall and processor time of a command, in seconds."""
    start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    with log.open("w", encoding="utf-8") as lines:
        subprocess.run(command, cwd=checkout, check=True, stdout=lines, stderr=subprocess.STDOUT)
    seconds, used = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return seconds, used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Measure, print, write."""
    parser = options(__doc__, "evaluation_time.json")
    parser.add_argument("--only", choices=COMMANDS, action="append", help="repeat for several; default: all")
    parser.add_argument("--checkout", type=Path, default=Path(), help="folder of the program to measure")
    parser.add_argument("--folder", type=Path, default=Path("runs/benchmarks/evaluation_time"))
    given = parser.parse_args()
    folder = given.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    pack = made_jigsaws(folder)
    outs = {name: folder / f"{given.checkout.resolve().name}-{name}" for name in given.only or COMMANDS}
    rows = [timed(pack, name, out, given.checkout) for name, out in outs.items()]
    show("103 trials of 3 tasks in two views", rows)
    write(given.out, {"measured": rows})


if __name__ == "__main__":
    main()
