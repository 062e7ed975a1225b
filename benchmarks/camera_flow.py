"""Camera flow: cost and error of our TV-L1 on the border, compared with OpenCV's, in one run on one thread.

    python -m benchmarks.camera_flow [--pairs 96] [--largest 8] [--clips DIR] [--out FILE]

Every method gets the same pairs of 340x256 frames: backgrounds moved by known pans, zooms, rotations and mixtures, by
up to 8 px at the corner. People move over the centre and a fifth of the border. Alignment, cells and robust fit are the
same for all. The error is that of the fitted motion over the border. Times are CPU time of the thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.measuring import options, show, write
from data.video import decode
from extractors.camera_flow.border import Border, lay_out
from extractors.camera_flow.pair_motion import AlignedPair, PairFlow
from extractors.camera_flow.stage import COLUMNS, REACH, ROWS, CameraFlowConfig
from models.tvl1_kernels import Image
from synthetic.camera_scenes import HEIGHT, WIDTH, CameraMotion, Grey, background, motions, render

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
    """`count` pairs, alternating between kinds of motion and scenes."""
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
        pairs = zip(flows["strips"], flows["opencv"], strict=True)
        apart = [np.linalg.norm(a.flow - b.flow, axis=1)[(a.weight > 0) & (b.weight > 0)] for a, b in pairs]
        ours, theirs = (float(np.median(cost[name])) for name in ("strips", "opencv"))
        means = {"strips ms": ours, "OpenCV ms": theirs, "ratio": theirs / ours}
        rows.append({"clip": path.name, **means, "cells apart px": float(np.concatenate(apart).mean())})
    return rows


def summary(name: str, errors: NDArray[np.float64], cost: NDArray[np.float64]) -> dict[str, Any]:
    """Errors and times of one method."""
    return {
        "method": name,
        "pairs": len(errors),
        "ms a pair": float(cost.mean()),
        "error median px": float(np.median(errors[:, 0])),
        "worst px": float(errors[:, 0].max()),
        "worst at a point px": float(errors[:, 1].max()),
    }


def main() -> None:
    """Measure, print tables, write JSON."""
    parser = options(__doc__, "camera_flow.json")
    parser.add_argument("--pairs", type=int, default=96, help="for our method; OpenCV gets the first third")
    parser.add_argument("--largest", type=float, default=8.0, help="largest motion of a corner in pixels")
    parser.add_argument("--clips", type=Path, default=Path("../shared/clips"), help="real clips, used where they exist")
    given = parser.parse_args()
    cv2.setNumThreads(1)
    pairs = list(samples(backgrounds(given.clips), given.pairs, given.largest))
    third = pairs[: max(4, given.pairs // 3)]
    methods = (("strips (ours)", PairFlow, pairs), ("OpenCV DualTVL1, full frame", FullFrame, third))
    results = {"methods": [summary(name, *measure(method(kind), part)) for name, kind, part in methods]}
    results["real clips"] = on_clips(given.clips)
    for name, rows in results.items():
        if rows:
            show(name, rows)
    ours, theirs = (row["ms a pair"] for row in results["methods"])
    print(f"{theirs / ours:.0f} times faster than the full frame")
    write(given.out, results)


if __name__ == "__main__":
    main()
