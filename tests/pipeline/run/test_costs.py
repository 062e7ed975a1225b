"""Dry runs give reasons and costs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from data.video.video_search import find_videos
from pipeline.cache.output_cache import Cache
from pipeline.run.costs import (
    ExpectedCost,
    PlannedVideo,
    StageCost,
    dry_run,
    dry_run_tables,
    expected_cost,
    format_estimate,
)
from pipeline.run.plan import Planner
from pipeline.settings.config import load_config, validate
from pipeline.settings.stages import STAGES
from tests.helpers.extracting import configured, extract
from tests.helpers.toy_stages import use_stages

pytestmark = pytest.mark.usefixtures("toy_stages")

REAL_STAGES = dict(STAGES)


@pytest.fixture
def videos(make_video: Any, tmp_path: Path) -> Path:
    for number in range(3):
        make_video(tmp_path / f"in/{number}.mp4", frames=10)
    return tmp_path / "in"


def test_a_dry_run_gives_reasons_and_changes_nothing(videos: Path, tmp_path: Path) -> None:
    config = configured(tmp_path / "cache")
    extract(find_videos([videos]).records, config)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").rglob("*.h5")}
    changed = configured(tmp_path / "cache", brightness={"stride": 5})
    cache = Cache(changed.machine.cache)
    changed = load_config(changed, {"work.workers": 2})
    plans = [plan for plan in Planner(changed, cache).plan_all(find_videos([videos]).records) if plan.todo]
    planned = dry_run(plans, changed.machine, cache)
    expected = {"brightness": "brightness.stride 1 -> 5", "contrast": "upstream brightness changed"}
    assert planned.plan[0] == PlannedVideo("0.mp4", expected)
    assert (planned.estimate.videos, planned.estimate.frames) == (3, 30)
    assert planned.estimate.stages["brightness"].seconds_per_unit
    titles = [title for title, _, _ in dry_run_tables(planned)]
    assert titles[0] == "what would run"
    assert "30 frames with 2 workers" in titles[1]
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").rglob("*.h5")} == before


def test_forced_and_retried_stages_say_so(videos: Path, tmp_path: Path) -> None:
    (videos / "bad.mp4").write_text("no video")
    config = configured(tmp_path / "cache")
    extract(find_videos([videos]).records, config)
    cache = Cache(config.machine.cache)
    records = find_videos([videos]).records
    planner = Planner(config, cache, stages=("contrast",), force=True)
    plans = [plan for plan in planner.plan_all(records) if plan.todo]
    assert dry_run(plans, config.machine, cache).plan[0].todo == {"contrast": "fresh, run again by --force"}
    planner = Planner(config, cache, retry_failed=True)
    plans = [plan for plan in planner.plan_all(records) if plan.todo]
    (row,) = dry_run(plans, config.machine, cache).plan
    assert row.video == "bad.mp4"
    assert "tried again by --retry-failed" in row.todo["brightness"]


def test_costs_follow_what_was_measured(videos: Path, tmp_path: Path) -> None:
    config = configured(tmp_path / "cache")
    cache = Cache(config.machine.cache)
    cache.mark()
    records = find_videos([videos]).records
    planner = Planner(config, cache)
    plans = [plan for plan in planner.plan_all(records) if plan.todo]
    before = expected_cost(plans, config.machine, cache)
    assert before.seconds is before.stages["brightness"].seconds_per_unit is None, (
        "no time is given before one is measured"
    )
    assert format_estimate(before) == f"3 videos: brightness 30 frames, contrast 30 frames; on {before.where}"
    title, _, rows = [*dry_run_tables(dry_run(plans, config.machine, cache))][1]
    assert title.startswith("30 frames with"), "no time in the table either"
    assert {row[-1] for row in rows} == {""}
    kinds = {name: plans[0].stage(name).kind_of_work for name in ("brightness", "contrast")}
    cache.index.add_cost(kinds["brightness"], 2.0, 10)
    cache.index.flush()
    assert expected_cost(plans, config.machine, cache).seconds is None, "a stage without a measurement"
    for _ in range(20):
        for stage, seconds in (("brightness", 2.0), ("contrast", 1.0)):
            cache.index.add_cost(kinds[stage], seconds, 10)
        cache.index.flush()
    estimated = expected_cost(plans, load_config(config, {"work.workers": 3}).machine, cache)
    assert estimated.stages["brightness"].seconds_per_unit == pytest.approx(0.2)
    assert estimated.seconds == pytest.approx(30 * 0.3 / 3)
    assert format_estimate(estimated) == (
        "about 3 s for 3 videos: brightness 30 frames, contrast 30 frames; on 3 processes with 1 thread each"
    )
    pytest.importorskip("ray")
    far = load_config(config, {"work.engine": "ray", "work.workers": None}).machine
    assert expected_cost(plans, far, cache).seconds is None, "a cluster says later how many workers it has room for"
    title, _, _ = [*dry_run_tables(dry_run(plans, far, cache))][1]
    assert title == "30 frames with as many workers as fit"
    two = load_config(config, {"work.engine": "ray", "work.workers": 2}).machine
    assert expected_cost(plans, two, cache).seconds == pytest.approx(30 * 0.3 / 2)
    (config.machine.cache / ".index.sqlite").unlink()
    assert expected_cost(plans, config.machine, Cache(config.machine.cache)).seconds is None


def test_times_of_one_network_say_nothing_of_another(
    videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keypoints of a file are read in a small part of the time in which a network detects them."""
    use_stages(monkeypatch, **REAL_STAGES)
    seconds = []
    for backend in ("movenet", "import", "movenet"):
        config = validate(
            {"stages": ["pose"], "cache": str(tmp_path / "cache"), "pose": {"backend": backend}, "work": {"workers": 1}}
        )
        cache = Cache(config.machine.cache)
        cache.mark()
        plans = [plan for plan in Planner(config, cache).plan_all(find_videos([videos]).records) if plan.todo]
        if not seconds:
            cache.index.add_cost(plans[0].stage("pose").kind_of_work, 5.0, 10)
            cache.index.flush()
        seconds.append(expected_cost(plans, config.machine, cache).seconds)
    assert seconds == [15, None, 15]


def test_sampling_settings_change_the_estimate(videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_stages(monkeypatch, **REAL_STAGES)

    def work(**settings: Any) -> dict[str, int]:
        stages = ["clips", "pose", "camera_flow"]
        config = validate({"name": "costs", "stages": stages, "cache": str(tmp_path / "cache"), **settings})
        cache = Cache(config.machine.cache)
        plans = [plan for plan in Planner(config, cache).plan_all(find_videos([videos]).records) if plan.todo]
        return {name: about.work for name, about in expected_cost(plans, config.machine, cache).stages.items()}

    assert work() == {"clips": 3 * 16, "pose": 30, "camera_flow": 27}
    sparse = work(clips={"layout": "dense", "frames_per_clip": 8}, pose={"stride": 3}, camera_flow={"stride": 3})
    assert sparse == {"clips": 3 * 3 * 8, "pose": 12, "camera_flow": 9}


def test_work_that_no_video_tells_is_not_given_as_zero() -> None:
    expected = ExpectedCost(2, 0, None, 1, {"skeleton": StageCost(2, 0, "frames", None)}, "1 process")
    assert format_estimate(expected) == "2 videos: skeleton; on 1 process"
