"""Fast repeats: keys stay the same, a made-up cache is fresh, the index is small and can be lost."""

import os

import pytest

from data.store import hdf5 as store
from pipeline.cache import Cache, KeyParts, open_cache
from pipeline.cache.failure import Failure
from pipeline.run import Planner, status_rows
from tests.helpers.extracting import configured, extract


def rows(config, records):
    """The states that `status` shows."""
    with open_cache(config.machine) as cache:
        return list(status_rows(Planner(config, cache).plan_all(records), cache))


def test_outputs_are_not_read_to_see_that_they_are_fresh(filled, monkeypatch):
    _, records, config = filled
    read = []
    header = store.read_header
    monkeypatch.setattr(store, "read", lambda path, content: pytest.fail("a whole output was read"))
    monkeypatch.setattr(store, "read_header", lambda path, content: read.append(path) or header(path))
    first = rows(config, records)
    (config.machine.cache / ".index.sqlite").unlink()
    assert extract(records, config).fresh == 2
    assert read == []
    assert rows(config, records) == first, "a lost index loses nothing"
    assert len(read) == 4
    assert rows(config, records) == first
    assert len(read) == 4


def test_the_reason_is_that_of_the_newest_sibling(filled):
    cache, (record, *_), config = filled
    wanted = configured(cache.root, brightness={"stride": 7})
    for number, stride in enumerate((3, 2, 3)):
        keys = extract([record], configured(cache.root, brightness={"stride": stride})).keys["a.mp4"]
        os.utime(cache.path("brightness", "a.mp4", keys["brightness"]), (0, 2e9 + number))
        reason = rows(wanted, [record])[0].reason
        assert reason == Failure("missing", "brightness", f"brightness.stride {stride} -> 7")
    assert rows(config, [record])[0].state == "fresh"


def test_names_of_one_video_are_not_those_of_another(tmp_path):
    (tmp_path / "pose").mkdir()
    for name in ("a.0123456789ab.h5", "a.b.0123456789ab.h5"):
        (tmp_path / "pose" / name).touch()
    parts = KeyParts("pose", 1, {}, {}, {}, {})
    vars(parts)["key"] = "0123456789ab" + "0" * 52
    cache = Cache(tmp_path)
    made = [cache.freshness(parts, name)[0] for name in ("a", "a.b", "b", "")]
    assert made == ["fresh", "fresh", "missing", "missing"]
