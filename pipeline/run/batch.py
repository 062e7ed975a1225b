"""`extract` and `status`: one loop that plans every record, runs what is not fresh on a pool, and reads the outputs."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from data.errors import PROGRAM, UsageError
from data.store import StageOutput, is_remote, sweep_scratch
from data.video import Listing, Record
from pipeline.cache import UNREADABLE, unreadable
from pipeline.cache.failure import Failure, first_cause
from pipeline.observer import SILENT, Observer
from pipeline.run.costs import dry_run, estimate, expected_frames, in_a_line, remember
from pipeline.run.plan import Plan, Planner
from pipeline.run.runner import PlanRunner, Result, lost_result, start_worker
from pipeline.run.worker_pool import Task, WorkerLost, places, run_items
from pipeline.settings.destinations import check_folder
from pipeline.settings.environment import check_opencv

STOPPED = Failure("stopped", "", "not extracted: the run was stopped")
"""The failure of a record that a stopped run did not reach."""

FrameProgress = Callable[[str, int, int, tuple[str, ...]], None]
"""Called with (record id, frames done, frames to do, stages at work); with 0 frames to do, these stages begin."""

Outputs = Mapping[str, StageOutput]
"""Outputs of one record by stage."""


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


def run(
    plans: Iterable[Plan],
    planner: Planner,
    observer: Observer = SILENT,
    *,
    read: Sequence[str] | None = (),
    announce: bool = False,
    summary: Summary | None = None,
) -> Iterator[tuple[Record, Outputs | Failure]]:
    """Each record with its outputs, or with the failure for which it has none; fresh ones first, then as they finish.

    The planner's cache takes the outputs, its pool runs the plans. An output that cannot be read is planned once more,
    with a note to the observer. After the observer's stop event, stages that are done stay done, and records that the
    run did not reach do not come out. One record's outputs at a time are read.

    Args:
        read: the stages whose outputs are read, and without which a record has a failure; None: all that are stored.
        announce: note what will run, and what it is expected to cost.
        summary: is filled while the records come out.

    Raises UsageError where each of several records lost its workers or, with `announce`, OpenCV lacks TV-L1.
    """
    return _Loop(planner, observer, read, Summary() if summary is None else summary).run(plans, announce)


def run_extract(
    records: Sequence[Record], planner: Planner, observer: Observer = SILENT, *, announce: bool = False
) -> Summary:
    """Extract what is not fresh, and read nothing; raises as `run`."""
    summary = Summary(videos=len(records))
    for _ in run(planner.plan_all(records), planner, observer, announce=announce, summary=summary):
        pass
    return summary


class _Loop:
    """One run over plans: what waits, what was planned once more, and what has come out."""

    def __init__(self, planner: Planner, observer: Observer, read: Sequence[str] | None, summary: Summary) -> None:
        self.planner, self.observer, self.read, self.summary = planner, observer, read, summary
        self.waiting = deque[Plan]()
        self.plans: dict[str, Plan] = {}  # of the records that run, by id
        self.before: dict[str, Result | None] = {}  # of the records that were planned once more, by id

    def run(self, plans: Iterable[Plan], announce: bool) -> Iterator[tuple[Record, Outputs | Failure]]:
        """See `run`."""
        planner, observer, remote = self.planner, self.observer, False
        cache, config, stop = planner.cache, planner.config, observer.stop_event()
        cache.mark()
        cache.sweep()
        for plan in plans:
            if stop.is_set():
                break
            remote = remote or bool(plan.record.remote)
            if (value := self._begin(plan)) is not None:
                yield plan.record, value
        if remote:
            sweep_scratch(config.machine.storage.reach(), config.machine.run.timeout_s)
        cache.index.flush()  # so that child processes need not hash the inputs again
        if self.waiting:
            yield from self._work(announce, stop)
            cache.index.flush()
        self.summary.cancelled = stop.is_set()

    def _work(self, announce: bool, stop: threading.Event) -> Iterator[tuple[Record, Outputs | Failure]]:
        """Run the plans that wait."""
        planner, observer, summary, ran = self.planner, self.observer, self.summary, list[Result]()
        if not planner.cache.on_store:
            check_folder(planner.cache.root)  # before the work, not after each video
        todo = [*self.waiting]
        with observer.progress("videos") as progress:
            # Frames are counted only where the progress is shown: on a store, counting copies the video.
            frames = [0] * len(todo) if observer is SILENT else expected_frames([plan.record for plan in todo])
            if announce:
                check_opencv()
                workers, where = places(planner.pool, len(todo))
                observer.note(f"{in_a_line(estimate(todo, planner, workers, frames))}; on {where}")
            progress.planned(todo, summary.fresh, frames)
            for result in run_plans(self.waiting, planner, stop, progress.frames):
                remember(planner, result)
                if (value := self._end(result)) is not None:
                    ran.append(summary.results[-1])
                    progress.result(ran[-1])
                    yield result.record, value
        if not stop.is_set():
            _refuse_lost(ran)

    def _begin(self, plan: Plan) -> Outputs | Failure | None:
        """The outputs or failure of a record that has nothing to do; None for one that waits."""
        summary, record, keys = self.summary, plan.record, plan.keys()
        whole = len(plan.fresh) == len(keys)  # one mapping serves both: there may be a million
        summary.keys[record.id] = keys
        summary.outputs[record.id] = keys if whole else {stage: keys[stage] for stage in plan.fresh}
        if plan.todo:
            self._wait(plan)
            return None
        failed = plan.faults()
        if (value := self._value(plan, failed)) is None:
            return None
        if failed:
            summary.results.append(Result(record, failed=failed, skipped=plan.fresh))
        else:
            summary.fresh += 1
        return value

    def _end(self, result: Result) -> Outputs | Failure | None:
        """The outputs or failure of a record that has run; None for one that is planned once more."""
        record, plan = result.record, self.plans.pop(result.record.id)
        if result.unread and not result.cancelled and self._once_more(record, result.unread, result):
            return None
        if earlier := self.before.get(record.id):
            result.done = earlier.done | result.done
            result.skipped = tuple(stage for stage in result.skipped if stage not in result.done)
        stored = (*result.skipped, *result.done)
        for name, why in result.unread.items():
            for stage in plan.todo:
                if stage not in stored:
                    result.failed.setdefault(stage, _damaged(stage, name, why))
        keys = self.summary.keys[record.id]
        self.summary.outputs[record.id] = {stage: keys[stage] for stage in stored}
        value = STOPPED if result.cancelled else self._value(plan, result.failed, result)
        if value is not None:
            self.summary.results.append(result)
        return value

    def _value(
        self, plan: Plan, failed: Mapping[str, Failure], result: Result | None = None
    ) -> Outputs | Failure | None:
        """The outputs that are read, or why there are none; None where the record is planned once more."""
        record, stored = plan.record, self.summary.outputs[plan.record.id]
        wanted = tuple(stored) if self.read is None else self.read
        lacking = any(stage not in stored for stage in wanted)
        if failed and (lacking or not wanted):
            return first_cause(failed.values())
        if lacking or (self.read is None and not wanted):
            return plan.cause()
        outputs = {}
        for stage in wanted:
            try:
                outputs[stage] = self.planner.cache.read(stage, record.id, stored[stage]).output
            except UNREADABLE as error:
                why = unreadable(error)
                again = self._once_more(record, {stage: why}, result)
                return None if again else _damaged(stage, stage, why)
        return outputs

    def _once_more(self, record: Record, unread: Mapping[str, str], result: Result | None) -> bool:
        """Plan a record again, of which outputs cannot be read; false if it was, or if they are not computed anew."""
        if record.id in self.before:
            return False
        plan = self.planner.plan(record, needed=tuple(unread))  # `Cache.read` has deleted what is damaged
        if not plan.todo:
            return False
        self.before[record.id] = result
        self.observer.note(f"{record.name} is extracted again: {next(iter(unread.values()))}")
        self._wait(plan)
        return True

    def _wait(self, plan: Plan) -> None:
        self.waiting.append(plan)
        self.plans[plan.record.id] = plan


def _damaged(stage: str, name: str, why: str) -> Failure:
    """The failure of a stage that reads the output of the stage `name`."""
    return Failure("damaged", stage, f"the output of {name} cannot be used ({why})")


def _refuse_lost(ran: Sequence[Result]) -> None:
    """Raise UsageError where each of several videos lost its workers before a stage was done.

    A single lost video may be one that crashes its decoder: it fails by name.
    """
    causes = [first_cause(result.failed.values()) for result in ran if result.failed and not result.done]
    if len(ran) > 1 and len(causes) == len(ran) and all(cause.kind in ("killed", "crashed") for cause in causes):
        raise UsageError(
            f"every worker was lost, so nothing was extracted; the last: {causes[-1].cause}",
            fix=f"Add --workers 0 to run in this process and see its error, or type: {PROGRAM} doctor",
        )


def run_plans(plans: deque[Plan], planner: Planner, stop: threading.Event, progress: FrameProgress) -> Iterator[Result]:
    """Results in the order in which records finish; plans are taken from the left, also those added meanwhile.

    After `stop` is set, stages that are done stay done. A record whose workers die, or which takes longer than
    `run.timeout_s`, fails by name.
    """
    config, cache = planner.config, planner.cache

    def told(plan: Plan, done: int, total: int, stages: tuple[str, ...]) -> None:
        progress(plan.record.id, done, total, stages)

    if planner.pool is not None:
        root = cache.root if is_remote(cache.root) else cache.root.absolute()

        def lost(plan: Plan, loss: WorkerLost) -> Result:
            return lost_result(plan, cache, loss)

        task = Task(start_worker, (config.dump(), root), lost, config.machine.run.timeout_s)
        yield from run_items(planner.pool, task, plans, stop.is_set, told)
        return
    runner = PlanRunner(config, cache, stop)
    while plans and not stop.is_set():
        plan = plans.popleft()
        yield runner.run(plan, partial(told, plan))


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
    summary, plans = Summary(videos=len(listing.records)), list[Plan]()
    for plan in planner.plan_all(listing.records):
        if plan.todo:
            plans.append(plan)
        elif failed := plan.faults():
            summary.results.append(Result(plan.record, failed=failed, skipped=plan.fresh))
        else:
            summary.fresh += 1
    return ExtractRun(planner.cache.place, summary, dry_run(plans, planner, places(planner.pool, len(plans))[0]))
