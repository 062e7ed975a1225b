"""Which failures are kept: those that the video's own content explains, and no others."""

from __future__ import annotations

import errno
from collections.abc import Callable

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
)
from pipeline.run.failures import KEPT, failure_kind, failure_of


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
        (VideoError("not a readable video"), "video", "Play these files"),
        (WeightsError("no such file", where="/w/i3d.safetensors"), "weights", "weights"),
        (OSError(errno.EROFS, "Read-only file system"), "disk", "can be written"),
        (OSError(errno.ENOSPC, "No space left on device"), "disk", "Make room"),
        (StorageError("the store does not answer"), "store", "store answers"),
        (MemoryError(), "memory", "fewer --workers"),
        (UsageError("a package too many", fix="Remove one"), "set-up", "Remove one"),
        (ZeroDivisionError("x"), "program", "report the traceback"),
    ],
)
def test_the_tip_follows_the_kind(error: BaseException, kind: str, tip: str) -> None:
    failure = failure_of(error, "pose")
    assert failure.kind == kind
    assert tip in failure.tip
    assert ("Play these files" in failure.tip) == (kind == "video")
