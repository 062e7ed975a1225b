"""Planning, one decode pass, failures and freshness, shown on a dummy extractor."""

import json
import os
import threading
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from data.errors import CacheError
from data.store import hdf5 as store
from data.video import Record, find_videos, probe
from pipeline.cache import Cache, input_hashes, readable
from pipeline.cache.failure import Failure
from pipeline.run import Planner, decode_pass, run, run_extract
from pipeline.run.costs import expected_cost
from tests.helpers.cached_outputs import output_of
from tests.helpers.extracting import configured, extract, opened, states
from tests.helpers.toy_stages import Brightness, use_stages
from tests.helpers.watching import Watching

pytestmark = pytest.mark.usefixtures("toy_stages")


@pytest.fixture
def records(make_video, tmp_path):
    """Two videos of ten frames."""
    for name in ("a", "b"):
        make_video(tmp_path / f"in/{name}.mp4", frames=10)
    return find_videos([tmp_path / "in"]).records


def watched(records, config, **hooks):
    """`extract` whose observer has these hooks."""
    with opened(config) as cache:
        return run_extract(Planner(config, cache).plan_all(records), config.machine, cache, Watching(**hooks))


def test_damage_of_the_stream_is_a_quality_value(records, tmp_path, monkeypatch):
    def damaged(path):
        info, times = probe(path)
        return (replace(info, damaged_packets=3, hidden_frames=2) if path.name == "b.mp4" else info), times

    monkeypatch.setattr(decode_pass, "probe", damaged)
    extract(records, configured(tmp_path / "cache", stages=["brightness"]))
    outputs = [output_of(tmp_path / "cache", "brightness", f"{name}.mp4") for name in ("a", "b")]
    whole, broken = (store.read(path).header["quality"] for path in outputs)
    assert broken == whole | {"damaged_packets": 3, "hidden_frames": 2}
    assert not {"damaged_packets", "hidden_frames"} & set(whole)


def test_a_dummy_extractor_runs_through(place, video):
    place.put("a.mp4", video(10))
    place.put("sub/a.mp4", video(20))
    place.put("notes.txt", b"no video")
    records, config = place.records(), place.config()
    cache = opened(config)
    assert expected_cost([*Planner(config, cache).plan_all(records)], config.machine, cache).frames == 30
    summary = place.extract()
    assert (summary.ok, [result.record.id for result in summary.results]) == (True, ["a.mp4", "sub/a.mp4"])
    cache, keys = opened(config), summary.keys["sub/a.mp4"]
    stored = cache.read("brightness", "sub/a.mp4", keys["brightness"])
    assert stored.header["video"] == "sub/a.mp4"
    assert stored.output.arrays["brightness"].values.shape == (20,)
    assert cache.quality("brightness", "sub/a.mp4", keys["brightness"])["brightest"] == pytest.approx(54, abs=1)
    np.testing.assert_allclose(stored.output.arrays["time"].values, np.arange(20) / 25, atol=1e-3)
    contrast = cache.read("contrast", "sub/a.mp4", keys["contrast"]).output.arrays["contrast"]
    assert contrast.values == pytest.approx(38, abs=1)
    assert set(place.states().values()) == {("fresh", "")}
    again = place.extract()
    assert (again.fresh, again.results, place.copies()) == (2, [], [])


def test_a_changed_setting_or_content_is_recomputed_and_going_back_costs_nothing(place, video):
    place.put("a.mp4", video(10))
    place.put("b.mp4", video(12))
    place.extract()
    stride = {"brightness": {"stride": 2}}
    assert list(place.states(**stride).items())[:2] == [
        ("a.mp4/brightness", ("stale", "brightness.stride 1 -> 2")),
        ("a.mp4/contrast", ("stale", "upstream brightness changed")),
    ]
    assert set(place.extract(**stride).results[0].done) == {"brightness", "contrast"}
    assert place.extract(brightness={"stride": 2, "device": "cuda"}).fresh == 2, "it runs elsewhere"
    place.put("a.mp4", video(15))
    assert place.states()["a.mp4/brightness"] == ("stale", "video file changed")
    done = place.extract()
    assert (done.fresh, [result.record.id for result in done.results]) == (1, ["a.mp4"])
    stored = opened(place.config()).read("brightness", "a.mp4", done.keys["a.mp4"]["brightness"])
    assert stored.output.arrays["brightness"].values.shape == (15,)
    place.put("a.mp4", video(10))
    assert place.extract().fresh == 2


def test_damaged_outputs_are_recomputed_once_they_are_read(place, video):
    place.put("a.mp4", video())
    key = place.extract().keys["a.mp4"]["brightness"]
    contrast, name = place.output("contrast", "a.mp4"), place.output("brightness", "a.mp4")
    whole = place.folder.read(name, 1 << 20)
    expected = opened(place.config()).read("brightness", "a.mp4", key).output.arrays["brightness"].values
    for damaged in (whole[:-100], b"", b"\0" * 500):
        place.folder.write(name, damaged)
        assert place.extract().fresh == 1, "nothing reads it"
        if damaged:
            place.folder.remove(contrast)
        (result,) = extract(place.records(), place.config(), force=not damaged).results
        assert (set(result.done), result.failed) == ({"brightness", "contrast"}, {})
        stored = opened(place.config()).read("brightness", "a.mp4", key)
        np.testing.assert_array_equal(stored.output.arrays["brightness"].values, expected)
    assert place.copies() == []


def test_an_output_that_stays_damaged_fails_the_stages_that_need_it(records, tmp_path, monkeypatch):
    assert extract(records, configured(tmp_path / "cache", stages=["brightness"])).ok

    def damaged(*_):
        raise CacheError("damaged cache file")

    monkeypatch.setattr(Cache, "read", damaged)
    observer, config = Watching(), configured(tmp_path / "cache")
    with opened(config) as cache:
        (result,) = run_extract(Planner(config, cache).plan_all(records[:1]), config.machine, cache, observer).results
    cause = "the output of brightness cannot be used (damaged cache file)"
    assert result.failed == {"contrast": Failure("damaged", "contrast", cause)}
    assert not [*tmp_path.rglob("*.failed.json")], "the video does not explain it, so the next run tries again"
    assert [line for line in observer.lines if "again" in line] == [f"a.mp4 is extracted again: {cause}"]


def test_a_file_that_cannot_be_read_has_no_content_that_equals_another(tmp_path):
    """The key says why, so that it changes with the reason; no content is compared with it."""
    config, record = configured(tmp_path / "cache"), Record("a.mp4", tmp_path / "a.mp4")
    with opened(config) as cache:
        (content,) = input_hashes(record, cache).values()
        assert content == "unreadable: No such file or directory"
        assert readable([content, "0"]) == frozenset("0")
        plan = Planner(config, cache).plan(record)
        changes = plan.stages[0].parts.differences({"inputs": {"video": "0" * 64}})
        assert "video file unreadable: No such file or directory" in changes


def test_one_bad_video_costs_one_video(place, video):
    for name, content in (("good", video()), ("gone", video()), ("text", b"no video at all"), ("empty", b"")):
        place.put(f"{name}.mp4", content)
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
    shown = place.states()
    assert (shown["good.mp4/contrast"], shown["text.mp4/brightness"][0]) == (("fresh", ""), "failed")
    again = place.extract()
    assert (again.ok, again.fresh, [r.done for r in again.failed]) == (False, 1, [{}, {}])
    place.put("text.mp4", video())
    assert len(place.extract().failed) == 1, "a fixed input runs again without being asked to"


def test_a_cache_among_the_videos_moves_with_them_and_is_no_input(make_video, tmp_path):
    make_video(tmp_path / "one/a.mp4")
    extract(find_videos([tmp_path / "one"]).records, configured(tmp_path / "one/cache"))
    make_video(tmp_path / "one/cache/preview/a.mp4.mp4")
    (tmp_path / "one").rename(tmp_path / "two")
    os.utime(tmp_path / "two/a.mp4", (0, 0))
    moved = find_videos([tmp_path / "two"]).records
    assert [record.id for record in moved] == ["a.mp4"]
    assert extract(moved, configured(tmp_path / "two/cache")).fresh == 1


def test_an_output_that_another_process_writes_meanwhile_is_not_computed_again(records, tmp_path):
    config = configured(tmp_path / "cache")
    summary = watched(records[:1], config, on_plan=lambda *_: extract(records, config))
    assert [(result.done, set(result.skipped)) for result in summary.results] == [({}, {"brightness", "contrast"})]


class Second(Brightness):
    """`Brightness` under another name."""

    name = "second"


def test_each_video_is_decoded_once_and_progress_tells_the_stages_at_work(records, tmp_path, monkeypatch):
    toys = "tests.helpers.toy_stages:"
    second, more = "tests.pipeline.run.test_runner:Second", {"contrast": f"{toys}Contrast"}
    use_stages(monkeypatch, brightness=f"{toys}Brightness", second=second, **more)
    decoded, events, original = list[object](), list[tuple[Any, ...]](), decode_pass.decode
    monkeypatch.setattr(decode_pass, "decode", lambda *args: decoded.append(args) or original(*args))
    config = configured(tmp_path / "cache", stages=["second", "contrast"], brightness={"stride": 3})
    assert watched(records[:1], config, on_frames=lambda *what: events.append(what)).ok
    assert len(decoded) == 1
    assert (events[0][:3], sorted(events[0][3])) == (("a.mp4", 0, 0), ["brightness", "second"])
    assert {event[1:3] for event in events} >= {(10, 10)}
    assert events[-1] == ("a.mp4", 0, 0, ("contrast",))


def test_a_plan_is_computed_with_the_settings_of_its_key(records, tmp_path):
    configs = [configured(tmp_path / "cache", stages=["brightness"], brightness={"stride": n}) for n in (1, 3)]
    with opened(configs[0]) as cache:
        plans = [plan for config in configs for plan in Planner(config, cache).plan_all(records[:1])]
        lengths = [
            len(outputs["brightness"].arrays["time"].values)
            for _, outputs in run(plans, configs[0].machine, cache, read=("brightness",))
            if not isinstance(outputs, Failure)
        ]
    assert sorted(lengths) == [4, 10]


def test_stop_leaves_only_whole_files(records, tmp_path):
    config, stop = configured(tmp_path / "cache"), threading.Event()
    summary = watched(records, config, stop=stop, on_result=lambda *_: stop.set())
    assert (summary.cancelled, summary.ok, len(summary.results)) == (True, False, 1)
    assert not list(tmp_path.rglob(".writing-*"))
    assert {state for state, _ in states(records, config).values()} == {"fresh", "missing"}
    assert extract(records, config).fresh == 1
