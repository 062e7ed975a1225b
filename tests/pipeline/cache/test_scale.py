"""Fast repeats: keys are what they always were, a made-up cache is fresh, the index is small and can be lost."""

from __future__ import annotations

import hashlib
import json
import os
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from benchmarks import scale
from data.errors import UsageError
from data.store import LocalFolder, following
from data.store import hdf5 as store
from data.video.records import find_videos
from pipeline.cache.computation import Computation
from pipeline.cache.local_cache import Cache
from pipeline.config import BaseConfig, validate
from pipeline.run.batch import run_extract, status_rows
from pipeline.run.plan import Planner


def test_keys_are_canonical_json(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_text("video")
    record = find_videos([tmp_path / "a.mp4"]).records[0]
    cache = Cache(tmp_path / "cache")
    for step in Planner(scale.configured(cache.root), cache).plan(record).steps:
        text = json.dumps(asdict(step.computation), sort_keys=True)
        assert step.computation.key == hashlib.sha256(text.encode()).hexdigest()


def test_a_made_up_cache_is_fresh_and_its_index_small(tmp_path: Path) -> None:
    scale.make(tmp_path, 60)
    scale.nothing_to_do(tmp_path)
    scale.status(tmp_path)
    outputs = 60 * len(scale.STAGES)
    assert (tmp_path / "cache/.index.sqlite").stat().st_size < 100_000 + 1000 * outputs


@pytest.fixture
def filled(toy_stages: None, make_video: Any, tmp_path: Path) -> tuple[BaseConfig, Any]:
    """A cache of one video, just extracted."""
    config = validate({"stages": ["contrast"], "cache": str(tmp_path / "cache"), "run": {"workers": 0}})
    records = find_videos([make_video(tmp_path / "a.mp4")]).records
    cache = Cache(config.cache)
    run_extract(records, Planner(config, cache))
    cache.close()
    return config, records


def rows(config: BaseConfig, records: Any) -> list[dict[str, Any]]:
    """The states that `status` tells."""
    cache = Cache(config.cache)
    rows = list(status_rows(records, Planner(config, cache)))
    cache.close()
    return rows


def test_outputs_are_not_read_to_see_that_they_are_fresh(
    filled: tuple[BaseConfig, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Path] = []
    header = store.read_header
    monkeypatch.setattr(store, "read", lambda path, content: pytest.fail("a whole output was read"))
    monkeypatch.setattr(store, "read_header", lambda path, content: read.append(path) or header(path))
    config, records = filled
    first = rows(*filled)
    (config.cache / ".index.sqlite").unlink()
    cache = Cache(config.cache)
    assert run_extract(records, Planner(config, cache)).fresh == 1
    cache.close()
    assert read == []
    assert rows(*filled) == first, "a lost index loses nothing"
    assert len(read) == 2
    assert rows(*filled) == first
    assert len(read) == 2


def test_the_reason_is_that_of_the_newest_sibling(filled: tuple[BaseConfig, Any]) -> None:
    config, records = filled
    for number, stride in enumerate((3, 2)):
        changed = validate({**config.dump(), "brightness": {"stride": stride}})
        cache = Cache(config.cache)
        keys = run_extract(records, Planner(changed, cache)).keys["a.mp4"]
        os.utime(cache.path("brightness", "a.mp4", keys["brightness"]), (0, 2e9 + number))
        cache.close()
    wanted = validate({**config.dump(), "brightness": {"stride": 7}})
    assert rows(wanted, records)[0]["reason"] == "brightness.stride 2 -> 7"
    assert rows(config, records)[0]["state"] == "fresh"


def as_version_0_1(cache: Path) -> dict[Path, bytes]:
    """Give the files of a cache the names that version 0.1.0 gave; returns their contents by their names of today."""
    now = {}
    for path in sorted(cache.rglob("*.h5")) + sorted(cache.rglob("*.failed.json")):
        now[path] = path.read_bytes()
        path.rename(path.with_name(re.sub(r"\.[0-9a-f]{12}\.", ".", path.name)))
    (cache / ".index.sqlite").unlink()
    return now


def test_a_cache_of_version_0_1_is_taken_over_and_nothing_is_computed_again(
    filled: tuple[BaseConfig, Any], tmp_path: Path
) -> None:
    config, records = filled
    (tmp_path / "bad.mp4").write_text("no video")
    records += find_videos([tmp_path / "bad.mp4"]).records
    run_extract(records, Planner(config, Cache(config.cache)))
    before, now = rows(config, records), as_version_0_1(config.cache)
    assert [path.exists() for path in now] == [False] * 3
    assert rows(config, records) == before
    assert {path: path.read_bytes() for path in now} == now
    summary = run_extract(records, Planner(config, Cache(config.cache)))
    assert (summary.fresh, [result.done for result in summary.results]) == (1, [{}])


def test_a_damaged_output_of_version_0_1_is_computed_again(filled: tuple[BaseConfig, Any]) -> None:
    config, records = filled
    now = as_version_0_1(config.cache)
    (config.cache / "contrast/a.mp4.h5").write_bytes(b"damaged")
    summary = run_extract(records, Planner(config, Cache(config.cache)))
    assert [set(result.done) for result in summary.results] == [{"contrast"}]
    assert {path.name for path in config.cache.rglob("*.h5")} == {path.name for path in now}


def test_a_cache_of_version_0_1_that_cannot_be_written_says_so(
    filled: tuple[BaseConfig, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    config, records = filled
    as_version_0_1(config.cache)

    def refused(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(LocalFolder, "move", refused)
    with pytest.raises(UsageError, match=r"must be renamed once, which is not possible \(Permission denied\)"):
        rows(config, records)


def test_names_of_one_video_are_not_those_of_another(tmp_path: Path) -> None:
    names = sorted(["a.0123456789ab.h5", "a.b.0123456789ab.h5", "a.b.h5", "a.h5", "ab.h5"])
    assert following(names, "a.") == ["0123456789ab.h5", "b.0123456789ab.h5", "b.h5", "h5"]
    for name in names[:2]:
        (tmp_path / "pose").mkdir(exist_ok=True)
        (tmp_path / "pose" / name).touch()
    computation = Computation("pose", 1, {}, {}, {}, {})
    vars(computation)["key"] = "0123456789ab" + "0" * 52
    cache = Cache(tmp_path)
    assert [cache.check(computation, name).state for name in ("a", "a.b", "b", "")] == [
        "fresh",
        "fresh",
        *["missing"] * 2,
    ]
