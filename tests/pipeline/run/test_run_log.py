"""Who ran what: logs that can be read back, whole or torn; dry runs with reasons and costs; shards of Slurm."""

from __future__ import annotations

import getpass
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from data.video.records import find_videos
from pipeline import stages
from pipeline.cache.local_cache import Cache
from pipeline.cache.run_history import FOLDER, read_events, read_runs
from pipeline.config import BaseConfig, validate
from pipeline.observer import Observer
from pipeline.run.batch import Summary, plan_all, run_extract
from pipeline.run.costs import dry_run, dry_run_tables, estimate, in_a_line, remember
from pipeline.run.inputs import slurm_shard, take_shard
from pipeline.run.plan import Planner
from pipeline.run.runner import Result

pytestmark = pytest.mark.usefixtures("toy_stages")

ROOT = Path(__file__).resolve().parents[3]
REAL_STAGES = dict(stages.STAGES)


@pytest.fixture
def videos(make_video: Any, tmp_path: Path) -> Path:
    for number in range(3):
        make_video(tmp_path / f"in/{number}.mp4", frames=10)
    return tmp_path / "in"


def configured(root: Path, **values: object) -> BaseConfig:
    return validate({"stages": ["contrast"], "cache": str(root), "run": {"workers": 0}, **values})


def extract(videos: Path, config: BaseConfig, **options: Any) -> Summary:
    cache = Cache(config.cache)
    planner = Planner(config, cache, **options)
    summary = run_extract(find_videos([videos]).records, planner)
    cache.close()
    return summary


def test_a_run_tells_who_what_and_why(videos: Path, tmp_path: Path) -> None:
    (videos / "bad.mp4").write_text("no video")
    extract(videos, configured(tmp_path / "cache", brightness={"stride": 2}))
    (run,) = read_runs(tmp_path / "cache")
    assert (run.state, run.done, run.failed) == ("failed", 3, 1)
    assert run.start["who"] == getpass.getuser()
    assert run.start["config"]["brightness"]["stride"] == 2
    assert run.start["stages"]["brightness"]["settings"] == {"stride": 2}
    assert "numpy" in run.start["software"]
    events = list(read_events(run.path))
    plans = {event["video"]: event["todo"] for event in events if event["event"] == "plan"}
    assert plans["0.mp4"] == {"brightness": "not computed yet", "contrast": "not computed yet"}
    results = {event["video"]: event for event in events if event["event"] == "result"}
    assert results["0.mp4"]["frames"] == 10
    assert set(results["0.mp4"]["done"]) == {"brightness", "contrast"}
    assert "not a readable video" in results["bad.mp4"]["failed"]["brightness"]


def test_a_run_with_nothing_to_do_leaves_no_record(videos: Path, tmp_path: Path) -> None:
    for _ in range(2):
        extract(videos, configured(tmp_path / "cache"))
    assert [run.state for run in read_runs(tmp_path / "cache")] == ["done"]


def test_a_torn_log_is_a_run_without_an_end(videos: Path, tmp_path: Path) -> None:
    extract(videos, configured(tmp_path / "cache"))
    (path,) = (tmp_path / "cache" / FOLDER).glob("*.jsonl")
    content = path.read_bytes()
    lines = content.splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:5]) + lines[5][:20])
    (run,) = read_runs(tmp_path / "cache")
    assert (run.state, run.done) == ("interrupted", 1)
    path.write_bytes(b"\xff\x00[]\n")
    assert read_runs(tmp_path / "cache") == []


def test_a_log_that_cannot_be_written_stops_nothing(videos: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / FOLDER).write_text("a file where the folder should be")
    assert extract(videos, configured(tmp_path / "cache")).exit_code == 0
    assert read_runs(tmp_path / "cache") == []


def test_a_dry_run_gives_reasons_and_changes_nothing(videos: Path, tmp_path: Path) -> None:
    config = configured(tmp_path / "cache")
    extract(videos, config)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").rglob("*.h5")}
    changed = configured(tmp_path / "cache", brightness={"stride": 5})
    cache = Cache(changed.cache)
    planner = Planner(changed, cache)
    plans, _ = plan_all(find_videos([videos]).records, planner)
    planned = json.loads(json.dumps(dry_run(plans, planner, 2)))
    expected = {"brightness": "brightness.stride 1 -> 5", "contrast": "upstream brightness changed"}
    assert planned["plan"][0] == {"video": "0.mp4", "todo": expected}
    assert (planned["estimate"]["videos"], planned["estimate"]["frames"]) == (3, 30)
    assert planned["estimate"]["stages"]["brightness"]["measured"]
    titles = [title for title, _, _ in dry_run_tables(planned)]
    assert titles[0] == "what would run"
    assert "30 frames with 2 workers" in titles[1]
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").rglob("*.h5")} == before


def test_forced_and_retried_stages_say_so(videos: Path, tmp_path: Path) -> None:
    (videos / "bad.mp4").write_text("no video")
    config = configured(tmp_path / "cache")
    extract(videos, config)
    cache = Cache(config.cache)
    records = find_videos([videos]).records
    planner = Planner(config, cache, force=True)
    plans, _ = plan_all(records, planner)
    assert dry_run(plans, planner, 1)["plan"][0]["todo"] == {"contrast": "fresh, run again by --force"}
    planner = Planner(config, cache, retry_failed=True)
    plans, _ = plan_all(records, planner)
    (row,) = dry_run(plans, planner, 1)["plan"]
    assert row["video"] == "bad.mp4"
    assert "tried again by --retry-failed" in row["todo"]["brightness"]


def test_costs_follow_what_was_measured(videos: Path, tmp_path: Path) -> None:
    config = configured(tmp_path / "cache")
    cache = Cache(config.cache)
    cache.mark()
    records = find_videos([videos]).records
    planner = Planner(config, cache)
    plans, _ = plan_all(records, planner)
    before = estimate(plans, planner)
    assert not before.stages["brightness"]["measured"]
    assert "(not yet measured here) for 3 videos" in in_a_line(before)
    for _ in range(20):
        remember(planner, Result(records[0], done={"brightness": 2.0, "contrast": 1.0}, frames=10))
        cache.index.flush()
    estimated = estimate(plans, planner, workers=3)
    assert estimated.stages["brightness"]["seconds_per_unit"] == pytest.approx(0.2)
    assert estimated.seconds == pytest.approx(30 * 0.3 / 3)
    assert in_a_line(estimated) == "about 3 s for 3 videos: brightness 30 frames, contrast 30 frames"
    (config.cache / ".index.sqlite").unlink()
    assert not estimate(plans, Planner(config, Cache(config.cache))).stages["brightness"]["measured"]


def test_sampling_settings_change_what_a_run_is_said_to_cost(
    videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stages, "STAGES", REAL_STAGES)
    monkeypatch.setattr("pipeline.config.STAGES", REAL_STAGES)

    def work(**settings: Any) -> dict[str, int]:
        stages = ["clips", "pose", "camera_flow"]
        config = validate({"name": "costs", "stages": stages, "cache": str(tmp_path / "cache"), **settings})
        planner = Planner(config, Cache(config.cache))
        plans, _ = plan_all(find_videos([videos]).records, planner)
        return {name: about["work"] for name, about in estimate(plans, planner).stages.items()}

    assert work() == {"clips": 3 * 16, "pose": 30, "camera_flow": 27}
    sparse = work(clips={"layout": "dense", "frames_per_clip": 8}, pose={"stride": 3}, camera_flow={"max_pairs": 3})
    assert sparse == {"clips": 3 * 3 * 8, "pose": 12, "camera_flow": 9}


@pytest.mark.parametrize(
    ("task", "count", "first", "step", "expected"),
    [(0, 10, 0, 1, (1, 10)), (10, 10, 1, 1, (10, 10)), (18, 10, 0, 2, (10, 10)), (7, 3, 5, 1, (3, 3))],
)
def test_slurm_arrays(task: int, count: int, first: int, step: int, expected: tuple[int, int]) -> None:
    names = {"ID": task, "COUNT": count, "MIN": first, "STEP": step}
    assert slurm_shard({f"SLURM_ARRAY_TASK_{name}": str(value) for name, value in names.items()}) == expected


def test_no_slurm_no_shard(videos: Path) -> None:
    assert slurm_shard({}) is None
    assert slurm_shard({"SLURM_ARRAY_TASK_ID": "x", "SLURM_ARRAY_TASK_COUNT": "2"}) is None
    records = find_videos([videos]).records
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
