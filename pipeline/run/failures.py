"""Separates failures that a video's own content explains from those that may not occur again.

The cache keeps only the former, and they run again only on request. Memory, disks, downloads, weights, limits of time
and memory, and other processes are conditions of the moment: the next run tries again.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator

from data.errors import AimError, CacheError, DataError, printable
from data.video import Record
from pipeline.settings.destinations import is_full

NO_SPACE = "no space left on the disk of the cache: make room, then type the same command again"

ALLOCATION = (
    "not enough memory", "out of memory", "insufficient memory", "allocate memory", "unable to allocate",
    "failed to allocate", "failed to map", "bad_alloc", "bad alloc", "start new thread", "too many open files",
)  # fmt: skip
"""What libraries say, in lower case, when the machine has no room; the type of the error varies."""

NO_ROOM = (errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.EAGAIN)
"""The last is what FFmpeg reports when it cannot start its threads."""

CRASHES = ("SIGSEGV", "SIGBUS", "SIGFPE", "SIGILL", "SIGABRT")
"""Signals that a hostile video can cause in its decoder; others come from outside, such as the memory guard's."""


def temporary_failure(error: BaseException, record: Record) -> str | None:
    """One line why a failure may not occur again; None where the video's own content or a program fault explains it."""
    chain = list(_chain(error))
    if isinstance(error, AimError) and error.momentary:
        return str(error)
    short = next((cause for cause in chain if _no_room(cause)), None)
    if short is not None:
        line = next(iter(str(short).splitlines()), "")[:200] or type(short).__name__
        return f"not enough memory, threads or open files on this machine ({line})"
    if isinstance(error, OSError):
        return NO_SPACE if is_full(error) else f"{type(error).__name__}: {error.strerror or error}"
    if isinstance(error, (CacheError, ImportError)):
        return str(error)
    if isinstance(error, AimError) and (any(map(_of_a_disk, chain)) or not _about(error, record)):
        return str(error)
    return None


def is_crash(reason: str) -> bool:
    """Whether the video explains the loss of its worker: a crash does, a kill or a limit does not.

    Where memory is limited (`ulimit -v`, `ulimit -d`), a library may crash for lack of it, so no crash counts.
    """
    return any(f"killed by {name}" in reason for name in CRASHES) and not _memory_is_limited()


def _about(error: AimError, record: Record) -> bool:
    """Whether an error is about an input of this record, and not about weights or another file of the set-up."""
    if not isinstance(error, DataError):
        return True
    names = [printable(record.id), *(printable(path) for path in record.files().values())]
    names += [printable(file.url) for file in record.remote.values()]
    return error.where is not None and any(error.where.startswith(name) for name in names)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An error and the errors that led to it."""
    visited: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in visited:
        visited.add(id(current))
        yield current
        current = current.__cause__ or current.__context__


def _no_room(error: BaseException) -> bool:
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno in NO_ROOM):
        return True
    text = str(error).lower()
    return any(words in text for words in ALLOCATION)


def _of_a_disk(error: BaseException) -> bool:
    """Whether the system refused a file; PyAV's errors are OSErrors too, but about the video's content."""
    return isinstance(error, OSError) and not type(error).__module__.startswith("av.")


def _memory_is_limited() -> bool:
    try:
        import resource
    except ImportError:  # not on this system
        return False
    limits = (resource.RLIMIT_AS, resource.RLIMIT_DATA)
    return any(resource.getrlimit(limit)[0] != resource.RLIM_INFINITY for limit in limits)
