"""Memory that was freed goes back to the system. Only the C library of Linux has these settings."""

from __future__ import annotations

import ctypes
import sys
from contextlib import suppress

MAPPED = 1 << 20
"""Bytes from which an array has memory of its own: a picture of 1080p takes 6 MB."""


def trim_heap() -> None:
    """Give the system back what Python and numpy have freed.

    The C library keeps it in one heap per thread, where threads that start later cannot use it: the arrays of one
    stage would be added to the pictures and arrays of the stages before.
    """
    _call("malloc_trim", 0)


def map_pictures() -> None:
    """Give pictures memory of their own, which goes back when they are freed.

    By default the first large array that is freed moves all later ones into the heaps, with small arrays between them.
    """
    mmap_threshold = -3  # M_MMAP_THRESHOLD in malloc.h
    _call("mallopt", mmap_threshold, MAPPED)


def _call(name: str, *values: int) -> None:
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):  # another C library
            getattr(ctypes.CDLL(None), name)(*values)
