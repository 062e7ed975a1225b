"""Temporaries and scratch folders are removed once they are older than a day, whoever made them."""

import os
import time
from multiprocessing import get_context
from pathlib import Path

import pytest

from data.store.atomic_writes import ABANDONED_SECONDS, TEMPORARY, atomic_path, sweep, write_bytes
from data.store.remote import Storage
from data.store.scratch import PREFIX, sweep_scratch, working_folder


def age(path, seconds):
    then = time.time() - seconds
    os.utime(path, (then, then))


def test_temporaries_of_a_killed_writer_are_removed_after_a_day(tmp_path):
    with atomic_path(tmp_path / "a.h5") as temporary:
        left = temporary.rename(tmp_path / f"{temporary.name}00")
        temporary.touch()
    age(left, ABANDONED_SECONDS - 60)
    assert sweep(tmp_path) == 0, "somebody may still write it"
    assert sweep(tmp_path, seconds=0, remove=False) == 1, "without an age all are removed"
    age(left, ABANDONED_SECONDS + 60)
    assert sweep(tmp_path, remove=False) == 1
    assert sweep(tmp_path) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["a.h5"]


def write_often(target):
    for _ in range(50):
        write_bytes(target, b"equal" * 10_000)


def test_processes_that_write_one_file_at_once_leave_it_whole(tmp_path):
    with get_context("spawn").Pool(2) as pool:
        pool.map(write_often, [tmp_path / "a.h5"] * 2)
    assert (tmp_path / "a.h5").read_bytes() == b"equal" * 10_000
    assert len(list(tmp_path.iterdir())) == 1


def test_only_temporaries_of_this_program_are_swept(tmp_path):
    for name in (".writing-desk", f"{TEMPORARY}here-x-aa", f"{TEMPORARY}here-1-notes.txt"):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (0, 0))
    (tmp_path / f"{TEMPORARY}here-1-ab").symlink_to(tmp_path / ".writing-desk")
    os.utime(tmp_path / f"{TEMPORARY}here-1-ab", (0, 0), follow_symlinks=False)
    assert sweep(tmp_path) == 0
    assert len(list(tmp_path.iterdir())) == 4


def in_a_working_folder(storage, seconds):
    with working_folder(storage.scratch or Path(), PREFIX):
        pass


@pytest.mark.parametrize(
    ("sweeping", "longest", "limit"),
    [
        (in_a_working_folder, 0.0, ABANDONED_SECONDS),
        (sweep_scratch, 3600.0, ABANDONED_SECONDS),
        (sweep_scratch, 3 * ABANDONED_SECONDS, 3 * ABANDONED_SECONDS),
    ],
)
def test_scratch_folders_go_after_a_day_and_the_longest_time_for_a_video(sweeping, longest, limit, tmp_path):
    old, young, other = tmp_path / f"{PREFIX}old", tmp_path / f"{PREFIX}young", tmp_path / "mine"
    for folder, seconds in ((old, limit + 60), (young, limit - 60), (other, 10 * limit)):
        (folder / "video").mkdir(parents=True)
        age(folder, seconds)
    sweeping(Storage(scratch=tmp_path), longest)
    assert sorted(tmp_path.iterdir()) == [young, other]


def test_a_block_that_ends_or_fails_leaves_nothing(tmp_path):
    with working_folder(tmp_path, PREFIX) as folder:
        (folder / "a.mp4").touch()
    with pytest.raises(ZeroDivisionError), atomic_path(tmp_path / "a") as temporary:
        temporary.write_text(str(1 / 0))
    assert list(tmp_path.iterdir()) == []
