"""Ctrl-C: during imports it ends the process; later the first one asks the work to stop and the second ends it.

The package imports this module first, so it imports little.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from types import FrameType

IMPORTING = "<frozen importlib"

INTERRUPTED = 130
"""Exit code after Ctrl-C."""

STOPPED = threading.Event()
"""Set once Ctrl-C has asked this process to stop."""


def handle_while_importing() -> None:
    """Handle Ctrl-C by `_interrupted` if it has no handler yet."""
    main_thread = threading.current_thread() is threading.main_thread()
    if main_thread and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupted)


def _interrupted(number: int, frame: FrameType | None) -> None:
    """Raise `KeyboardInterrupt` at Ctrl-C, but end the process at once during an import.

    During imports, libraries swallow or replace the exception, or abort.
    """
    while frame is not None:
        if frame.f_code.co_filename.startswith(IMPORTING):
            os.write(2, b"stopped; the same command resumes the work\n")
            os._exit(INTERRUPTED)
        frame = frame.f_back
    raise KeyboardInterrupt


def stop_on_interrupt(say: Callable[[str], object], show_cursor: Callable[[], object]) -> threading.Event:
    """Handle Ctrl-C from now on: the first sets the returned event, the second ends the process at once."""
    import multiprocessing

    stop = threading.Event()

    def interrupted(number: int, frame: object) -> None:
        if stop.is_set():  # an exception would wait for threads, or abort in a library's thread
            with suppress(OSError, RuntimeError, ValueError):
                show_cursor()  # a bar hides it
                sys.stdout.flush()
                sys.stderr.flush()
            for child in multiprocessing.active_children():
                child.kill()
            os._exit(INTERRUPTED)
        stop.set()
        STOPPED.set()
        say("stopping after the current write; press Ctrl-C again to stop at once")

    signal.signal(signal.SIGINT, interrupted)
    return stop
