"""Clip networks on this machine: speed against its own matrix-multiply rate, and errors of rounding.

    python -m benchmarks.clips [--rounds 7] [--threads 0] [--out runs/benchmarks/clips.json]

Every round times one matrix product of torch and one clip per runtime, one after the other. So other work on the
machine slows all of them alike. The share of the matrix-multiply rate is taken within each round; the table shows its
median and the best. `stage` is the whole stage `clips` on rendered 102-frame dives: decoding, cutting, ten clips, clip
after clip.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.pose import Clip
from data.stage_files import StageFiles
from data.weights import weight_files as weights
from extractors.clips.runtimes import Network, running
from extractors.clips.stage import Clips, ClipsConfig
from extractors.state_dicts import read_tensors
from models import i3d
from models.clip_network import ClipNetwork
from synthetic import plan_dives
from synthetic.dives import render_dive
from synthetic.rendering import Options

FILES = StageFiles()

WEIGHTS = "i3d-kinetics400"
MATRIX = 2048
Forward = Callable[[NDArray[np.uint8]], NDArray[np.float32]]


def count_flops(module: ClipNetwork) -> float:
    """Floating-point operations of a clip of 16 frames: two per multiplication of a convolution."""
    total = 0.0
    hooks = []

    def count(layer: torch.nn.Module, _: Any, output: torch.Tensor) -> None:
        nonlocal total
        assert isinstance(layer, i3d.Unit3D)
        total += 2.0 * output.numel() * layer.conv3d.weight[0].numel()

    for layer in module.modules():
        if isinstance(layer, i3d.Unit3D):
            hooks.append(layer.register_forward_hook(count))
    with torch.inference_mode():
        module(torch.zeros(1, 16, 224, 224, 3, dtype=torch.uint8))
    for hook in hooks:
        hook.remove()
    return total


def matmul_seconds(a: torch.Tensor, b: torch.Tensor) -> float:
    """Seconds of one square matrix product in fp32."""
    start = time.perf_counter()
    torch.mm(a, b)
    return time.perf_counter() - start


def torch_forward(*, fold: bool, kind: torch.dtype = torch.float32) -> Forward:
    """I3D in torch, as published or with its batch normalisation folded."""
    module = ClipNetwork(_network(fold), (0.5,) * 3, (0.5,) * 3).eval()
    module.network.to(kind)

    def forward(clip: NDArray[np.uint8]) -> NDArray[np.float32]:
        with torch.inference_mode():
            return np.asarray(module(torch.from_numpy(clip))[0].numpy())

    return forward


def openvino_forward(precision: Any, threads: int) -> Forward:
    """I3D as the stage runs it on a CPU."""
    start = running(Network("i3d_inception", WEIGHTS, 0, 16, precision, "openvino", "cpu", threads), FILES)
    return lambda clip: start(clip)()[0]


def _network(fold: bool) -> i3d.I3D:
    network = i3d.load(read_tensors(FILES.content(WEIGHTS), WEIGHTS))
    return network.fold() if fold else network


Seconds = dict[str, list[float]]


def measure(runtimes: dict[str, Forward], clips: NDArray[np.uint8], rounds: int) -> tuple[Seconds, list[float]]:
    """Seconds per clip of every runtime and of the matrix product, one list entry per round."""
    a, b = torch.randn(MATRIX, MATRIX), torch.randn(MATRIX, MATRIX)
    seconds: Seconds = {name: [] for name in runtimes}
    products: list[float] = []
    for number in range(rounds):
        products.append(min(matmul_seconds(a, b) for _ in range(3)))
        for name, forward in runtimes.items():
            clip = clips[number % len(clips)][None]
            start = time.perf_counter()
            forward(clip)
            seconds[name].append(time.perf_counter() - start)
    return seconds, products


def errors(runtimes: dict[str, Forward], clips: NDArray[np.uint8]) -> dict[str, dict[str, float]]:
    """Difference of each runtime's logits from those of the first, over all clips."""
    truth: NDArray[np.float32] | None = None
    rates: dict[str, dict[str, float]] = {}
    for name, forward in runtimes.items():
        logits = np.concatenate([forward(clip[None]) for clip in clips])
        truth = logits if truth is None else truth
        difference = np.abs(logits - truth)
        rates[name] = {
            "max": float(difference.max()),
            "mean": float(difference.mean()),
            "relative": float(np.linalg.norm(logits - truth) / np.linalg.norm(truth)),
            "same_top1": float((logits.argmax(1) == truth.argmax(1)).mean()),
        }
    return rates


def stage_rate(paths: list[Path], threads: int) -> Iterator[dict[str, float]]:
    """Per dive: seconds of the stage, of decoding alone, and of a matrix product before and after it."""
    stage = Clips(ClipsConfig(device="cpu", runtime="openvino", threads=threads), FILES)
    a, b = torch.randn(MATRIX, MATRIX), torch.randn(MATRIX, MATRIX)
    stage.extract(Clip(paths[0]))
    for path in paths:
        before = min(matmul_seconds(a, b) for _ in range(3))
        start = time.perf_counter()
        output = stage.extract(Clip(path))
        took = time.perf_counter() - start
        after = min(matmul_seconds(a, b) for _ in range(3))
        start = time.perf_counter()
        for _ in Clip(path).frames():
            pass
        alone = time.perf_counter() - start
        clips = float(output.quality["clips"] or 0)
        yield {"seconds": took, "decode": alone, "product": (before + after) / 2, "clips": clips}


def dives(folder: Path, count: int) -> list[Path]:
    """Rendered 102-frame dives."""
    for dive in plan_dives(count, seed=7)[:count]:
        render_dive(dive, folder, Options())
    return sorted(folder.rglob("*.mp4"))[:count]


def real_clips(paths: list[Path]) -> NDArray[np.uint8]:
    """(clip, 16, 224, 224, 3): three clips of each video."""
    from extractors.clips.layouts import plan_clips
    from extractors.clips.stage import decode_clips, prepare

    pictures: list[NDArray[np.uint8]] = []
    for path in paths:
        source = Clip(path)
        plan = plan_clips(len(source.times), layout="windows", steps=3, frames=16)
        pictures += list(decode_clips(source, plan, lambda image: prepare(image, 256, 224)))
    return np.stack(pictures)


def report(rows: dict[str, dict[str, float]], gflop: float, console: Console) -> None:
    """Print the table."""
    table = Table(title=f"I3D, 16 x 224 x 224, {gflop:.1f} GFLOP a clip")
    table.add_column("runtime", no_wrap=True)
    for title in ("ms a clip", "of matmul", "at best", "off, max", "same top"):
        table.add_column(title, justify="right")
    for name, row in rows.items():
        table.add_row(
            name,
            f"{row['ms']:.0f}",
            f"{row['share']:.0%}",
            f"{row['best']:.0%}",
            f"{row['max']:.1e}" if "max" in row else "",
            f"{row['same_top1']:.0%}" if "same_top1" in row else "",
        )
    console.print(table)


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=0, help="0: all cores this process may use")
    parser.add_argument("--out", type=Path, default=Path("runs/benchmarks/clips.json"))
    given = parser.parse_args()
    threads = given.threads or len(os.sched_getaffinity(0))
    torch.set_num_threads(threads)
    weights.fetch(WEIGHTS)
    gflop = count_flops(ClipNetwork(_network(False), (0.5,) * 3, (0.5,) * 3)) / 1e9
    runtimes = {
        "torch fp32": torch_forward(fold=False),
        "torch fp32, folded": torch_forward(fold=True),
        "openvino fp32": openvino_forward("fp32", threads),
        "openvino bf16": openvino_forward("bf16", threads),
        "openvino fp16": openvino_forward("fp16", threads),
        "torch bf16, folded": torch_forward(fold=True, kind=torch.bfloat16),
    }
    product = 2.0 * MATRIX**3 / 1e9
    with tempfile.TemporaryDirectory() as folder:
        paths = dives(Path(folder), 3)
        clips = real_clips(paths)
        off = errors(runtimes, clips)
        seconds, products = measure(runtimes, clips, given.rounds)
        rows: dict[str, dict[str, float]] = {}
        for name, took in seconds.items():
            shares = [gflop / s / (product / p) for s, p in zip(took, products, strict=True)]
            rows[name] = _row(min(took), shares) | off[name]
        runs = list(stage_rate(paths * max(given.rounds // 3, 1), threads))
    shares = [gflop * r["clips"] / r["seconds"] / (product / r["product"]) for r in runs]
    rows["stage, with decoding"] = _row(min(r["seconds"] / r["clips"] for r in runs), shares)
    decoding = statistics.median(r["decode"] / r["seconds"] for r in runs)
    rate = product / min(products)
    console = Console()
    report(rows, gflop, console)
    machine = f"{threads} threads, {rate:.0f} GFLOP/s in a {MATRIX} matrix product"
    console.print(f"{machine}; decoding alone takes {decoding:.0%} of the stage's time")
    result = {"threads": threads, "gflop": gflop, "matmul_gflops": rate, "decode_share": decoding, "rows": rows}
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(result, indent=2), encoding="utf-8")


def _row(best_seconds: float, shares: list[float]) -> dict[str, float]:
    return {"ms": 1e3 * best_seconds, "share": statistics.median(shares), "best": max(shares)}


if __name__ == "__main__":
    main()
