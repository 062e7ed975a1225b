"""What a terminal shows: progress bars, tables of results and failures. Quiet when standard error is not a terminal."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from contextlib import contextmanager
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from data.errors import printable
from data.video import Record
from pipeline.stages import stage_class

if TYPE_CHECKING:
    from typing_extensions import Self

WIDE = None if "COLUMNS" in os.environ else 160
"""Width in characters of tables in a file or a pipe, which have no width of their own."""

err = Console(stderr=True, markup=False, emoji=False, highlight=False, width=None if sys.stderr.isatty() else WIDE)
out = Console(markup=False, emoji=False, highlight=False, width=None if sys.stdout.isatty() else WIDE)
"""Text is shown as it is: names of videos and folders may hold `[red]` or `:on:`. What has a style is a `Text`."""

STATE_STYLE = {"fresh": "green", "stale": "yellow", "missing": "cyan", "failed": "red"}


def say(text: str) -> None:
    """One line for people, on standard error; control characters, as names of files may hold, are escaped."""
    err.print(printable(text), soft_wrap=True)


class FinishedVideo(Protocol):
    """A finished video, as tables and bars show it, such as `pipeline.extract.runner.Result`."""

    @property
    def record(self) -> Record:
        """The video."""

    @property
    def failed(self) -> Mapping[str, str]:
        """Stages that failed, each with one line why."""


class BatchProgress:
    """One bar over videos, one over the frames of the videos in work with rate and remaining time."""

    def __init__(self, title: str = "videos") -> None:
        self._title = title
        self._lock = threading.Lock()
        self._in_work: dict[str, tuple[int, int]] = {}
        self._frames_before = 0
        self._bars = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            console=err,
            disable=not err.is_terminal,
            transient=True,
        )
        self._videos: TaskID | None = None
        self._frames: TaskID | None = None

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def plan(self, plans: Sized, fresh: int) -> None:
        """Begin: what is already finished counts as done, so that the bar starts there."""
        total = len(plans) + fresh
        self._videos = self._bars.add_task(self._title, total=total, completed=fresh, rate="")
        self._frames = self._bars.add_task("frames", total=None, rate="")

    def frames(self, record_id: str, done: int, total: int, _: tuple[str, ...] = ()) -> None:
        """A video in work has `done` of `total` frames decoded."""
        if not total:
            return
        with self._lock:
            self._in_work[record_id] = (done, total)
            done_all = self._frames_before + sum(d for d, _ in self._in_work.values())
            total_all = self._frames_before + sum(t for _, t in self._in_work.values())
            if self._frames is not None:
                self._bars.update(self._frames, completed=done_all, total=total_all, rate=self._rate())

    def result(self, result: FinishedVideo) -> None:
        """A video is finished, one way or the other."""
        with self._lock:
            done, _ = self._in_work.pop(result.record.id, (0, 0))
            self._frames_before += done
        if self._videos is not None:
            self._bars.advance(self._videos)
        if result.failed:
            stage, reason = next(iter(result.failed.items()))
            line = Text.assemble(("failed", "red"), printable(f" {result.record.name} [{stage}] {reason}"))
            self._bars.console.print(line, soft_wrap=True)

    def _rate(self) -> str:
        task = next((t for t in self._bars.tasks if t.id == self._frames), None)
        return f"{task.speed:.0f} frames/s" if task and task.speed else ""


class DemoProgress(BatchProgress):
    """The bars of a batch, and before and after them one over rendered dives and one over epochs."""

    def __init__(self) -> None:
        super().__init__()
        self._tasks: dict[str, TaskID] = {}

    def extracting(self) -> dict[str, Any]:
        """Hooks of `pipeline.extract.batch.run_extract`."""
        return {"on_plan": self.plan, "on_result": self.result, "on_frames": self.frames}

    def rendered(self, done: int, total: int) -> None:
        """So many dives are rendered."""
        self.advance("rendered dives", done, total)

    def epochs(self, done: int, total: int) -> None:
        """So many epochs are trained."""
        self.advance("epochs", done, total)

    def advance(self, name: str, done: int, total: int) -> None:
        """So many steps of the bar of that name are done."""
        if name not in self._tasks:
            self._tasks[name] = self._bars.add_task(printable(name), total=total, rate="")
        self._bars.update(self._tasks[name], completed=done, total=total)


@contextmanager
def named_bars() -> Iterator[Callable[[str, int, int], None]]:
    """A bar per name; gives the function to call with (name, done, total)."""
    with DemoProgress() as bars:
        yield bars.advance


@contextmanager
def steps_bar(what: str) -> Iterator[Callable[[int, int], None]]:
    """One bar over steps such as epochs; gives the function to call with (done, total)."""
    with named_bars() as advance:
        yield partial(advance, what)


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], *, to: Console = out) -> None:
    """A table; nothing in it is taken for markup. A float is shown with three decimals."""
    grid = Table(title=printable(title), title_justify="left", header_style="bold")
    for position, name in enumerate(columns):
        grid.add_column(printable(name), overflow="fold", justify="left" if position == 0 else "default")
    for row in rows:
        grid.add_row(*(_cell(value) for value in row))
    to.print(grid)


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


def failure_table(results: Sequence[FinishedVideo]) -> None:
    """One line per failed video: the stages and the first reason."""
    rows = []
    for result in results:
        reasons = {why: stage for stage, why in reversed(list(result.failed.items()))}
        first_causes = [why for why in reasons if not why.startswith("needs ")] or list(reasons)
        rows.append((result.record.name, ", ".join(result.failed), "; ".join(dict.fromkeys(first_causes))))
    table(f"{len(rows)} failed", ("video", "stages", "reason"), rows, to=err)


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3f}"
    return "" if value is None else printable(str(value))
