"""Logs of earlier runs on a cache, as `pipeline.run.run_log` writes them: who ran what, with which result."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from data.store import open_regular, parse_json

FOLDER = ".runs"

MAX_LINE_BYTES, MAX_LOG_BYTES = 1 << 22, 1 << 28
"""Longer lines are torn, and so left out; what follows is not read."""

State = Literal["done", "failed", "cancelled", "interrupted"]


@dataclass(frozen=True)
class RunRecord:
    """One run as read back."""

    run: str  # its id, which begins with the start in UTC
    path: Path  # the log
    state: State  # "failed": some videos did; "interrupted": the log has no end, so it runs or was killed
    start: Mapping[str, Any]  # the `start` line: who, host, command, config, stages, software, code, fresh, planned
    done: int  # videos with a `result` line, like `failed`
    failed: int
    seconds: float  # from start to end, or to the last line where there is no end


def read_runs(root: Path, last: int | None = None) -> list[RunRecord]:
    """Every run on a cache, or the `last` few, oldest first; files without a readable start are left out."""
    paths = sorted((root / FOLDER).glob("*.jsonl"))
    runs = (_read(path) for path in (paths if last is None else paths[-last:]))
    return [run for run in runs if run is not None]


def read_events(path: Path) -> Iterator[dict[str, Any]]:
    """The lines of one log; a last line torn by a kill is left out."""
    try:
        with open_regular(path) as stream:
            while stream.tell() < MAX_LOG_BYTES and (line := stream.readline(MAX_LINE_BYTES)):
                with suppress(ValueError):
                    event = parse_json(line.decode("utf-8", "replace"))
                    if isinstance(event, dict):
                        yield event
    except OSError:
        return


def is_run_log(path: Path) -> bool:
    """Whether the first line of a file is that of a run's log."""
    first = next(read_events(path), {})
    return first.get("event") == "start" and "run" in first


def _read(path: Path) -> RunRecord | None:
    start: dict[str, Any] | None = None
    last: dict[str, Any] = {}
    done = failed = 0
    for event in read_events(path):
        start = event if start is None and event.get("event") == "start" else start
        if event.get("event") == "result":
            failed += bool(event.get("failed"))
            done += not event.get("failed")
        last = event
    if start is None:
        return None
    state: State = "interrupted"
    if last.get("event") == "end":
        state = "cancelled" if last.get("cancelled") else "failed" if failed or last.get("error") else "done"
    seconds = 0.0
    with suppress(KeyError, TypeError, ValueError):
        seconds = (datetime.fromisoformat(last["time"]) - datetime.fromisoformat(start["time"])).total_seconds()
    return RunRecord(path.stem, path, state, start, done, failed, seconds)
