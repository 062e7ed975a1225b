"""Output of a command: notes and progress on standard error, tables or one JSON document on standard output.

`rich` is slow to import, so the first output imports it. No text is parsed as markup: names of videos and folders may
contain `[red]` or `:on:`.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

import typer

from data.errors import printable
from pipeline.cli.interrupts import stop_on_interrupt
from pipeline.observer import Observer, Progress, value_text

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from pipeline.cache.failure import Failure
    from pipeline.evaluate.system_table import Table as SystemsTable

Stream = Literal["stdout", "stderr"]

OK, SOME_FAILED, WRONG_USAGE = 0, 1, 2
"""Exit codes beside `INTERRUPTED`; docs/commands.md explains them."""

WIDE = 160
"""Width in characters of tables in a file or a pipe."""

LINE_SECONDS = 30.0
"""Seconds between lines of progress where standard error is not a terminal, such as a log."""

SHOWN_FLAGGED, SHOWN_FIXES = 40, 5
"""Most rows of the table of flagged videos, and most fixes below the table of failures."""


@cache
def console(stream: Stream, /) -> Console:
    """The console of standard output or of standard error, made once."""
    from rich.console import Console

    width = None if getattr(sys, stream).isatty() or "COLUMNS" in os.environ else WIDE
    return Console(stderr=stream == "stderr", markup=False, emoji=False, highlight=False, width=width)


class Terminal(Observer):
    """Shows notes and progress of a call, and turns Ctrl-C into its stop event."""

    _interrupted: threading.Event | None = None

    def stop_event(self) -> threading.Event:
        """The event that Ctrl-C sets from the first call on."""
        self._interrupted = self._interrupted or stop_on_interrupt(say, console("stderr").show_cursor)
        return self._interrupted

    def note(self, text: str) -> None:
        """Print one line on standard error."""
        say(text)

    def flagged(self, flagged: Mapping[str, Sequence[Any]], videos: int) -> None:
        """Print flagged videos, at most `SHOWN_FLAGGED`, on standard error; those with the same flags share a row."""
        alike: dict[str, list[str]] = {}
        for name in [*flagged][:SHOWN_FLAGGED]:
            text = "; ".join(f"{flag.title} ({flag.detail.rstrip('.')})" for flag in flagged[name])
            alike.setdefault(text, []).append(name)
        rows = [(", ".join(names), text) for text, names in alike.items()]
        more = [("…", f"and {len(flagged) - SHOWN_FLAGGED} more")] if len(flagged) > SHOWN_FLAGGED else []
        title = f"{len(flagged)} of {videos} videos are flagged"
        table(title, ("video", "flags"), [*rows, *more], to="stderr")

    def failures(self, results: Sequence[Any]) -> None:
        """Print one row per failed video, with the stages and the first causes, and what to do, on standard error."""
        rows = []
        for result in results:
            causes = [failure for failure in result.failed.values() if failure.kind != "upstream"]
            shown = "; ".join(dict.fromkeys(failure.cause for failure in causes or result.failed.values()))
            rows.append((result.record.name, ", ".join(result.failed), shown))
        table(f"{len(rows)} failed", ("video", "stages", "reason"), rows, to="stderr")
        say_fixes(failure for result in results for failure in result.failed.values())

    def confirm(self, question: str) -> bool:
        """Whether the user types yes; False without a terminal."""
        return sys.stdin.isatty() and typer.confirm(question, err=True)

    def progress(self, what: str) -> AbstractContextManager[Progress]:
        """A `ShownProgress`."""
        return ShownProgress(what)


class ShownProgress(Progress):
    """Progress on standard error: a bar on a terminal, elsewhere a line every `LINE_SECONDS`."""

    def __enter__(self) -> ShownProgress:
        from rich.progress import BarColumn, RenderableColumn, TextColumn
        from rich.progress import Progress as Bars

        self._ended = threading.Event()
        if console("stderr").is_terminal:
            columns = (TextColumn("{task.description}", markup=False), BarColumn(), RenderableColumn(self))
            self._bar = Bars(*columns, console=console("stderr"), transient=True)
            self._task = self._bar.add_task(printable(self.what), total=1.0)
            self._bar.start()
        else:
            threading.Thread(target=self._lines, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        if console("stderr").is_terminal:
            self._bar.stop()

    def __rich__(self) -> Text:
        """Numbers of done, failed and remaining items, and the time left."""
        from rich.text import Text

        return Text(self.counts if self.total else "")

    def changed(self) -> None:
        """Move the bar."""
        if console("stderr").is_terminal:
            self._bar.update(self._task, completed=self.share)

    def tell(self, failure: str) -> None:
        """Print the failure in a line above the bar."""
        from rich.text import Text

        console("stderr").print(Text.assemble(("failed", "red"), printable(f" {failure}")), soft_wrap=True)

    def _lines(self) -> None:
        while not self._ended.wait(LINE_SECONDS):
            say(str(self) if self.total else f"{self.what}: preparing")


def say(text: str, style: str = "") -> None:
    """Print one line for people on standard error; escape control characters, which names of files may hold."""
    from rich.text import Text

    console("stderr").print(Text(printable(text), style), soft_wrap=True)


def alarm(text: str) -> None:
    """Print one line for people on standard error, in red."""
    say(text, "bold red")


def table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], *, to: Stream = "stdout", red: str = ""
) -> None:
    """Print a table without parsing markup; floats have three decimals, and rows with the cell `red` are red."""
    from rich.table import Table

    grid = Table(title=printable(title), title_justify="left", header_style="bold")
    for position, name in enumerate(columns):
        grid.add_column(printable(name), overflow="fold", justify="left" if position == 0 else "default")
    for row in rows:
        grid.add_row(*map(value_text, row), style="red" if red and red in row else "")
    console(to).print(grid)


KIND_STYLE = {"ours": "bold", "baseline": "bright_black", "paper": "italic"}

BASELINES = "baselines:"
"""Line above the baselines, the last rows; logs cannot show them in grey."""


def systems_table(systems: SystemsTable) -> None:
    """Print a table of systems and its note within 80 columns: AIM bold, baselines grey, names whole."""
    from rich.table import Table

    grid = Table(title=printable(systems.title), title_justify="left", header_style="bold", box=None, pad_edge=False)
    grid.add_column(systems.head, overflow="fold")
    for name in systems.columns:
        grid.add_column(printable(name), justify="right", overflow="fold")
    first_baseline = next((row for row in systems.rows if row.kind == "baseline"), None)
    for row in systems.rows:
        if row is first_baseline:
            grid.add_row(BASELINES, style=KIND_STYLE["baseline"])
        grid.add_row(printable(row.name), *map(value_text, row.values), style=KIND_STYLE.get(row.kind, ""))
    console("stdout").print(grid)
    if systems.note:
        say(systems.note)


def say_fixes(failures: Iterable[Failure]) -> None:
    """Print each distinct fix of the failures once."""
    fixes = dict.fromkeys(failure.fix for failure in failures if failure.fix and failure.kind != "upstream")
    for fix in [*fixes][:SHOWN_FIXES]:
        say(f"  -> {fix}")


def print_json(content: Any) -> None:
    """Print one JSON document on standard output."""
    sys.stdout.write(json.dumps(content, indent=1, ensure_ascii=True, default=str) + "\n")
