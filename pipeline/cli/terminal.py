"""Output of a command: notes and bars on standard error, tables or one JSON document on standard output."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from typing import TYPE_CHECKING, Any

import typer

from data.errors import counted
from pipeline.observer import Observer, Progress

if TYPE_CHECKING:
    from pipeline.cache import CacheFiles

OK, SOME_FAILED, WRONG_USAGE, INTERRUPTED = 0, 1, 2, 130
"""Exit codes, those of docs/commands.md."""

STOPPED = threading.Event()
"""Set once Ctrl-C asked this process to stop."""


class Terminal(Observer):
    """Shows notes and progress of a call, and turns Ctrl-C into its stop event."""

    _interrupted: threading.Event | None = None

    def stop_event(self) -> threading.Event:
        """Set by the first Ctrl-C after the first call."""
        self._interrupted = self._interrupted or stop_on_interrupt()
        return self._interrupted

    def note(self, text: str) -> None:
        """One line on standard error."""
        from pipeline.console import say

        say(text)

    def flagged(self, flagged: Mapping[str, Sequence[Any]], videos: int) -> None:
        """A table of flagged videos on standard error."""
        from pipeline.console import flag_table

        flag_table(flagged, videos)

    def failures(self, results: Sequence[Any]) -> None:
        """A table of failed videos on standard error."""
        from pipeline.console import failure_table

        failure_table(results)

    def confirm(self, question: str) -> bool:
        """The answer typed on the terminal; no where there is none."""
        return sys.stdin.isatty() and typer.confirm(question, err=True)

    def progress(self, what: str) -> AbstractContextManager[Progress]:
        """A bar, or a line every half minute where standard error is no terminal."""
        from pipeline.console import ShownProgress

        return ShownProgress(what)


def stop_on_interrupt() -> threading.Event:
    """First Ctrl-C: finish the current write and stop; second: stop at once."""
    import multiprocessing

    from pipeline.console import err

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
        STOPPED.set()
        say("stopping after the current write; press Ctrl-C again to stop at once")

    signal.signal(signal.SIGINT, interrupted)
    return stop


def say(text: str) -> None:
    """One line for people, on standard error."""
    Terminal().note(text)


def alarm(text: str) -> None:
    """One line for people, on standard error, in red."""
    from pipeline.console import say as show

    show(text, "bold red")


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """A table on standard output."""
    from pipeline.console import table as show

    show(title, columns, rows)


def print_json(content: Any) -> None:
    """One JSON document on standard output."""
    sys.stdout.write(json.dumps(content, indent=1, ensure_ascii=True, default=str) + "\n")


def finish(ok: bool) -> None:
    """End the command: exit code 0, 1 where something failed, 130 where Ctrl-C kept it from being finished."""
    raise typer.Exit(OK if ok else INTERRUPTED if STOPPED.is_set() else SOME_FAILED)


def show_files(listed: CacheFiles, as_json: bool, most: int = 1000) -> None:
    """Files of a cache, each with the reason."""
    if as_json:
        print_json({"summary": listed.summary, "files": [file.row() for file in listed.files]})
        return
    if listed.files:
        rows = [(f.stage, f.video or f.path, f.why, f.size) for f in listed.files[:most]]
        table("", ("stage", "video", "why", "bytes"), rows)
    if (more := len(listed.files) - most) > 0:
        say(f"and {counted(more, 'more file')}")
    say(listed.summary)
