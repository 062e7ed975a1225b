"""Clip networks on this machine: speed relative to its matrix-multiply rate, and rounding errors.

    python -m benchmarks.clips [--rounds 7] [--threads 0] [--out runs/benchmarks/clips.json]

Every round times one matrix product of torch and one clip per runtime, one after the other, so other work on the
machine slows all of them equally. The share of the matrix-multiply rate is computed within each round; the table shows
its median. `stage` is the whole stage `clips` on rendered 102-frame dives: decoding, cropping, and ten clips in
sequence.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.measuring import options, show, write
from benchmarks.pose import Clip
from data.stage_files import StageFiles
from data.weights import weight_files as weights
from extractors.clips.backbones import BACKBONES
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


def torch_forward() -> Forward:
    """I3D in torch, as published."""
    module = _network()

    def forward(clip: NDArray[np.uint8]) -> NDArray[np.float32]:
        with torch.inference_mode():
            return np.asarray(module(torch.from_numpy(clip))[0].numpy())

    return forward


def openvino_forward(precision: Any, threads: int) -> Forward:
    """I3D as the stage runs it on a CPU."""
    start = running(Network("i3d_inception", WEIGHTS, 0, 16, precision, "openvino", "cpu", threads), FILES)
    return lambda clip: start(clip)()[0]


def _network() -> ClipNetwork:
    network = i3d.load(read_tensors(FILES.content(WEIGHTS), WEIGHTS))
    return ClipNetwork(network, (0.5,) * 3, (0.5,) * 3).eval()


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


def errors(runtimes: dict[str, Forward], clips: NDArray[np.uint8]) -> dict[str, dict[str, Any]]:
    """Difference of each runtime's logits from those of the first, over all clips."""
    logits = {name: np.concatenate([forward(clip[None]) for clip in clips]) for name, forward in runtimes.items()}
    truth = next(iter(logits.values()))
    return {
        name: {"off, max": np.abs(of - truth).max(), "same top": (of.argmax(1) == truth.argmax(1)).mean()}
        for name, of in logits.items()
    }


def stage_rate(paths: list[Path], threads: int) -> Iterator[tuple[float, float]]:
    """Per dive: seconds of the stage per clip, and of a matrix product before and after it."""
    stage = Clips(ClipsConfig(device="cpu", runtime="openvino", threads=threads), FILES)
    a, b = torch.randn(MATRIX, MATRIX), torch.randn(MATRIX, MATRIX)
    stage.extract(Clip(paths[0]))
    for path in paths:
        before = min(matmul_seconds(a, b) for _ in range(3))
        start = time.perf_counter()
        output = stage.extract(Clip(path))
        took = time.perf_counter() - start
        after = min(matmul_seconds(a, b) for _ in range(3))
        yield took / float(output.quality["clips"] or 1), (before + after) / 2


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
        pictures += list(decode_clips(source, plan, partial(prepare, entry=BACKBONES["i3d_inception"])))
    return np.stack(pictures)


def main() -> None:
    """Measure, print, write."""
    parser = options(__doc__, "clips.json")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=0, help="0: all cores this process may use")
    given = parser.parse_args()
    threads = given.threads or len(os.sched_getaffinity(0))
    torch.set_num_threads(threads)
    weights.fetch(WEIGHTS)
    runtimes = {
        "torch fp32": torch_forward(),
        "openvino fp32": openvino_forward("fp32", threads),
        "openvino bf16": openvino_forward("bf16", threads),
    }
    clip, product = count_flops(_network()) / 1e9, 2.0 * MATRIX**3 / 1e9
    with tempfile.TemporaryDirectory() as folder:
        paths = dives(Path(folder), 3)
        clips = real_clips(paths)
        off = errors(runtimes, clips)
        seconds, products = measure(runtimes, clips, given.rounds)
        stage = list(stage_rate(paths * max(given.rounds // 3, 1), threads))
    took = {name: list(zip(each, products, strict=True)) for name, each in seconds.items()}
    rows = [
        {
            "runtime": name,
            "ms a clip": 1e3 * min(each for each, _ in times),
            "of matrix products": statistics.median(clip / each * matmul / product for each, matmul in times),
            **off.get(name, {"off, max": "", "same top": ""}),
        }
        for name, times in {**took, "stage, with decoding": stage}.items()
    ]
    show(f"I3D, 16 x 224 x 224, {clip:.1f} GFLOP a clip, {threads} threads", rows)
    write(given.out, {"threads": threads, "gflop": clip, "matmul_gflops": product / min(products), "rows": rows})


if __name__ == "__main__":
    main()
