"""Who ran what, when, with which configuration and versions: one JSON-lines file per run, beside the outputs.

`CACHE/.runs/<run>.jsonl` holds one JSON object per line, each with `event` and `time` (UTC, ISO 8601):

| event | content |
|---|---|
| `start` | `run`, `who`, `host`, `pid`, `command`, `config`, `stages`, `software`, `code`, `fresh`, `planned` |
| `plan` | `video` and `todo`: {stage: why it runs} |
| `result` | `video`, `done` {stage: seconds}, `failed` {stage: reason}, `frames`, `cancelled` |
| `end` | `done`, `failed`, `cancelled`, `seconds` |

Lines are appended and flushed one by one, so a killed run leaves every line but perhaps its last; it has no `end`.
A run with nothing to do leaves no record, and a cache that cannot be written keeps none: a log never stops a run.
"""

from __future__ import annotations

import getpass
import json
import os
import platform
import secrets
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import IO, Any

from data.errors import printable
from pipeline.cache import software
from pipeline.cache.run_history import FOLDER
from pipeline.run.costs import reasons
from pipeline.run.plan import Plan, Planner
from pipeline.run.runner import Result


class RunLog:
    """The log of one run; a context manager. Every failure to write turns it off, never the run."""

    def __init__(self, planner: Planner, stop: threading.Event) -> None:
        now = datetime.now(timezone.utc)
        self.run = f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
        self.path = planner.cache.local / FOLDER / f"{self.run}.jsonl"
        self._planner, self._stop = planner, stop
        self._stream: IO[str] | None = None
        self._started = time.monotonic()
        self._counts = {"done": 0, "failed": 0}

    def __enter__(self) -> RunLog:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if self._stream is None:
            return
        ended = {"error": f"{kind.__name__}: {error}"} if kind is not None and kind is not GeneratorExit else {}
        seconds = round(time.monotonic() - self._started, 3)
        self._say("end", **self._counts, cancelled=self._stop.is_set() and not ended, seconds=seconds, **ended)
        with suppress(OSError):
            if self._stream is not None:
                self._stream.close()

    def begin(self, plans: Sequence[Plan], fresh: int) -> None:
        """Write who, what and why, unless there is nothing to do."""
        if not plans:
            return
        with suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._stream = self.path.open("a", encoding="utf-8")
        stages = {name: self._planner.describe(name) for name in self._planner.stages}
        what = {"config": self._planner.config.dump(), "stages": stages, "software": software(), "code": _code()}
        self._say("start", run=self.run, **_who(), **what, fresh=fresh, planned=len(plans))
        self.plans(plans)

    def plans(self, plans: Sequence[Plan]) -> None:
        """Write what will run and why."""
        for plan in plans:
            self._say("plan", video=plan.record.name, todo=dict(reasons(plan)))

    def result(self, result: Result) -> None:
        """Write what happened to one record."""
        self._counts["failed" if result.failed else "done"] += 1
        done = {stage: round(seconds, 4) for stage, seconds in result.done.items()}
        self._say("result", video=result.record.name, done=done, failed=result.failed, frames=result.frames,
                  cancelled=result.cancelled)  # fmt: skip

    def _say(self, event: str, **content: Any) -> None:
        if self._stream is None:
            return
        line = {"event": event, "time": datetime.now(timezone.utc).isoformat(timespec="milliseconds"), **content}
        try:
            self._stream.write(json.dumps(line, ensure_ascii=True, default=str) + "\n")
            self._stream.flush()
        except OSError:  # the disk is full: the outputs matter, the log does not
            with suppress(OSError):
                self._stream.close()
            self._stream = None


def _who() -> dict[str, Any]:
    try:
        who = getpass.getuser()
    except (KeyError, OSError, ImportError):  # a container's user may have no name
        who = str(os.getuid()) if hasattr(os, "getuid") else ""
    return {
        "who": printable(who),
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "command": [printable(part) for part in sys.argv],
        "python": platform.python_version(),
    }


def _code() -> str:
    """The commit of this checkout, with `-dirty` where it was changed, empty where git does not tell."""
    command = ["git", "-C", str(Path(__file__).resolve().parent), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=5, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""
