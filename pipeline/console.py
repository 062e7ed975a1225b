"""Output of a terminal: progress, tables of results and failures."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, ProgressColumn, Task, TextColumn
from rich.progress import Progress as Bars
from rich.table import Table
from rich.text import Text

from data.errors import printable
from pipeline.observer import Progress
from pipeline.stages import stage_class

WIDE = None if "COLUMNS" in os.environ else 160
"""Width in characters of tables in a file or a pipe, which have no width of their own."""

err = Console(stderr=True, markup=False, emoji=False, highlight=False, width=None if sys.stderr.isatty() else WIDE)
out = Console(markup=False, emoji=False, highlight=False, width=None if sys.stdout.isatty() else WIDE)
"""Text is shown as it is: names of videos and folders may hold `[red]` or `:on:`. A styled text is a `Text`."""

LINE_SECONDS = 30.0
"""A line of progress is written so often where standard error is no terminal, such as a log."""

SHOWN_FLAGGED = 40
"""Most rows of the table of flagged videos."""

STATE_STYLE = {"fresh": "green", "stale": "yellow", "missing": "cyan", "failed": "red"}


def say(text: str, style: str = "") -> None:
    """One line for people, on standard error; control characters, as names of files may hold, are escaped."""
    err.print(Text(printable(text), style), soft_wrap=True)


class ShownProgress(Progress):
    """Shown on standard error: a bar on a terminal, elsewhere a line every `LINE_SECONDS`."""

    def __enter__(self) -> ShownProgress:
        self._ended = threading.Event()
        if err.is_terminal:
            columns = (TextColumn("{task.description}", markup=False), BarColumn(), _Counts(self))
            self._bar = Bars(*columns, console=err, transient=True)
            self._task = self._bar.add_task(printable(self.what), total=1.0)
            self._bar.start()
        else:
            threading.Thread(target=self._lines, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        if err.is_terminal:
            self._bar.stop()

    def changed(self) -> None:
        """Move the bar."""
        if err.is_terminal:
            self._bar.update(self._task, completed=self.share)

    def tell(self, failure: str) -> None:
        """A line above the bar."""
        err.print(Text.assemble(("failed", "red"), printable(f" {failure}")), soft_wrap=True)

    def _lines(self) -> None:
        while not self._ended.wait(LINE_SECONDS):
            say(str(self) if self.total else f"{self.what}: preparing")


class _Counts(ProgressColumn):
    """The numbers of done, failed and left, and the time left."""

    def __init__(self, progress: Progress) -> None:
        super().__init__()
        self._progress = progress

    def render(self, task: Task) -> Text:
        """The text after the bar."""
        return Text(str(self._progress).partition(": ")[2] if self._progress.total else "")


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], *, to: Console | None = None) -> None:
    """A table; nothing in it is taken for markup. A float is shown with three decimals."""
    grid = Table(title=printable(title), title_justify="left", header_style="bold")
    for position, name in enumerate(columns):
        grid.add_column(printable(name), overflow="fold", justify="left" if position == 0 else "default")
    for row in rows:
        grid.add_row(*(_cell(value) for value in row))
    (to or out).print(grid)


def status_table(rows: Iterable[Mapping[str, Any]], *, all_values: bool = False) -> None:
    """Table of `status`: state per video and stage, with quality values if it is fresh, else with the reason."""
    grid = Table(header_style="bold")
    for name in ("video", "stage", "state", "reason or quality"):
        grid.add_column(name, overflow="fold")
    previous = None
    for row in rows:
        state = Text(row["state"], STATE_STYLE[row["state"]])
        shown = "" if row["video"] == previous else _cell(row["video"])
        previous = row["video"]
        chosen = (
            row["quality"] if all_values else [n for n in stage_class(row["stage"]).headline if n in row["quality"]]
        )
        values = ", ".join(f"{_cell(name)} {_cell(row['quality'][name])}" for name in chosen)
        grid.add_row(shown, row["stage"], state, _cell(row["reason"]) or values)
    out.print(grid)


def failure_table(results: Sequence[Any]) -> None:
    """One line per failed video (`pipeline.run.Result`): the stages and the first reason."""
    rows = []
    for result in results:
        reasons = {why: stage for stage, why in reversed(list(result.failed.items()))}
        first_causes = [why for why in reasons if not why.startswith("needs ")] or list(reasons)
        rows.append((result.record.name, ", ".join(result.failed), "; ".join(dict.fromkeys(first_causes))))
    table(f"{len(rows)} failed", ("video", "stages", "reason"), rows, to=err)


def flag_table(flagged: Mapping[str, Sequence[Any]], videos: int) -> None:
    """One line per flagged video with its flags (`pipeline.results.Flag`), at most `SHOWN_FLAGGED`."""
    rows = [
        (name, "; ".join(f"{flag.title} ({flag.detail.rstrip('.')})" for flag in flags))
        for name, flags in flagged.items()
    ]
    more = [("…", f"and {len(rows) - SHOWN_FLAGGED} more")] if len(rows) > SHOWN_FLAGGED else []
    title = f"{len(rows)} of {videos} videos are flagged"
    table(title, ("video", "flags"), [*rows[:SHOWN_FLAGGED], *more], to=err)


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3f}"
    return "" if value is None else printable(str(value))
