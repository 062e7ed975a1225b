"""The program without what only Linux has: fcntl, resource, /proc, the C library by name; paths with drive letters.

psutil and threadpoolctl keep them, since they ask other systems for the same in another way.
"""

import csv
import os
import subprocess
import sys
from pathlib import Path, PureWindowsPath

import pytest

from data.datasets.folder import key_of
from data.store import address, addresses, is_remote, is_shared, local_path
from pipeline.serve.uploads import shown_name
from pipeline.settings.provenance import without_folders
from synthetic.tiny_jigsaws import make_jigsaws
from tests.helpers.checkout import ROOT

WITHOUT = """
import builtins, ctypes, io, os, sys

import psutil

sys.modules["fcntl"] = sys.modules["resource"] = None


def refused(path):
    return isinstance(path, (str, bytes, os.PathLike)) and os.fsdecode(path).startswith("/proc/")


def without_proc(function):
    def call(path, *args, **named):
        asking = sys._getframe(1).f_globals.get("__name__", "").partition(".")[0]
        if refused(path) and asking not in ("psutil", "threadpoolctl"):
            raise FileNotFoundError(2, "no such file", path)
        return function(path, *args, **named)
    return call


builtins.open = io.open = without_proc(io.open)
os.open, os.listdir = without_proc(os.open), without_proc(os.listdir)


class Library(ctypes.CDLL):
    def __init__(self, name, *args, **named):
        if name is None or os.path.basename(str(name)).startswith("libc."):
            raise OSError("no such library")
        super().__init__(name, *args, **named)


real, ours = ctypes.CDLL, ("data", "models", "extractors", "pipeline")
ctypes.CDLL = lambda *args, **named: (
    Library if sys._getframe(1).f_globals.get("__name__", "").partition(".")[0] in ours else real
)(*args, **named)
"""
"""Imported by every Python process as `sitecustomize`."""

MEMORY = """
from pipeline.pool.process_pool import ProcessPool, WorkConfig
assert ProcessPool(WorkConfig()).split_cores(100)[0] >= 1
import fcntl
"""


@pytest.fixture
def run(tmp_path):
    """Runs a command of the program in a folder of its own, without what only Linux has."""
    (tmp_path / "without").mkdir()
    (tmp_path / "without/sitecustomize.py").write_text(WITHOUT)
    path = os.pathsep.join((str(tmp_path / "without"), str(ROOT)))

    def command(*words):
        return subprocess.run(
            [sys.executable, ROOT / "run_pipeline.py", *map(str, words)], capture_output=True, text=True,
            cwd=tmp_path, env={**os.environ, "PYTHONPATH": path}, check=False,
        )  # fmt: skip

    return command


def test_a_run_from_videos_to_scores(run, make_video, tmp_path):
    path = os.pathsep.join((str(tmp_path / "without"), str(ROOT)))
    done = subprocess.run(
        [sys.executable, "-c", MEMORY], env={**os.environ, "PYTHONPATH": path}, check=False, capture_output=True,
        text=True,
    )  # fmt: skip
    assert "ModuleNotFoundError: import of fcntl" in done.stderr.splitlines()[-1], "memory is known, fcntl is absent"
    make_video(tmp_path / "films/a.mp4")
    done = run("extract", "films", "--set", "stages=[camera_flow]", "--workers", 0)
    assert done.returncode == 0, done.stderr
    make_jigsaws(tmp_path / "set", trials=8, tasks=["Suturing"], rows=45, videos=False)
    options = ["--config", "jigsaws", "--cache", "cache"]
    for setting in ("dataset.root=set", "stages=[kinematics,timesteps]", 'timesteps.scene=""', "work.workers=2"):
        options += ["--set", setting]
    train = ["train.networks=1", "train.epochs=2", "model.width=8", "combined=false"]
    for command in (
        ["extract", *options],
        ["train", *options, *(word for one in train for word in ("--set", one)), "--out", "run", "--folds", 0],
        ["score", "set", "--model", "run", "--cache", "cache", "--out", "scores.csv"],
    ):
        done = run(*command)
        assert done.returncode == 0, done.stderr
    assert len(list(csv.DictReader((tmp_path / "scores.csv").open()))) == 8
    assert not list(tmp_path.rglob(".writing-*"))


DRIVE = PureWindowsPath("C:/Users/me/my dives/a.mp4")


def test_paths_with_drives_and_backslashes(monkeypatch):
    for path in (DRIVE, PureWindowsPath("//server/share/a.mp4"), PureWindowsPath("dives/a.mp4")):
        assert not is_remote(str(path))
        assert not is_shared(str(path))
        assert address(str(path)) == str(path)
    assert without_folders(str(DRIVE)) == "a.mp4"
    assert without_folders(f"{DRIVE}: no frame") == "a.mp4: no frame"
    assert shown_name(str(DRIVE)) == "a.mp4"
    assert key_of(r"monday\a.mp4") == key_of("monday/a.mp4")
    assert local_path(Path("file:///C:/dives/a%20b.mp4")) == Path("/C:/dives/a b.mp4")
    monkeypatch.setattr(addresses, "WINDOWS", True)
    monkeypatch.setattr(addresses, "Path", PureWindowsPath)
    assert local_path(Path("file:///C:/dives/a%20b.mp4")) == PureWindowsPath("C:/dives/a b.mp4")
