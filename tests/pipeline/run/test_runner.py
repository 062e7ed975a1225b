"""Planning, one decode pass, failures and freshness, shown on a dummy extractor."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from data.errors import CacheError
from data.store import hdf5 as store
from data.video.decoder import probe
from data.video.records import Record
from data.video.video_search import find_videos
from pipeline.cache import input_hashes, readable
from pipeline.cache.failure import Failure
from pipeline.cache.output_cache import Cache
from pipeline.run import decode_pass
from pipeline.run.batch import run, run_extract
from pipeline.run.costs import expected_cost
from pipeline.run.plan import Planner
from pipeline.score.model_training import content_hashes
from tests.helpers.cached_outputs import output_of
from tests.helpers.extracting import Place, configured, extract, opened, states
from tests.helpers.toy_stages import Brightness, use_stages
from tests.helpers.watching import Watching

pytestmark = pytest.mark.usefixtures("toy_stages")


def test_damage_of_the_stream_is_a_quality_value(make_video, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_video(tmp_path / "in/a.mp4", frames=10)
    make_video(tmp_path / "in/b.mp4", frames=10)

    def damaged(path: Path) -> object:
        info, times = probe(path)
        return (replace(info, damaged_packets=3, hidden_frames=2) if path.name == "b.mp4" else info), times

    monkeypatch.setattr(decode_pass, "probe", damaged)
    extract(find_videos([tmp_path / "in"]).records, configured(tmp_path / "cache", stages=["brightness"]))
    outputs = {name: output_of(tmp_path / "cache", "brightness", f"{name}.mp4") for name in ("a", "b")}
    quality = {name: store.read(path).header["quality"] for name, path in outputs.items()}
    assert quality["b"] == quality["a"] | {"damaged_packets": 3, "hidden_frames": 2}
    assert not {"damaged_packets", "hidden_frames"} & set(quality["a"])


def test_a_dummy_extractor_runs_through(place: Place, video: Callable[..., bytes]) -> None:
    place.put("a.mp4", video(10))
    place.put("sub/a.mp4", video(20))
    place.put("notes.txt", b"no video")
    records, config = place.records(), place.config()
    cache = opened(config)
    assert expected_cost([*Planner(config, cache).plan_all(records)], config.machine, cache).frames == 30
    summary = extract(records, config)
    assert (summary.ok, [result.record.id for result in summary.results]) == (True, ["a.mp4", "sub/a.mp4"])
    cache, keys = opened(config), summary.keys["sub/a.mp4"]
    stored = cache.read("brightness", "sub/a.mp4", keys["brightness"])
    assert stored.header["video"] == "sub/a.mp4"
    assert stored.output.arrays["brightness"].values.shape == (20,)
    assert cache.quality("brightness", "sub/a.mp4", keys["brightness"])["brightest"] == pytest.approx(54, abs=1)
    np.testing.assert_allclose(stored.output.arrays["time"].values, np.arange(20) / 25, atol=1e-3)
    contrast = cache.read("contrast", "sub/a.mp4", keys["contrast"]).output.arrays["contrast"]
    assert contrast.values == pytest.approx(38, abs=1)
    assert set(states(records, config).values()) == {("fresh", "")}
    again = extract(records, config)
    assert (again.fresh, again.results, place.copies()) == (2, [], [])


def test_a_changed_setting_recomputes_that_stage_and_what_needs_it(place: Place, video: Callable[..., bytes]) -> None:
    place.put("a.mp4", video())
    records = place.records()
    extract(records, place.config())
    changed = place.config(brightness={"stride": 2})
    assert states(records, changed) == {
        "a.mp4/brightness": ("stale", "brightness.stride 1 -> 2"),
        "a.mp4/contrast": ("stale", "upstream brightness changed"),
    }
    assert set(extract(records, changed).results[0].done) == {"brightness", "contrast"}
    device = place.config(brightness={"stride": 2, "device": "cuda"})
    assert extract(records, device).fresh == 1
    assert extract(records, place.config()).fresh == 1, "going back costs nothing"


def test_changed_content_is_recomputed_and_going_back_costs_nothing(place: Place, video: Callable[..., bytes]) -> None:
    place.put("a.mp4", video(10))
    place.put("b.mp4", video(12))
    config = place.config()
    extract(place.records(), config)
    place.put("a.mp4", video(15))
    assert states(place.records(), config)["a.mp4/brightness"] == ("stale", "video file changed")
    done = extract(place.records(), config)
    assert (done.fresh, [result.record.id for result in done.results]) == (1, ["a.mp4"])
    stored = opened(config).read("brightness", "a.mp4", done.keys["a.mp4"]["brightness"])
    assert stored.output.arrays["brightness"].values.shape == (15,)
    place.put("a.mp4", video(10))
    assert extract(place.records(), config).fresh == 2


def test_damaged_outputs_are_recomputed_once_they_are_read(place: Place, video: Callable[..., bytes]) -> None:
    place.put("a.mp4", video())
    config = place.config()
    key = extract(place.records(), config).keys["a.mp4"]["brightness"]
    contrast, name = place.output("contrast", "a.mp4"), place.output("brightness", "a.mp4")
    whole = place.folder.read(name, 1 << 20)
    expected = opened(config).read("brightness", "a.mp4", key).output.arrays["brightness"].values
    for damaged in (whole[:-100], whole[:2000], b"", b"\0" * 500):
        place.folder.write(name, damaged)
        assert extract(place.records(), config).fresh == 1, "nothing reads it"
        place.folder.remove(contrast)
        (result,) = extract(place.records(), config).results
        assert (set(result.done), result.failed) == ({"brightness", "contrast"}, {})
        stored = opened(config).read("brightness", "a.mp4", key)
        np.testing.assert_array_equal(stored.output.arrays["brightness"].values, expected)
    assert place.copies() == []


def test_force_computes_anew_what_a_damaged_output_kept_from_running(place: Place, video: Callable[..., bytes]) -> None:
    place.put("a.mp4", video())
    config = place.config()
    extract(place.records(), config)
    place.folder.write(place.output("brightness", "a.mp4"), b"")
    (result,) = extract(place.records(), config, force=True).results
    assert (set(result.done), result.failed) == ({"brightness", "contrast"}, {})


def test_an_output_that_stays_damaged_fails_the_stages_that_need_it(
    make_video, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_video(tmp_path / "in/a.mp4")
    records, config = find_videos([tmp_path / "in"]).records, configured(tmp_path / "cache", stages=["brightness"])
    assert extract(records, config).ok

    def damaged(*_: object) -> object:
        raise CacheError("damaged cache file")

    monkeypatch.setattr(Cache, "read", damaged)
    observer = Watching()
    with opened(both := configured(tmp_path / "cache")) as cache:
        (result,) = run_extract(Planner(both, cache).plan_all(records), both.machine, cache, observer).results
    cause = "the output of brightness cannot be used (damaged cache file)"
    assert result.failed == {"contrast": Failure("damaged", "contrast", cause)}
    assert not [*tmp_path.rglob("*.failed.json")], "the video does not explain it, so the next run tries again"
    assert [line for line in observer.lines if "again" in line] == [f"a.mp4 is extracted again: {cause}"]


def test_a_file_that_cannot_be_read_has_no_content_that_equals_another(tmp_path: Path) -> None:
    """The key says why, so that it changes with the reason; no content is compared with it."""
    first, second = (Record(name, tmp_path / name) for name in ("a.mp4", "b.mp4"))
    config = configured(tmp_path / "cache")
    with opened(config) as cache:
        (one,), (other,) = (input_hashes(record, cache).values() for record in (first, second))
        assert one == other == "unreadable: No such file or directory"
        assert readable([one, other]) == frozenset()
        plan = Planner(config, cache).plan(first)
        changes = plan.stages[0].parts.differences({"inputs": {"video": "0" * 64}})
        assert "video file unreadable: No such file or directory" in changes
        assert {content for stage in plan.stages for content in stage.parts.inputs.values()} == {one}
        assert content_hashes([plan]) == frozenset()


def test_one_bad_video_costs_one_video(place: Place, video: Callable[..., bytes]) -> None:
    place.put("good.mp4", video())
    place.put("gone.mp4", video())
    place.put("text.mp4", b"no video at all")
    place.put("empty.mp4", b"")
    records, config = place.records(), place.config()
    place.folder.remove("in/gone.mp4")
    summary = extract(records, config)
    assert not summary.ok
    failed = {result.record.id: result.failed["brightness"].cause for result in summary.failed}
    assert sorted(failed) == ["empty.mp4", "gone.mp4", "text.mp4"]
    assert f"{place.folder.url}/in/gone.mp4" in failed["gone.mp4"]
    entry = json.loads(place.folder.read(place.output("brightness", "text.mp4"), 1 << 20))
    assert "not a readable video" in entry["cause"]
    assert entry["where"] == f"{place.folder.url}/in/text.mp4", "not the place of a local copy"
    assert "Traceback" in entry["traceback"]
    records = place.records()
    assert states(records, config)["good.mp4/contrast"] == ("fresh", "")
    assert states(records, config)["text.mp4/brightness"][0] == "failed"
    again = extract(records, config)
    assert (again.ok, again.fresh, [r.done for r in again.failed]) == (False, 1, [{}, {}])
    place.put("text.mp4", video())
    assert len(extract(place.records(), config).failed) == 1, "a mended input runs again without being asked to"


def test_a_cache_moves_with_its_data(make_video, tmp_path: Path) -> None:
    make_video(tmp_path / "one/in/a.mp4")
    extract(find_videos([tmp_path / "one/in"]).records, configured(tmp_path / "one/cache"))
    (tmp_path / "one").rename(tmp_path / "two")
    os.utime(tmp_path / "two/in/a.mp4", (0, 0))
    moved = find_videos([tmp_path / "two/in"]).records
    assert extract(moved, configured(tmp_path / "two/cache")).fresh == 1


def test_an_output_that_another_process_writes_meanwhile_is_not_computed_again(make_video, tmp_path: Path) -> None:
    records = find_videos([make_video(tmp_path / "a.mp4")]).records
    config = configured(tmp_path / "cache")
    cache = Cache(config.machine.cache)
    plans, observer = Planner(config, cache).plan_all(records), Watching(on_plan=lambda *_: extract(records, config))
    summary = run_extract(plans, config.machine, cache, observer)
    assert [(result.done, set(result.skipped)) for result in summary.results] == [({}, {"brightness", "contrast"})]


def test_each_video_is_decoded_once(make_video, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    second = "tests.pipeline.run.test_runner:Second"
    use_stages(monkeypatch, brightness="tests.helpers.toy_stages:Brightness", second=second)
    decoded: list[object] = []
    original = decode_pass.decode
    monkeypatch.setattr(decode_pass, "decode", lambda *args: decoded.append(args) or original(*args))
    records = find_videos([make_video(tmp_path / "a.mp4", frames=40)]).records
    config = configured(tmp_path / "cache", stages=["brightness", "second"], brightness={"stride": 3})
    assert extract(records, config).ok
    assert len(decoded) == 1


def test_a_plan_is_computed_with_the_settings_of_its_key(make_video, tmp_path: Path) -> None:
    records = find_videos([make_video(tmp_path / "a.mp4", frames=12)]).records
    configs = [configured(tmp_path / "cache", stages=["brightness"], brightness={"stride": n}) for n in (1, 3)]
    with opened(configs[0]) as cache:
        plans = [plan for config in configs for plan in Planner(config, cache).plan_all(records)]
        lengths = [
            len(outputs["brightness"].arrays["time"].values)
            for _, outputs in run(plans, configs[0].machine, cache, read=("brightness",))
            if not isinstance(outputs, Failure)
        ]
    assert sorted(lengths) == [4, 12]


def test_progress_tells_the_stages_at_work(make_video, tmp_path: Path) -> None:
    make_video(tmp_path / "a.mp4", frames=10)
    config = configured(tmp_path / "cache")
    events: list[tuple[str, int, int, tuple[str, ...]]] = []
    cache = Cache(config.machine.cache)
    records = find_videos([tmp_path / "a.mp4"]).records
    plans = Planner(config, cache).plan_all(records)
    run_extract(plans, config.machine, cache, Watching(on_frames=lambda *what: events.append(what)))
    assert events[0] == ("a.mp4", 0, 0, ("brightness",))
    assert ("a.mp4", 10, 10, ("brightness",)) in events
    assert events[-1] == ("a.mp4", 0, 0, ("contrast",))


def test_stop_leaves_only_whole_files(make_video, tmp_path: Path) -> None:
    for number in range(4):
        make_video(tmp_path / f"in/{number}.mp4")
    records = find_videos([tmp_path / "in"]).records
    config = configured(tmp_path / "cache")
    cache, stop = Cache(config.machine.cache), threading.Event()
    observer = Watching(stop=stop, on_result=lambda *_: stop.set())
    summary = run_extract(Planner(config, cache).plan_all(records), config.machine, cache, observer)
    assert summary.cancelled
    assert not summary.ok
    assert len(summary.results) == 1
    assert not list(tmp_path.rglob(".writing-*"))
    assert extract(records, config).fresh == 1


class Second(Brightness):
    """`Brightness` under another name."""

    name = "second"


def test_a_cache_among_the_videos_is_no_input(make_video, tmp_path: Path) -> None:
    make_video(tmp_path / "in/a.mp4")
    config = configured(tmp_path / "in/cache")
    extract(find_videos([tmp_path / "in"]).records, config)
    make_video(tmp_path / "in/cache/preview/a.mp4.mp4")
    assert [record.id for record in find_videos([tmp_path / "in"]).records] == ["a.mp4"]
