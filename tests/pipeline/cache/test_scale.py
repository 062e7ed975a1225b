"""Fast repeats: keys are what they always were, a made-up cache is fresh, the index is small and can be lost."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from benchmarks import scale
from data.store import hdf5 as store
from data.video.records import find_videos
from pipeline import stages
from pipeline.cache.local_cache import Cache
from pipeline.config import BaseConfig, validate
from pipeline.extract.batch import run_extract, status_rows
from pipeline.extract.plan import Planner


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
def filled(monkeypatch: pytest.MonkeyPatch, make_video: Any, tmp_path: Path) -> tuple[BaseConfig, Any]:
    """A cache of one video, just extracted."""
    table = {"brightness": "tests.helpers.toy_stages:Brightness", "contrast": "tests.helpers.toy_stages:Contrast"}
    monkeypatch.setattr(stages, "STAGES", table)
    monkeypatch.setattr("pipeline.config.STAGES", table)
    config = validate({"stages": ["contrast"], "cache": str(tmp_path / "cache"), "run": {"workers": 0}})
    records = find_videos([make_video(tmp_path / "a.mp4")]).records
    cache = Cache(config.cache)
    run_extract(records, Planner(config, cache))
    cache.close()
    return config, records


def rows(config: BaseConfig, records: Any) -> list[dict[str, Any]]:
    """What `status` tells."""
    cache = Cache(config.cache)
    rows = list(status_rows(records, Planner(config, cache)))
    cache.close()
    return rows


def test_what_was_just_written_is_not_read_again(
    filled: tuple[BaseConfig, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Path] = []
    original = store.read
    monkeypatch.setattr(store, "read", lambda path, content: read.append(path) or original(path, content))
    first = rows(*filled)
    assert read == []
    (filled[0].cache / ".index.sqlite").unlink()
    assert rows(*filled) == first, "a lost index loses nothing"
    assert len(read) == 2
    assert rows(*filled) == first
    assert len(read) == 2


def test_reasons_survive_the_short_index(filled: tuple[BaseConfig, Any]) -> None:
    config, records = filled
    changed = validate({**config.dump(), "brightness": {"stride": 3}})
    assert [row["reason"] for row in rows(changed, records)] == [
        "brightness.stride 1 -> 3",
        "upstream brightness changed",
    ]


def test_a_file_replaced_meanwhile_is_not_taken_for_ours(
    filled: tuple[BaseConfig, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process replaces the output between our rename and our look at it."""
    config, records = filled
    path = config.cache / "brightness/a.mp4.h5"
    other = path.with_name(".writing-another-process")
    other.write_bytes(path.read_bytes())
    original = store.write

    def raced(target: Path, *arguments: Any) -> Any:
        result = original(target, *arguments)
        if target.name == path.name and "brightness" in str(target):
            other.replace(target)
        return result

    monkeypatch.setattr(store, "write", raced)
    changed = validate({**config.dump(), "stages": ["brightness"], "brightness": {"stride": 3}})
    cache = Cache(config.cache)
    run_extract(records, Planner(changed, cache))
    cache.close()
    assert rows(changed, records)[0]["reason"] == "brightness.stride 1 -> 3"
