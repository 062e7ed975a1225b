"""What is at fault follows from the class of an error and its number, and only what the video explains is kept."""

import errno
from pathlib import Path

import av.error
import cv2
import numpy as np
import pytest

from data.errors import (
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


ERRORS = (
    VideoError("out of memory", where="/in/day/a.mp4"),
    caused(VideoError("no"), av.error.InvalidDataError(1, "out of memory")),
    DataError("3 rows", where="/in/a.txt:3"),
    KeyError("bad_alloc"),
    WorkerLost("was killed by SIGSEGV", "crashed"),
    MemoryError(),
    OSError(errno.ENOMEM, "x"),
    caused(VideoError("no"), OSError(errno.EMFILE, "x")),
    caused(VideoError("no"), av.error.BlockingIOError(errno.EAGAIN, "x")),
    caused(DataError("no"), MemoryError(), hidden=True),
    caused(WeightsError("no", where="/w/i3d"), MemoryError("x")),
    caused(VideoError("no"), PermissionError(errno.EACCES, "x")),
    OSError(errno.EROFS, "x"),
    OSError(errno.ENOSPC, "x"),
    FileNotFoundError(2, "x", "/No space left"),
    CacheError("damaged"),
    ChangedError("it changed", where="/in/day/a.mp4"),
    StorageError("gone", where="s3://b/a.mp4"),
    ImportError("libonnx.so: failed to map"),
    UsageError("a package too many", fix="Remove one"),
    WeightsError("no such file", where="/w/i3d"),
    WorkerLost("took longer than 9 s", "timeout"),
    WorkerLost("does not answer"),
)


def test_an_error_says_what_is_at_fault(snapshot):
    """Of a video, and where no video is known."""
    failures = [Failure.of(error, "pose", RECORD) for error in ERRORS]
    said = [f"{one.kind}{', kept' * (one.kind in KEPT)}: {one}" for one in failures]
    assert [*zip(said, (Failure.of(error).cause for error in ERRORS), strict=True)] == snapshot
    assert Failure.of(opencv_without_memory()).kind == "memory"


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
