"""What the features of short clips at a fixed rate cost, per hour of video.

    python -m benchmarks.feature_rate VIDEO [--hops 16,8,1] [--layout sliding] [--out FILE]

Runs `extract --stages clips` on the video into a fresh cache for each distance between windows (`clips.dense_hop`), and
once more, when there is nothing left to do: that is the start of the program, which is subtracted. Processor seconds
are divided by the seconds of the video, so 2.0 means two hours of one core for an hour of video. MiB are those of the
stage's files.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.evaluation_time import seconds_of, started
from data.video import probe

HOUR, MIB = 3600.0, 2.0**20


def measure(video: Path, hop: int, layout: str, duration: float) -> dict[str, Any]:
    """Costs of one distance between windows on a video of `duration` seconds."""
    with tempfile.TemporaryDirectory() as folder:
        cache, log = Path(folder) / "cache", Path(folder) / "log"
        settings = [f"clips.layout={layout}", f"clips.dense_hop={hop}", "run.workers=0"]
        words = ["extract", str(video), "--config", "folder", "--stages", "clips", "--cache", str(cache)]
        command = started(*words, *(word for setting in settings for word in ("--set", setting)))
        wall, used = seconds_of(command, Path(), log)
        start_wall, start = seconds_of(command, Path(), log)
        size = sum(path.stat().st_size for path in (cache / "clips").rglob("*") if path.is_file())
    return {
        "hop": hop,
        "processor_seconds_per_second": (used - start) / duration,
        "wall_seconds_per_second": (wall - start_wall) / duration,
        "mib_per_hour": size / MIB * HOUR / duration,
    }


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", type=Path)
    parser.add_argument("--hops", default="16,8,1", help="frames between windows")
    parser.add_argument("--layout", choices=("sliding", "dense"), default="sliding")
    parser.add_argument("--out", type=Path, default=Path("runs/benchmarks/feature_rate.json"))
    given = parser.parse_args()
    _, times = probe(given.video)
    duration = float(times[-1] - times[0]) * len(times) / (len(times) - 1)
    measured = []
    grid = Table(
        title=f"{given.video.name}: {duration:.2f} s, {len(times)} frames, {given.layout}", title_justify="left"
    )
    for column in ("hop", "processor seconds per second", "wall seconds per second", "MiB per hour"):
        grid.add_column(column)
    for hop in map(int, given.hops.split(",")):
        measured.append(measure(given.video.resolve(), hop, given.layout, duration))
        grid.add_row(*(f"{value:.4g}" for value in measured[-1].values()))
        Console().print(measured[-1])
    Console().print(grid)
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
