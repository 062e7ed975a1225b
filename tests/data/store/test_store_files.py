"""Temporaries: the lock of the process that writes says who is alive, not the host's name or the process's number."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from data.store import files
from data.store.files import TEMPORARY, atomic_path, sweep
from data.store.remote import Storage
from data.store.scratch import PREFIX, sweep_scratch, working_folder

HERE = socket.gethostname()[:40]

WRITER = """
import os, sys, time
from pathlib import Path
from data.store.files import atomic_path
os.getpid = lambda: 999_999_999  # the number of this process in its own container means nothing in another
with atomic_path(Path(sys.argv[1])) as temporary:
    temporary.write_text("half")
    print("writing", flush=True)
    time.sleep(60)
"""


def test_a_file_that_is_written_elsewhere_under_our_host_name_stays(tmp_path: Path) -> None:
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path / "a.h5")], stdout=subprocess.PIPE, text=True,
        cwd=Path(__file__).resolve().parents[3],
    )  # fmt: skip
    try:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "writing\n"
        assert sweep(tmp_path) == 0
        assert len(list(tmp_path.glob(f"{TEMPORARY}*"))) == 1
    finally:
        writer.kill()
        writer.wait()
    assert sweep(tmp_path, remove=False) == 1, "the system lets go of the lock of a killed process"
    assert sweep(tmp_path) == 1
    assert not list(tmp_path.iterdir())


def test_an_unlocked_file_of_this_host_goes_whoever_has_its_number_now(tmp_path: Path) -> None:
    (tmp_path / f"{TEMPORARY}{HERE}-{os.getpid()}-aa").touch()
    assert sweep(tmp_path) == 1


def test_files_of_other_hosts_wait_an_hour(tmp_path: Path) -> None:
    path = tmp_path / f"{TEMPORARY}elsewhere-1-aa"
    path.touch()
    assert sweep(tmp_path) == 0, "a network file system may keep the locks of another machine to itself"
    old = time.time() - files.FOREIGN_SECONDS - 60
    os.utime(path, (old, old))
    assert sweep(tmp_path) == 1


def test_without_locks_age_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "lock", lambda handle: None)
    path = tmp_path / f"{TEMPORARY}{HERE}-999999999-aa"
    path.touch()
    assert sweep(tmp_path) == 0
    os.utime(path, (0, 0))
    assert sweep(tmp_path) == 1
    with atomic_path(tmp_path / "a") as temporary:
        temporary.write_text("written without locks too")
    assert (tmp_path / "a").exists()


def test_only_temporaries_of_this_program_are_swept(tmp_path: Path) -> None:
    for name in (".writing-desk", f"{TEMPORARY}{HERE}-x-aa", f"{TEMPORARY}{HERE}-1-notes.txt"):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (0, 0))
    (tmp_path / f"{TEMPORARY}{HERE}-1-ab").symlink_to(tmp_path / ".writing-desk")
    assert sweep(tmp_path) == 0
    assert len(list(tmp_path.iterdir())) == 4


def test_scratch_folders_are_locked_too(tmp_path: Path) -> None:
    storage = Storage(scratch=tmp_path)
    dead = tmp_path / f"{PREFIX}{HERE}-{os.getpid()}-dead"
    with working_folder(tmp_path, PREFIX) as folder:
        dead.mkdir()
        assert sweep_scratch(storage) == 1
        assert list(tmp_path.iterdir()) == [folder]
    dead.mkdir()
    with working_folder(tmp_path, PREFIX) as folder:
        assert list(tmp_path.iterdir()) == [folder]
    assert list(tmp_path.iterdir()) == []
