"""Ctrl-C: the first one ends the work cleanly, the second one at once."""

from __future__ import annotations

import os
import signal
import sys
import threading
from contextlib import suppress

INTERRUPTED = 130


def stop_on_interrupt() -> threading.Event:
    """First Ctrl-C: finish the current write and stop; second: stop at once."""
    import multiprocessing

    from pipeline.console import err, say

    stop = threading.Event()

    def interrupted(number: int, frame: object) -> None:
        if stop.is_set():  # not by an exception: the interpreter would wait for threads, or abort in those of libraries
            with suppress(OSError, RuntimeError, ValueError):
                err.show_cursor()  # a bar hides it
                sys.stdout.flush()
                sys.stderr.flush()
            for child in multiprocessing.active_children():
                child.kill()
            os._exit(INTERRUPTED)
        stop.set()
        say("stopping after the current write; press Ctrl-C again to stop at once")

    signal.signal(signal.SIGINT, interrupted)
    return stop
