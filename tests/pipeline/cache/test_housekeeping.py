"""`cache ls|verify|prune|gc`: nothing that is needed goes, nothing outside is touched, damage is found."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from typer.testing import CliRunner

from data.errors import CacheError, UsageError
from data.store import hdf5 as store
from data.video.records import CACHE_INDEX, CACHE_MARKER, Record, find_videos
from pipeline.cache import CacheFiles
from pipeline.cache.housekeeping import (
    beyond,
    collect_garbage,
    delete,
    existing,
    list_cache,
    remove_cache,
    shown,
    verify_cache,
)  # fmt: skip
from pipeline.cache.local_cache import Cache
from pipeline.cli.command_tree import app
from pipeline.config import validate
from pipeline.observer import Observer
from pipeline.run.batch import run_extract, status_rows
from pipeline.run.plan import Planner
from pipeline.run.prune import prune, unneeded
from tests.helpers.cached_outputs import failure_of, output_of
from tests.helpers.damage import damage
from tests.helpers.extracting import configured, opened
from tests.helpers.program_server import Aqa, Done
from tests.helpers.watching import Watching

pytestmark = pytest.mark.usefixtures("toy_stages")

ROOT = Path(__file__).resolve().parents[3]
SILENT = Observer()


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
    config = configured(cache.root)
    listing = list_cache(opened(config))
    assert str(cache.root) in listing.title
    assert [(row["stage"], row["outputs"], row["failures"]) for row in listing.rows] == [
        ("brightness", 2, 1),
        ("contrast", 2, 0),
    ]
    outputs = list_cache(opened(config), "brightness").rows
    assert [row["video"] for row in outputs] == ["a.mp4", "sub/b.mp4"]
    assert "brightest" in outputs[0]["quality"]
    assert shown(outputs[0])[2] == outputs[0]["key"][:12]
    with pytest.raises(UsageError, match="no outputs of a stage 'brightnes'"):
        list_cache(opened(config), "brightnes")
    with pytest.raises(UsageError, match="no cache here"):
        existing(Cache(cache.root / "none"))


def test_verify_finds_every_flipped_byte(filled: tuple[Cache, tuple[Record, ...]]) -> None:
    cache, _ = filled
    config = configured(cache.root)
    assert verify_cache(opened(config), SILENT) == CacheFiles((), "4 outputs read, 0 damaged")
    path = output_of(cache.root, "brightness", "sub/b.mp4")
    content = bytearray(path.read_bytes())
    path.write_bytes(content[: len(content) // 2])
    stranger = cache.root / "brightness/mine.h5"
    stranger.write_text("no output")
    output_of(cache.root, "contrast", "a.mp4").write_bytes(output_of(cache.root, "brightness", "a.mp4").read_bytes())
    other = output_of(cache.root, "brightness", "a.mp4")
    renamed = other.with_name("a.mp4.0123456789ab.h5")
    renamed.write_bytes(other.read_bytes())
    damaged = verify_cache(opened(config), SILENT).files
    assert [(f.stage, f.video) for f in damaged] == [
        ("brightness", "a.mp4"),
        ("brightness", "mine"),
        ("brightness", "sub/b.mp4"),
        ("contrast", "a.mp4"),
    ]
    assert "not the output that its name says" in damaged[0].why
    assert "damaged cache file" in damaged[2].why
    assert "in the folder of 'contrast'" in damaged[3].why
    assert [path.exists() for path in (renamed, stranger, path, other)] == [False, True, False, True]


def test_damage_is_computed_again_once_it_was_read(filled: tuple[Cache, tuple[Record, ...]]) -> None:
    cache, records = filled
    config = configured(cache.root)
    planner, good = Planner(config, cache), records[:1]
    damage(cache.root, "brightness", "a.mp4")
    output_of(cache.root, "contrast", "a.mp4").unlink()
    summary = run_extract(good, planner)
    assert [(set(r.done), r.failed) for r in summary.results] == [({"brightness", "contrast"}, {})]
    assert verify_cache(opened(config), SILENT) == CacheFiles((), "4 outputs read, 0 damaged")
    damage(cache.root, "contrast", "a.mp4")
    assert run_extract(good, planner).fresh == 1, "`extract` does not read what nothing needs"
    assert len(verify_cache(opened(config), SILENT).files) == 1
    assert set(run_extract(good, planner).results[0].done) == {"contrast"}, "after `cache verify` it knows"


def test_an_output_that_the_system_cannot_read_now_is_no_damage(
    filled: tuple[Cache, tuple[Record, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    cache, records = filled
    (step, _) = Planner(configured(cache.root), cache).plan(records[0]).steps
    path = output_of(cache.root, "brightness", "a.mp4")
    for error in (OSError(24, "Too many open files"), MemoryError()):
        with monkeypatch.context() as patch:
            patch.setattr(store, "open_regular", Mock(side_effect=error))
            with pytest.raises(CacheError):
                cache.read("brightness", "a.mp4", step.computation.key)
    assert path.exists()
    assert cache.read("brightness", "a.mp4", step.computation.key).output.arrays


def test_ls_shows_what_each_setting_holds(filled: tuple[Cache, tuple[Record, ...]]) -> None:
    cache, records = filled
    changed = configured(cache.root, brightness={"stride": 2})
    run_extract(records[:1], Planner(changed, cache))
    rows = list_cache(opened(changed)).rows
    assert [(row["stage"], row["settings"], row["outputs"], row["failures"]) for row in rows] == [
        ("brightness", {"stride": 1}, 2, 1),
        ("brightness", {"stride": 2}, 1, 0),
        ("contrast", {}, 3, 0),
    ]
    assert shown(rows[0])[1] == "stride 1"


def test_prune_takes_other_videos_and_old_settings_only(filled: tuple[Cache, tuple[Record, ...]]) -> None:
    cache, records = filled
    config = configured(cache.root)
    assert unneeded(cache, [(records, Planner(config, cache))]) == []
    fewer = [record for record in records if record.id != "sub/b.mp4"]
    removable = unneeded(cache, [(fewer, Planner(config, cache))])
    assert {(f.stage, f.video) for f in removable} == {("brightness", "sub/b.mp4"), ("contrast", "sub/b.mp4")}
    delete(cache, removable, yes=True)
    assert not (cache.root / "brightness/sub").exists(), "empty folders go too"
    assert output_of(cache.root, "brightness", "a.mp4").exists()
    assert failure_of(cache.root, "brightness", "bad.mp4").exists(), "what failed is kept, or it would run again"
    changed = Planner(configured(cache.root, brightness={"stride": 2}), cache)
    assert {f.why for f in unneeded(cache, [(fewer, changed)])} == {
        "brightness.stride 1 -> 2",
        "upstream brightness changed",
        "failed with other settings or input",
    }
    assert unneeded(cache, [(fewer, changed), (fewer, Planner(config, cache))]) == [], "another configuration uses them"


def test_gc_takes_the_longest_unread_first_and_nothing_young(filled: tuple[Cache, tuple[Record, ...]]) -> None:
    cache, _ = filled
    assert beyond(cache, 0) == []
    old = time.time() - 10 * 86400
    for age, (stage, video) in enumerate([("contrast", "a.mp4"), ("brightness", "a.mp4")]):
        os.utime(output_of(cache.root, stage, video), (old + age, old + age))
    sizes = sum(path.stat().st_size for path in cache.root.rglob("*.h5"))
    assert [(f.stage, f.video) for f in beyond(cache, sizes - 1)] == [("contrast", "a.mp4")]
    assert [(f.stage, f.video) for f in beyond(cache, 0)] == [("contrast", "a.mp4"), ("brightness", "a.mp4")]
    recent = time.time() - 5 * 86400
    os.utime(output_of(cache.root, "contrast", "a.mp4"), (recent, old))
    assert [(f.stage, f.video) for f in beyond(cache, sizes - 1)] == [("brightness", "a.mp4")], "the other was read"


def test_gc_sweeps_and_rows_of_deleted_files_do_no_harm(filled: tuple[Cache, tuple[Record, ...]]) -> None:
    cache, records = filled
    (cache.root / "brightness" / ".writing-elsewhere-1-00").touch()
    os.utime(cache.root / "brightness" / ".writing-elsewhere-1-00", (0, 0))
    planner = Planner(configured(cache.root), cache)
    delete(cache, unneeded(cache, [(records[:1], planner)]), yes=True)
    assert cache.sweep(remove=False) == 1
    collect_garbage(opened(planner.config), None, True, (seen := Watching()))
    assert seen.lines[0] == "temporary files swept: 1"
    collect_garbage(opened(planner.config), None, True, (seen := Watching()))
    assert seen.lines == ["temporary files swept: 0"]
    (state,) = {row["state"] for row in status_rows(records[1:2], planner)}
    assert state == "missing", "the index still has the rows of deleted files"


def test_reading_an_output_notes_that_it_is_used(filled: tuple[Cache, tuple[Record, ...]]) -> None:
    cache, records = filled
    step = Planner(configured(cache.root), cache).plan(records[0]).steps[0]
    path, old = output_of(cache.root, "brightness", "a.mp4"), time.time() - 10 * 86400
    os.utime(path, (old, old))
    cache.read("brightness", "a.mp4", step.computation.key)
    entry = dict(cache.entries("brightness"))[path]
    assert (entry.used > old + 86400, entry.written) == (True, pytest.approx(old))


def project_with_a_cache(cache: Cache) -> dict[Path, tuple[bytes, int]]:
    """Files of other programs in and beside the stage folders; returns content and time of every file, folders too."""
    names = ("weights.h5", "models/best.h5", "brightness/notes.h5", "brightness/mine.failed.json", ".runs/mine.jsonl")
    for name in (*names, "preview/holiday.mp4"):
        (cache.root / name).parent.mkdir(exist_ok=True)
        (cache.root / name).write_text("not ours")
    (cache.root / "models/.writing-my-novel").write_text("not ours")
    (cache.root / "models/kept/empty").mkdir(parents=True)
    old = time.time() - 10 * 86400
    for path in cache.root.rglob("*"):
        if path.is_file() and "not ours" in path.read_text("utf-8", "replace"):
            os.utime(path, (old, old))
    return everything(cache.root)


def everything(root: Path) -> dict[Path, tuple[bytes, int]]:
    return {p: (p.read_bytes() if p.is_file() else b"", p.stat().st_mtime_ns) for p in root.rglob("*")}


def test_housekeeping_touches_only_what_says_it_is_ours(filled: tuple[Cache, tuple[Record, ...]]) -> None:
    cache, _ = filled
    cache.close()
    before = project_with_a_cache(cache)
    foreign = {path for path, (content, _) in before.items() if content == b"not ours"}
    config, old = configured(cache.root), time.time() - 10 * 86400
    output = output_of(cache.root, "contrast", "a.mp4")
    os.utime(output, (old, old))
    before = everything(cache.root)
    os.utime(output, (old, old))  # that was a reading
    listed = collect_garbage(opened(config), 0.0, False, SILENT)
    prune([Planner(config, opened(config))], [cache.root.parent / "in/a.mp4"], False, SILENT)
    assert everything(cache.root) == before, "without --yes nothing is changed"
    os.utime(output, (old, old))
    done = collect_garbage(opened(config), 0.0, True, SILENT)
    assert {f.path for f in done.files} == {f.path for f in listed.files}
    assert output in {f.path for f in done.files}
    assert not output.exists()
    pruned = prune([Planner(config, opened(config))], [cache.root.parent / "in/a.mp4"], True, SILENT)
    assert {f.video for f in pruned.files} == {"sub/b.mp4", "bad.mp4"}
    assert all(path.read_text() == "not ours" for path in foreign)
    assert (cache.root / "models/kept/empty").is_dir()
    assert (cache.root / "models/.writing-my-novel").exists()
    left = remove_cache(opened(config), True, SILENT).summary
    assert left.endswith(f"deleted; 7 files of others left in {cache.root}")
    assert all(path.read_text() == "not ours" for path in foreign)


def test_a_folder_without_the_marker_is_refused(filled: tuple[Cache, tuple[Record, ...]]) -> None:
    cache, records = filled
    cache.close()
    (cache.root / CACHE_MARKER).unlink()
    (cache.root / CACHE_INDEX).unlink()
    before = everything(cache.root)
    for call in (
        lambda: collect_garbage(opened(configured(cache.root)), 0.0, True, SILENT),
        lambda: prune(
            [Planner(configured(cache.root), Cache(cache.root))], [cache.root.parent / "in/a.mp4"], True, SILENT
        ),
    ):
        with pytest.raises(UsageError, match="not marked as a cache"):
            call()
    assert len(list(status_rows(records, Planner(configured(cache.root), Cache(cache.root))))) == 6
    assert everything(cache.root) == before, "no index appears in a folder that may be somebody's"
    run_extract(records, Planner(configured(cache.root), Cache(cache.root)))
    assert (cache.root / CACHE_MARKER).is_file(), "`extract` adopts a cache of an earlier version"
    collect_garbage(opened(configured(cache.root)), 0.0, True, SILENT)


@pytest.mark.parametrize("name", ["", " "])
def test_an_empty_name_is_not_the_working_directory(name: str) -> None:
    with pytest.raises(UsageError, match="no folder"):
        validate({"cache": name})
    for command in (["cache", "gc"], ["extract", "."], ["score", ".", "-m", "."]):
        result = CliRunner().invoke(app, [*command, "--cache", name])
        assert isinstance(result.exception, UsageError), result.output


def test_links_are_neither_followed_nor_removed(filled: tuple[Cache, tuple[Record, ...]], tmp_path: Path) -> None:
    cache, _ = filled
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious.h5").write_text("not ours")
    (cache.root / "brightness/link").symlink_to(outside)
    (cache.root / "brightness/file.h5").symlink_to(outside / "precious.h5")
    (cache.root / "linked-stage").symlink_to(outside)
    assert verify_cache(opened(configured(cache.root)), SILENT).summary.startswith("4 outputs")
    delete(cache, unneeded(cache, [((), Planner(configured(cache.root), cache))]), yes=True)
    collect_garbage(opened(configured(cache.root)), None, True, SILENT)
    assert (outside / "precious.h5").read_text() == "not ours"


def test_on_the_command_line(aqa: Aqa, make_video: Any, tmp_path: Path) -> None:
    make_video(tmp_path / "in/a.mp4", size=(128, 96), frames=4)

    def run(*arguments: object) -> Done:
        return aqa(*arguments, "--cache", tmp_path / "c")

    run("extract", tmp_path / "in", "--stages", "camera_flow", "--workers", "0")
    output = output_of(tmp_path / "c", "camera_flow", "a.mp4")
    assert json.loads(run("cache", "ls", "--json").stdout)[0]["outputs"] == 1
    assert run("cache", "verify").returncode == 0
    (tmp_path / "in/a.mp4").rename(tmp_path / "in/b.mp4")
    listed = run("cache", "prune", tmp_path / "in", "--stages", "camera_flow", "--json")
    assert "add --yes" in json.loads(listed.stdout)["summary"]
    assert output.exists()
    whole = output.read_bytes()
    output.write_bytes(b"damaged")
    assert run("cache", "verify").returncode == 1
    output.write_bytes(whole)
    assert run("cache", "prune", tmp_path / "in", "--stages", "camera_flow", "--yes").returncode == 0
    assert not output.exists()
    assert run("cache", "gc", "--max-gb", "0", "--yes").returncode == 0
