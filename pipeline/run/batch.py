"""`extract` and `status`: one loop plans every record, runs stages that are not fresh on a pool, and reads outputs."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from data.errors import PROGRAM, UsageError, counted
from data.store import Outputs, sweep_scratch
from data.store.arrays import Measures
from pipeline.cache import UNREADABLE, Cache, State, unusable
from pipeline.cache.failure import Failure, first_cause
from pipeline.observer import SILENT, Observer, Progress, ShownResult, Table, value_text
from pipeline.pool import pool_of, run_items
from pipeline.run.costs import ExpectedCost, expected_cost, format_estimate
from pipeline.run.plan import Plan
from pipeline.run.runner import PlanRunner, Result, lost_result, result_of
from pipeline.settings.destinations import check_folder
from pipeline.settings.machine import Machine
from pipeline.settings.stages import fetch_registered, outside_stages, stage_class

STOPPED = Failure("stopped", "", "not extracted: the run was stopped")
"""The failure of a record that a stopped run did not reach."""


@dataclass(frozen=True)
class Previews:
    """The previews that `extract --preview` drew."""

    written: tuple[str, ...]  # sheets and films, two per video
    fresh: int  # videos whose preview was drawn before
    failed: Mapping[str, Failure]  # by the video's name


@dataclass(repr=False)
class ExtractRun(ShownResult):
    """The work that `extract` did, or would do; a prompt shows how many videos it concerned.

    Attributes:
        cache: where the outputs are.
        videos: number of records, including those that a stopped run did not reach; set by the caller.
        results: one per record that had stages to run or failed.
        fresh: number of records with nothing to do.
        keys: key of every planned output by stage, by the record's id.
        stored: the part of `keys` whose outputs are stored.
        cancelled: the user stopped the run before its end.
        problems: one line per unusable input.
        costs: of a dry run.
        plans: of a dry run, those with stages to run.
        flags: titles of the flags by each flagged video's name.
    """

    cache: str
    videos: int = 0
    results: list[Result] = field(default_factory=list)
    fresh: int = 0
    keys: dict[str, Mapping[str, str]] = field(default_factory=dict)
    stored: dict[str, Mapping[str, str]] = field(default_factory=dict)
    cancelled: bool = False
    problems: tuple[str, ...] = ()
    costs: ExpectedCost | None = None
    plans: Sequence[Plan] = ()
    preview: Previews | None = None
    flags: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def add(self, result: Result) -> None:
        """Count the result of another record."""
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
        """Whether no video or preview failed and the run was not stopped."""
        failed = self.failed or (self.preview and self.preview.failed)
        return self.costs is not None or not (failed or self.cancelled)

    def table(self) -> Table:
        """A row for each video that had stages to run or failed, with the first failure, or its flags."""
        rows = [(plan.record.name, ", ".join(plan.todo), "to do") for plan in self.plans]
        for result in self.results:
            flags = "; ".join(self.flags.get(result.record.name, ()))
            rows.append((result.record.name, ", ".join(result.done), result.fault or flags))
        return ("video", "stages", "failure or flags"), rows

    def __repr__(self) -> str:
        rest = f"{self.fresh} fresh, {len(self.failed)} failed of {counted(self.videos, 'video')}"
        if self.costs is not None:
            return f"{len(self.plans)} to do, {rest}"
        stopped = "; stopped" if self.cancelled else ""
        return f"{sum(bool(result.done) for result in self.results)} extracted, {rest} in {self.cache}{stopped}"


@dataclass(frozen=True)
class StatusRow:
    """The state of one stage of one video."""

    video: str
    stage: str
    state: State
    reason: Failure | None  # why it is not fresh
    quality: Measures  # of a fresh output


@dataclass(frozen=True, repr=False)
class Status(ShownResult):
    """State of every video and stage; a prompt shows how many videos are in each."""

    cache: str  # where the outputs are
    rows: tuple[StatusRow, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing failed."""
        return all(row.state != "failed" for row in self.rows)

    def table(self, *, all_values: bool = False) -> Table:
        """A row for each video and stage, with the reason, or the main quality values of a fresh output."""
        rows = list[tuple[str, ...]]()
        for row in self.rows:
            chosen = row.quality if all_values else [n for n in stage_class(row.stage).headline if n in row.quality]
            values = ", ".join(f"{name} {value_text(row.quality[name])}" for name in chosen)
            rows.append((row.video, row.stage, row.state, row.reason.cause if row.reason else values))
        return ("video", "stage", "state", "reason or quality"), rows

    def __repr__(self) -> str:
        counts = Counter((row.stage, row.state) for row in self.rows)
        return ", ".join(f"{stage}: {count} {state}" for (stage, state), count in counts.items())


def run(
    plans: Iterable[Plan],
    machine: Machine,
    cache: Cache,
    observer: Observer = SILENT,
    *,
    read: Sequence[str] | None = (),
    measured: bool = False,
    announce: bool = False,
) -> Iterator[tuple[Result, Outputs | Failure]]:
    """Each record's result with its outputs, or why there are none; fresh records first, then in order of completion.

    The cache stores the outputs. An unreadable output is recomputed once, with a note to the observer. After the
    observer's stop event, finished stages are kept, and records that the run did not reach are not returned. Outputs
    are read for one record at a time.

    Args:
        read: the stages to read; a record without one of these outputs has a failure. None: all stored outputs.
        measured: also recompute outputs with unreadable quality values, which flags of a score need.
        announce: the observer gets a note of the expected cost before the work.

    Raises UsageError as `pool_of`, and if several records all lost their workers. Raises WeightsError if needed weights
    cannot be downloaded.
    """
    pool, stop, outcomes = pool_of(machine.work), observer.stop_event(), _Outcomes(cache, observer, read, measured)
    cache.mark()
    with cache.locked():
        cache.sweep()
        fresh, remote = 0, False
        for plan in plans:
            if stop.is_set():
                break
            remote = remote or bool(plan.record.remote)
            if plan.todo:
                outcomes.waiting.append(plan)
                continue
            for result, value in outcomes.of(plan, result_of(plan)):
                fresh += not result.failed
                yield result, value
        if remote:
            sweep_scratch(machine.storage.as_storage(), machine.work.timeout_s)
        cache.index.flush()  # so that child processes do not hash the inputs again
        if not outcomes.waiting:
            return
        if not cache.on_store:
            check_folder(cache.root)  # before the work, not after each video
        fetch_registered((plan.stage(name).settings for plan in outcomes.waiting for name in plan.todo), observer.note)
        with observer.progress("videos") as progress:
            watch = _Watch(cache, progress)
            watch.begin([*outcomes.waiting], fresh, machine, observer, announce=announce)
            start, lost = partial(PlanRunner, cache, stages=(*outside_stages().values(),)), partial(lost_result, cache)
            for plan, ended in run_items(pool, start, outcomes.waiting, stop.is_set, lost, watch.inside):
                for result, value in outcomes.of(plan, ended):
                    watch.end(plan, result)
                    yield result, value
        cache.index.flush()
        if not stop.is_set():
            watch.refuse_all_lost()


class _Watch:
    """Watches the results of a run: progress, costs of stages, and lost workers."""

    def __init__(self, cache: Cache, progress: Progress) -> None:
        self.cache, self.progress = cache, progress
        self.ended, self.lost = 0, list[Result]()

    def begin(self, plans: Sequence[Plan], fresh: int, machine: Machine, observer: Observer, *, announce: bool) -> None:
        """Show the amount of work."""
        lengths: Sequence[int] = (1,) * len(plans)
        if observer is not SILENT:  # on a store, counting frames copies the video
            expected = expected_cost(plans, machine, self.cache)
            lengths = expected.lengths
            if announce:
                observer.note(format_estimate(expected))
        weights = {plan.record.id: max(1, count) for plan, count in zip(plans, lengths, strict=True)}
        self.progress.plan(weights, fresh)

    def inside(self, plan: Plan, *progress: Any) -> None:
        """Show the progress of a record's worker."""
        self.progress.inside(plan.record.id, *progress)

    def end(self, plan: Plan, result: Result) -> None:
        """Show that a record has ended, and keep the cost of its stages."""
        for stage, seconds in result.done.items():
            planned = plan.stage(stage)
            if work := stage_class(stage).work(planned.settings, result.frames):
                self.cache.index.add_cost(planned.kind_of_work, seconds, work)
        self.ended += 1
        # A finished stage shows that workers survive; a single bad video may crash its decoder.
        if result.failed and not result.done and first_cause(result.failed.values()).kind in ("killed", "crashed"):
            self.lost.append(result)
        self.progress.finish(plan.record.id, result.fault)

    def refuse_all_lost(self) -> None:
        """Raise UsageError if several records all lost their workers."""
        if len(self.lost) == self.ended > 1:
            cause = first_cause(self.lost[-1].failed.values()).cause
            raise UsageError(
                f"every worker was lost, so nothing was extracted; the last: {cause}",
                fix=f"Add --workers 0 to run in this process and see its error, or type: {PROGRAM} doctor",
            )


def run_extract(
    plans: Iterable[Plan], machine: Machine, cache: Cache, observer: Observer = SILENT, *, announce: bool = False
) -> ExtractRun:
    """Run stages that are not fresh without reading outputs; arguments and errors are those of `run`."""
    done = ExtractRun(cache.place)
    for result, _ in run(plans, machine, cache, observer, announce=announce):
        done.add(result)
    done.cancelled = observer.stop_event().is_set()
    return done


class _Outcomes:
    """Reads the outputs of records. A record with an unreadable output is planned once more, and waits."""

    def __init__(self, cache: Cache, observer: Observer, read: Sequence[str] | None, measured: bool) -> None:
        self.cache, self.observer, self.read, self.measured = cache, observer, read, measured
        self.waiting = deque[Plan]()
        self.before: dict[str, Result] = {}  # of the records that were planned once more, by id

    def of(self, plan: Plan, result: Result) -> Iterator[tuple[Result, Outputs | Failure]]:
        """The result with its outputs, or why there are none; nothing if the record is planned once more."""
        if earlier := self.before.get(result.record.id):
            result.done, result.frames = earlier.done | result.done, max(earlier.frames, result.frames)
            result.skipped = tuple(stage for stage in result.skipped if stage not in result.done)
        if result.cancelled:
            yield result, STOPPED
            return
        stored = result.stored
        wanted = tuple(stored) if self.read is None else self.read
        lacking = any(stage not in stored for stage in wanted)
        outputs, unread = self._read(self.cache.read, result, () if lacking else wanted)
        damaged = {name: why for name, why in result.failed.items() if why.kind == "damaged"} | unread
        if self.measured:
            stages = result.keys.keys() - result.failed.keys()  # the index may hold values of a deleted output
            damaged |= self._read(self.cache.quality, result, stages)[1]
        if damaged and self._once_more(plan, result, damaged):
            return
        if result.failed and (lacking or not wanted):
            yield result, first_cause(result.failed.values())
        elif lacking or (self.read is None and not wanted):
            yield result, plan.cause()
        else:
            yield result, next(iter(unread.values()), {stage: stored.output for stage, stored in outputs.items()})

    def _read(
        self, read: Callable[..., Any], result: Result, stages: Iterable[str]
    ) -> tuple[dict[str, Any], dict[str, Failure]]:
        """What a method of the cache reads of each stage, and why it cannot read others."""
        values, unread = dict[str, Any](), dict[str, Failure]()
        for stage in stages:
            try:
                values[stage] = read(stage, result.record.id, result.keys[stage])
            except UNREADABLE as error:
                unread[stage] = Failure.of(unusable(stage, error), stage)
        return values, unread

    def _once_more(self, plan: Plan, result: Result, damaged: Mapping[str, Failure]) -> bool:
        """Plan a record with unreadable outputs once more; false the second time, or if no stage would run."""
        if result.record.id in self.before:
            return False
        plan = plan.again(self.cache, damaged, result.done)  # `Cache.read` has deleted what is damaged
        if not plan.todo:
            return False
        self.before[result.record.id] = result
        self.observer.note(f"{result.record.name} is extracted again: {next(iter(damaged.values())).cause}")
        self.waiting.append(plan)
        return True


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
    """The stages that `extract` would run, with reasons and costs, without running them."""
    planned, todo = ExtractRun(cache.place), list[Plan]()
    for plan in plans:
        planned.videos += 1
        if plan.todo:
            todo.append(plan)
        else:
            planned.add(result_of(plan))
    planned.plans, planned.costs = todo, expected_cost(todo, machine, cache)
    return planned
