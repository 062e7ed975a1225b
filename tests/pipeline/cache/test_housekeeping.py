"""`cache ls|verify|prune|gc`: nothing that is needed goes, nothing outside is touched, damage is found."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from data.errors import UsageError
from data.video.records import Record, find_videos
from pipeline import stages
from pipeline.cache.housekeeping import beyond, listing, old_logs, remove, shown, tidy, verify
from pipeline.cache.local_cache import Cache
from pipeline.config import BaseConfig, validate
from pipeline.extract.batch import run_extract
from pipeline.extract.plan import Planner
from pipeline.extract.unneeded import unneeded

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def toy_table(monkeypatch: pytest.MonkeyPatch) -> None:
    table = {"brightness": "tests.helpers.toy_stages:Brightness", "contrast": "tests.helpers.toy_stages:Contrast"}
    monkeypatch.setattr(stages, "STAGES", table)
    monkeypatch.setattr("pipeline.config.STAGES", table)


def configured(root: Path, **values: object) -> BaseConfig:
    return validate({"stages": ["contrast"], "cache": str(root), "run": {"workers": 0}, **values})


@pytest.fixture
def filled(make_video: Any, tmp_path: Path) -> tuple[Cache, tuple[Record, ...]]:
    """A cache of two good videos in folders and one that failed."""
    for name in ("a", "sub/b"):
        make_video(tmp_path / f"in/{name}.mp4")
    (tmp_path / "in/bad.mp4").write_text("no video")
    records = find_videos([tmp_path / "in"]).records
    config = configured(tmp_path / "cache")
    cache = Cache(config.cache)
    run_extract(records, Planner(config, cache))
    return cache, records


def test_ls_counts_and_lists(filled: tuple[Cache, tuple[Record, ...]]) -> None:
    cache, _ = filled
    title, rows = listing(cache.root)
    assert str(cache.root) in title
    assert [(row["stage"], row["outputs"], row["failures"]) for row in rows] == [
        ("brightness", 2, 1),
        ("contrast", 2, 0),
    ]
    _, outputs = listing(cache.root, "brightness")
    assert [row["video"] for row in outputs] == ["a.mp4", "sub/b.mp4"]
    assert "brightest" in outputs[0]["quality"]
    assert shown(outputs[0])[2] == outputs[0]["key"][:12]
    _, runs = listing(cache.root, runs=True)
    assert [(row["done"], row["failed"], row["state"]) for row in runs] == [(2, 1, "failed")]
    with pytest.raises(UsageError, match="no outputs of a stage 'brightnes'"):
        listing(cache.root, "brightnes")
    with pytest.raises(UsageError, match="no cache here"):
        listing(cache.root / "none")


def test_verify_finds_every_flipped_byte(filled: tuple[Cache, tuple[Record, ...]]) -> None:
    cache, _ = filled
    assert verify(cache) == (4, [])
    path = cache.path("brightness", "sub/b.mp4")
    content = bytearray(path.read_bytes())
    path.write_bytes(content[: len(content) // 2])
    cache.path("contrast", "a.mp4").write_bytes(cache.path("brightness", "a.mp4").read_bytes())
    seen: list[tuple[int, int]] = []
    read, damaged = verify(cache, lambda done, total: seen.append((done, total)))
    assert read == 4
    assert [(f.stage, f.video) for f in damaged] == [("brightness", "sub/b.mp4"), ("contrast", "a.mp4")]
    assert "damaged cache file" in damaged[0].why
    assert "in the folder of 'contrast'" in damaged[1].why


def test_prune_takes_other_videos_and_old_settings_only(filled: tuple[Cache, tuple[Record, ...]]) -> None:
    cache, records = filled
    config = configured(cache.root)
    assert unneeded(cache, records, Planner(config, cache)) == []
    fewer = [record for record in records if record.id != "sub/b.mp4"]
    found = unneeded(cache, fewer, Planner(config, cache))
    assert {(f.stage, f.video) for f in found} == {("brightness", "sub/b.mp4"), ("contrast", "sub/b.mp4")}
    freed = remove(cache, found)
    assert freed == sum(f.size for f in found) > 0
    assert not (cache.root / "brightness/sub").exists(), "empty folders go too"
    assert cache.path("brightness", "a.mp4").exists()
    assert cache.failure_path("brightness", "bad.mp4").exists(), "what failed is kept, or it would run again"
    changed = Planner(configured(cache.root, brightness={"stride": 2}), cache)
    assert {f.why for f in unneeded(cache, fewer, changed)} == {
        "brightness.stride 1 -> 2",
        "upstream brightness changed",
    }


def test_gc_takes_the_oldest_first_and_nothing_young(filled: tuple[Cache, tuple[Record, ...]]) -> None:
    cache, _ = filled
    assert beyond(cache, 0) == []
    old = time.time() - 10 * 86400
    for age, (stage, video) in enumerate([("contrast", "a.mp4"), ("brightness", "a.mp4")]):
        os.utime(cache.path(stage, video), (old + age, old + age))
    sizes = sum(path.stat().st_size for path in cache.root.rglob("*.h5"))
    assert [(f.stage, f.video) for f in beyond(cache, sizes - 1)] == [("contrast", "a.mp4")]
    assert [(f.stage, f.video) for f in beyond(cache, 0)] == [("contrast", "a.mp4"), ("brightness", "a.mp4")]
    assert old_logs(cache, 1) == []
    for log in (cache.root / ".runs").iterdir():
        os.utime(log, (old, old))
    assert len(old_logs(cache, 1)) == 1


def test_tidy_sweeps_and_forgets(filled: tuple[Cache, tuple[Record, ...]]) -> None:
    cache, records = filled
    (cache.root / "brightness" / ".writing-elsewhere-1-00").touch()
    os.utime(cache.root / "brightness" / ".writing-elsewhere-1-00", (0, 0))
    planner = Planner(configured(cache.root), cache)
    assert unneeded(cache, records, planner) == []  # the index now knows every header
    remove(cache, unneeded(cache, records[:1], planner))
    done = tidy(cache)
    assert done["temporaries"] == 1
    assert done["index_entries"] >= 2
    assert tidy(cache) == {"temporaries": 0, "index_entries": 0}


def test_links_are_neither_followed_nor_removed(filled: tuple[Cache, tuple[Record, ...]], tmp_path: Path) -> None:
    cache, _ = filled
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious.h5").write_text("not ours")
    (cache.root / "brightness/link").symlink_to(outside)
    (cache.root / "brightness/file.h5").symlink_to(outside / "precious.h5")
    (cache.root / "linked-stage").symlink_to(outside)
    assert verify(cache)[0] == 4
    remove(cache, unneeded(cache, (), Planner(configured(cache.root), cache)))
    tidy(cache)
    assert (outside / "precious.h5").read_text() == "not ours"


def test_on_the_command_line(make_video: Any, tmp_path: Path) -> None:
    make_video(tmp_path / "in/a.mp4", size=(128, 96), frames=4)

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(ROOT / "run_pipeline.py"), *map(str, arguments), "--cache", str(tmp_path / "c")]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    run("extract", tmp_path / "in", "--stages", "camera_flow", "--workers", "0")
    output = tmp_path / "c/camera_flow/a.mp4.h5"
    assert json.loads(run("cache", "ls", "--json").stdout)[0]["outputs"] == 1
    assert run("cache", "verify").returncode == 0
    (tmp_path / "in/a.mp4").rename(tmp_path / "in/b.mp4")
    listed = run("cache", "prune", tmp_path / "in", "--stages", "camera_flow", "--json")
    assert "add --yes" in json.loads(listed.stdout)["summary"]
    assert output.exists()
    output.write_bytes(b"damaged")
    assert run("cache", "verify").returncode == 1
    assert run("cache", "prune", tmp_path / "in", "--stages", "camera_flow", "--yes").returncode == 0
    assert not output.exists()
    assert run("cache", "gc", "--max-gb", "0", "--yes").returncode == 0
