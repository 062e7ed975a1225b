"""All stages from one decode beside the same stages one after another, and memory of a long video beside a short one.

    python -m benchmarks.one_pass [--repeats 3] [--short 8] [--long 40] [--out runs/benchmarks/one_pass.json]

Time, on a rendered dive of 102 frames: `own` is a stage's compute on frames that were decoded beforehand, `alone` a
pass of its own with decoding and writing, `one pass` all stages together from one decode. The figure asked for is
one pass / sum of own, at most 1.15: decoding and writing hide behind the stages. Wall time counts what other programs
take from the machine, so CPU time is listed too; the least of the repeats is shown.

Memory, on a 1920 x 1080 video of a dive shown over and over (made by repeating compressed pictures, so that any length
is made in seconds): largest resident memory of a process that extracts the short and of one that extracts the long
video. The defaults take about three minutes; one minute beside half an hour, as issue 3 asks, is
`--short 60 --long 1800` and takes about as long as the video lasts.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from data.store import StageOutput
from data.video import Frame, Record, VideoInfo, decode, probe, write_video
from extractors.base import Extractor
from pipeline.cache import Cache
from pipeline.config import BaseConfig, validate
from pipeline.extract import Planner
from pipeline.extract.runner import PlanRunner
from pipeline.stages import stage_class
from synthetic import render_dives

STAGES = ("clips", "pose", "camera_flow")
TARGET, MEMORY_TARGET = 1.15, 1.15
RATE = 25
LOOP = 102
"""Frames of the dive that the memory's videos repeat."""


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


def write_loop(path: Path, dive: Path, seconds: float) -> int:
    """A 1920 x 1080 video that shows a dive again and again: compressed once, its packets repeated. Returns frames."""
    import av
    import cv2

    once = path.with_name("once.mp4")
    large = (cv2.resize(f.image, (1920, 1080), interpolation=cv2.INTER_CUBIC) for f in decode(dive))
    write_video(once, (np.asarray(i, np.uint8) for i in large), RATE, options={"crf": "26", "bf": "0", "g": str(LOOP)})
    with av.open(str(once)) as source:
        packets = [(bytes(p), p.is_keyframe) for p in source.demux(source.streams.video[0]) if p.size]
        count = round(seconds * RATE)
        with av.open(str(path), "w", format="mp4") as target:
            stream = target.add_stream_from_template(source.streams.video[0])
            for number in range(count):
                content, key = packets[number % len(packets)]
                packet = av.Packet(content)
                packet.stream, packet.time_base = stream, Fraction(1, RATE)
                packet.pts = packet.dts = number
                packet.is_keyframe = key
                target.mux(packet)
    return count


def resident(peak: bool) -> float:
    """MiB that this process holds now, or held at most."""
    name = "VmHWM:" if peak else "VmRSS:"
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) / 1024
    raise SystemExit("memory is read from /proc, which this system lacks")


def extract_and_tell(video: Path, folder: Path) -> None:
    """In a process of its own: extract and print memory as JSON."""
    config, cache = settings(1), Cache(folder)
    record = Record(id=video.name, path=video)
    course: list[tuple[int, float]] = []

    def progress(done: int, total: int, _: tuple[str, ...]) -> None:
        if done and done % 50 == 0:
            course.append((done, resident(False)))

    start = time.perf_counter()
    result = PlanRunner(config, cache, threading.Event()).run(Planner(config, cache).plan(record), progress)
    cache.close()
    measured = {"frames": result.frames, "peak_mib": resident(True), "seconds": time.perf_counter() - start}
    sys.stdout.write(json.dumps(measured | {"failed": result.failed, "course": course}) + "\n")


def measure_memory(folder: Path, lengths: tuple[float, float]) -> dict[str, Any]:
    """Peak memory of one process per length."""
    folder.mkdir(parents=True)
    render_dives(folder, 1, seed=20, frames=LOOP)
    dive = next((folder / "videos").glob("*.mp4"))
    rows: dict[str, Any] = {}
    for name, seconds in zip(("short", "long"), lengths, strict=True):
        video = folder / f"{name}.mp4"
        write_loop(video, dive, seconds)
        command = [sys.executable, "-m", "benchmarks.one_pass", "--child", str(video), "--folder", str(folder / name)]
        done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
        if done.returncode:
            raise SystemExit(done.stderr)
        rows[name] = json.loads(done.stdout.splitlines()[-1]) | {"video_seconds": seconds}
        if rows[name]["failed"]:
            raise SystemExit(f"extraction failed: {rows[name]['failed']}")
    short, long = rows["short"], rows["long"]
    done, held = np.array(long["course"], np.float64).reshape(-1, 2).T
    slope = np.polyfit(done, held, 1)[0] if len(done) > 2 else float("nan")
    return rows | {"long_by_short": long["peak_mib"] / short["peak_mib"], "mib_per_1000_frames": 1000 * float(slope)}


def show(result: dict[str, Any]) -> None:
    """Tables for a person."""
    console = Console(width=100)
    if spent := result.get("time"):
        table = Table("", "wall s", "CPU s", title=f"{spent['frames']} frames, {spent['size'][0]} x {spent['size'][1]}")
        named = [("decode", spent["decode"]), ("write", spent["write"])]
        named += [(f"{kind} {stage}", spent[kind][stage]) for kind in ("own", "alone") for stage in STAGES]
        for name, row in [*named, ("one pass", spent["one_pass"])]:
            table.add_row(name, f"{row['wall']:.2f}", f"{row['cpu']:.2f}")
        for name, key in (
            ("one pass / sum of own", "one_pass_by_own"),
            ("one pass / sum of alone", "one_pass_by_alone"),
        ):
            table.add_row(name, *(f"{spent[key][k]:.2f}" for k in ("wall", "cpu")))
        console.print(table, f"target: one pass / sum of own at most {TARGET}")
    if held := result.get("memory"):
        table = Table("1920 x 1080 video", "frames", "peak MiB", "seconds")
        for name in ("short", "long"):
            row = held[name]
            table.add_row(
                f"{row['video_seconds']:g} s", str(row["frames"]), f"{row['peak_mib']:.0f}", f"{row['seconds']:.0f}"
            )
        growth = f"trend over the long one {held['mib_per_1000_frames']:+.1f} MiB per 1000 frames"
        console.print(table, f"long / short {held['long_by_short']:.3f} (target {MEMORY_TARGET}), {growth}")


def main(
    repeats: Annotated[int, typer.Option(help="Repeats of every timing; the least counts.", min=1)] = 3,
    threads: Annotated[int, typer.Option(help="Threads of the clip network; 0: all cores.", min=0)] = 0,
    short: Annotated[float, typer.Option(help="Seconds of the short video.", min=1)] = 8,
    long: Annotated[float, typer.Option(help="Seconds of the long video.", min=1)] = 40,
    only: Annotated[str, typer.Option(help="time or memory; default: both.")] = "",
    out: Annotated[Path, typer.Option(help="JSON file to write.")] = Path("runs/benchmarks/one_pass.json"),
    child: Annotated[Path | None, typer.Option(hidden=True)] = None,
    folder: Annotated[Path | None, typer.Option(hidden=True)] = None,
) -> None:
    """Measure, print tables, write JSON."""
    if child is not None and folder is not None:
        extract_and_tell(child, folder)
        return
    result: dict[str, Any] = {"cores": len(os.sched_getaffinity(0)), "load_before": os.getloadavg()[0]}
    with tempfile.TemporaryDirectory(prefix="aim-one-pass-") as temporary:
        if only != "memory":
            result["time"] = measure_time(Path(temporary) / "time", repeats, threads)
        if only != "time":
            result["memory"] = measure_memory(Path(temporary) / "memory", (short, long))
    show(result)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
