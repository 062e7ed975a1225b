"""`extract` and `status`: plan every record once, run what is not fresh on a pool, read and report."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from data.errors import PROGRAM, UsageError
from data.store import is_remote, sweep_scratch
from data.video import Listing, Record
from pipeline.cache import UNREADABLE, unreadable
from pipeline.observer import SILENT, Observer
from pipeline.run.costs import dry_run, estimate, expected_frames, in_a_line, remember
from pipeline.run.plan import Plan, Planner
from pipeline.run.runner import PlanRunner, Result, lost_result, start_worker
from pipeline.run.worker_pool import Task, WorkerLost, places, run_jobs
from pipeline.settings.environment import check_opencv

T = TypeVar("T")

STOPPED = "not extracted: the run was stopped"

FrameProgress = Callable[[str, int, int, tuple[str, ...]], None]
"""Called with (record id, frames done, frames to do, stages at work); with 0 frames to do, these stages begin."""

Read = Callable[[Record, Mapping[str, str]], str]
"""Reads a record's outputs by the key of each stage; returns why one cannot be read, or "" where all were read."""


@dataclass
class Summary:
    """The outcome of a batch.

    Attributes:
        videos: number of records.
        results: one per record that had something to do or that failed.
        fresh: number of records with nothing to do.
        keys: key of every planned output by stage, by the record's id.
        outputs: those of `keys` whose outputs are stored.
        cancelled: the user asked to stop before all was done.
        problems: one line per unusable input.
    """

    videos: int = 0
    results: list[Result] = field(default_factory=list)
    fresh: int = 0
    keys: dict[str, dict[str, str]] = field(default_factory=dict)
    outputs: dict[str, dict[str, str]] = field(default_factory=dict)
    cancelled: bool = False
    problems: tuple[str, ...] = ()

    @property
    def failed(self) -> list[Result]:
        """Records with at least one failed stage."""
        return [result for result in self.results if result.failed]

    @property
    def ok(self) -> bool:
        """Whether no video failed and nobody stopped the run."""
        return not self.failed and not self.cancelled


@dataclass(frozen=True)
class ExtractRun:
    """The work that `extract` did, or would do."""

    cache: str  # where the outputs are
    summary: Summary
    costs: dict[str, Any] | None = None  # of a dry run: what would run, why, and at what cost, as JSON types
    preview: dict[str, Any] = field(default_factory=dict)  # `written`, `fresh` and `failed`; empty without previews
    flags: Mapping[str, Sequence[str]] = field(default_factory=dict)  # titles of the flags by each flagged video's name

    @property
    def ok(self) -> bool:
        """Whether no video and no preview failed, and nobody stopped the run."""
        return self.costs is not None or (self.summary.ok and not self.preview.get("failed"))


@dataclass(frozen=True)
class Status:
    """State of every video and stage."""

    cache: str  # where the outputs are
    rows: tuple[dict[str, Any], ...]  # `video`, `stage`, `state` ("fresh", "stale", ...), `reason`, `quality`

    @property
    def ok(self) -> bool:
        """Whether nothing failed."""
        return all(row["state"] != "failed" for row in self.rows)


def plan_all(
    records: Sequence[Record], planner: Planner, stop: threading.Event | None = None
) -> tuple[list[Plan], Summary]:
    """The plans with something to do, and a summary that counts the other records; ends early at `stop`."""
    summary = Summary(videos=len(records))
    plans = []
    for plan in planner.plan_all(records):
        if stop is not None and stop.is_set():
            break
        keys = summary.keys[plan.record.id] = plan.keys()
        whole = len(plan.fresh) == len(keys)  # one mapping serves both: there may be a million
        summary.outputs[plan.record.id] = keys if whole else {stage: keys[stage] for stage in plan.fresh}
        if plan.todo:
            plans.append(plan)
        elif failed := plan.faults():
            summary.results.append(Result(plan.record, failed=failed, skipped=plan.fresh))
        else:
            summary.fresh += 1
    return plans, summary


def run_extract(
    records: Sequence[Record],
    planner: Planner,
    observer: Observer = SILENT,
    *,
    read: Read | None = None,
    announce: bool = False,
) -> Summary:
    """Extract what is not fresh.

    The planner's cache takes the outputs, its pool runs the plans. Temporaries older than a day are swept first.
    After the observer's stop event, stages that are done stay done.

    Args:
        read: reads each record's outputs: before the run where they are fresh, else after it. Outputs that are damaged
            before the run are computed again, each with a note to the observer.
        announce: note what will run, and what it is expected to cost.

    Raises UsageError where each of several records lost its workers or, with `announce`, OpenCV lacks TV-L1.
    """
    config, cache, stop, ran = planner.config, planner.cache, observer.stop_event(), list[Result]()
    with observer.progress("videos") as progress:
        cache.mark()
        cache.sweep()
        if any(record.remote for record in records):
            sweep_scratch(config.machine.storage.reach(), config.machine.run.timeout_s)
        plans, summary = plan_all(records, planner, stop)
        if read is not None:
            for plan, why in _damaged(records, plans, planner, summary, read):
                observer.note(f"{plan.record.name} is extracted again: {why}")
                plans.append(plan)
        cache.index.flush()  # so that child processes need not hash the inputs again
        # Frames are counted only where the progress is shown: on a store, counting copies the video.
        frames = [0] * len(plans) if observer is SILENT else expected_frames([plan.record for plan in plans])
        if announce and plans:
            check_opencv()
            workers, where = places(planner.pool, len(plans))
            observer.note(f"{in_a_line(estimate(plans, planner, workers, frames))}; on {where}")
        progress.planned(plans, summary.fresh, frames)
        for result in run_plans(plans, planner, stop, progress.frames) if plans else ():
            record = result.record
            ran.append(result)
            keys = summary.keys[record.id]
            summary.outputs[record.id] = {stage: keys[stage] for stage in (*result.skipped, *result.done)}
            remember(planner, result)
            if read is not None and not result.failed:
                read(record, keys)
            progress.result(result)
        summary.results += ran
        summary.cancelled = stop.is_set()
        cache.index.flush()
    if not summary.cancelled:
        _refuse_lost(ran)
    return summary


def _refuse_lost(ran: Sequence[Result]) -> None:
    """Raise UsageError where each of several videos lost its workers before a stage was done.

    A single lost video may be one that crashes its decoder: it fails by name.
    """
    if len(ran) > 1 and all(result.lost and not result.done for result in ran):
        raise UsageError(
            f"every worker was lost, so nothing was extracted; the last: {ran[-1].lost}",
            fix=f"Add --workers 0 to run in this process and see its error, or type: {PROGRAM} doctor",
        )


def _damaged(
    records: Sequence[Record], plans: Sequence[Plan], planner: Planner, summary: Summary, read: Read
) -> Iterator[tuple[Plan, str]]:
    """Read the records that have nothing to do; yields a new plan and the reason for each with a damaged output."""
    others = {plan.record.id for plan in plans} | {result.record.id for result in summary.results}
    for record in records:
        if record.id in others or record.id not in summary.keys or not (why := read(record, summary.keys[record.id])):
            continue
        plan = planner.plan(record)  # `Cache.read` has deleted the damaged output
        if plan.todo:
            summary.fresh -= 1
            yield plan, why


def run_plans(
    plans: Sequence[Plan], planner: Planner, stop: threading.Event, progress: FrameProgress
) -> Iterator[Result]:
    """Results in the order in which records finish; after `stop` is set, stages that are done stay done.

    A record whose workers die, or which takes longer than `run.timeout_s`, fails by name.
    """
    config, cache = planner.config, planner.cache

    def report(plan: Plan, done: int, total: int, stages: tuple[str, ...]) -> None:
        progress(plan.record.id, done, total, stages)

    if planner.pool is not None:
        root = cache.root if is_remote(cache.root) else cache.root.absolute()

        def lost(plan: Plan, loss: WorkerLost) -> Result:
            return lost_result(plan, cache, loss)

        task = Task(start_worker, (config.dump(), root), lost, config.machine.run.timeout_s)
        yield from run_jobs(planner.pool, task, plans, stop.is_set, report)
        return
    runner = PlanRunner(config, cache, stop)
    for plan in plans:
        if stop.is_set():
            return
        yield runner.run(plan, partial(report, plan))


def extract_and_read(
    records: Sequence[Record],
    planner: Planner,
    read: Callable[[Record, Mapping[str, str]], T],
    observer: Observer = SILENT,
) -> tuple[dict[str, T], dict[str, str]]:
    """The results of `read` for each record's outputs, and the reasons where there are none, both by the record's id.

    `read` is called with a record and the key of every stage's output, and raises what `Cache.read` raises. The
    observer gets a note about each record that is extracted again because an output cannot be read.
    """
    values, unread = dict[str, T](), dict[str, str]()

    def keep(record: Record, keys: Mapping[str, str]) -> str:
        try:
            values[record.id] = read(record, keys)
        except UNREADABLE as error:
            unread[record.id] = unreadable(error)
            return unread[record.id]
        return ""

    summary = run_extract(records, planner, observer, read=keep)
    errors = {record.id: unread.get(record.id, STOPPED) for record in records if record.id not in values}
    for result in summary.failed:
        causes = (why for why in result.failed.values() if not why.startswith("needs "))
        errors[result.record.id] = next(causes, STOPPED)
    return values, errors


def status_rows(records: Sequence[Record], planner: Planner) -> Iterator[dict[str, Any]]:
    """Per record and stage: state, reason, and the quality values of fresh outputs."""
    for plan in planner.plan_all(records):
        for step, (stage, state, reason) in zip(plan.steps, plan.states(), strict=True):
            quality: dict[str, Any] = {}
            try:
                if state == "fresh":
                    quality = planner.cache.quality(stage, plan.record.id, step.computation.key)
            except UNREADABLE as error:
                state, reason = "stale", unreadable(error)
            yield {"video": plan.record.name, "stage": stage, "state": state, "reason": reason, "quality": quality}


def plan_costs(listing: Listing, planner: Planner) -> ExtractRun:
    """The stages that `extract` would run, with reasons and costs; nothing is run."""
    plans, summary = plan_all(listing.records, planner)
    return ExtractRun(planner.cache.place, summary, dry_run(plans, planner, places(planner.pool, len(plans))[0]))
