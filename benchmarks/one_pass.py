"""All stages from one decode beside the same stages one after another.

    python -m benchmarks.one_pass [--repeats 3] [--out runs/benchmarks/one_pass.json]

On a rendered dive of 102 frames: `own` is a stage's compute on frames that were decoded beforehand, `alone` a
pass of its own with decoding and writing, `one pass` all stages together from one decode. The figure asked for is
one pass / sum of own, at most 1.15: decoding and writing hide behind the stages. Wall time counts what other programs
take from the machine, so CPU time is listed too; the least of the repeats is shown.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from data.store import StageOutput
from data.video import Frame, Record, VideoInfo, decode, probe
from extractors.base import Extractor
from pipeline.cache import Cache
from pipeline.config import BaseConfig, validate
from pipeline.run import Planner
from pipeline.run.runner import PlanRunner
from pipeline.stages import stage_class
from synthetic import render_dives

STAGES = ("clips", "pose", "camera_flow")
TARGET = 1.15
LOOP = 102
"""Frames of the dive."""


class Held:
    """A video whose frames were decoded beforehand, as the source of a stage."""

    def __init__(self, record: Record) -> None:
        assert record.path is not None
        self.record = record
        self.info: VideoInfo
        self.times: NDArray[np.float64]
        self.info, self.times = probe(record.path)
        self.upstream: dict[str, StageOutput] = {}
        self._frames = list(decode(record.path))

    def frames(self, indices: Sequence[int] | None = None) -> Iterator[Frame]:
        """The frames asked for, at no cost."""
        return iter(self._frames if indices is None else [self._frames[i] for i in indices])


def settings(threads: int) -> BaseConfig:
    """The configuration of `configs/folder.yaml`; `threads` for the clip network, 0 for all cores."""
    return validate({"name": "one_pass", "stages": [*STAGES], "clips": {"threads": threads}})


def timed(run: Callable[[], Any], repeats: int) -> dict[str, float]:
    """Least wall and CPU seconds of this process over the repeats."""
    rows = []
    for _ in range(repeats):
        wall, cpu = time.perf_counter(), time.process_time()
        run()
        rows.append((time.perf_counter() - wall, time.process_time() - cpu))
    return {"wall": min(row[0] for row in rows), "cpu": min(row[1] for row in rows)}


def measure_time(folder: Path, repeats: int, threads: int) -> dict[str, Any]:
    """Seconds of every way on one rendered dive."""
    render_dives(folder, 1, seed=20, frames=LOOP)
    path = next((folder / "videos").glob("*.mp4"))
    record, config, cache = Record(id=path.name, path=path), settings(threads), Cache(folder / "cache")
    worker = PlanRunner(config, cache)
    plans = {
        names: Planner(config, cache, stages=names, force=True).plan(record)
        for names in (*((stage,) for stage in STAGES), STAGES)
    }
    split: dict[str, float] = {}

    def extract(names: tuple[str, ...]) -> None:
        result = worker.run(plans[names])
        if result.failed:
            raise SystemExit(f"extraction failed: {result.failed}")
        split.update(result.done)

    extract(STAGES)  # loads and compiles the networks
    held = Held(record)
    stages: dict[str, Extractor[Any]] = {s: stage_class(s)(config.stage_configs()[s]) for s in STAGES}
    outputs = {name: stage.extract(held) for name, stage in stages.items()}

    def write() -> None:
        for step in plans[STAGES].steps:
            cache.write(step.computation, record, outputs[step.stage])

    stage_seconds: dict[str, dict[str, float]] = {}
    for name, stage in stages.items():
        stage_seconds[name] = timed(lambda stage=stage: stage.extract(held), repeats)  # type: ignore[misc]
    alone = {stage: timed(lambda stage=stage: extract((stage,)), repeats) for stage in STAGES}  # type: ignore[misc]
    together = timed(lambda: extract(STAGES), repeats)
    cache.close()
    return {
        "frames": len(held.times),
        "size": [held.info.width, held.info.height],
        "decode": timed(lambda: [None for _ in decode(path)], repeats),
        "write": timed(write, repeats),
        "own": stage_seconds,
        "alone": alone,
        "one_pass": together,
        "seconds_of_stages_in_one_pass": split,
        "one_pass_by_own": {k: together[k] / sum(row[k] for row in stage_seconds.values()) for k in ("wall", "cpu")},
        "one_pass_by_alone": {k: together[k] / sum(row[k] for row in alone.values()) for k in ("wall", "cpu")},
    }


def show(spent: dict[str, Any]) -> None:
    """A table for a person."""
    table = Table("", "wall s", "CPU s", title=f"{spent['frames']} frames, {spent['size'][0]} x {spent['size'][1]}")
    named = [("decode", spent["decode"]), ("write", spent["write"])]
    named += [(f"{kind} {stage}", spent[kind][stage]) for kind in ("own", "alone") for stage in STAGES]
    for name, row in [*named, ("one pass", spent["one_pass"])]:
        table.add_row(name, f"{row['wall']:.2f}", f"{row['cpu']:.2f}")
    for name, key in (("one pass / sum of own", "one_pass_by_own"), ("one pass / sum of alone", "one_pass_by_alone")):
        table.add_row(name, *(f"{spent[key][k]:.2f}" for k in ("wall", "cpu")))
    Console(width=100).print(table, f"target: one pass / sum of own at most {TARGET}")


def main(
    repeats: Annotated[int, typer.Option(help="Repeats of every timing; the least counts.", min=1)] = 3,
    threads: Annotated[int, typer.Option(help="Threads of the clip network; 0: all cores.", min=0)] = 0,
    out: Annotated[Path, typer.Option(help="JSON file to write.")] = Path("runs/benchmarks/one_pass.json"),
) -> None:
    """Measure, print a table, write JSON."""
    result: dict[str, Any] = {"cores": len(os.sched_getaffinity(0)), "load_before": os.getloadavg()[0]}
    with tempfile.TemporaryDirectory(prefix="aim-one-pass-") as temporary:
        result["time"] = measure_time(Path(temporary), repeats, threads)
    show(result["time"])
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
