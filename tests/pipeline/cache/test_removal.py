"""`cache rm` and `weights rm` delete what this program wrote or downloaded, once somebody agrees, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from data.errors import DataError, UsageError
from data.video.records import PREVIEW_MARK, find_videos
from pipeline import api
from pipeline.cache import open_cache
from pipeline.config import BaseConfig, validate
from pipeline.run.batch import run_extract, status_rows
from pipeline.run.plan import Planner
from tests.helpers.cached_outputs import output_of
from tests.helpers.watching import Watching

pytestmark = pytest.mark.usefixtures("toy_stages")


@pytest.fixture
def config(make_video: Any, tmp_path: Path) -> BaseConfig:
    """A filled cache: two good videos, one that failed, a preview, and the log of a run by version 0.1.0."""
    for name in ("a", "sub/b"):
        make_video(tmp_path / f"in/{name}.mp4")
    (tmp_path / "in/bad.mp4").write_text("no video")
    filled = validate({"stages": ["contrast"], "cache": str(tmp_path / "cache"), "run": {"workers": 0}})
    cache = open_cache(filled.cache, filled.storage.reach())
    run_extract(find_videos([tmp_path / "in"]).records, Planner(filled, cache))
    cache.close()
    (tmp_path / "cache/preview/sub").mkdir(parents=True)
    for name in (PREVIEW_MARK, "a.mp4.jpg", "sub/b.mp4.mp4"):
        (tmp_path / "cache/preview" / name).write_text("drawn")
    (tmp_path / "cache/.runs").mkdir()
    (tmp_path / "cache/.runs/20260901T101112Z-0a1b2c.jsonl").write_text("{}")
    return filled


def content(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_cache_goes_whole_once_somebody_agrees(config: BaseConfig, tmp_path: Path) -> None:
    before = content(tmp_path)
    refused = api.cache_rm(config=config, observer=(no := Watching(answer=False)))
    assert content(tmp_path) == before
    assert refused.summary.endswith("would be deleted; add --yes")
    assert no.questions[0].startswith(f"Delete the cache {tmp_path / 'cache'} (9 files, ")
    (tmp_path / "cache/contrast/.writing-here-1-0a").write_text("of a killed process")
    assert api.cache_rm(config=config, observer=Watching(answer=True)).summary.endswith("deleted")
    assert not (tmp_path / "cache").exists()
    assert sorted(content(tmp_path)) == ["in/a.mp4", "in/bad.mp4", "in/sub/b.mp4"]
    with pytest.raises(UsageError, match="no cache here"):
        api.cache_rm(config=config, yes=True)


def test_prune_keeps_what_further_configurations_use(config: BaseConfig, tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    other.write_text("stages: [contrast]\nbrightness: {stride: 2}\n")
    api.extract(tmp_path / "in/a.mp4", config=other, cache=config.cache, workers=0)
    before = content(config.cache)
    kept = api.cache_prune(tmp_path / "in", config=config, keep=[str(other)], yes=True)
    assert (kept.files, content(config.cache).keys()) == ((), before.keys())
    pruned = api.cache_prune(tmp_path / "in", config=config, yes=True)
    assert [(file.stage, file.video, file.why) for file in pruned.files] == [
        ("brightness", "a.mp4", "brightness.stride 2 -> 1"),
        ("contrast", "a.mp4", "upstream brightness changed"),
    ]


def test_a_foreign_file_that_took_the_name_of_an_old_output_stays(config: BaseConfig, tmp_path: Path) -> None:
    output = output_of(config.cache, "contrast", "a.mp4")
    old = output.with_name("gone.mp4.h5")
    output.rename(old)
    assert len(api.cache_ls(config=config).rows) == 2
    old.write_text("mine now")
    api.cache_prune(tmp_path / "in", config=config, yes=True)
    assert old.read_text() == "mine now"


def test_the_cause_of_a_stale_output_has_the_words_of_status(config: BaseConfig, tmp_path: Path) -> None:
    changed = validate({**config.dump(), "brightness": {"stride": 2}})
    planner = Planner(changed, open_cache(changed.cache, changed.storage.reach()))
    records = find_videos([tmp_path / "in/a.mp4"]).records
    rows = list(status_rows(records, planner))
    assert [row["reason"] for row in rows] == ["brightness.stride 1 -> 2", "upstream brightness changed"]
    assert planner.plan(records[0]).cause() == f"{rows[0]['stage']} {rows[0]['state']}: {rows[0]['reason']}"


def test_downloaded_weights_go_and_named_files_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("AIM_WEIGHTS_DIR", raising=False)
    given_file = tmp_path / "given.tflite"
    i3d, movenet = (
        tmp_path / f"aim/weights/{name}" for name in ("i3d-kinetics400.safetensors", "movenet-multipose.tflite")
    )
    compiled = tmp_path / "aim/graphs/0/model.bin"
    for path in (given_file, i3d, movenet, compiled):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(1000))
    assert "would be deleted; add --yes" in api.weights_rm(all=True).summary
    assert i3d.exists()
    removed = api.weights_rm(["i3d-kinetics400"], observer=Watching(answer=True))
    assert removed.summary.startswith("1 file, 0.0 MB deleted")
    assert (i3d.exists(), movenet.exists(), compiled.exists()) == (False, True, True)
    assert api.weights_rm(all=True, yes=True).summary.startswith("2 files, 0.0 MB deleted")
    assert sorted(content(tmp_path)) == ["given.tflite"]
    assert api.weights_rm(all=True, yes=True).summary == "nothing to delete: no downloaded weights"
    for wrong in ({}, {"names": ["i3d-kinetics400"], "all": True}):
        with pytest.raises(UsageError, match="--all"):
            api.weights_rm(**wrong, yes=True)
    with pytest.raises(DataError, match="unknown weights 'i3d'"):
        api.weights_rm(["i3d"], yes=True)
