"""The pose stage on rendered dives, against the known joints.

Four kinds of clips: `demo` (two divers), `crowd` (two divers, spectators, motion blur), `broadcast` (one diver,
spectators, motion blur, 454 x 256, the size of widely shared broadcasts) and `poor` (the same, reduced to .6
of that, pale, noisy, compressed to JPEG quality 35 and enlarged again: detection scores are as low as in real ones).
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from benchmarks.pose.box import run_stage
from benchmarks.pose.measure import COLUMNS, mean_row, measure
from benchmarks.pose.spectators import seat_people
from data.video import decode, probe
from synthetic.dives import read_truth, render_dives

KINDS: dict[str, dict[str, Any]] = {
    "demo": {},
    "crowd": {"audience": seat_people, "motion_blur": 0.5},
    "broadcast": {"size": (454, 256), "divers": 1, "audience": seat_people, "motion_blur": 0.6},
    "poor": {"size": (454, 256), "divers": 1, "audience": seat_people, "motion_blur": 0.6},
}
"""Options of `synthetic.rendering` by kind."""


def spoilt(image: NDArray[np.uint8], seed: int) -> NDArray[np.uint8]:
    """A picture of poor quality: reduced, pale, noisy, compressed and enlarged again."""
    import cv2

    height, width = image.shape[:2]
    small = cv2.resize(image, (int(0.6 * width), int(0.6 * height)), interpolation=cv2.INTER_AREA).astype(np.float32)
    mean = small.mean(axis=(0, 1))
    pale = mean + 0.8 * (small - mean) + np.random.default_rng(seed).normal(0, 5, small.shape)
    _, packed = cv2.imencode(".jpg", np.clip(pale, 0, 255).astype(np.uint8), (cv2.IMWRITE_JPEG_QUALITY, 35))
    large = cv2.resize(cv2.imdecode(packed, cv2.IMREAD_COLOR), (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(large, dtype=np.uint8)


def render(folder: Path, kind: str, dives: int) -> None:
    """The clips of one kind, below `folder`, when not there yet."""
    if not (folder / kind / "labels.csv").is_file():
        render_dives(folder / kind, dives, seed=20, **KINDS[kind])


def run(folder: Path, kind: str, settings: Mapping[str, Any], dives: int) -> dict[str, float]:
    """Mean measurements of one setting over the clips of one kind, which are below `folder`."""
    import cv2

    cv2.setNumThreads(1)
    rows: list[dict[str, float]] = []
    for path in sorted((folder / kind / "videos").glob("*.mp4"))[:dives]:
        images = [frame.image for frame in decode(path)]
        if kind == "poor":
            images = [spoilt(image, index) for index, image in enumerate(images)]
        keypoints, spent, forwards = run_stage(
            images, probe(path)[1], {"agents": KINDS[kind].get("divers", 2), **settings}
        )
        truth = read_truth(folder / kind / "truth" / f"{path.stem}.npz")
        measured = measure(keypoints, truth.keypoints.astype(np.float64), truth.visible)
        rows.append(measured | {"ms": spent, "forwards": forwards})
    return mean_row(rows)


def run_all(
    folder: Path, settings: Mapping[str, Mapping[str, Any]], dives: int, pool: ProcessPoolExecutor
) -> dict[str, dict[str, dict[str, float]]]:
    """Rows of every setting on every kind of clip: result[setting][kind][column]."""
    list(pool.map(render, *zip(*[(folder, kind, dives) for kind in KINDS], strict=True)))
    jobs = {
        name: {kind: pool.submit(run, folder, kind, chosen, dives) for kind in KINDS}
        for name, chosen in settings.items()
    }
    return {name: {kind: job.result() for kind, job in kinds.items()} for name, kinds in jobs.items()}


def table_of(results: Mapping[str, Mapping[str, Mapping[str, float]]]) -> Table:
    """One row for every setting and kind."""
    table = Table("setting", "clips", *COLUMNS, title="Rendered dives")
    for name, kinds in results.items():
        for kind, row in kinds.items():
            table.add_row(name, kind, *[f"{row[column]:.3f}" for column in COLUMNS])
    return table
