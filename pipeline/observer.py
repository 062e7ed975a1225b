"""Notes and progress of a running call, and its result at a prompt.

In a notebook a call shows its progress. Elsewhere a call from Python shows nothing unless it gets an observer, such as:

class Notes(Observer):
    def note(self, text: str) -> None:
        logging.info(text)

extract("videos/", observer=Notes())
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from html import escape
from typing import Any

from data.errors import Cancelled, decimals, interval_text, printable

MOST_NOTES = 20
"""Most notes of one kind, and most rows of a result in a notebook."""

Table = tuple[Sequence[str], Sequence[Sequence[Any]]]
"""Columns and rows."""

CountDone = Callable[[int, int], None]
"""Called with the numbers of finished and of all pieces of work."""

LEAST_SHARE, LEAST_SECONDS = 0.05, 300.0
"""The time left is shown after this share or time. Before, it would be too long, since workers load networks."""


class Progress:
    """Counts finished, failed and remaining work; this class shows nothing.

    The work is either equal pieces (`advance`), or items of known weight, such as videos with their frames: `plan`,
    `inside` and `finish` count these. `what` names them in the plural; `total`, `done` and `failed` are their numbers.
    """

    def __init__(self, what: str = "") -> None:
        self.what = what
        self.total = self.done = self.failed = 0
        self._weights: dict[Hashable, float] = {}
        self._inside: dict[Hashable, float] = {}
        self._finished = 0.0
        self._lock, self._began = threading.Lock(), time.monotonic()

    def plan(self, weights: Mapping[Any, float], done: int = 0) -> None:
        """Begin items with these weights; `done` more are already finished."""
        self._weights, self._inside, self._finished = dict(weights), {}, 0.0
        self.total, self.done, self._began = len(weights) + done, done, time.monotonic()
        self.changed()

    def inside(self, item: Hashable, done: float, total: float, stages: Sequence[str] = ()) -> None:
        """Record that `done` of `total` parts of a running item are finished; `stages` are running.

        With `total` 0, these stages begin.
        """
        if total:
            with self._lock:
                self._inside[item] = self._weights.get(item, 0.0) * done / total
            self.changed()

    def finish(self, item: Hashable, failure: str = "") -> None:
        """Record that an item has ended; `failure` says why it failed, or is ""."""
        with self._lock:
            self._inside.pop(item, None)
            self._finished += self._weights.pop(item, 0.0)
            self.done, self.failed = self.done + (not failure), self.failed + bool(failure)
        self.changed()
        if failure:
            self.tell(failure)

    def advance(self, done: int, total: int) -> None:
        """Record that `done` of `total` equal pieces of work are finished."""
        if total != self.total:
            self.plan({"left": total - done}, done)
            self.total = total
        with self._lock:
            self.done, self._inside["left"] = done, self._weights["left"] - (total - done)
        self.changed()

    @property
    def share(self) -> float:
        """Finished share, 0 to 1, of the work that was left at the beginning."""
        with self._lock:
            finished = self._finished + sum(self._inside.values())
            whole = self._finished + sum(self._weights.values())
        return finished / whole if whole else float(self.total > 0)

    def __str__(self) -> str:
        return f"{self.what}: {self.counts}"

    @property
    def counts(self) -> str:
        """The finished, failed and remaining work, and the time left."""
        left = self.total - self.done - self.failed
        failed = f"{self.failed} failed, " if self.failed else ""
        counts = f"{self.done} of {self.total} done, {failed}{left} left"
        share = min(self.share, 0.99) if left else self.share  # never 100 % while items are left
        return f"{counts}; {share:.0%} of the work done, {self.time_left()}"

    def time_left(self) -> str:
        """The expected time to the end, in words."""
        share, passed = self.share, time.monotonic() - self._began
        if share == 0 or (share < LEAST_SHARE and passed < LEAST_SECONDS):
            return "time left not known yet"
        return "finishing" if share >= 1 else f"about {duration_text(passed * (1 - share) / share)} left"

    def changed(self) -> None:
        """Called after every change."""

    def tell(self, failure: str) -> None:
        """Called with the reason of a failure."""


class NotebookProgress(Progress):
    """Progress as a bar below the cell of a notebook."""

    def __init__(self, what: str) -> None:
        from IPython.display import ProgressBar

        super().__init__(what)
        self._bar = ProgressBar(100)
        self._bar.display()

    def changed(self) -> None:
        """Move the bar to another percentage."""
        if (percentage := int(100 * self.share)) != self._bar.progress:
            self._bar.progress = percentage


class ShownResult:
    """Base of results with a `table` for people, which a notebook shows, and a data frame."""

    table: Callable[..., Table]

    def to_frame(self) -> Any:
        """The table as a data frame of pandas, which this program does not install."""
        from pandas import DataFrame

        columns, rows = self.table()
        return DataFrame(rows, columns=columns)

    def _repr_html_(self) -> str:
        columns, rows = self.table()
        lines = ["<td>".join(escape(value_text(cell)) for cell in row) for row in (columns, *rows[:MOST_NOTES])]
        return f"<table><caption>{len(rows)} in all<tr><td>{'<tr><td>'.join(lines)}</table>"


def value_text(value: Any) -> str:
    """A value of a table as people read it: numbers with three decimals, an interval as its ends."""
    if isinstance(value, tuple):
        return interval_text(value) or ""
    return decimals(value, 3) if isinstance(value, float) else "" if value is None else printable(str(value))


def duration_text(seconds: float) -> str:
    """Seconds in the unit that people would use.

    >>> duration_text(12.3), duration_text(200), duration_text(9000)
    ('12 s', '3 min', '2.5 h')
    """
    minutes, hours = seconds / 60, seconds / 3600
    return f"{seconds:.0f} s" if seconds < 90 else f"{minutes:.0f} min" if minutes < 90 else f"{hours:.1f} h"


class Observer:
    """Receives notes and progress; this class shows progress in a notebook, and nothing else.

    Override the methods whose content you want to see.

    Set `stop` to end the work cleanly: what is written stays, and the same call resumes from there.
    """

    def __init__(self, stop: threading.Event | None = None) -> None:
        self._stop = stop or threading.Event()

    def stop_event(self) -> threading.Event:
        """The event that ends the work; work that can end cleanly gets it when it begins."""
        return self._stop

    def raise_if_stopped(self) -> None:
        """Raise Cancelled after a stop; called before partial results could be used."""
        if self.stop_event().is_set():
            raise Cancelled

    def note(self, text: str) -> None:
        """Receive one line for people."""

    def flagged(self, flagged: Mapping[str, Sequence[Any]], videos: int) -> None:
        """Receive the flags (`pipeline.checks.flag.Flag`) of each flagged training video; `videos` counts all."""

    def failures(self, results: Sequence[Any]) -> None:
        """Receive the failed videos (`pipeline.run.Result`) if the work continues without them."""

    def progress(self, what: str) -> AbstractContextManager[Progress]:
        """A context with the progress over `what`, such as videos or epochs: in a notebook a bar, else silent."""
        return nullcontext(NotebookProgress(what) if "ipykernel" in sys.modules else Progress(what))

    def confirm(self, question: str) -> bool:
        """Whether the user agrees to a deletion; False if nobody can be asked."""
        return False

    def notes(self, texts: Sequence[str]) -> None:
        """Receive the first `MOST_NOTES` of many lines, and the number of the others."""
        for text in texts[:MOST_NOTES]:
            self.note(text)
        if len(texts) > MOST_NOTES:
            self.note(f"note: and {len(texts) - MOST_NOTES} more of this kind")


class NotesAlone(Observer):
    """Passes notes on without a stop event, so Ctrl-C ends work at once that only writes at its end."""

    def __init__(self, observer: Observer) -> None:
        super().__init__()
        self._observer = observer

    def note(self, text: str) -> None:
        """One line for people."""
        self._observer.note(text)


SILENT = Observer()
"""The observer of calls without one, which shows progress in a notebook; its stop event is never set."""
