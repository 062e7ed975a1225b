"""What is at fault follows from the class of an error and its number, and only what the video explains is kept."""

import errno
from pathlib import Path

import av.error
import cv2
import numpy as np
import pytest

from data.errors import (
    AimError,
    CacheError,
    ChangedError,
    DataError,
    StorageError,
    UsageError,
    VideoError,
    WeightsError,
    WorkerLost,
    out_of_memory,
)
from data.video import Record, find_videos
from pipeline.cache.failure import KEPT, TIPS, Failure
from tests.helpers.extracting import configured, extract


def caused(error, cause, *, hidden=False):
    """An error as `raise error from cause` leaves it, or `raise error from None` inside of an `except`."""
    error.__cause__, error.__context__ = (None, cause) if hidden else (cause, None)
    return error


def opencv_without_memory():
    """OpenCV's own error for a picture of eleven terabytes."""
    try:
        cv2.resize(np.zeros((10, 10, 3), np.uint8), (2_000_000, 2_000_000))
    except cv2.error as error:
        return error
    raise AssertionError


RECORD = Record("day/a.mp4", Path("/in/day/a.mp4"))
SHORT = "not enough memory, threads or open files on this machine"
LOST = WorkerLost("was killed by SIGSEGV", "crashed")


@pytest.mark.parametrize(
    ("error", "kind", "cause", "fix"),
    [
        (VideoError("out of memory", where="/in/day/a.mp4"), "video", "out of memory", "Play the video"),
        (caused(VideoError("no"), av.error.InvalidDataError(1, "out of memory")), "video", "no", "Play"),
        (DataError("3 rows", where="/in/a.txt:3"), "input", "/in/a.txt:3: 3 rows", "correct the file"),
        (KeyError("bad_alloc"), "program", "KeyError: 'bad_alloc'", "report the traceback"),
        (LOST, "crashed", "was killed by SIGSEGV", "--retry-failed"),
        (MemoryError(), "memory", f"{SHORT} (MemoryError)", "fewer --workers"),
        (OSError(errno.ENOMEM, "x"), "memory", f"{SHORT} ([Errno 12] x)", "fewer --workers"),
        (opencv_without_memory(), "memory", SHORT, "fewer --workers"),
        (caused(VideoError("no"), OSError(errno.EMFILE, "x")), "memory", f"{SHORT} ([Errno 24] x)", ""),
        (caused(VideoError("no"), av.error.BlockingIOError(errno.EAGAIN, "x")), "memory", SHORT, ""),
        (caused(DataError("no"), MemoryError(), hidden=True), "memory", SHORT, ""),
        (caused(WeightsError("no", where="/w/i3d"), MemoryError("x")), "memory", f"{SHORT} (x)", ""),
        (caused(VideoError("no"), PermissionError(errno.EACCES, "x")), "disk", "no", "can be written"),
        (OSError(errno.EROFS, "x"), "disk", "OSError: x", "can be written"),
        (OSError(errno.ENOSPC, "x"), "disk", "no space left on the disk of the cache", "Make room"),
        (FileNotFoundError(2, "x", "/No space left"), "disk", "/No space left: FileNotFoundError: x", "can be"),
        (CacheError("damaged"), "damaged", "damaged", "same command"),
        (ChangedError("it changed", where="/in/day/a.mp4"), "changed", "/in/day/a.mp4: it changed", "same command"),
        (StorageError("gone", where="s3://b/a.mp4"), "store", "s3://b/a.mp4: gone", "store answers"),
        (ImportError("libonnx.so: failed to map"), "set-up", "ImportError: libonnx.so: failed to map", "doctor"),
        (UsageError("a package too many", fix="Remove one"), "set-up", "a package too many", "Remove one"),
        (WeightsError("no such file", where="/w/i3d"), "weights", "/w/i3d: no such file", "weights list"),
        (WorkerLost("took longer than 9 s", "timeout"), "timeout", "took longer than 9 s", "work.timeout_s"),
        (WorkerLost("does not answer"), "killed", "does not answer", "enough memory"),
    ],
)
def test_an_error_says_what_is_at_fault(error, kind, cause, fix):
    failure = Failure.of(error, "pose", RECORD)
    assert failure.kind == kind
    assert failure.cause.startswith(cause)
    assert fix in failure.fix
    assert str(failure) == f"{failure.cause}. {failure.fix}"
    assert (kind in KEPT) == (kind in ("video", "input", "program", "crashed"))
    if isinstance(error, AimError) and kind != "memory":
        assert Failure.of(error).cause == (f"{error.where}: {error.what}" if error.where else error.what)


@pytest.mark.parametrize(
    "text",
    [
        "[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: you tried",
        "Exception from src/inference: std::bad_alloc\nCheck failed",
        "CUDA out of memory. Tried to allocate 2.00 GiB",
    ],
)
def test_a_library_that_says_in_words_that_memory_is_short(text):
    with pytest.raises(MemoryError, match=text.partition("\n")[0][-20:]), out_of_memory():
        raise RuntimeError(text)
    with pytest.raises(RuntimeError, match="shape"), out_of_memory():
        raise RuntimeError("a wrong shape")


def test_the_name_of_a_video_is_not_its_failure(toy_stages, tmp_path):
    videos = tmp_path / "in"
    videos.mkdir()
    names = ("plain", "out of memory", "bad_alloc", "No space left on device", "too many open files")
    for name in names:
        (videos / f"{name}.mp4").touch()
    config, records = configured(tmp_path / "cache", stages=["brightness"]), find_videos([videos]).records
    failed = [result.failed["brightness"] for result in extract(records, config).failed]
    assert {(failure.kind, failure.cause) for failure in failed} == {("video", "the file is empty")}
    assert len(failed) == len([*(tmp_path / "cache").rglob("*.failed.json")]) == len(names)


def test_a_failure_without_a_tip_is_one_sentence():
    assert "upstream" not in TIPS
    assert str(Failure("upstream", "pose", "needs clips, which failed")) == "needs clips, which failed"
