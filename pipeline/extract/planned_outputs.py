"""Reading outputs by the key that was planned, after what is missing was extracted.

Runs share caches: between the plan and the reading of an output another run may replace it. That output is of another
video with the same id, or of other settings. A file may also be damaged although its time stamp is the same. Both show
when the file is read; the record is then extracted and read again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from data.video import Record
from pipeline.cache import UNREADABLE, unreadable
from pipeline.extract.batch import TRIES, run_extract
from pipeline.extract.plan import Planner
from pipeline.extract.runner import Result

T = TypeVar("T")

Read = Callable[[Record, Mapping[str, str]], T]
"""Called with a record and the planned key of every stage's output; raises what `Cache.read` raises."""


def extract_and_read(
    records: Sequence[Record],
    planner: Planner,
    stage: str,
    read: Read[T],
    *,
    stop: threading.Event | None = None,
    note: Callable[[str], None] | None = None,
    **hooks: Any,
) -> tuple[dict[str, T], dict[str, str]]:
    """What `read` makes of each record's outputs, and why there are none, both by the record's id.

    Args:
        stage: the stage whose output `read` needs.
        note: called with the reason why a record is extracted again.
        hooks: progress hooks of `run_extract`, for the first extraction, and its `pool`.
    """
    values: dict[str, T] = {}
    errors: dict[str, str] = {}
    waiting = list(records)
    for tries_left in reversed(range(TRIES)):
        summary = run_extract(waiting, planner, stop=stop, **hooks)
        hooks = {name: hook for name, hook in hooks.items() if name == "pool"}
        results = {result.record.id: result for result in summary.results}
        again = []
        for record in waiting:
            result = results.get(record.id)
            if record.id not in summary.ready and not _has(result, stage):
                errors[record.id] = _reason(result)
                continue
            try:
                values[record.id] = read(record, summary.keys[record.id])
            except UNREADABLE as error:
                errors[record.id] = unreadable(error)
                again.append(record)
                if tries_left and note is not None:
                    note(f"{record.name} is extracted again: {unreadable(error)}")
            else:
                errors.pop(record.id, None)
        waiting = again
        if not waiting or (stop is not None and stop.is_set()):
            break
    return values, errors


def _has(result: Result | None, stage: str) -> bool:
    return result is not None and not result.failed and (stage in result.done or stage in result.skipped)


def _reason(result: Result | None) -> str:
    reasons = [why for why in result.failed.values() if not why.startswith("needs ")] if result else []
    return reasons[0] if reasons else "not extracted: the run was stopped"
