"""Dry runs give reasons and costs."""

import pytest

from data.video.video_search import find_videos
from pipeline.cache.output_cache import Cache
from pipeline.run import costs
from pipeline.run.costs import ExpectedCost, StageCost, dry_run_tables, expected_cost, format_estimate
from pipeline.run.plan import Planner
from pipeline.settings.config import load_config, validate
from pipeline.settings.stages import STAGES
from tests.helpers.extracting import configured, extract
from tests.helpers.toy_stages import use_stages

pytestmark = pytest.mark.usefixtures("toy_stages")

REAL_STAGES = dict(STAGES)


@pytest.fixture
def videos(make_video, tmp_path):
    for number in range(3):
        make_video(tmp_path / f"in/{number}.mp4", frames=10)
    return tmp_path / "in"


def planned(videos, config, **options):
    """The plans with work to do, and the cache."""
    cache = Cache(config.machine.cache)
    cache.mark()
    plans = Planner(config, cache, **options).plan_all(find_videos([videos]).records)
    return [plan for plan in plans if plan.todo], cache


def test_a_dry_run_gives_reasons_and_changes_nothing(videos, tmp_path):
    (videos / "bad.mp4").write_text("no video")
    config = configured(tmp_path / "cache")
    extract(find_videos([videos]).records, config)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").rglob("*.h5")}

    def reasons(config, **options):
        plans, cache = planned(videos, config, **options)
        assert expected_cost(plans, config.machine, cache).videos == len(plans)
        return {plan.record.name: dict(costs.reasons(plan)) for plan in plans}

    stale = {"brightness": "brightness.stride 1 -> 5", "contrast": "upstream brightness changed"}
    changed = configured(tmp_path / "cache", brightness={"stride": 5})
    assert reasons(changed).items() >= {f"{number}.mp4": stale for number in range(3)}.items()
    forced = reasons(config, stages=("contrast",), force=True)
    assert forced["0.mp4"] == {"contrast": "fresh, run again by --force"}
    retried = reasons(config, retry_failed=True)
    assert retried.keys() == {"bad.mp4"}
    assert retried["bad.mp4"]["brightness"].endswith("), tried again by --retry-failed")
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").rglob("*.h5")} == before


def test_costs_follow_what_was_measured(videos, tmp_path):
    config = configured(tmp_path / "cache")
    plans, cache = planned(videos, config)

    def cost(times=0, **work):
        for stage, seconds in {"brightness": 2.0, "contrast": 1.0}.items():
            for _ in range(times):
                cache.index.add_cost(plans[0].stage(stage).kind_of_work, seconds, 10)
        cache.index.flush()
        machine = load_config(config, {f"work.{name}": value for name, value in work.items()}).machine
        return expected_cost(plans, machine, cache)

    before = cost()
    assert (before.seconds, before.frames, before.stages["contrast"]) == (None, 30, StageCost(3, 30, "frames", None))
    assert format_estimate(before) == f"3 videos: brightness 30 frames, contrast 30 frames; on {before.where}"
    cache.index.add_cost(plans[0].stage("brightness").kind_of_work, 2.0, 10)
    assert cost().seconds is None, "a stage without a measurement"
    estimated = cost(20, workers=3)
    assert estimated.stages["brightness"].seconds_per_unit == pytest.approx(0.2)
    assert estimated.seconds == pytest.approx(30 * 0.3 / 3)
    assert format_estimate(estimated) == (
        "about 3 s for 3 videos: brightness 30 frames, contrast 30 frames; on 3 processes with 1 thread each"
    )
    pytest.importorskip("ray")
    assert cost(engine="ray", workers=None).seconds is None, "a cluster says later how many workers it has room for"
    assert cost(engine="ray", workers=2).seconds == pytest.approx(30 * 0.3 / 2)
    titles = []
    for workers in (None, 2):
        far = load_config(config, {"work.engine": "ray", "work.workers": workers}).machine
        titles.append([*dry_run_tables(plans, expected_cost(plans, far, cache))][1][0])
    assert titles == ["30 frames with as many workers as fit", "about 4 s for 30 frames with 2 workers"]


def test_times_of_one_network_say_nothing_of_another(videos, tmp_path, monkeypatch):
    """Keypoints of a file are read in a small part of the time in which a network detects them."""
    use_stages(monkeypatch, **REAL_STAGES)
    seconds = []
    for backend in ("movenet", "import", "movenet"):
        settings = {"stages": ["pose"], "pose": {"backend": backend}, "work": {"workers": 1}}
        config = validate({"cache": str(tmp_path / "cache"), **settings})
        plans, cache = planned(videos, config)
        if not seconds:
            cache.index.add_cost(plans[0].stage("pose").kind_of_work, 5.0, 10)
            cache.index.flush()
        seconds.append(expected_cost(plans, config.machine, cache).seconds)
    assert seconds == [15, None, 15]


def test_sampling_settings_change_the_estimate(videos, tmp_path, monkeypatch):
    use_stages(monkeypatch, **REAL_STAGES)

    def work(**settings):
        config = validate({"stages": ["clips", "pose", "camera_flow"], "cache": str(tmp_path / "cache"), **settings})
        plans, cache = planned(videos, config)
        return {name: about.work for name, about in expected_cost(plans, config.machine, cache).stages.items()}

    assert work() == {"clips": 3 * 16, "pose": 30, "camera_flow": 27}
    sparse = work(clips={"layout": "dense", "frames_per_clip": 8}, pose={"stride": 3}, camera_flow={"stride": 3})
    assert sparse == {"clips": 3 * 3 * 8, "pose": 12, "camera_flow": 9}


def test_work_that_no_video_tells_is_not_given_as_zero():
    expected = ExpectedCost(2, 0, None, 1, {"skeleton": StageCost(2, 0, "frames", None)}, "1 process")
    assert format_estimate(expected) == "2 videos: skeleton; on 1 process"
