"""Shards of the videos, also by Slurm."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from data.video.records import find_videos
from pipeline.observer import Observer
from pipeline.run.inputs import slurm_shard, take_shard

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize(
    ("task", "count", "first", "step", "expected"),
    [(0, 10, 0, 1, (1, 10)), (10, 10, 1, 1, (10, 10)), (18, 10, 0, 2, (10, 10)), (7, 3, 5, 1, (3, 3))],
)
def test_slurm_arrays(task: int, count: int, first: int, step: int, expected: tuple[int, int]) -> None:
    names = {"ID": task, "COUNT": count, "MIN": first, "STEP": step}
    assert slurm_shard({f"SLURM_ARRAY_TASK_{name}": str(value) for name, value in names.items()}) == expected


def test_no_slurm_no_shard(make_video: Any, tmp_path: Path) -> None:
    assert slurm_shard({}) is None
    assert slurm_shard({"SLURM_ARRAY_TASK_ID": "x", "SLURM_ARRAY_TASK_COUNT": "2"}) is None
    records = find_videos([make_video(tmp_path / f"in/{number}.mp4").parent for number in range(3)][:1]).records
    parts = [take_shard(records, f"{part}/2", Observer()) for part in (1, 2)]
    assert sorted(r.id for part in parts for r in part) == [r.id for r in records]


@pytest.mark.slow
def test_the_slurm_script_divides_the_videos(make_video: Any, tmp_path: Path) -> None:
    for number in range(3):
        make_video(tmp_path / f"in/{number}.mp4", size=(128, 96), frames=3)
    (tmp_path / "config.yaml").write_text("stages: [camera_flow]\n")
    arguments = [str(tmp_path / "in"), str(tmp_path / "config.yaml"), str(tmp_path / "cache")]
    (tmp_path / "run_pipeline.py").symlink_to(ROOT / "run_pipeline.py")
    counts = []
    for task in ("1", "2"):
        array = {"SLURM_ARRAY_TASK_ID": task, "SLURM_ARRAY_TASK_COUNT": "2", "SLURM_ARRAY_TASK_MIN": "1"}
        folder = str(Path(sys.executable).parent)
        environment = {**os.environ, **array, "SLURM_CPUS_PER_TASK": "1", "PATH": f"{folder}:{os.environ['PATH']}"}
        command = ["bash", str(ROOT / "docs/slurm.sh"), *arguments]
        subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True, timeout=120)
        logged = json.loads((tmp_path / f"extract-{task}.json").read_text())
        counts.append([row["video"] for row in logged["results"] if row["done"]])
    assert counts == [["0.mp4", "2.mp4"], ["1.mp4"]]
