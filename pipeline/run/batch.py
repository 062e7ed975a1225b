"""`extract` and `status`: one loop that plans every record, runs what is not fresh on a pool, and reads the outputs."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from data.errors import PROGRAM, UsageError, WorkerLost
from data.store import StageOutput, sweep_scratch
from data.store.arrays import Measures
from pipeline.cache import UNREADABLE, Cache, State, unusable
from pipeline.cache.failure import Failure, first_cause
from pipeline.observer import SILENT, Observer
from pipeline.pool import Message, pool_of, run_items
from pipeline.run.costs import DryRun, dry_run, expected_cost, in_a_line
from pipeline.run.plan import Plan
from pipeline.run.runner import PlanRunner, Result, lost_result, result_of
from pipeline.settings.destinations import check_folder
from pipeline.settings.machine import Machine
from pipeline.settings.stages import outside_stages, stage_class

STOPPED = Failure("stopped", "", "not extracted: the run was stopped")
"""The failure of a record that a stopped run did not reach."""

Outputs = Mapping[str, StageOutput]
"""Outputs of one record by stage."""


@dataclass
class Summary:
    """The outcome of a batch.

    Attributes:
        videos: number of records, also of those that a stopped run did not reach; the caller knows it.
        results: one per record that had something to do or that failed.
        fresh: number of records with nothing to do.
        keys: key of every planned output by stage, by the record's id.
        stored: those of `keys` whose outputs are stored.
        cancelled: the user asked to stop before all was done.
        problems: one line per unusable input.
    """

    videos: int = 0
    results: list[Result] = field(default_factory=list)
    fresh: int = 0
    keys: dict[str, Mapping[str, str]] = field(default_factory=dict)
    stored: dict[str, Mapping[str, str]] = field(default_factory=dict)
    cancelled: bool = False
    problems: tuple[str, ...] = ()

    def add(self, result: Result) -> None:
        """Count the result of one more record."""
        self.keys[result.record.id], self.stored[result.record.id] = result.keys, result.stored
        if result.todo or result.failed:
            self.results.append(result)
        else:
            self.fresh += 1

    @property
    def failed(self) -> list[Result]:
        """Records with at least one failed stage."""
        return [result for result in self.results if result.failed]

    @property
    def ok(self) -> bool:
        """Whether no video failed and nobody stopped the run."""
        return not self.failed and not self.cancelled


@dataclass(frozen=True)
class Previews:
    """The previews that `extract --preview` drew."""

    written: tuple[str, ...]  # sheets and films, two per video
    fresh: int  # videos whose preview was drawn before
    failed: Mapping[str, Failure]  # by the video's name


@dataclass(frozen=True)
class ExtractRun:
    """The work that `extract` did, or would do."""

    cache: str  # where the outputs are
    summary: Summary
    costs: DryRun | None = None  # of a dry run
    preview: Previews | None = None
    flags: Mapping[str, Sequence[str]] = field(default_factory=dict)  # titles of the flags by each flagged video's name

    @property
    def ok(self) -> bool:
        """Whether no video and no preview failed, and nobody stopped the run."""
        return self.costs is not None or (self.summary.ok and not (self.preview and self.preview.failed))


@dataclass(frozen=True)
class StatusRow:
    """The state of one stage of one video."""

    video: str
    stage: str
    state: State
    reason: Failure | None  # why it is not fresh
    quality: Measures  # of a fresh output


@dataclass(frozen=True)
class Status:
    """State of every video and stage."""

    cache: str  # where the outputs are
    rows: tuple[StatusRow, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing failed."""
        return all(row.state != "failed" for row in self.rows)


def run(
    plans: Iterable[Plan],
    machine: Machine,
    cache: Cache,
    observer: Observer = SILENT,
    *,
    read: Sequence[str] | None = (),
    announce: bool = False,
) -> Iterator[tuple[Result, Outputs | Failure]]:
    """Each record's result, with its outputs or the failure for which it has none; fresh ones first, then as they end.

    The cache takes the outputs. An output that cannot be read is planned once more, with a note to the observer. After
    the observer's stop event, stages that are done stay done, and records that the run did not reach do not come out.
    One record's outputs at a time are read.

    Args:
        read: the stages whose outputs are read, and without which a record has a failure; None: all that are stored.
        announce: the observer gets a note of the expected cost before the work.

    Raises UsageError as `pool_of`, and where each of several records lost its workers.
    """
    pool, stop, reader = pool_of(machine.work), observer.stop_event(), _OutputReader(cache, observer, read)
    cache.mark()
    cache.sweep()
    fresh, remote = 0, False
    for plan in plans:
        if stop.is_set():
            break
        remote = remote or bool(plan.record.remote)
        if plan.todo:
            reader.waiting.append(plan)
        elif (value := reader.value(plan, result := result_of(plan))) is not None:
            fresh += not result.failed
            yield result, value
    if remote:
        sweep_scratch(machine.storage.as_storage(), machine.work.timeout_s)
    cache.index.flush()  # so that child processes need not hash the inputs again
    if not reader.waiting:
        return
    if not cache.on_store:
        check_folder(cache.root)  # before the work, not after each video
    lost = ran = 0
    with observer.progress("videos") as progress:
        todo, lengths = [*reader.waiting], (1,) * len(reader.waiting)
        if observer is not SILENT:  # on a store, counting frames copies the video
            expected = expected_cost(todo, machine, cache)
            lengths = expected.lengths
            if announce:
                observer.note(in_a_line(expected))
        progress.plan({plan.record.id: max(1, count) for plan, count in zip(todo, lengths, strict=True)}, fresh)
        start = partial(PlanRunner, cache, stages=(*outside_stages().values(),))
        for plan, answer in run_items(pool, start, reader.waiting, stop.is_set):
            if isinstance(answer, Message):
                progress.inside(plan.record.id, *answer.progress)
                continue
            result = lost_result(plan, cache, answer) if isinstance(answer, WorkerLost) else answer
            for stage, seconds in result.done.items():
                planned = plan.stage(stage)
                if work := stage_class(stage).work(planned.settings, result.frames):
                    cache.index.add_cost(planned.kind_of_work, seconds, work)
            if (value := reader.value(plan, result)) is not None:
                ran, lost = ran + 1, lost + _lost(result)
                progress.finish(plan.record.id, result.fault)
                yield result, value
    cache.index.flush()
    if lost == ran > 1 and not stop.is_set():
        raise UsageError(
            f"every worker was lost, so nothing was extracted; the last: {first_cause(result.failed.values()).cause}",
            fix=f"Add --workers 0 to run in this process and see its error, or type: {PROGRAM} doctor",
        )


def run_extract(
    plans: Iterable[Plan], machine: Machine, cache: Cache, observer: Observer = SILENT, *, announce: bool = False
) -> Summary:
    """Extract what is not fresh, and read nothing; arguments and errors are those of `run`."""
    summary = Summary()
    for result, _ in run(plans, machine, cache, observer, announce=announce):
        summary.add(result)
    summary.cancelled = observer.stop_event().is_set()
    return summary


class _OutputReader:
    """Reads the outputs of records; one that cannot be read is planned once more, and waits."""

    def __init__(self, cache: Cache, observer: Observer, read: Sequence[str] | None) -> None:
        self.cache, self.observer, self.read = cache, observer, read
        self.waiting = deque[Plan]()
        self.before: dict[str, Result] = {}  # of the records that were planned once more, by id

    def value(self, plan: Plan, result: Result) -> Outputs | Failure | None:
        """The outputs that are read, or why there are none; None where the record is planned once more."""
        damaged = next((failure for failure in result.failed.values() if failure.kind == "damaged"), None)
        if damaged is not None and not result.cancelled and self._once_more(plan, result, damaged):
            return None
        if earlier := self.before.get(result.record.id):
            result.done = earlier.done | result.done
            result.skipped = tuple(stage for stage in result.skipped if stage not in result.done)
        stored = result.stored
        wanted = tuple(stored) if self.read is None else self.read
        lacking = any(stage not in stored for stage in wanted)
        if result.cancelled:
            return STOPPED
        if result.failed and (lacking or not wanted):
            return first_cause(result.failed.values())
        if lacking or (self.read is None and not wanted):
            return plan.cause()
        outputs = {}
        for stage in wanted:
            try:
                outputs[stage] = self.cache.read(stage, result.record.id, stored[stage]).output
            except UNREADABLE as error:
                damaged = Failure.of(unusable(stage, error), stage)
                return None if self._once_more(plan, result, damaged) else damaged
        return outputs

    def _once_more(self, plan: Plan, result: Result, damaged: Failure) -> bool:
        """Plan a record again, of which outputs cannot be read; false if it was, or if they are not computed anew."""
        if result.record.id in self.before:
            return False
        plan = plan.again(self.cache, damaged.stage, result.done)  # `Cache.read` has deleted what is damaged
        if not plan.todo:
            return False
        self.before[result.record.id] = result
        self.observer.note(f"{result.record.name} is extracted again: {damaged.cause}")
        self.waiting.append(plan)
        return True


def _lost(result: Result) -> bool:
    """Whether a record lost its workers before a stage was done; one such video may crash its decoder."""
    return bool(result.failed) and not result.done and first_cause(result.failed.values()).kind in ("killed", "crashed")


def status_rows(plans: Iterable[Plan], cache: Cache) -> Iterator[StatusRow]:
    """Per record and stage: state, reason, and the quality values of fresh outputs."""
    for plan in plans:
        for planned, (stage, state, reason) in zip(plan.stages, plan.states(), strict=True):
            quality: Measures = {}
            try:
                if state == "fresh":
                    quality = cache.quality(stage, plan.record.id, planned.parts.key)
            except UNREADABLE as error:
                state, reason = "stale", Failure.of(unusable(stage, error), stage)
            yield StatusRow(plan.record.name, stage, state, reason, quality)


def plan_costs(plans: Iterable[Plan], machine: Machine, cache: Cache) -> ExtractRun:
    """The stages that `extract` would run, with reasons and costs; nothing is run."""
    summary, todo = Summary(), list[Plan]()
    for plan in plans:
        summary.videos += 1
        if plan.todo:
            todo.append(plan)
        else:
            summary.add(result_of(plan))
    return ExtractRun(cache.place, summary, dry_run(todo, machine, cache))
