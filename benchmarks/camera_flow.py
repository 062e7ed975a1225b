"""Camera flow: cost and error of our TV-L1 on the border beside OpenCV's, in one run on one thread.

    python -m benchmarks.camera_flow [--pairs 96] [--largest 8] [--clips DIR] [--out FILE]

Every method gets the same pairs of 340x256 frames: backgrounds moved by known pans, zooms, rotations and mixtures of up
to 8 px at the corner. People move over the centre and a fifth of the border. Alignment, cells and robust fit are the
same for all. The error is that of the fitted motion over the border. Times are CPU time of the one thread.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import cv2
import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from data.video import decode
from extractors.camera_flow.border import Border, lay_out
from extractors.camera_flow.pair_motion import AlignedPair, PairFlow
from extractors.camera_flow.stage import COLUMNS, REACH, ROWS, CameraFlowConfig
from models.tvl1_kernels import Image
from synthetic.camera_scenes import HEIGHT, WIDTH, CameraMotion, Grey, background, motions, render

KINDS = ("pan", "zoom", "rotation", "mixed")
Sample = tuple[CameraMotion, Grey, Grey]
FlowMethod = Callable[[Grey, Grey], NDArray[np.float64]]


def border() -> Border:
    """The stage's default border at 340x256."""
    return lay_out((0, 0, HEIGHT, WIDTH), CameraFlowConfig().border, COLUMNS, ROWS)


def backgrounds(clips: Path) -> list[Grey]:
    """Rendered backgrounds, and landscape parts of real frames if `clips` has videos."""
    textures = [background(seed, grain) for seed, grain in ((0, 1.5), (1, 2.5), (2, 4.0))]
    for path in sorted(clips.glob("*.mp4")):
        grey = cv2.cvtColor(next(decode(path)).image, cv2.COLOR_RGB2GRAY)
        height, width = grey.shape
        textures.append(grey if width > height else grey[height // 6 : height // 6 + int(0.78 * width)])
    return textures


def samples(scenes: list[Grey], count: int, largest: float) -> Iterator[Sample]:
    """`count` pairs, the kinds of motion and the scenes in turns."""
    rng = np.random.default_rng(7)
    for k, motion in enumerate(motions(count, largest, 7)):
        scene = scenes[(k // 4) % len(scenes)]
        walk = tuple(rng.uniform(-6, 6, 2))
        yield motion, render(scene, CameraMotion(), (0, 0), 2.0, rng), render(scene, motion, walk, 2.0, rng)


class FullFrame(PairFlow):
    """The stage's path with OpenCV's DualTVL1 on the whole frame, with its defaults."""

    def strip_flow(self, pair: AlignedPair) -> list[Image]:
        """As `PairFlow.strip_flow`."""
        whole = opencv_flow(*pair.frames)
        return [np.ascontiguousarray(whole[:, y0:y1, x0:x1]) for y0, x0, y1, x1 in self.border.strips]


class OpenCvStrips(PairFlow):
    """The stage's path with OpenCV's DualTVL1 on each strip cut out of both frames."""

    def strip_flow(self, pair: AlignedPair) -> list[Image]:
        """As `PairFlow.strip_flow`."""
        cuts = [[frame[y0:y1, x0:x1] for frame in pair.frames] for y0, x0, y1, x1 in self.border.strips]
        return [opencv_flow(*(np.ascontiguousarray(part) for part in parts)) for parts in cuts]


def opencv_flow(first: Grey, second: Grey) -> Image:
    """(2, h, w) flow by OpenCV's DualTVL1 with its defaults."""
    optflow: Any = cv2.optflow
    flow = optflow.DualTVL1OpticalFlow_create().calc(first, second, None)
    return np.ascontiguousarray(flow.transpose(2, 0, 1))


def method(kind: type[PairFlow]) -> FlowMethod:
    """The stage's path for one pair: alignment, the TV-L1 of `kind`, cells, robust fit."""

    def run(first: Grey, second: Grey) -> NDArray[np.float64]:
        return kind(border(), [first], REACH).pair(first, second).motion

    return run


def measure(run: FlowMethod, pairs: list[Sample]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(n, 2) mean and largest error over the border in pixels, (n,) milliseconds of CPU time."""
    run(*pairs[0][1:])
    errors, cost = [], []
    for motion, first, second in pairs:
        start = time.thread_time()
        flow = run(first, second)
        cost.append(1000 * (time.thread_time() - start))
        errors.append(motion.errors(flow))
    return np.array(errors), np.array(cost)


def stream_cost(pairs: list[Sample]) -> float:
    """Median milliseconds a pair when frames come one after another, as the stage runs: each is prepared once."""
    engine = PairFlow(border(), [pairs[0][1]], REACH)
    frames = [frame for _, first, second in pairs[:12] for frame in (first, second)]
    cost = []
    for k, two in enumerate(pairwise(frames)):
        start = time.thread_time()
        engine.pair(*two)
        if k % 2 == 0:  # odd pairs join two different samples
            cost.append(1000 * (time.thread_time() - start))
    return float(np.median(cost))


def first_use() -> dict[str, float]:
    """Seconds of a process that computes one pair, with an empty and with a filled compile cache."""
    code = (
        "import time; t = time.perf_counter(); import numpy as np; from benchmarks.camera_flow import PairFlow, method;"
        "ready = time.perf_counter() - t; g = np.random.default_rng(0).integers(0, 255, (256, 340), np.uint8);"
        "t = time.perf_counter(); method(PairFlow)(g, g); print(time.perf_counter() - t)"
    )
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "NUMBA_CACHE_DIR": folder}
        seconds = [
            float(subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True).stdout)
            for _ in range(2)
        ]
    return {"compile_cache_empty_s": seconds[0], "compile_cache_filled_s": seconds[1]}


def on_clips(clips: Path, count: int = 12) -> list[dict[str, Any]]:
    """Mean distance in pixels between our cells and full-frame OpenCV's on real clips, and the cost of both."""
    rows = []
    for path in sorted(clips.glob("*.mp4")):
        frames = [
            cv2.resize(cv2.cvtColor(f.image, cv2.COLOR_RGB2GRAY), (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
            for f in decode(path, range(count + 1))
        ]
        flows: dict[str, list[Any]] = {"strips": [], "opencv": []}
        cost: dict[str, list[float]] = {"strips": [], "opencv": []}
        for name, kind in (("strips", PairFlow), ("opencv", FullFrame)):
            engine = kind(border(), frames, REACH)
            for k in range(count):
                start = time.thread_time()
                flows[name].append(engine.pair(frames[k], frames[k + 1]))
                cost[name].append(1000 * (time.thread_time() - start))
        usable = [(a.weight > 0) & (b.weight > 0) for a, b in zip(flows["strips"], flows["opencv"], strict=True)]
        apart = [
            np.linalg.norm(a.flow - b.flow, axis=1)[m]
            for a, b, m in zip(flows["strips"], flows["opencv"], usable, strict=True)
        ]
        rows.append(
            {
                "clip": path.name,
                "cells_apart_mean_px": float(np.concatenate(apart).mean()),
                "strips_ms": float(np.median(cost["strips"])),
                "opencv_ms": float(np.median(cost["opencv"])),
            }
        )
    return rows


def summary(name: str, errors: NDArray[np.float64], cost: NDArray[np.float64], pairs: list[Sample]) -> dict[str, Any]:
    """Errors and times of one method; samples come in the order of `KINDS`."""
    kinds = {kind: float(np.median(errors[k::4, 0])) for k, kind in enumerate(KINDS) if len(errors) > k}
    return {
        "method": name,
        "pairs": len(pairs),
        "ms_median": float(np.median(cost)),
        "ms_mean": float(cost.mean()),
        "error_median_px": float(np.median(errors[:, 0])),
        "error_worst_px": float(errors[:, 0].max()),
        "error_worst_at_a_point_px": float(errors[:, 1].max()),
        "median_by_kind_px": kinds,
    }


def main(
    pairs: Annotated[int, typer.Option(help="Pairs for our method; OpenCV gets the first third.")] = 96,
    largest: Annotated[float, typer.Option(help="Largest motion of a corner in pixels.")] = 8.0,
    clips: Annotated[Path, typer.Option(help="Folder of real clips, used where it exists.")] = Path("../shared/clips"),
    out: Annotated[Path, typer.Option(help="JSON file to write.")] = Path("runs/benchmarks/camera_flow.json"),
) -> None:
    """Measure, print a table, write JSON."""
    cv2.setNumThreads(1)
    pairs_made = list(samples(backgrounds(clips), pairs, largest))
    third = pairs_made[: max(4, pairs // 3)]
    rows = []
    for name, run, part in (
        ("strips (ours)", method(PairFlow), pairs_made),
        ("OpenCV DualTVL1, full frame", method(FullFrame), third),
        ("OpenCV DualTVL1, strips", method(OpenCvStrips), third),
    ):
        rows.append(summary(name, *measure(run, part), part))
    streaming = stream_cost(pairs_made)
    real = on_clips(clips)
    result = {
        "size": [WIDTH, HEIGHT],
        "largest_motion_px": largest,
        "methods": rows,
        "ours_streaming_ms": streaming,
        "times_faster_than_full_frame": rows[1]["ms_mean"] / rows[0]["ms_mean"],
        "real_clips": real,
        **first_use(),
    }
    show(result)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(result, indent=2) + "\n")


def show(result: dict[str, Any]) -> None:
    """Print the tables."""
    table = Table("method", "pairs", "ms a pair", "error median px", "worst px", "worst at a point px")
    for row in result["methods"]:
        errors = (row["error_median_px"], row["error_worst_px"], row["error_worst_at_a_point_px"])
        table.add_row(row["method"], str(row["pairs"]), f"{row['ms_mean']:.1f}", *(f"{error:.3f}" for error in errors))
    clips = Table("real clip", "strips ms", "OpenCV ms", "ratio", "cells apart px")
    for row in result["real_clips"]:
        ratio = row["opencv_ms"] / row["strips_ms"]
        costs = (row["strips_ms"], row["opencv_ms"], ratio)
        clips.add_row(row["clip"], *(f"{cost:.1f}" for cost in costs), f"{row['cells_apart_mean_px']:.3f}")
    console = Console()
    console.print(table, clips)
    console.print(
        f"{result['times_faster_than_full_frame']:.0f} times faster than the full frame; streaming "
        f"{result['ours_streaming_ms']:.1f} ms a pair; first pair in a new process "
        f"{result['compile_cache_empty_s']:.1f} s, {result['compile_cache_filled_s']:.1f} s with the compile cache"
    )


if __name__ == "__main__":
    typer.run(main)
