"""An observer that calls functions with what a run reports."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from pipeline.observer import Observer, Progress

Hook = Callable[..., object] | None


class Watching(Observer):
    """Keeps notes in `lines`, and calls the functions that are given; `stop` ends the work."""

    def __init__(
        self,
        *,
        stop: threading.Event | None = None,
        on_plan: Hook = None,
        on_frames: Hook = None,
        on_result: Hook = None,
    ) -> None:
        super().__init__(stop)
        self.lines: list[str] = []
        self._hooks = {"planned": on_plan, "frames": on_frames, "result": on_result}

    def note(self, text: str) -> None:
        self.lines.append(text)

    def progress(self, what: str) -> AbstractContextManager[Progress]:
        progress: Any = Progress(what)
        for name, hook in self._hooks.items():
            if hook is not None:
                setattr(progress, name, hook)
        return nullcontext(progress)
