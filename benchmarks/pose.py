"""People found in rendered dives: plain, four rotations and tracked, side by side, against the known truth.

    python -m benchmarks.pose [--dives 4] [--workers 2] [--out runs/benchmarks/pose.json]

Four kinds of clips: `demo` (two divers), `crowd` (two divers, spectators, motion blur), `broadcast` (one diver,
spectators, motion blur, 454 x 256, as small as real broadcasts are passed around) and `poor` (the same, reduced to .6
of that, pale, noisy, compressed to JPEG quality 35 and enlarged again: people score as low as in real ones). Columns:
- found: share of frames in which an agent lies on the diver (its centre within .6 torso lengths of the true one);
- all: share of frames in which that holds for every diver at once;
- PCK@.2, PCK@.5: share of visible joints within that part of the torso length; joints of missed frames are wrong;
- swaps: frames in which an agent lies on another diver than in most frames;
- ms, forwards: CPU time and looks of the network per frame, one thread; two ways are measured side by side.
"""

from __future__ import annotations

import argparse
import itertools
import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from copy import copy
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from extractors.people.bodies import centre_of
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from data.store.arrays import StageOutput
from data.video.decoder import Frame, VideoInfo, decode, probe
from data.video.records import Record
from data.weights.weight_files import fetch
from extractors.pose.config import PoseConfig
from extractors.pose.stage import Pose
from synthetic.dives import read_truth, render_dives
from synthetic.rendering import Options, Truth

KINDS: dict[str, Options] = {
    "demo": Options(),
    "crowd": Options(spectators=True, motion_blur=0.5),
    "broadcast": Options(size=(454, 256), divers=1, spectators=True, motion_blur=0.6),
    "poor": Options(size=(454, 256), divers=1, spectators=True, motion_blur=0.6),
}

WAYS: dict[str, dict[str, Any]] = {
    "plain": {"rotations": "none"},
    "four rotations": {"rotations": "four"},
    "tracked, one view": {"rotations": "tracked", "views": 1},
    "tracked": {"rotations": "tracked"},
}


@dataclass
class Clip:
    """A rendered video as the source of a stage."""

    path: Path
    poor: bool = False

    def __post_init__(self) -> None:
        self.info: VideoInfo
        self.info, self.times = probe(self.path)
        self.record = Record(id=self.path.name, path=self.path)
        self.upstream: dict[str, StageOutput] = {}
        self._frames = list(decode(self.path))
        if self.poor:
            self._frames = [replace(frame, image=spoilt(frame.image, frame.index)) for frame in self._frames]

    def first(self, count: int) -> Clip:
        """The same clip, cut after `count` frames."""
        short = copy(self)
        short.times, short._frames = self.times[:count], self._frames[:count]
        return short

    def frames(self, indices: Sequence[int] | None = None) -> Iterator[Frame]:
        """Frames that were decoded beforehand: decoding is not what is timed."""
        wanted = range(len(self._frames)) if indices is None else indices
        return iter([self._frames[i] for i in wanted])


def spoilt(image: NDArray[np.uint8], seed: int) -> NDArray[np.uint8]:
    """A picture as bad as those that are passed around: small, pale, noisy, compressed and enlarged again."""
    import cv2

    height, width = image.shape[:2]
    small = cv2.resize(image, (int(0.6 * width), int(0.6 * height)), interpolation=cv2.INTER_AREA).astype(np.float32)
    mean = small.mean(axis=(0, 1))
    pale = mean + 0.8 * (small - mean) + np.random.default_rng(seed).normal(0, 5, small.shape)
    _, packed = cv2.imencode(".jpg", np.clip(pale, 0, 255).astype(np.uint8), (cv2.IMWRITE_JPEG_QUALITY, 35))
    large = cv2.resize(cv2.imdecode(packed, cv2.IMREAD_COLOR), (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(large, dtype=np.uint8)


def measure(found: NDArray[np.float32], truth: Truth) -> dict[str, float]:
    """Figures of one clip.

    Args:
        found: (N, A, 17, 3) keypoints as the stage stores them, NaN where unseen.
        truth: what was rendered; divers of whom fewer than six joints are visible are not counted in that frame.
    """
    count, divers = truth.keypoints.shape[:2]
    shown = truth.visible.sum(axis=2) >= 6
    torso = np.median(np.linalg.norm(_torso(truth.keypoints), axis=-1), axis=0)
    near = np.zeros((count, found.shape[1], divers))
    for frame, agent, diver in np.ndindex(near.shape):
        near[frame, agent, diver] = _away(found[frame, agent], truth.keypoints[frame, diver]) / torso[diver]
    fits = near < 0.6
    pairs = max(itertools.permutations(range(found.shape[1]), divers), key=lambda p: _hits(fits, shown, p))
    hit = np.stack([fits[:, agent, diver] for diver, agent in enumerate(pairs)], axis=1)
    nearest = np.stack([near[:, agent].argmin(axis=1) for agent in pairs], axis=1)
    swapped = (nearest != np.arange(divers)) & np.take_along_axis(fits[:, pairs], nearest[..., None], 2)[..., 0]
    error = np.linalg.norm(found[:, pairs, :, :2] - truth.keypoints, axis=-1) / torso[None, :, None]
    counted = truth.visible & shown[..., None]
    return {
        "found": float(hit[shown].mean()),
        "all": float((hit | ~shown).all(axis=1)[shown.any(axis=1)].mean()),
        "pck20": float((error < 0.2)[counted].mean()),
        "pck50": float((error < 0.5)[counted].mean()),
        "swaps": float((swapped & shown & ~hit).sum()),
    }


def _torso(points: NDArray[np.floating]) -> NDArray[np.float64]:
    return np.asarray(points[..., [5, 6], :].mean(axis=-2) - points[..., [11, 12], :].mean(axis=-2), dtype=np.float64)


def _away(pose: NDArray[np.floating], true: NDArray[np.floating]) -> float:
    if not np.isfinite(pose[:, 0]).any():
        return np.inf
    weighted = np.column_stack([true, np.ones(17)])
    return float(np.linalg.norm(centre_of(np.column_stack([pose[:, :2], np.ones(17)])) - centre_of(weighted)))


def _hits(fits: NDArray[np.bool_], shown: NDArray[np.bool_], pairs: tuple[int, ...]) -> int:
    return sum(int((fits[:, agent, diver] & shown[:, diver]).sum()) for diver, agent in enumerate(pairs))


def render(folder: Path, kind: str, dives: int) -> None:
    """The clips of one kind, below `folder`, when not there yet."""
    if not (folder / kind / "labels.csv").is_file():
        render_dives(folder / kind, dives, seed=20, size=KINDS[kind].size, options=KINDS[kind])


def run(folder: Path, kind: str, way: str, dives: int) -> dict[str, Any]:
    """Mean figures of one way over the clips of one kind, which lie below `folder`."""
    import cv2

    cv2.setNumThreads(1)
    stage = Pose(PoseConfig(agents=KINDS[kind].divers, **WAYS[way]))
    rows: list[dict[str, float]] = []
    frames, spent = 0, 0.0
    for path in sorted((folder / kind / "videos").glob("*.mp4"))[:dives]:
        clip = Clip(path, poor=kind == "poor")
        if not rows:
            stage.extract(clip.first(3))  # compiles the network
        began = time.process_time()
        result = stage.extract(clip)
        spent += time.process_time() - began
        frames += len(clip.times)
        truth = read_truth(folder / kind / "truth" / f"{path.stem}.npz")
        found = result.arrays["keypoints"].values.astype(np.float32)
        rows.append(measure(found, truth) | {"forwards": float(result.quality["forwards_per_frame"])})
    means: dict[str, Any] = {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}
    means |= {"swaps": float(sum(row["swaps"] for row in rows)), "ms": 1000 * spent / frames}
    return {"clips": kind, "way": way} | means


def main() -> None:
    """Run every way on every kind; print the table and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dives", type=int, default=4, help="clips of each kind")
    parser.add_argument("--kinds", nargs="*", default=list(KINDS), choices=list(KINDS))
    parser.add_argument("--workers", type=int, default=2, help="ways measured side by side, each in one thread")
    parser.add_argument("--folder", type=Path, help="where to keep the rendered clips (default: a temporary folder)")
    parser.add_argument("--out", type=Path, default=Path("runs/benchmarks/pose.json"))
    given = parser.parse_args()
    fetch("movenet-multipose")
    pairs = list(itertools.product(given.kinds, WAYS))
    with tempfile.TemporaryDirectory() as temporary, ProcessPoolExecutor(given.workers, get_context("spawn")) as pool:
        folder = given.folder or Path(temporary)
        list(pool.map(render, *zip(*[(folder, kind, given.dives) for kind in given.kinds], strict=True)))
        jobs = [pool.submit(run, folder, kind, way, given.dives) for kind, way in pairs]
        results = [job.result() for job in jobs]
    Console(width=110).print(table_of(results))
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps({"dives": given.dives, "rows": results}, indent=2), encoding="utf-8")


def table_of(results: Sequence[dict[str, Any]]) -> Table:
    """The table of the module's text."""
    table = Table(
        "clips", "way", "found", "all", "PCK@.2", "PCK@.5", "swaps", "ms", "forwards", title="Pose on rendered dives"
    )
    for row in results:
        shares = [f"{row[name]:.3f}" for name in ("found", "all", "pck20", "pck50")]
        figures = [f"{row['swaps']:.0f}", f"{row['ms']:.1f}", f"{row['forwards']:.2f}"]
        table.add_row(row["clips"], row["way"], *shares, *figures)
    return table


if __name__ == "__main__":
    main()
