"""Memory that was freed goes back to the system."""

from __future__ import annotations

import ctypes
import sys
from contextlib import suppress


def trim_heap() -> None:
    """Give the system back what Python and numpy have freed.

    The C library of Linux keeps it in one heap per thread, where threads that start later cannot use it: the arrays of
    one stage would be added to the pictures and arrays of the stages before. Elsewhere this does nothing.
    """
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):  # another C library
            ctypes.CDLL(None).malloc_trim(0)
