"""`extract` and `status`: plan every record, run what is not fresh, report and log the results."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from data.datasets import list_records
from data.errors import PROGRAM, UsageError, nearest
from data.store import sweep_scratch
from data.video import Listing, Record
from pipeline.cache import UNREADABLE, unreadable
from pipeline.cluster import pick_pool
from pipeline.config import BaseConfig
from pipeline.extract.costs import expected_frames, remember
from pipeline.extract.engines import FrameProgress, run_plans
from pipeline.extract.plan import Plan, Planner
from pipeline.extract.run_log import RunLog
from pipeline.extract.runner import Result
from pipeline.workers import Pool

T = TypeVar("T")

TRIES = 3
"""Plans of one record in one run, where outputs that a stage reads are damaged or replaced by others meanwhile."""


@dataclass
class Summary:
    """The outcome of a batch.

    Attributes:
        videos: number of records.
        results: one per record that had something to do or that failed.
        fresh: records with nothing to do; `ready` are their ids.
        keys: key of every planned output by stage, by the record's id; every later read of an output names its key.
        cancelled: the user asked to stop; `extract` goes on where it stopped.
        problems: one line per unusable input.
    """

    videos: int = 0
    results: list[Result] = field(default_factory=list)
    fresh: int = 0
    ready: set[str] = field(default_factory=set)
    keys: dict[str, Mapping[str, str]] = field(default_factory=dict)
    cancelled: bool = False
    problems: tuple[str, ...] = ()

    @property
    def failed(self) -> list[Result]:
        """Records with at least one failed stage."""
        return [result for result in self.results if result.failed]

    @property
    def exit_code(self) -> int:
        """0 all good, 1 some videos failed or the run was stopped."""
        return 1 if self.failed or self.cancelled else 0


def plan_all(
    records: Sequence[Record], planner: Planner, stop: threading.Event | None = None
) -> tuple[list[Plan], Summary]:
    """The plans that have something to do, and a summary of the records that have not; ends early at `stop`."""
    summary = Summary(videos=len(records))
    plans = []
    for plan in planner.plan_all(records):
        if stop is not None and stop.is_set():
            break
        summary.keys[plan.record.id] = plan.keys()
        if plan.todo:
            plans.append(plan)
        else:
            if failed := plan.faults():
                summary.results.append(Result(plan.record, failed=failed, skipped=plan.fresh))
            else:
                summary.fresh += 1
                summary.ready.add(plan.record.id)
    return plans, summary


def run_extract(
    records: Sequence[Record],
    planner: Planner,
    *,
    stop: threading.Event | None = None,
    on_result: Callable[[Result], None] | None = None,
    on_frames: FrameProgress | None = None,
    on_plan: Callable[[list[Plan], int, list[int]], None] | None = None,
    pool: Pool | None = None,
) -> Summary:
    """Extract what is not fresh, and log it beside the outputs (see `pipeline.extract.run_log`).

    The planner's cache takes the outputs. Temporaries of killed processes are swept first.

    Args:
        stop: set it to end cleanly; stages that are done stay done.
        on_result, on_frames: progress hooks, called in this thread (frames: in the decoding thread).
        on_plan: called with the plans, the number of fresh records, and the expected frames of each plan's video.
        pool: where plans run (`pipeline.cluster.pick_pool`); default: `run.workers` processes, for 0 this process.
    """
    stop = stop or threading.Event()
    config, cache = planner.config, planner.cache
    cache.mark()
    cache.sweep()
    from_store = any(record.remote for record in records)
    if from_store:
        sweep_scratch(config.storage.reach())
    plans, summary = plan_all(records, planner, stop)
    cache.index.flush()  # so that child processes need not hash the inputs again
    if on_plan is not None:
        on_plan(plans, summary.fresh, expected_frames([plan.record for plan in plans]))
    pool = pool or pick_pool("local", config.run)
    with RunLog(planner, stop) as log:
        log.begin(plans, summary.fresh)
        earlier: dict[str, Result] = {}
        for tries_left in reversed(range(TRIES)):
            for result in run_plans(plans, config, cache, stop, on_frames, pool) if plans and not stop.is_set() else ():
                if result.record.id in earlier:  # another try; what the first one did stays done
                    result = replace(result, done={**earlier.pop(result.record.id).done, **result.done})
                if result.retry and result.failed and tries_left and not stop.is_set():
                    earlier[result.record.id] = result
                    continue
                summary.results.append(result)
                log.result(result)
                remember(planner, result)
                if on_result is not None:
                    on_result(result)
            if not earlier:
                break
            plans, settled = plan_all([result.record for result in earlier.values()], planner)
            log.plans(plans)
            summary.keys |= settled.keys
            for record_id in settled.ready:  # another run has computed it meanwhile
                before = earlier.pop(record_id)
                summary.results.append(replace(before, failed={}))
        summary.results += earlier.values()
        summary.cancelled = stop.is_set()
    cache.publish_log(log.path)
    if from_store:
        sweep_scratch(config.storage.reach())  # of workers that were lost
    cache.index.flush()
    return summary


def extract_and_read(
    records: Sequence[Record],
    planner: Planner,
    stage: str,
    read: Callable[[Record, Mapping[str, str]], T],
    *,
    stop: threading.Event | None = None,
    note: Callable[[str], None] | None = None,
    **hooks: Any,
) -> tuple[dict[str, T], dict[str, str]]:
    """What `read` makes of each record's outputs, and why there are none, both by the record's id.

    Between the plan and the reading of an output another run may replace it, and a file may be damaged although its
    time stamp is the same. Both show when it is read; the record is then extracted and read again.

    Args:
        stage: the stage whose output `read` needs.
        read: called with a record and the planned key of every stage's output; raises what `Cache.read` raises.
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
            extracted = result is not None and not result.failed and stage in (*result.done, *result.skipped)
            if record.id not in summary.ready and not extracted:
                reasons = [why for why in result.failed.values() if not why.startswith("needs ")] if result else []
                errors[record.id] = reasons[0] if reasons else "not extracted: the run was stopped"
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


def status_rows(records: Sequence[Record], planner: Planner) -> Iterator[dict[str, Any]]:
    """Per record and stage: state, reason, and the quality values of fresh outputs."""
    for plan in planner.plan_all(records):
        for step, (stage, state, reason) in zip(plan.steps, plan.states(), strict=True):
            quality = dict(step.check.quality)
            yield {"video": plan.record.name, "stage": stage, "state": state, "reason": reason, "quality": quality}


def dataset_records(config: BaseConfig, *, unscored: bool = False) -> Listing:
    """The records of the configuration's data set; `unscored` adds those that its own files give no score.

    Raises UsageError without `dataset.root`, DataError where the data set's own files cannot be used.
    """
    dataset = config.dataset
    if dataset.root is None:
        raise UsageError(
            "no data set given",
            fix=f"Add --set dataset.root=FOLDER; `extract` and `status` also take it by name: {PROGRAM} extract FOLDER",
        )
    given = {"labels": dataset.labels, "score": dataset.score}
    options = {name: value for name, value in given.items() if value}
    listing = list_records(
        dataset.kind, dataset.root, config.storage.reach(), unscored=unscored, frame_rate=config.frames.fps, **options
    )
    if not dataset.tasks:
        return listing
    tasks = {record.task for record in listing.records}
    for task in dataset.tasks:
        if task not in tasks:
            raise UsageError(f"no task '{task}' in this data set", where=dataset.root, fix=nearest(task, tasks))
    return replace(listing, records=tuple(r for r in listing.records if r.task in dataset.tasks))
