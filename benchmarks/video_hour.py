"""Minutes for an hour of video: every default stage alone, and all in one decoding pass, on one core and on two.

    python -m benchmarks.video_hour [--seconds 600] [--clips DIR] [--out FILE]

Two videos of 1280x720 at 25 frames a second are repeated to `--seconds`: a rendered dive, and the first clip in DIR
(../shared/clips), if any. Each row is one `extract` in a separate process, with one copy of the video per worker. CPU
and memory are those of the largest process. Times on a busy machine are meaningless; compare rows of one run.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.measuring import options, show, write
from benchmarks.memory import LOOP, write_loop
from pipeline.settings.config import load_config
from synthetic import render_dives

SIZE = (1280, 720)
ALL = "all together"


def sources(folder: Path, clips: Path) -> Iterator[tuple[str, Path]]:
    """Name and file of each repeated video."""
    render_dives(folder, 1, seed=20, frames=LOOP)
    yield "rendered", next((folder / "videos").glob("*.mp4"))
    yield from (("real", path) for path in sorted(clips.glob("*.mp4"))[:1])


def extracted(video: Path, seconds: float, workers: int, stages: tuple[str, ...]) -> dict[str, Any]:
    """Cost of one `extract` of copies of a video, one per worker."""
    with TemporaryDirectory(dir=video.parent) as folder:
        for number in range(workers):
            (Path(folder) / f"{number}.mp4").hardlink_to(video)
        words = ["extract", folder, "--config", "folder", "--cache", f"{folder}/cache", "--workers", str(workers)]
        chosen = ["--stages", *stages] if stages else []
        cores = ["taskset", "--cpu-list", "0" if workers == 1 else f"0-{workers - 1}"]
        began = time.perf_counter()
        command = [*cores, sys.executable, "run_pipeline.py", *words, *chosen]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        if status:
            raise SystemExit(f"failed: {' '.join(command)}")
        wall = time.perf_counter() - began
    share = 3600 / (seconds * workers) / 60
    return {
        "minutes an hour of video": wall * share,
        "CPU minutes an hour": (usage.ru_utime + usage.ru_stime) * share,
        "largest process, MiB": usage.ru_maxrss / 1024,
    }


def main() -> None:
    """Run all rows, print the table and write JSON."""
    parser, rows = options(__doc__, "video_hour.json"), list[dict[str, Any]]()
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--clips", type=Path, default=Path(__file__).parents[2] / "shared" / "clips")
    given = parser.parse_args()
    stages = load_config("folder").with_upstream()
    with TemporaryDirectory() as name:
        for kind, pictures in sources(Path(name), given.clips):
            video = Path(name) / f"{kind}.mp4"
            write_loop(video, pictures, given.seconds, SIZE)
            for workers, chosen in ((1, ALL), *((1, stage) for stage in stages), (2, ALL)):
                some = () if chosen == ALL else (chosen,)
                row = {"video": kind, "workers": workers, "stages": chosen}
                rows.append(row | extracted(video, given.seconds, workers, some))
    show("an hour of video of 1280x720", rows)
    write(given.out, {"rows": rows})


if __name__ == "__main__":
    main()
