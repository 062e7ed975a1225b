"""Which failures are kept: those that the video's own content explains, and no others."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path

import av.error
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
)
from data.video import Record
from pipeline.cache.failure import KEPT, TIPS, Failure, failure_kind


def caused(error: AimError, cause: BaseException) -> BaseException:
    """An error as `raise error from cause` leaves it."""
    error.__cause__ = cause
    return error


def hidden(error: AimError, cause: BaseException) -> BaseException:
    """An error as `raise error from None` leaves it inside of an `except`."""
    error.__context__, error.__suppress_context__ = cause, True
    return error


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        np._core._exceptions._ArrayMemoryError((1 << 50,), np.dtype(float)),  # type: ignore[attr-defined]
        RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: you tried"),
        RuntimeError("Exception from src/inference: std::bad_alloc"),
        RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("can't start new thread"),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
        OSError(errno.ENOSPC, "No space left on device"),
        ImportError("libonnx.so: failed to map segment from shared object"),
        CacheError("damaged cache file"),
        ChangedError("the input changed"),
        StorageError("the store does not answer"),
        caused(
            WeightsError("not a MoveNet MultiPose .tflite file", where="/w/movenet.tflite"), RuntimeError("bad_alloc")
        ),
        hidden(DataError("cannot read", where="/in/day/a.txt"), MemoryError()),
        caused(VideoError("cannot be opened (Too many open files)"), OSError(errno.EMFILE, "Too many open files")),
        caused(VideoError("damaged video stream"), av.error.BlockingIOError(errno.EAGAIN, "temporarily unavailable")),
        caused(VideoError("cannot be opened"), PermissionError(errno.EACCES, "Permission denied")),
        WeightsError("cannot read tensors from this file", where="/w/i3d.safetensors"),
        WeightsError("torchvision could not bring its weights"),
    ],
)
def test_failures_of_the_moment_are_not_kept(error: BaseException) -> None:
    assert failure_kind(error) not in KEPT


@pytest.mark.parametrize(
    "make",
    [
        lambda: VideoError("not a readable video", where="/in/day/a.mp4"),
        lambda: caused(VideoError("not a readable video"), av.error.InvalidDataError(1, "Invalid data found")),
        lambda: caused(VideoError("damaged video stream"), av.error.OSError(errno.EIO, "Input/output error")),
        lambda: DataError("row 3 has 12 numbers", where="/in/day/a.txt:3"),
        lambda: DataError("no kinematics file", where="day/a.mp4"),
        lambda: DataError("no such joint", where="/in/keypoints/a_keypoints/000.json"),
        lambda: ZeroDivisionError("a bug is kept with its traceback"),
    ],
)
def test_failures_that_the_video_explains_are_kept(make: Callable[[], BaseException]) -> None:
    assert failure_kind(make()) in KEPT


@pytest.mark.parametrize(
    ("error", "kind", "tip"),
    [
        (VideoError("not a readable video"), "video", "Play the video"),
        (WeightsError("no such file", where="/w/i3d.safetensors"), "weights", "weights"),
        (DataError("row 3 has 12 numbers"), "input", "correct the file"),
        (OSError(errno.EROFS, "Read-only file system"), "disk", "can be written"),
        (OSError(errno.ENOSPC, "No space left on device"), "disk", "Make room"),
        (StorageError("the store does not answer"), "store", "store answers"),
        (MemoryError(), "memory", "fewer --workers"),
        (UsageError("a package too many", fix="Remove one"), "set-up", "Remove one"),
        (ZeroDivisionError("x"), "program", "report the traceback"),
        (WorkerLost("took longer than 9 s", "timeout"), "timeout", "work.timeout_s"),
        (WorkerLost("the Ray worker does not answer"), "killed", "enough memory"),
        (WorkerLost("was killed by SIGSEGV", "crashed"), "crashed", "--retry-failed"),
    ],
)
def test_the_tip_follows_the_kind(error: BaseException, kind: str, tip: str) -> None:
    failure = Failure.of(error, "pose")
    assert failure.kind == kind
    assert tip in failure.fix
    assert ("Play the video" in failure.fix) == (kind == "video")


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (VideoError("not a readable video", where="/in/day/a.mp4"), "not a readable video"),
        (DataError("'gaze' has shape (2,), others (3,)", where="day/a.mp4"), "'gaze' has shape (2,), others (3,)"),
        (DataError("row 3 has 12 numbers", where="/in/day/a.txt:3"), "/in/day/a.txt:3: row 3 has 12 numbers"),
        (ChangedError("it changed", where="/in/day/a.mp4"), "/in/day/a.mp4: it changed"),
        (StorageError("the object is gone", where="s3://b/in/a.mp4"), "s3://b/in/a.mp4: the object is gone"),
        (FileNotFoundError(2, "No such file", "/in/day/a.txt"), "/in/day/a.txt: FileNotFoundError: No such file"),
        (KeyError("x"), "KeyError: 'x'"),
        (WorkerLost("the Ray worker does not answer"), "the Ray worker does not answer"),
    ],
)
def test_the_cause_names_every_file_but_a_video_at_fault(error: BaseException, cause: str) -> None:
    record = Record("day/a.mp4", Path("/in/day/a.mp4"))
    assert Failure.of(error, "pose", record).cause == cause
    if isinstance(error, AimError):
        assert Failure.of(error).cause == f"{error.where}: {error.what}", "no video is beside it"


def test_one_text_says_what_to_do() -> None:
    assert str(Failure("timeout", "", "took longer than 9 s")) == f"took longer than 9 s. {TIPS['timeout']}"
    assert str(Failure("timeout", "", "x", "Wait")) == "x. Wait"
    assert str(Failure("upstream", "pose", "needs clips, which failed")) == "needs clips, which failed"
