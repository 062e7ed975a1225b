"""Separates failures that a video's own content explains from those that may not occur again.

The cache keeps only the former, and they run again only on request. Memory, disks, downloads, weights, limits of time
and memory, and other processes are conditions of the moment: the next run tries again.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator

from data.errors import AimError, CacheError, ChangedError, StorageError, UsageError, WeightsError
from pipeline.cache.failure import Failure, FailureKind
from pipeline.settings.destinations import MAKE_ROOM, is_full

KEPT: frozenset[FailureKind] = frozenset({"video", "program", "crashed"})
"""Kinds that the video's own content or a fault of the program explains."""

MOMENTARY: dict[FailureKind, tuple[type[BaseException], ...]] = {
    "changed": (ChangedError,),
    "store": (StorageError,),
    "set-up": (UsageError, ImportError),
    "damaged": (CacheError,),
}
"""Errors whose type says that the next run may succeed."""

ALLOCATION = (
    "not enough memory", "out of memory", "insufficient memory", "allocate memory", "unable to allocate",
    "failed to allocate", "failed to map", "bad_alloc", "bad alloc", "start new thread", "too many open files",
)  # fmt: skip
"""What libraries say, in lower case, when the machine has no room: types of errors vary, and have no code."""

NO_ROOM = (errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.EAGAIN)
"""The last is what FFmpeg reports when it cannot start its threads."""


def failure_of(error: BaseException, stage: str) -> Failure:
    """The failure of a stage that raised an error."""
    kind = failure_kind(error)
    if kind == "memory":
        return Failure(kind, stage, f"not enough memory, threads or open files on this machine ({_short(error)})")
    if isinstance(error, AimError):
        shown = error.where is not None and kind not in KEPT  # the name of the video is beside what its file explains
        return Failure(kind, stage, f"{error.where}: {error.what}" if shown else error.what, error.fix or "")
    if isinstance(error, OSError) and is_full(error):
        return Failure(kind, stage, "no space left on the disk of the cache", MAKE_ROOM)
    why = getattr(error, "strerror", None) or error
    return Failure(kind, stage, f"{type(error).__name__}: {why}")


def failure_kind(error: BaseException) -> FailureKind:
    """What is at fault for an error; only those of `KEPT` are facts about the video."""
    chain = list(_chain(error))
    for kind, types in MOMENTARY.items():
        if isinstance(error, types):
            return kind
    if any(map(_no_room, chain)):
        return "memory"
    if isinstance(error, OSError):
        return "disk"
    if isinstance(error, AimError):
        if any(map(_of_a_disk, chain)):
            return "disk"
        return "weights" if isinstance(error, WeightsError) else "video"
    return "program"


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An error and the errors that led to it."""
    visited: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in visited:
        visited.add(id(current))
        yield current
        current = current.__cause__ or current.__context__


def _short(error: BaseException) -> str:
    """The first line of the error in the chain that says that there is no room."""
    short = next(cause for cause in _chain(error) if _no_room(cause))
    return next(iter(str(short).splitlines()), "")[:200] or type(short).__name__


def _no_room(error: BaseException) -> bool:
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno in NO_ROOM):
        return True
    text = str(error).lower()
    return any(words in text for words in ALLOCATION)


def _of_a_disk(error: BaseException) -> bool:
    """Whether the system refused a file; PyAV's errors are OSErrors too, but about the video's content."""
    return isinstance(error, OSError) and not type(error).__module__.startswith("av.")
