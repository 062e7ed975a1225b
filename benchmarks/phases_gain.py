"""Whether time steps that follow phases help the score: rank correlation of AIM with equal steps and with phases.

    python -m benchmarks.phases_gain [--count 60] [--folds 5] [--out FILE]        --folds 0: alignment alone

Two data sets of keypoint files, whose phases are known. `dives`: the demo's rendered dives (stance, flight, entry), by
the keypoints of the renderer. `planted`: bodies of uneven tempo, whose score is how far they bend in the flight, while
other phases bend at random. Both runs of a set have the same folds and seeds. The difference has a 95 % interval from
drawing performances with replacement. Then the even performances alone are marked, and alignment gives the others their
phases: errors in seconds.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from data.keypoints.skeletons import COCO17
from pipeline import api
from synthetic.dive_motion import flight_time
from synthetic.dive_scene import AFTER_ENTRY
from synthetic.dives import film_of, plan_dives
from synthetic.rendering import Options

NAMES = ("run", "flight", "entry")


def write(path: Path, time: NDArray[np.float64], points: NDArray[np.float64]) -> None:
    """A CSV of (frame, person, 17, axis) points."""
    axes = "xyz"[: points.shape[-1]]
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["frame", "time", "person", *(f"{name}_{axis}" for name in COCO17 for axis in axes)])
        for frame, people in enumerate(points):
            for person, body in enumerate(people):
                writer.writerow([frame, f"{time[frame]:.4f}", person, *body.ravel()])


def tables(folder: Path, scores: Sequence[float], edges: Sequence[Sequence[float]]) -> None:
    """`scores.csv` and `phases.csv`; the last phase lasts until the end."""
    files = [f"{number:03d}.csv" for number in range(len(scores))]
    lines = ["video,score", *(f"{file},{score:.4f}" for file, score in zip(files, scores, strict=True))]
    (folder / "scores.csv").write_text("\n".join(lines) + "\n", "utf-8")
    marks = [
        f"{f},{n},{at:.4f}" for f, e in zip(files, edges, strict=True) for n, at in zip(NAMES, (0, *e), strict=True)
    ]
    (folder.parent / "phases.csv").write_text("\n".join(["video,phase,start_s", *marks]) + "\n", "utf-8")


def dives(folder: Path, count: int) -> dict[str, Any]:
    """The demo's dives; returns the settings of their evaluation."""
    scores, edges, options = [], [], Options()
    for number, dive in enumerate(plan_dives(count, 0)):
        truth = film_of(dive, options).truth
        write(folder / f"{number:03d}.csv", truth.time, truth.keypoints)
        entry = options.frames / options.rate - AFTER_ENTRY
        first = min(lag + flight_time(e) for lag, e in zip((0.0, dive.pair.lag), dive.execution, strict=True))
        scores.append(dive.scores.final)
        edges.append((entry - first, entry))
    tables(folder, scores, edges)
    return {"skeleton.agents": 2, "timesteps.secondary": ["skeleton:1"]}


def planted(folder: Path, count: int) -> dict[str, Any]:
    """Bodies that bend in each phase, for random times; returns the settings of their evaluation."""
    rng, scores, edges = np.random.default_rng(0), [], []
    standing = rng.normal(size=(17, 3)) + np.linspace(0, 2, 17)[:, None]
    ways = rng.normal(size=(17, 3))
    for number in range(count):
        lengths, depth = rng.uniform(0.4, 2.4, 3), rng.uniform(0.1, 0.5, 3)
        ends, time = np.cumsum(lengths), np.arange(0, lengths.sum(), 1 / 30)
        part = np.searchsorted(ends, time, side="right").clip(0, 2)
        share = (time - (ends - lengths)[part]) / lengths[part]
        bend = (depth[part] * np.sin(np.pi * share) ** 2)[:, None, None] * ways
        write(folder / f"{number:03d}.csv", time, (standing + bend + 0.02 * rng.normal(size=bend.shape))[:, None])
        scores.append(100 * depth[1])
        edges.append(ends[:2].tolist())
    tables(folder, scores, edges)
    return {}


def compared(name: str, folder: Path, further: dict[str, Any], folds: int) -> dict[str, Any]:
    """Rank correlations of both kinds of steps, and their difference with its interval."""
    root, made = folder / "set", {}
    common = {"dataset.root": root, "dataset.phases": folder / "phases.csv", "cache": folder / "cache"} | further
    common |= {"combined": False, "split.folds": folds, "timesteps.steps": 9}
    for kind, bounds in (("equal", "equal"), ("phases", list(NAMES))):
        settings = common | {"timesteps.bounds": bounds}
        if failed := api.extract(config="skeletons", overrides=settings).summary.failed:
            raise SystemExit(f"{len(failed)} performances of {name} failed: {failed[0].failed}")
        api.evaluate(config="skeletons", overrides=settings, out=folder / kind, quick=True)
        rows = json.loads((folder / kind / "results.json").read_text())["predictions"]
        made[kind] = np.array([next(iter(row["systems"].values()))["value"] for row in rows])  # AIM comes first
        truth = np.array([row["true"] for row in rows])
    rng, draws = np.random.default_rng(0), []
    for _ in range(2000):
        some = rng.integers(len(truth), size=len(truth))
        equal, phases = (spearmanr(made[kind][some], truth[some]).statistic for kind in ("equal", "phases"))
        draws.append(phases - equal)
    rho = {kind: float(spearmanr(values, truth).statistic) for kind, values in made.items()}
    return {"set": name, "performances": len(truth), **rho, "gain": rho["phases"] - rho["equal"],
            "interval95": np.quantile(draws, [0.025, 0.975]).tolist()}  # fmt: skip


def alignment_error(folder: Path, further: dict[str, Any]) -> dict[str, Any]:
    """Errors in seconds of the begins that alignment gives odd performances, where the even ones alone are marked."""
    header, *lines = (folder / "phases.csv").read_text().splitlines()
    known = {(file, name): float(at) for file, name, at in (line.split(",") for line in lines)}
    marked = folder / "even.csv"
    marked.write_text("\n".join([header, *(line for line in lines if int(line[:3]) % 2 == 0)]) + "\n", "utf-8")
    ours = {"dataset.root": folder / "set", "dataset.phases": marked, "cache": folder / "cache"}
    trained = {**ours, **further, "timesteps.bounds": list(NAMES), "combined": False, "train.epochs": 2}
    api.extract(config="skeletons", overrides=trained)
    api.train(config="skeletons", overrides=trained, out=folder / "run", folds=0)
    rows = [row for row in api.score(model=folder / "run", config="skeletons", overrides=ours) if row.carried]
    errors = [abs(phase.start - known[row.id, phase.name]) for row in rows for phase in row.phases[1:]]
    return {"aligned": len(rows), "mean_error_s": float(np.mean(errors)), "median_error_s": float(np.median(errors))}


def main() -> None:
    """Print one line a set and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path("runs/benchmarks/phases_gain.json"))
    given, results = parser.parse_args(), []
    with TemporaryDirectory() as place:
        for make in (dives, planted):
            folder = Path(place) / make.__name__
            further = make(folder / "set", given.count)
            made = compared(make.__name__, folder, further, given.folds) if given.folds else {"set": make.__name__}
            results.append(made | alignment_error(folder, further))
            print(*(f"{name} {value}" for name, value in results[-1].items()), sep=", ")
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
