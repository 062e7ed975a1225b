"""The command line: each command parses its words, calls the `pipeline.api` function of its name, and prints."""

import os
import signal
import threading
from types import FrameType

IMPORTING = "<frozen importlib"


def interrupted(number: int, frame: FrameType | None) -> None:
    """Raise `KeyboardInterrupt` at Ctrl-C, but end the process at once during an import.

    There, libraries swallow the exception, replace it by another one, or abort.
    """
    while frame is not None:
        if frame.f_code.co_filename.startswith(IMPORTING):
            os.write(2, b"stopped; the same command resumes the work\n")
            os._exit(130)
        frame = frame.f_back
    raise KeyboardInterrupt


_main_thread = threading.current_thread() is threading.main_thread()
if _main_thread and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, interrupted)

from pipeline.cli.cli_main import main  # noqa: E402
from pipeline.cli.command_tree import app  # noqa: E402

__all__ = ["app", "main"]
