"""Inputs and caches on an object store, against an S3 server that the tests start (`conftest.py`)."""

import os
import re
import shutil
import signal
import socket
import socketserver
import subprocess
import sys
import threading
from pathlib import Path
from unittest.mock import Mock

import pytest

from data.errors import AimError, StorageError, UsageError
from data.store import RemoteFile, RemoteFolder, Storage
from data.store import hdf5 as store
from data.store.fingerprint import fingerprint_file, fingerprint_remote
from data.store.scratch import PREFIX, fetched
from data.video import Record, find_videos
from pipeline import api
from pipeline.cache.housekeeping import beyond, delete, list_cache, verify_cache
from pipeline.cache.output_cache import Cache, content_hashes, open_cache
from pipeline.observer import Observer
from pipeline.run import Planner, dataset_records
from pipeline.run.prune import unneeded
from pipeline.run.runner import PlanRunner
from pipeline.score import load_scorer
from pipeline.settings.machine import Machine
from tests.helpers.checkout import ROOT
from tests.helpers.extracting import extract, opened

pytest.importorskip("s3fs", reason='needs python -m pip install -e ".[s3]"')


def scratch_left(bucket):
    return list((bucket.home / "scratch").glob("*"))


@pytest.fixture
def filled(bucket, toy_stages, make_video):
    """A bucket with two videos, also at `home/in`, and a text."""
    for name, frames in (("a.mp4", 10), ("sub/a.mp4", 20)):
        bucket.put(f"in/{name}", make_video(bucket.home / "in" / name, frames=frames).read_bytes())
    bucket.put("in/notes.txt", b"no video")
    return bucket


def test_a_cache_moves_between_disk_and_store(filled):
    local = filled.config(cache=str(filled.home / "cache"))
    extract(find_videos([filled.home / "in"]).records, local)
    for path in local.machine.cache.rglob("*.h5"):
        filled.put(f"cache/{path.relative_to(local.machine.cache).as_posix()}", path.read_bytes())
    assert extract(filled.videos(), filled.config()).fresh == 2
    assert extract(find_videos([filled.home / "in"]).records, filled.config()).fresh == 2, "local videos, far cache"
    assert extract(filled.videos(), local).fresh == 2, "far videos, local cache"
    address_ = f"file://{filled.home}/in"
    assert (
        extract(find_videos([Path(address_)]).records, filled.config(cache=f"file://{local.machine.cache}")).fresh == 2
    )


def test_freshness_on_a_store(filled, monkeypatch):
    """Outputs are fresh by the listing alone, by equal content under a new tag, and without the index."""
    extract(filled.videos(), filled.config())
    read = []
    with monkeypatch.context() as patch:
        patch.setattr(RemoteFile, "opened", lambda self: read.append(self.url))
        patch.setattr(RemoteFolder, "read", lambda self, name, limit=None: read.append(name))
        assert extract(filled.videos(), filled.config()).fresh == 2
        assert read == []
    with monkeypatch.context() as patch:
        patch.setattr(RemoteFile, "opened", lambda self: pytest.fail("a stage that needs no frames reads the video"))
        again = extract(filled.videos(), filled.config(), stages=("contrast",), force=True)
    assert [result.done.keys() for result in again.results] == [{"contrast"}] * 2
    content = filled.get("in/a.mp4")
    begun = filled.client.create_multipart_upload(Bucket=filled.name, Key="in/a.mp4")["UploadId"]
    part = {"Bucket": filled.name, "Key": "in/a.mp4", "UploadId": begun}
    tag = filled.client.upload_part(**part, PartNumber=1, Body=content)["ETag"]
    filled.client.complete_multipart_upload(**part, MultipartUpload={"Parts": [{"ETag": tag, "PartNumber": 1}]})
    assert "-1" in filled.videos()[0].remote["video"].stamp, "the tag is another one"
    assert extract(filled.videos(), filled.config()).fresh == 2
    for path in (filled.home / "home").rglob(".index.sqlite"):
        path.unlink()
    assert extract(filled.videos(), filled.config()).fresh == 2
    many = filled.videos() * 20  # enough to list the cache instead of asking one by one
    assert extract(many, filled.config()).fresh == 40


def test_an_object_that_changes_after_the_plan_fails(filled, make_video):
    config = filled.config()
    cache = open_cache(config.machine)
    plan = Planner(config, cache).plan(filled.videos()[0])
    filled.put("in/a.mp4", make_video(filled.home / "other.mp4", frames=15).read_bytes())
    result = PlanRunner(cache, threading.Event(), print)(plan)
    assert "changed since the run began" in result.failed["brightness"].cause
    assert extract(filled.videos(), config).ok


def _only(bucket, prefix):
    (name,) = [key for key in bucket.keys(prefix) if key.endswith(".h5")]
    return name


def test_local_copies_are_removed_and_old_ones_swept(filled):
    config = filled.config()
    records = find_videos([Path(f"s3://{filled.name}/in/a.mp4")], config.machine.storage.as_storage()).records
    assert [record.id for record in records] == ["a.mp4"]
    assert extract(records, config).ok
    with fetched(records[0].remote) as copies:
        path, content = copies["video"]
        assert len(scratch_left(filled)) == 1
        assert content == fingerprint_file(path) == fingerprint_remote(records[0].remote["video"])
        assert path.read_bytes() == filled.get("in/a.mp4")
    assert scratch_left(filled) == []
    old = filled.home / "scratch" / f"{PREFIX}old"
    old.mkdir(parents=True)
    os.utime(old, (0, 0))
    extract(records, config)
    assert scratch_left(filled) == [], "a run sweeps old copies"
    filled.put("in/broken.mp4", b"no video")
    (broken,) = (result for result in extract(filled.videos(), config).results if result.failed)
    assert "s3://" not in broken.failed["brightness"].cause, "causes are in pages that are handed on"


@pytest.mark.parametrize("name", ["../out.mp4", "x/../../out.mp4", "x//a.mp4", "./a.mp4"])
def test_names_that_are_no_paths_are_left_out(name, monkeypatch):
    files = {each: RemoteFile(f"s3://bucket/in/{each}", 1, "1 x") for each in (name, "b.mp4")}
    monkeypatch.setattr(RemoteFolder, "files", lambda self: files)
    listing = find_videos([Path("s3://bucket/in")])
    assert [record.id for record in listing.records] == ["b.mp4"]
    assert len(listing.problems) == 1


def test_a_cache_on_a_store_is_listed_verified_and_pruned(filled):
    config, records = filled.config(), filled.videos()
    extract(records, config)
    filled.put("cache/brightness/old.mp4.000000000000.h5", b"damaged")
    cache = open_cache(config.machine)
    listed = list_cache(opened(config))
    assert listed.title == f"stages in s3://{filled.name}/cache, 0.0 MB"
    assert [(row.stage, row.outputs, row.failures) for row in listed.rows] == [
        *(("brightness", 2, 0), ("brightness", 1, 0), ("contrast", 2, 0))
    ]
    damaged = [(row.video, bool(row.damaged)) for row in list_cache(opened(config), "brightness").rows]
    assert damaged == [("a.mp4", False), ("old.mp4", True), ("sub/a.mp4", False)]
    verified = verify_cache(opened(config), Observer())
    assert ([file.video for file in verified.files], verified.summary) == (["old.mp4"], "5 outputs read, 1 damaged")
    planner = Planner(config, cache)
    assert unneeded(cache, planner.plan_all(records), [*planner.stages]) == [], (
        "a file that does not say that it is ours stays"
    )
    output = filled.get(_only(filled, "cache/brightness/a.mp4."))
    filled.put("cache/brightness/old.mp4.000000000000.h5", output)
    unused = unneeded(cache, planner.plan_all(records), [*planner.stages])
    assert [(finding.stage, finding.video) for finding in unused] == [("brightness", "old.mp4")]
    assert unused[0].size == len(output)
    delete(cache, unused, yes=True)
    with pytest.raises(UsageError, match="previews need the videos and the cache on this machine"):
        api.extract(f"s3://{filled.name}/in", config=config, preview=True)
    assert len([key for key in filled.keys("cache/") if key.endswith(".h5")]) == 4
    assert beyond(cache, 0) == [], "what was written within the last hour stays"
    shutil.rmtree(filled.home / "home")  # as seen from another machine
    assert extract(records, config).fresh == 2


def test_a_data_set_with_labels_on_a_store(filled):
    filled.put("in/scores.csv", b"video,score\na.mp4,7.5\nnone.mp4,1\n")
    config = filled.config(dataset={"root": f"s3://{filled.name}/in"})
    listing = dataset_records(config)
    assert [(record.id, record.labels and record.labels.score) for record in listing.records] == [
        ("a.mp4", 7.5),
        ("sub/a.mp4", None),
    ]
    assert f"s3://{filled.name}/in/scores.csv:3: no video 'none.mp4'" in listing.problems[0]
    filled.put("in/notes/bad.csv", b"video,score\na.mp4,high\n")
    root = f"s3://{filled.name}/in"
    for given, words in (
        ({"labels": "notes/bad.csv"}, f"{root}/notes/bad.csv:2: "),
        ({"labels": f"{root}/notes/bad.csv"}, f"{root}/notes/bad.csv:2: "),
        ({"labels": "none.csv"}, "no such label file"),
        ({"kind": "aqa7"}, "only data sets of kind 'folder'"),
    ):
        with pytest.raises(AimError, match=re.escape(words)):
            dataset_records(filled.config(dataset={"root": root, **given}))


@pytest.mark.usefixtures("toy_timesteps")
def test_a_video_on_a_store_is_scored_and_hashed_as_here(bucket, world):
    bucket.put("in/a.mp4", (world.new / "a.mp4").read_bytes())
    with load_scorer(world.model, bucket.config(stages=["timesteps"])) as scorer:
        far, near = scorer.score(Path(f"s3://{bucket.name}/in/a.mp4")), world.scores[0]
        hashes = content_hashes(bucket.videos(), scorer.cache)
    assert (far.score, far.steps) == (near.score, near.steps)
    assert hashes == {"a.mp4": {"video": fingerprint_file(world.new / "a.mp4")}}, "for the leak audit"


def test_other_addresses_are_refused_by_name(tmp_path, monkeypatch):
    with pytest.raises(UsageError, match="not possible for a cache on a store"):
        Cache(Path("s3://bucket/cache"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "odd:/in").mkdir(parents=True)
    assert open_cache(Machine(cache="odd:/in")).root == Path("odd:/in"), "a folder of that name"
    with pytest.raises(UsageError, match="only a cache can be on a store"):
        store.write(Path("s3://bucket/pack.h5"), {}, store.StageOutput({}))
    assert not (tmp_path / "s3:").exists()


def test_every_fault_of_a_store_is_one_error(bucket, toy_stages, monkeypatch):
    monkeypatch.setitem(sys.modules, "gcsfs", None)
    bucket.put("in/a.txt", b"")
    for address_, storage, kind, words in (
        ("s3://not-there/in", bucket.storage, UsageError, "no such bucket"),
        (f"S3://{bucket.name}/none", bucket.storage, UsageError, "no such object, and none below it"),
        (f"s3://{bucket.name}/in", bucket.storage, UsageError, "no video in this folder"),
        (f"s3://{bucket.name}/in", Storage("http://127.0.0.1:9"), StorageError, "does not answer"),
        ("gs://bucket/in", bucket.storage, UsageError, r'gcsfs.*pip install -e "/.*\[gs\]"'),
    ):
        with pytest.raises(kind, match=words) as fault:
            find_videos([Path(address_)], storage)
        assert fault.value.fix
    config = bucket.config(cache="s3://not-there/cache")
    with pytest.raises(UsageError, match="no such bucket"):
        extract((Record("a.mp4", bucket.home / "a.mp4"),), config)
    file = RemoteFile(f"s3://{bucket.name}/in/a.txt", 0, "", Storage(bucket.server, scratch=Path(__file__)))
    with (
        pytest.raises(StorageError, match=r"test_objects.py: cannot be written .*storage.scratch"),
        fetched({"v": file}),
    ):
        pass
    monkeypatch.setattr("data.store.remote._connected", _refusing)
    with pytest.raises(StorageError, match="no permission"):
        find_videos([Path(f"s3://{bucket.name}/in")], bucket.storage)


def _refusing(*_):
    refuse = Mock(side_effect=PermissionError("Access Denied"))
    return Mock(find=refuse)


class _Stalling(socketserver.ThreadingTCPServer):
    """Forwards bytes to a server; of a PUT it forwards half of the body, and then nothing more."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, target):
        self.target, self.stalled = target, threading.Event()
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(socketserver.BaseRequestHandler):
    server: _Stalling

    def handle(self):
        with socket.create_connection(self.server.target) as far:
            threading.Thread(target=_pour, args=(far, self.request), daemon=True).start()
            putting = False
            while content := self.request.recv(1 << 16):
                body = content
                if content.startswith(b"PUT ") and b".h5" in content.split(b"\r\n")[0]:
                    putting, body = True, content.partition(b"\r\n\r\n")[2]
                if putting and body:
                    far.sendall(content[: len(content) - len(body) // 2])
                    self.server.stalled.set()
                    while self.request.recv(1 << 16):
                        pass
                    return
                far.sendall(content)


def _pour(source, sink):
    try:
        while content := source.recv(1 << 16):
            sink.sendall(content)
    except OSError:
        return


@pytest.mark.parametrize("before", ["nothing", "an old output"])
def test_a_kill_in_an_upload_leaves_the_old_object_or_none(aqa, bucket, make_video, before):
    make_video(bucket.home / "in/a.mp4", frames=6)
    command = ["extract", str(bucket.home / "in"), "--cache", f"s3://{bucket.name}/cache"]
    command += ["--set", "stages=[camera_flow]", "--workers", "0"]
    server = f"storage.endpoint_url={bucket.server}"
    if before != "nothing":
        assert aqa(*command, "--set", server).returncode == 0
        key = _only(bucket, "cache/camera_flow/")
        old = bucket.get(key)
        command.append("--force")
    host, _, port = bucket.server.removeprefix("http://").partition(":")
    with _Stalling((host, int(port))) as between:
        threading.Thread(target=between.serve_forever, daemon=True).start()
        near = "http://{}:{}".format(*between.server_address[:2])
        program = [sys.executable, str(ROOT / "run_pipeline.py"), *command]
        child = subprocess.Popen([*program, "--set", f"storage.endpoint_url={near}"], stderr=subprocess.PIPE)
        assert between.stalled.wait(60), child.communicate(timeout=5)
        child.send_signal(signal.SIGKILL)
        child.communicate()
        between.shutdown()
    outputs = [name for name in bucket.keys("cache/") if "/." not in name]
    assert outputs == ([] if before == "nothing" else [key])
    if before != "nothing":
        assert bucket.get(key) == old
    again = aqa(*command, "--set", server)
    assert "1 extracted, 0 fresh, 0 failed" in again.stderr
    store.read(Path("a"), bucket.get(_only(bucket, "cache/camera_flow/")))
