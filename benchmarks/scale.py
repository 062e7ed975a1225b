"""Seconds, memory and cost per entry of finished runs and `status` over large caches.

    python -m benchmarks.scale [--sizes 1000,10000] [--folder DIR] [--out FILE]

Entries are synthetic. Every video is a small file with different content. Every output is a file of one byte, and the
index has its header, as after a real write. The benchmark times `extract` until it says "nothing to do", and `status`,
over four stages. Each runs in a separate process with cold memory; the disk cache may be warm.
"""

from __future__ import annotations

import multiprocessing
import resource
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.measuring import options, show, write
from data.video import find_videos
from pipeline.cache import Cache
from pipeline.run import Planner, run_extract, status_rows
from pipeline.settings.config import Config, validate

STAGES = ("clips", "pose", "camera_flow", "timesteps")
QUALITY = {"found_rate": 0.98, "cuts": 1, "longest_gap_s": 0.2, "people": 2}


def configured(cache: Path) -> Config:
    """Four stages with seeded weights, which need no download."""
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


def measured(action: Callable[[Path], None], folder: Path, videos: int) -> dict[str, Any]:
    """Time an action in a separate process; other work disturbs processor time less."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_timed, args=(action, folder, theirs))
    process.start()
    seconds, cpu, peak = ours.recv()
    process.join()
    outputs = videos * len(STAGES)
    counts = {"what": action.__name__.replace("_", " "), "videos": videos, "outputs": outputs}
    return {
        **counts,
        "seconds": seconds,
        "CPU": cpu,
        "CPU microseconds an output": 1e6 * cpu / outputs,
        "peak MB": peak,
    }


def _timed(action: Callable[[Path], None], folder: Path, pipe: Any) -> None:
    configured(folder)  # imports are not measured
    start, busy = time.perf_counter(), time.process_time()
    action(folder)
    seconds, cpu = time.perf_counter() - start, time.process_time() - busy
    pipe.send((seconds, cpu, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))


def main() -> None:
    """Make caches, measure, print, write the JSON."""
    parser = options(__doc__, "scale.json")
    parser.add_argument("--sizes", default="1000,10000", help="videos, comma separated")
    parser.add_argument("--folder", type=Path, help="where the caches are made; default: the temporary folder")
    given = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory(prefix="aim-scale-", dir=given.folder) as made:
        for videos in map(int, given.sizes.split(",")):
            folder = Path(made) / str(videos)
            make(folder, videos)
            rows += [measured(action, folder, videos) for action in (nothing_to_do, status)]
            shutil.rmtree(folder)
    show("four stages a video, everything fresh", rows)
    write(given.out, {"rows": rows})


if __name__ == "__main__":
    main()
