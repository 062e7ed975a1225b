"""`cache ls|verify|prune|gc|rm`: nothing that is needed goes, nothing outside is touched, damage is found."""

import os
import time
from unittest.mock import Mock

import pytest
from typer.testing import CliRunner

from data.errors import CacheError, DataError, UsageError
from data.store import hdf5 as store
from data.video.video_search import CACHE_INDEX, CACHE_MARKER, PREVIEW_MARK
from pipeline import api
from pipeline.cache import Cache, CacheFiles
from pipeline.cache.housekeeping import (
    beyond,
    collect_garbage,
    delete,
    existing,
    list_cache,
    remove_cache,
    table_cells,
    verify_cache,
)  # fmt: skip
from pipeline.cli.command_tree import app
from pipeline.observer import Observer
from pipeline.run import Planner, status_rows
from pipeline.run.prune import prune, unneeded
from tests.helpers.cached_outputs import failure_of, output_of
from tests.helpers.extracting import configured, extract, opened
from tests.helpers.watching import Watching

SILENT = Observer()
OLD = time.time() - 10 * 86400


def age(path, read=OLD, written=OLD):
    """Set when a file was last read and written; returns it."""
    os.utime(path, (read, written))
    return path


def test_ls_counts_and_lists_what_each_setting_holds(filled):
    cache, records, config = filled
    extract(records[:1], configured(cache.root, brightness={"stride": 2}))
    listing = list_cache(opened(config))
    assert str(cache.root) in listing.title
    assert [(*table_cells(row)[:2], row.outputs, row.failures) for row in listing.rows] == [
        ("brightness", "stride 1", 2, 1),
        ("brightness", "stride 2", 1, 0),
        ("contrast", "", 3, 0),
    ]
    outputs = list_cache(opened(config), "brightness").rows
    assert [table_cells(row)[0] for row in outputs] == ["a.mp4", "a.mp4", "sub/b.mp4"]
    assert table_cells(outputs[0])[2] == outputs[0].key[:12]
    assert "brightest" in outputs[0].quality
    with pytest.raises(UsageError, match="no outputs of a stage 'brightnes'"):
        list_cache(opened(config), "brightnes")
    with pytest.raises(UsageError, match="no cache here"):
        existing(Cache(cache.root / "none"))


def test_verify_finds_every_flipped_byte(filled):
    cache, _, config = filled
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
    made = verify_cache(opened(config), SILENT)
    assert made.summary == "5 outputs read, 3 damaged"
    expected = {
        ("brightness", "a.mp4"): "not the output that its name says",
        ("brightness", "sub/b.mp4"): "damaged cache file",
        ("contrast", "a.mp4"): "in the folder of 'contrast'",
    }
    assert [(f.stage, f.video) for f in made.files] == [*expected]
    assert all(why in f.why for f, why in zip(made.files, expected.values(), strict=True))
    assert [path.exists() for path in (renamed, stranger, path, other)] == [False, True, False, True]


def test_an_output_that_the_system_cannot_read_now_is_not_damaged(filled, monkeypatch):
    cache, records, config = filled
    key = Planner(config, cache).plan(records[0]).keys()["brightness"]
    for error in (OSError(24, "Too many open files"), MemoryError()):
        with monkeypatch.context() as patch:
            patch.setattr(store, "open_regular", Mock(side_effect=error))
            with pytest.raises(CacheError):
                cache.read("brightness", "a.mp4", key)
    assert cache.read("brightness", "a.mp4", key).output.arrays


def test_prune_takes_other_videos_and_old_settings_only(filled):
    cache, records, config = filled
    assert unneeded(cache, Planner(config, cache).plan_all(records), ["brightness", "contrast"]) == []
    fewer = [record for record in records if record.id != "sub/b.mp4"]
    removable = unneeded(cache, Planner(config, cache).plan_all(fewer), ["brightness", "contrast"])
    assert {(f.stage, f.video) for f in removable} == {("brightness", "sub/b.mp4"), ("contrast", "sub/b.mp4")}
    delete(cache, removable, yes=True)
    assert not (cache.root / "brightness/sub").exists(), "empty folders go too"
    assert output_of(cache.root, "brightness", "a.mp4").exists()
    assert failure_of(cache.root, "brightness", "bad.mp4").exists(), "failures are kept, or they would run again"
    (row,) = {row.state for row in status_rows(Planner(config, cache).plan_all(records[2:]), cache)}
    assert row == "missing", "rows of deleted files in the index do no harm"
    changed = Planner(configured(cache.root, brightness={"stride": 2}), cache)
    assert {f.why for f in unneeded(cache, changed.plan_all(fewer), ["brightness", "contrast"])} == {
        "brightness.stride 1 -> 2",
        "upstream brightness changed",
        "failed with other settings or input",
    }


def test_prune_keeps_what_further_configurations_use(filled, tmp_path):
    """And a file of a user that took the name of an old output."""
    cache, records, config = filled
    mine = cache.root / "contrast/gone.mp4.h5"
    mine.write_text("mine now")
    other = tmp_path / "other.yaml"
    other.write_text("stages: [contrast]\nbrightness: {stride: 2}\n")
    extract(records[:1], configured(cache.root, brightness={"stride": 2}))
    before = everything(cache.root).keys()
    kept = api.cache_prune(tmp_path / "in", config=config, keep=[str(other)], yes=True)
    assert (kept.files, everything(cache.root).keys()) == ((), before)
    pruned = api.cache_prune(tmp_path / "in", config=config, yes=True)
    assert [(file.stage, file.video, file.why) for file in pruned.files] == [
        ("brightness", "a.mp4", "brightness.stride 2 -> 1"),
        ("contrast", "a.mp4", "upstream brightness changed"),
    ]
    assert mine.read_text() == "mine now"


def test_prune_deletes_nothing_while_an_input_cannot_be_read(filled, tmp_path, monkeypatch):
    """A disk that is away leaves links that lead nowhere; a bad one answers with an error."""
    cache, _, config = filled
    before = everything(cache.root).keys()
    video = tmp_path / "in/a.mp4"
    with monkeypatch.context() as patch:
        patch.setattr("data.store.fingerprint.open_regular", Mock(side_effect=OSError(5, "Input/output error")))
        os.utime(video, (OLD, OLD))  # so that it is read again
        with pytest.raises(UsageError, match=r"nothing is deleted .*: a\.mp4: unreadable: Input/output error"):
            api.cache_prune(tmp_path / "in", config=config, yes=True)
    video.rename(tmp_path / "away.mp4")
    video.symlink_to(tmp_path / "disk/away.mp4")
    with pytest.raises(UsageError, match=r"nothing is deleted .*a\.mp4: cannot be read"):
        api.cache_prune(tmp_path / "in", config=config, yes=True)
    listed = api.cache_prune(tmp_path / "in", config=config)
    assert {file.video for file in listed.files} == {"a.mp4"}
    assert everything(cache.root).keys() == before
    video.unlink()
    assert {file.video for file in api.cache_prune(tmp_path / "in", config=config, yes=True).files} == {"a.mp4"}


def test_gc_takes_the_longest_unread_first_and_nothing_young(filled):
    cache, records, config = filled
    assert beyond(cache, 0) == []
    for later, (stage, video) in enumerate([("contrast", "a.mp4"), ("brightness", "a.mp4")]):
        age(output_of(cache.root, stage, video), OLD + later, OLD + later)
    sizes = sum(path.stat().st_size for path in cache.root.rglob("*.h5"))
    assert [(f.stage, f.video) for f in beyond(cache, sizes - 1)] == [("contrast", "a.mp4")]
    assert [(f.stage, f.video) for f in beyond(cache, 0)] == [("contrast", "a.mp4"), ("brightness", "a.mp4")]
    path = age(output_of(cache.root, "contrast", "a.mp4"))
    cache.read("contrast", "a.mp4", Planner(config, cache).plan(records[0]).keys()["contrast"])
    entry = dict(cache.entries("contrast"))[path]
    assert (entry.used > OLD + 86400, entry.written) == (True, pytest.approx(OLD))
    assert [(f.stage, f.video) for f in beyond(cache, sizes - 1)] == [("brightness", "a.mp4")], "the other was read"


def test_gc_sweeps(filled):
    temporary = filled.cache.root / "brightness/.writing-elsewhere-1-00"
    temporary.touch()
    age(temporary)
    seen = Watching()
    for yes in (False, True, True):
        collect_garbage(opened(filled.config), None, yes, seen)
    assert seen.lines == [f"temporary files {said}" for said in ("would be swept: 1", "swept: 1", "swept: 0")]


def project_with_a_cache(cache):
    """Put files and folders of other programs in and beside the stage folders; returns the files."""
    names = ("weights.h5", "models/best.h5", "brightness/notes.h5", "brightness/mine.failed.json", ".runs/mine.jsonl")
    files = {cache.root / name for name in (*names, "preview/holiday.mp4", "models/.writing-my-novel")}
    for path in files:
        path.parent.mkdir(exist_ok=True)
        path.write_text("not ours")
        age(path)
    (cache.root / "models/kept/empty").mkdir(parents=True)
    return files


def everything(root):
    """Content and time of every file and folder."""
    return {p: (p.read_bytes() if p.is_file() else b"", p.stat().st_mtime_ns) for p in root.rglob("*")}


def test_housekeeping_touches_only_what_says_it_is_ours(filled):
    cache, _, config = filled
    cache.close()
    foreign, video = project_with_a_cache(cache), [cache.root.parent / "in/a.mp4"]
    output = output_of(cache.root, "contrast", "a.mp4")
    age(output)
    before = everything(cache.root)
    age(output)  # `everything` has read it
    listed = collect_garbage(opened(config), 0.0, False, SILENT)
    prune([config], opened(config), (), video, False, SILENT)
    assert everything(cache.root) == before, "without --yes nothing is changed"
    age(output)
    done = collect_garbage(opened(config), 0.0, True, SILENT)
    assert {f.path for f in done.files} == {f.path for f in listed.files}
    assert output in {f.path for f in done.files}
    assert not output.exists()
    pruned = prune([config], opened(config), (), video, True, SILENT)
    assert {f.video for f in pruned.files} == {"sub/b.mp4", "bad.mp4"}
    assert all(path.read_text() == "not ours" for path in foreign)
    assert (cache.root / "models/kept/empty").is_dir()
    left = remove_cache(opened(config), True, SILENT).summary
    assert left.endswith(f"deleted; 7 other files left in {cache.root}")
    assert all(path.read_text() == "not ours" for path in foreign)


def test_a_folder_without_the_marker_is_refused(filled):
    cache, records, config = filled
    cache.close()
    (cache.root / CACHE_MARKER).unlink()
    (cache.root / CACHE_INDEX).unlink()
    before = everything(cache.root)
    with pytest.raises(UsageError, match="not marked as a cache"):
        collect_garbage(opened(config), 0.0, True, SILENT)
    with pytest.raises(UsageError, match="not marked as a cache"):
        prune([config], opened(config), (), [cache.root.parent / "in/a.mp4"], True, SILENT)
    assert len(list(status_rows(Planner(config, unmarked := opened(config)).plan_all(records), unmarked))) == 6
    assert everything(cache.root) == before, "no index appears in a folder that may be somebody's"
    extract(records, config)
    assert (cache.root / CACHE_MARKER).is_file(), "`extract` adopts a cache of an earlier version"
    collect_garbage(opened(config), 0.0, True, SILENT)


def test_links_are_neither_followed_nor_removed(filled, tmp_path):
    cache, _, config = filled
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious.h5").write_text("not ours")
    (cache.root / "brightness/link").symlink_to(outside)
    (cache.root / "brightness/file.h5").symlink_to(outside / "precious.h5")
    (cache.root / "linked-stage").symlink_to(outside)
    assert verify_cache(opened(config), SILENT).summary.startswith("4 outputs")
    delete(cache, unneeded(cache, (), ["brightness", "contrast"]), yes=True)
    collect_garbage(opened(config), None, True, SILENT)
    assert (outside / "precious.h5").read_text() == "not ours"


def test_a_cache_goes_whole_once_somebody_agrees(filled, tmp_path):
    """With previews."""
    cache, _, config = filled
    previews = (PREVIEW_MARK, "a.mp4.jpg", "sub/b.mp4.mp4")
    for name in (f"preview/{name}" for name in previews):
        (cache.root / name).parent.mkdir(parents=True, exist_ok=True)
        (cache.root / name).write_text("drawn")
    before = everything(tmp_path).keys()
    refused = api.cache_rm(config=config, observer=(no := Watching(answer=False)))
    assert everything(tmp_path).keys() == before
    assert refused.summary.endswith("would be deleted; add --yes")
    assert no.questions[0].startswith(f"Delete the cache {cache.root} (8 files, ")
    (cache.root / "contrast/.writing-here-1-0a").write_text("of a killed process")
    assert api.cache_rm(config=config, observer=Watching(answer=True)).summary.endswith("deleted")
    assert not cache.root.exists()
    assert len([*(tmp_path / "in").rglob("*.mp4")]) == 3
    with pytest.raises(UsageError, match="no cache here"):
        api.cache_rm(config=config, yes=True)


def test_downloaded_weights_go_and_named_files_stay(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("AIM_WEIGHTS_DIR", raising=False)
    names = ("given.tflite", "aim/weights/i3d-kinetics400.safetensors", "aim/weights/movenet-multipose.tflite")
    given_file, i3d, movenet, compiled = (tmp_path / name for name in (*names, "aim/graphs/0/model.bin"))
    for path in (given_file, i3d, movenet, compiled):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(1000))
    assert "would be deleted; add --yes" in api.weights_rm(all=True).summary
    assert i3d.exists()
    removed = api.weights_rm(["i3d-kinetics400"], observer=Watching(answer=True))
    assert removed.summary.startswith("1 file, 0.0 MB deleted")
    assert (i3d.exists(), movenet.exists(), compiled.exists()) == (False, True, True)
    assert api.weights_rm(all=True, yes=True).summary.startswith("2 files, 0.0 MB deleted")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [given_file]
    assert api.weights_rm(all=True, yes=True).summary == "nothing to delete: no downloaded weights"
    for wrong in ({}, {"names": ["i3d-kinetics400"], "all": True}):
        with pytest.raises(UsageError, match="--all"):
            api.weights_rm(**wrong, yes=True)
    with pytest.raises(DataError, match="unknown weights 'i3d'"):
        api.weights_rm(["i3d"], yes=True)


def test_damage_is_the_exit_code_1_on_the_command_line(filled):
    output_of(filled.cache.root, "brightness", "a.mp4").write_bytes(b"damaged")
    for code in (1, 0):  # the damaged output is deleted
        assert CliRunner().invoke(app, ["cache", "verify", "--cache", str(filled.cache.root)]).exit_code == code
