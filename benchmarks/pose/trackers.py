"""The pose stage with its own tracker and with trackers of the `trackers` library, on people who cross, pass or turn.

    python -m benchmarks.pose.trackers [--cases NAME ...] [--workers 2] [--folder FOLDER] [--out FILE]

The library is not among this project's requirements: `pip install trackers`, in an environment of its own, since it
requires opencv-python, which must not be installed beside opencv-contrib-python-headless. Experiments:

- `stage`: the tracker runs inside the stage, so the search follows its tracks;
- `replay`: every tracker gets the detections that the stage found with its own tracker;
- `crossed`: the same detections of two people, one mirrored, so that they cross where both were filmed alone
  (held out: at least one of them is of the held-out camera).

The last two run on every frame, on every second and on every third. Columns are those of `measure.py`; `splits` counts
how often a person goes over to another track, before the stage joins tracks to agents; `us` is CPU time a frame.
"""

from __future__ import annotations

import argparse
import importlib.util
import itertools
import json
import sys
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.pose.box import SharedForwards
from benchmarks.pose.cases import CASES, SPLITS
from benchmarks.pose.library_tracker import LIBRARY, OURS, make_tracker
from benchmarks.pose.measure import mean_row
from benchmarks.pose.multiview_detections import MIRRORED
from benchmarks.pose.real import Clip, read_clip
from benchmarks.pose.real_rows import make_all
from benchmarks.pose.replay import every, run_stage
from data.weights import fetch
from extractors.pose.backends import load_backend
from extractors.pose.config import PoseConfig
from extractors.pose.detections import Detections
from extractors.pose.stage import Pose

KINDS = ("crossing", "bystanders", "somersault")
COLUMNS = ("switches", "splits", "found", "pck50", "pck20", "us")
STEPS = (1, 2, 3)
WIDTH = 455
"""Pixels of a clip, for mirroring."""


def replayed_rows(stage: Pose, clip: Clip, found: Sequence[Detections]) -> dict[str, dict[str, float]]:
    """Rows by step and tracker, on given detections of every frame."""
    rows = {}
    for step, tracker in itertools.product(STEPS, (OURS, *LIBRARY)):
        make = partial(make_tracker, tracker)
        parts = [run_stage(stage, make, every(clip, step, i), found[i::step])[0] for i in range(step)]
        rows[f"{step}/{tracker}"] = sums(parts)
    return rows


def run_case(folder: Path, name: str) -> tuple[dict[str, dict[str, float]], list[Detections]]:
    """Rows of one case by experiment, step and tracker, and the detections with the stage's own tracker."""
    clip, case = read_clip(folder, CASES[name]), CASES[name]
    stage = Pose(PoseConfig(agents=case.agents))
    stage._backend = shared = SharedForwards()
    shared.network = load_backend(stage.config)
    inside = {name: run_stage(stage, partial(make_tracker, name), clip) for name in (OURS, *LIBRARY)}
    found = inside[OURS][1]
    rows = {f"stage/1/{name}": row for name, (row, _) in inside.items()}
    return rows | {f"replay/{key}": row for key, row in replayed_rows(stage, clip, found).items()}, found


def run_pair(folder: Path, names: Sequence[str], found: Sequence[Sequence[Detections]]) -> dict[str, dict[str, float]]:
    """Rows of two people who were filmed alone; the second one is mirrored."""
    first, second = (read_clip(folder, CASES[name]) for name in names)
    mirrored = np.array([WIDTH, 0.0]) + second.truth[:, :, MIRRORED] * (-1, 1)
    truth = np.concatenate([first.truth, mirrored], axis=1)
    visible = np.concatenate([first.visible, second.visible[:, :, MIRRORED]], axis=1)
    poses = [d.keypoints[:, MIRRORED] * (-1, 1, 1) + (WIDTH, 0, 0) for d in found[1]]
    turned = [Detections.of(pose, d.scores) for pose, d in zip(poses, found[1], strict=True)]
    together = [Detections.joined(pair).distinct() for pair in zip(found[0], turned, strict=True)]
    stage = Pose(PoseConfig(agents=2))
    stage._backend = SharedForwards()
    rows = replayed_rows(stage, Clip(first.images, first.times, truth, visible), together)
    return {f"crossed/{key}": row for key, row in rows.items()}


def sums(rows: Sequence[dict[str, float]]) -> dict[str, float]:
    """Means of several rows; switches and splits are summed."""
    return mean_row(rows) | {"splits": sum(row["splits"] for row in rows)}


def table_of(cases: Mapping[str, Mapping[str, dict[str, float]]], split: str) -> Table:
    """One row an experiment, kind, step and tracker."""
    groups = defaultdict(list)
    for name, rows in cases.items():
        people = [CASES[part] for part in name.split(" + ")]
        if split == max((case.split for case in people), key=SPLITS.index):
            for key, row in rows.items():
                experiment, step, tracker = key.split("/")
                groups[experiment, people[0].kind, step, tracker].append(row)
    table = Table("experiment", "kind", "step", "tracker", "cases", *COLUMNS, title=f"Trackers; {split}")
    for key, rows in sorted(groups.items(), key=lambda group: group[0][:3]):
        kind = "pairs" if key[0] == "crossed" else key[1]
        mean = sums(rows)
        cells = [f"{mean[c]:.{0 if c in ('switches', 'splits', 'us') else 3}f}" for c in COLUMNS]
        table.add_row(key[0], kind, *key[2:], str(len(rows)), *cells)
    return table


def main() -> None:
    """Run every case, print the tables and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", nargs="*", help="beginnings of names of cases")
    parser.add_argument("--workers", type=int, default=2, help="cases side by side, each in one thread")
    parser.add_argument("--folder", type=Path, help="where made clips are kept (default: a temporary folder)")
    parser.add_argument("--out", type=Path, default=Path("runs/benchmarks/pose_trackers.json"))
    given = parser.parse_args()
    if importlib.util.find_spec("trackers") is None:
        sys.exit("This benchmark needs the library trackers, which is not installed: pip install trackers")
    fetch("movenet-multipose")
    names = [n for n, c in CASES.items() if c.kind in KINDS and (not given.cases or n.startswith(tuple(given.cases)))]
    with tempfile.TemporaryDirectory() as temporary, ProcessPoolExecutor(given.workers, get_context("spawn")) as pool:
        folder = given.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        make_all(folder, names, pool)
        results = dict(zip(names, pool.map(run_case, [folder] * len(names), names), strict=True))
        cases = {name: rows for name, (rows, _) in results.items()}
        alone = [name for name in names if CASES[name].kind == "somersault"]
        jobs = {
            " + ".join(pair): pool.submit(run_pair, folder, pair, [results[name][1] for name in pair])
            for pair in itertools.combinations(alone, 2)
        }
        cases |= {name: job.result() for name, job in jobs.items()}
    for split in SPLITS:
        Console(width=160).print(table_of(cases, split))
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(cases, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
