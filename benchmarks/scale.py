"""Runs with nothing to do and `status` over large caches: seconds, memory, and the cost of an entry.

    python -m benchmarks.scale [--sizes 1000,10000] [--million] [--folder DIR] [--out FILE]

Entries are synthetic. Every video is a small file of its own content. Every output is a file of one byte, and the index
has its header, as after a real write. The benchmark times `extract` until it says "nothing to do", and `status`, over
four stages. Each runs in a process of its own with cold memory; the disk may be warm. `--million` adds 250 000 videos x
4 stages. The cost of a lost index is measured on real cache files and given per file.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from rich.console import Console
from rich.table import Table

from data.store import Array, StageOutput
from data.store.fingerprint import fingerprint_file
from data.video import find_videos
from pipeline.cache import Cache
from pipeline.run import Planner, run_extract, status_rows
from pipeline.settings.config import Config, validate

STAGES = ("clips", "pose", "camera_flow", "timesteps")
QUALITY = {"found_rate": 0.98, "cuts": 1, "longest_gap_s": 0.2, "people": 2}
REAL_FILES = 500


@dataclass
class Row:
    """One measurement."""

    what: str  # the name of the action
    videos: int  # with four outputs each
    seconds: float  # wall clock
    cpu: float  # seconds of processor time, which other work on the machine disturbs less
    peak_mb: float  # largest resident memory of the process

    @property
    def micros(self) -> float:
        """Microseconds of processor time per output."""
        return self.cpu / self.videos / len(STAGES) * 1e6


def configured(cache: Path) -> Config:
    """Four stages with seeded weights, so that nothing is fetched."""
    values: dict[str, Any] = {"stages": list(STAGES), "cache": str(cache), "work": {"workers": 0}}
    return validate(values)


def make(folder: Path, videos: int) -> None:
    """Make synthetic videos and a synthetic cache of their outputs, in folders of a thousand."""
    inputs = folder / "in"
    for number in range(videos):
        path = inputs / f"{number // 1000:04}" / f"dive_{number:07}.mp4"
        if number % 1000 == 0:
            path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"video {number}")
    cache = Cache(folder / "cache")
    cache.mark()
    planner = Planner(configured(cache.root), cache)
    folders: set[Path] = set()
    for record in find_videos([inputs]).records:
        for planned in planner.plan(record, lambda stem: ()).stages:
            parts = planned.parts
            path = cache.path(planned.name, record.id, parts.key)
            if path.parent not in folders:
                path.parent.mkdir(parents=True, exist_ok=True)
                folders.add(path.parent)
            path.write_bytes(b"x")
            header = vars(parts) | {"stage_version": parts.version, "quality": QUALITY}
            cache.remember(path, header)
    cache.close()


def nothing_to_do(folder: Path) -> None:
    """Run `extract` on a finished cache, without the terminal."""
    cache = Cache(folder / "cache")
    config = configured(cache.root)
    records = find_videos([folder / "in"]).records
    summary = run_extract(Planner(config, cache).plan_all(records), config.machine, cache)
    if summary.results or summary.fresh != len(records):
        raise RuntimeError(f"{len(summary.results)} of {len(records)} videos ran: the synthetic cache is not fresh")


def status(folder: Path) -> None:
    """Run `status` on a finished cache, without the terminal."""
    cache = Cache(folder / "cache")
    plans = Planner(configured(cache.root), cache).plan_all(find_videos([folder / "in"]).records)
    for row in status_rows(plans, cache):
        if row.state != "fresh" or "found_rate" not in row.quality:
            raise RuntimeError(f"{row}: the synthetic cache is not fresh")


def rehash(folder: Path) -> None:
    """Hash every video again, as after the loss of the index."""
    for record in find_videos([folder / "in"]).records:
        if record.path is not None:
            fingerprint_file(record.path)


def measured(what: str, action: Callable[[Path], None], folder: Path, videos: int) -> Row:
    """Time an action in a process of its own."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_timed, args=(action, folder, theirs))
    process.start()
    seconds, cpu, peak = ours.recv()
    process.join()
    return Row(what, videos, seconds, cpu, peak)


def _timed(action: Callable[[Path], None], folder: Path, pipe: Any) -> None:
    configured(folder)  # imports are not measured
    start, busy = time.perf_counter(), time.process_time()
    action(folder)
    seconds, cpu = time.perf_counter() - start, time.process_time() - busy
    pipe.send((seconds, cpu, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))


def real_files(folder: Path) -> dict[str, float]:
    """Milliseconds per real cache file: to write it with and without waiting for the disk, and to verify it."""
    rng = np.random.default_rng(0)
    keypoints = rng.random((100, 2, 17, 3), dtype=np.float32)
    output = StageOutput({"keypoints": Array(keypoints, ("frame", "agent", "joint", "xyc"), "mixed")}, QUALITY)
    cache = Cache(folder / "real")
    cache.mark()
    planner = Planner(configured(cache.root), cache)
    path = folder / "real.mp4"
    path.write_text("video")
    record = find_videos([path]).records[0]
    parts = planner.plan(record).stages[1].parts
    records = [type(record)(id=f"{number}.mp4", path=path) for number in range(REAL_FILES)]

    def write_all() -> None:
        for each in records:
            cache.write(parts, each, output)

    def verify_all() -> None:
        for each in records:
            cache.load(cache.path(parts.stage, each.id, parts.key))

    waited = _seconds(write_all)
    cache.close()
    verified = _seconds(verify_all)
    with mock.patch("os.fsync", return_value=None):
        unwaited = _seconds(write_all)
    size = cache.path(parts.stage, records[0].id, parts.key).stat().st_size
    per_file = 1e3 / REAL_FILES
    return {
        "write_ms": waited * per_file,
        "write_without_sync_ms": unwaited * per_file,
        "verify_ms": verified * per_file,
        "bytes": float(size),
    }


def _seconds(action: Callable[[], None]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def show(rows: list[Row], files: dict[str, float], console: Console) -> None:
    """Print the tables."""
    table = Table(title="four stages a video, everything fresh", title_justify="left")
    for name in ("what", "videos", "outputs", "seconds", "of them CPU", "CPU microseconds per output", "peak MB"):
        table.add_column(name, justify="left" if name == "what" else "right")
    for row in rows:
        counts = (f"{row.videos}", f"{row.videos * len(STAGES)}")
        table.add_row(
            row.what, *counts, f"{row.seconds:.2f}", f"{row.cpu:.2f}", f"{row.micros:.0f}", f"{row.peak_mb:.0f}"
        )
    console.print(table)
    lines = [
        f"{name.removesuffix('_ms').replace('_', ' ')} {value:.2f} ms" for name, value in files.items() if "_ms" in name
    ]
    console.print(f"a real cache file of {files['bytes'] / 1000:.0f} kB (100 frames of pose): {', '.join(lines)}")


def main() -> None:
    """Make caches, measure, print, write the JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--sizes", default="1000,10000", help="videos, comma separated")
    parser.add_argument("--million", action="store_true", help="add 250000 videos, a million outputs")
    parser.add_argument("--folder", type=Path, help="where the caches are made; default: the temporary folder")
    parser.add_argument("--out", type=Path, default=Path("runs/benchmarks/scale.json"))
    asked = parser.parse_args()
    sizes = [int(size) for size in asked.sizes.split(",")] + ([250_000] if asked.million else [])
    console, rows = Console(width=120), []
    with tempfile.TemporaryDirectory(prefix="aim-scale-", dir=asked.folder) as made:
        for videos in sizes:
            folder = Path(made) / str(videos)
            make(folder, videos)
            rows.append(measured("nothing to do", nothing_to_do, folder, videos))
            rows.append(measured("status", status, folder, videos))
            rows.append(measured("hash the inputs again", rehash, folder, videos))
            size = (folder / "cache/.index.sqlite").stat().st_size
            console.print(f"{videos} videos: the index takes {size / 1e6:.1f} MB")
            shutil.rmtree(folder)
        files = real_files(Path(made))
    show(rows, files, console)
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    results = {"rows": [asdict(row) | {"micros_per_output": row.micros} for row in rows], "file": files}
    asked.out.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
