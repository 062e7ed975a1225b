"""Why a stage has no output for a video: one record for raising, storing and printing."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

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
    printable,
)
from data.video import Record
from pipeline.settings.destinations import MAKE_ROOM, is_full

FailureKind = Literal[
    "video", "input", "upstream", "missing", "changed", "damaged", "memory", "disk", "store", "weights", "set-up",
    "program", "crashed", "killed", "timeout", "stopped",
]  # fmt: skip
"""The part at fault: the video, another input, an earlier stage, a missing output, and so on."""

KINDS: tuple[tuple[type[BaseException], FailureKind], ...] = (
    (ChangedError, "changed"),
    (StorageError, "store"),
    (UsageError, "set-up"),
    (ImportError, "set-up"),
    (CacheError, "damaged"),
    (WeightsError, "weights"),
    (VideoError, "video"),
    (DataError, "input"),
    (OSError, "disk"),
)
"""The part at fault by error class, the first match; "program" for all others."""

BY_CLASS: frozenset[FailureKind] = frozenset({"changed", "store", "set-up", "damaged"})
"""Kinds that the class alone decides. Other errors may follow from an error of memory or a disk."""

KEPT: frozenset[FailureKind] = frozenset({"video", "input", "program", "crashed"})
"""Kinds caused by the content of the video and its files, or by a bug.

The cache keeps only these, and retries them only on request. Memory, disks, downloads, weights, limits of time and
memory, and other processes are temporary conditions: the next run retries.
"""

TIPS: dict[FailureKind, str] = {
    "video": "Play the video, replace it if it is broken, and run the same command again",
    "input": "Add or correct the file, then run the same command again",
    "changed": "Run the same command again",
    "damaged": "Run the same command again",
    "memory": "Close other programs or give fewer --workers, then run the same command again",
    "disk": "Make room there, or name a writable place, then run the same command again",
    "store": "Check that the store answers, then run the same command again",
    "weights": "Check the weights with `weights list`, then run the same command again",
    "set-up": "See what is missing with `doctor`, then run the same command again",
    "program": "This is a fault of the program: report the traceback in the `.failed.json` of the cache",
    "crashed": "`extract` tries this video again with --retry-failed, `score` without",
    "killed": "Check that the machine has enough memory, then run the same command again",
    "timeout": "Raise work.timeout_s, then run the same command again",
    "stopped": "Run the same command again",
}
"""Fixes of failures without their own."""

NO_ROOM = (errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.EAGAIN)
"""FFmpeg reports the last one when it cannot start its threads."""

OPENCV_NO_ROOM = -4
"""`code` of OpenCV's error for insufficient memory."""


@dataclass(frozen=True)
class Failure:
    """Why a stage has no output for a video, or a video no score."""

    kind: FailureKind
    stage: str  # "" for a failure outside the stages
    cause: str  # one line
    fix: str = ""  # what to type or do next; default: the kind's

    def __post_init__(self) -> None:
        object.__setattr__(self, "fix", self.fix or TIPS.get(self.kind, ""))

    def __str__(self) -> str:
        """One line: `cause. fix`."""
        return f"{self.cause}. {self.fix}" if self.fix else self.cause

    @classmethod
    def of(cls, error: BaseException, stage: str = "", record: Record | None = None) -> Failure:
        """The failure of a stage, or of a whole video, that raised an error or lost its worker.

        The cause names the file of the error, except the video of `record` if its content is bad, since failures are
        shown with the video's name.
        """
        kind = failure_kind(error)
        if kind == "memory":
            return cls(kind, stage, f"not enough memory, threads or open files on this machine ({_short(error)})")
        if isinstance(error, AimError):
            what, where, fix = error.what, error.where, error.fix or ""
        elif isinstance(error, WorkerLost):
            return cls(kind, stage, str(error))
        elif isinstance(error, OSError) and is_full(error):
            return cls(kind, stage, "no space left on the disk of the cache", MAKE_ROOM)
        else:
            what, where, fix = f"{type(error).__name__}: {getattr(error, 'strerror', None) or error}", _file(error), ""
        beside: set[str] = set()
        if record is not None and kind in KEPT:
            far = record.remote.get("video")
            beside = {record.name, printable(record.path or ""), printable(far.url if far else "")}
        return cls(kind, stage, f"{where}: {what}" if where and where not in beside else what, fix)


def first_cause(failures: Iterable[Failure]) -> Failure:
    """The first failure (of at least one) that does not follow from a failed stage."""
    causes = list(failures)
    return next((failure for failure in causes if failure.kind != "upstream"), causes[0])


def failure_kind(error: BaseException) -> FailureKind:
    """The part at fault for an error; a lost worker names its own."""
    if isinstance(error, WorkerLost):
        return error.kind
    kind: FailureKind = next((kind for types, kind in KINDS if isinstance(error, types)), "program")
    if kind in BY_CLASS:
        return kind
    if any(map(_no_room, _chain(error))):
        return "memory"
    return "disk" if isinstance(error, AimError) and any(map(_of_a_disk, _chain(error))) else kind


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An error and the errors that led to it."""
    visited: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in visited:
        visited.add(id(current))
        yield current
        current = current.__cause__ or current.__context__


def _short(error: BaseException) -> str:
    """The first line of the error in the chain that reports a lack of memory, threads or files."""
    short = next(cause for cause in _chain(error) if _no_room(cause))
    return next(iter(str(short).splitlines()), "")[:200] or type(short).__name__


def _no_room(error: BaseException) -> bool:
    """Whether memory, threads or open files ran out. Libraries that say so only in words run in `out_of_memory`."""
    if isinstance(error, OSError):
        return error.errno in NO_ROOM
    of_opencv = type(error).__module__ == "cv2" and getattr(error, "code", None) == OPENCV_NO_ROOM
    return of_opencv or isinstance(error, MemoryError)


def _of_a_disk(error: BaseException) -> bool:
    """Whether the system refused a file; PyAV's errors are OSErrors too, but about the video's content."""
    return isinstance(error, OSError) and not type(error).__module__.startswith("av.")


def _file(error: BaseException) -> str:
    """The file that an error of the system names; empty for none."""
    named = getattr(error, "filename", None) if isinstance(error, OSError) else None
    return printable(os.fsdecode(named)) if isinstance(named, (str, bytes, Path)) else ""
