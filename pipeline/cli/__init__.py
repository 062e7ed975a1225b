"""The command line: a command parses, calls the function of its name in `pipeline.api`, prints."""

import os
import signal
import threading
from types import FrameType

IMPORTING = "<frozen importlib"


def interrupted(number: int, frame: FrameType | None) -> None:
    """Ctrl-C in work that nothing watches raises `KeyboardInterrupt`, but ends the process at once during an import.

    There, libraries swallow the exception, make another one of it, or abort.
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
