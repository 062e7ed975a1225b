"""What a call reports while it works. From Python nothing is shown unless an observer is given; the terminal gives one.

class Notes(Observer):
    def note(self, text: str) -> None:
        logging.info(text)

extract("videos/", observer=Notes())
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

Steps = Callable[[int, int], None]
"""Called with (steps done, steps in all)."""

NamedSteps = Callable[[str, int, int], None]
"""Called with (name, steps done, steps in all)."""


BatchHooks = dict[str, Any]
"""Progress hooks of `pipeline.extract.run_extract` by name: on_plan, on_result, on_frames; all may be left out."""

DemoHooks = dict[str, Any]
"""Progress hooks of `pipeline.demo.Hooks` by name: extracting (`BatchHooks`), rendered and epochs (`Steps`)."""


class Observer:
    """Receives notes and progress; this one ignores all of it. Override what you want to see.

    Args:
        stop: set it to end the work cleanly: what is written stays, and the same call resumes from there.
    """

    def __init__(self, stop: threading.Event | None = None) -> None:
        self._stop = stop or threading.Event()

    def stop_event(self) -> threading.Event:
        """The event that ends the work; asked for when work begins that can be ended cleanly."""
        return self._stop

    def note(self, text: str) -> None:
        """One line for people."""

    def failures(self, results: Sequence[Any]) -> None:
        """Videos that failed (`pipeline.extract.Result`), where the work goes on without them."""

    def videos(self) -> AbstractContextManager[BatchHooks]:
        """Progress over a batch of videos; gives the hooks of `run_extract`."""
        return nullcontext({})

    def steps(self, what: str) -> AbstractContextManager[Steps | None]:
        """Progress over steps such as epochs; gives the function to call."""
        return nullcontext()

    def named_steps(self) -> AbstractContextManager[NamedSteps | None]:
        """Progress by name, such as that of a system; gives the function to call."""
        return nullcontext()

    def demo(self) -> AbstractContextManager[DemoHooks]:
        """Progress of the demo; gives its hooks."""
        return nullcontext({})

    def notes(self, texts: Sequence[str], most: int = 20) -> None:
        """The first `most` of many notes, and how many follow."""
        for text in texts[:most]:
            self.note(text)
        if len(texts) > most:
            self.note(f"note: and {len(texts) - most} more of this kind")
