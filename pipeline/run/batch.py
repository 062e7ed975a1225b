"""`extract` and `status`: plan every record once, run what is not fresh on a pool, read, report and log."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Generic, TypeVar

from data.errors import Cancelled, UsageError
from data.store import is_remote, sweep_scratch
from data.video import Listing, Record
from pipeline.cache import UNREADABLE, Cache, open_cache, unreadable
from pipeline.config import BaseConfig
from pipeline.environment import check_opencv
from pipeline.observer import Observer
from pipeline.run.costs import dry_run, estimate, expected_frames, in_a_line, remember
from pipeline.run.engine import pick_pool, places
from pipeline.run.inputs import list_inputs, take_shard
from pipeline.run.plan import Plan, Planner
from pipeline.run.run_log import RunLog
from pipeline.run.runner import PlanRunner, Result, lost_result, start_worker
from pipeline.run.worker_pool import Pool, Task, WorkerLost, run_jobs

T = TypeVar("T")

FrameProgress = Callable[[str, int, int, tuple[str, ...]], None]
"""Called with (record id, frames done, frames to do, stages at work); no frames to do: these stages begin."""


@dataclass
class Summary:
    """The outcome of a batch.

    Attributes:
        videos: number of records.
        results: one per record that had something to do or that failed.
        fresh: number of records with nothing to do.
        keys: key of every planned output by stage, by the record's id.
        outputs: the same of the outputs that are there.
        cancelled: the user asked to stop; `extract` goes on where it stopped.
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
    def exit_code(self) -> int:
        """0 all good, 1 some videos failed or the run was stopped."""
        return 1 if self.failed or self.cancelled else 0


@dataclass(frozen=True)
class ExtractRun:
    """What `extract` did, or would do."""

    cache: str  # where the outputs are
    summary: Summary
    costs: dict[str, Any] | None = None  # of a dry run: what would run, why, and at what cost, as JSON types
    preview: dict[str, Any] = field(default_factory=dict)  # `written`, `fresh` and `failed`; empty without previews
    flags: Mapping[str, Sequence[str]] = field(default_factory=dict)  # titles of the flags by each flagged video's name

    @property
    def ok(self) -> bool:
        """Whether no video and no preview failed, and nobody stopped the run."""
        return self.costs is not None or (self.summary.exit_code == 0 and not self.preview.get("failed"))


@dataclass(frozen=True)
class Status:
    """State of every video and stage."""

    cache: str  # where the outputs are
    rows: tuple[dict[str, Any], ...]  # `video`, `stage`, `state` ("fresh", "stale", ...), `reason`, `quality`

    @property
    def ok(self) -> bool:
        """Whether nothing failed."""
        return all(row["state"] != "failed" for row in self.rows)


def make_planner(
    config: BaseConfig,
    stages: str | Sequence[str] = (),
    *,
    force: bool = False,
    retry_failed: bool = False,
    fetch: Callable[[str], None] | None = None,
) -> Planner:
    """The planner of a configuration on its cache; `stages` is a list, or names separated by commas.

    `fetch` gets a message for each download that the stages need; None downloads nothing.
    """
    names = stages.split(",") if isinstance(stages, str) else stages
    cache = open_cache(config.cache, config.storage.reach())
    chosen = [name.strip() for name in names if name.strip()]
    return Planner(config, cache, stages=chosen, force=force, retry_failed=retry_failed, fetch=fetch)


def plan_job(
    config: BaseConfig,
    inputs: Sequence[Path],
    stages: str | Sequence[str],
    shard_text: str | None,
    observer: Observer,
    *,
    force: bool = False,
    retry: bool = False,
    fetch: bool = False,
) -> tuple[Listing, Planner]:
    """The videos of a run and their planner; `shard_text` None takes all, `fetch` downloads what the stages need.

    Raises UsageError for an unknown input, stage or shard, DataError where the data set's own files cannot be used.
    """
    listing = list_inputs(inputs, config, observer)
    if shard_text is not None:
        listing = replace(listing, records=take_shard(listing.records, shard_text, observer))
    note = observer.note if fetch else None
    return listing, make_planner(config, stages, force=force, retry_failed=retry, fetch=note)


class Reading(Generic[T]):
    """Reads the outputs of records: `values` and, for outputs that cannot be read, `errors`, both by the record's id.

    `read` is called with a record and the key of every stage's output, and raises what `Cache.read` raises. `note` gets
    a message where a record is extracted again.
    """

    def __init__(self, read: Callable[[Record, Mapping[str, str]], T], note: Callable[[str], None]) -> None:
        self._read, self.note = read, note
        self.values: dict[str, T] = {}
        self.errors: dict[str, str] = {}

    def __call__(self, record: Record, keys: Mapping[str, str]) -> bool:
        """Read one record: whether that was possible."""
        try:
            self.values[record.id] = self._read(record, keys)
        except UNREADABLE as error:
            self.errors[record.id] = unreadable(error)
        return record.id in self.values


def plan_all(
    records: Sequence[Record], planner: Planner, stop: threading.Event | None = None
) -> tuple[list[Plan], Summary]:
    """The plans that have something to do, and a summary of the records that have not; ends early at `stop`."""
    summary = Summary(videos=len(records))
    plans = []
    for plan in planner.plan_all(records):
        if stop is not None and stop.is_set():
            break
        keys = summary.keys[plan.record.id] = plan.keys()
        whole = len(plan.fresh) == len(keys)  # then one mapping is enough, of a million
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
    *,
    stop: threading.Event | None = None,
    reading: Reading[Any] | None = None,
    on_result: Callable[[Result], None] | None = None,
    on_frames: FrameProgress | None = None,
    on_plan: Callable[[list[Plan], int, list[int]], None] | None = None,
    pool: Pool | None = None,
) -> Summary:
    """Extract what is not fresh, and log it beside the outputs (see `pipeline.run.run_log`).

    The planner's cache takes the outputs. Temporaries of killed processes are swept first.

    Args:
        stop: set it to end cleanly; stages that are done stay done.
        reading: reads each record's outputs, before the run where they are fresh and else after it. What is found
            damaged before the run is computed like what is missing.
        on_result, on_frames: progress hooks, called in this thread (frames: in the decoding thread).
        on_plan: called with the plans, the number of fresh records, and the expected frames of each plan's video.
        pool: where plans run (`pipeline.run.engine.pick_pool`); default: `run.workers` processes, for 0 this process.
    """
    stop = stop or threading.Event()
    config, cache = planner.config, planner.cache
    cache.mark()
    cache.sweep()
    from_store = any(record.remote for record in records)
    if from_store:
        sweep_scratch(config.storage.reach())
    plans, summary = plan_all(records, planner, stop)
    if reading is not None:
        plans += _damaged(records, plans, planner, summary, reading)
    cache.index.flush()  # so that child processes need not hash the inputs again
    if on_plan is not None:
        on_plan(plans, summary.fresh, expected_frames([plan.record for plan in plans]))
    pool = pool or pick_pool("local", config.run)
    with RunLog(planner, stop) as log:
        log.begin(plans, summary.fresh)
        for result in run_plans(plans, config, cache, stop, on_frames, pool) if plans else ():
            record = result.record
            summary.results.append(result)
            keys = summary.keys[record.id]
            summary.outputs[record.id] = {stage: keys[stage] for stage in (*result.skipped, *result.done)}
            log.result(result)
            remember(planner, result)
            if reading is not None and not result.failed:
                reading(record, keys)
            if on_result is not None:
                on_result(result)
        summary.cancelled = stop.is_set()
    cache.publish_log(log.path)
    if from_store:
        sweep_scratch(config.storage.reach())  # of workers that were lost
    cache.index.flush()
    return summary


def _damaged(
    records: Sequence[Record], plans: Sequence[Plan], planner: Planner, summary: Summary, reading: Reading[Any]
) -> Iterator[Plan]:
    """Read the records that have nothing to do; yields new plans of those whose outputs are damaged."""
    others = {plan.record.id for plan in plans} | {result.record.id for result in summary.results}
    for record in records:
        if record.id in others or record.id not in summary.keys or reading(record, summary.keys[record.id]):
            continue
        plan = planner.plan(record)  # `Cache.read` has deleted the damaged output
        if plan.todo:
            reading.note(f"{record.name} is extracted again: {reading.errors[record.id]}")
            summary.fresh -= 1
            yield plan


def run_plans(
    plans: Sequence[Plan],
    config: BaseConfig,
    cache: Cache,
    stop: threading.Event,
    progress: FrameProgress | None = None,
    pool: Pool | None = None,
) -> Iterator[Result]:
    """Results in the order in which records finish; after `stop` is set, stages that are done stay done.

    A record whose workers die, which takes longer than `run.timeout_s` or needs more than `run.memory_gb`, fails by
    name. `pool` None runs the plans in this process.
    """

    def report(plan: Plan, done: int, total: int, stages: tuple[str, ...]) -> None:
        if progress is not None:
            progress(plan.record.id, done, total, stages)

    if pool is not None:
        root = cache.root if is_remote(cache.root) else cache.root.absolute()

        def lost(plan: Plan, loss: WorkerLost) -> Result:
            return lost_result(plan, cache, loss)

        yield from run_jobs(
            pool, Task(start_worker, (config.dump(), root), lost, config.run), plans, stop.is_set, report
        )
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
    *,
    stop: threading.Event | None = None,
    note: Callable[[str], None] | None = None,
    **hooks: Any,
) -> tuple[dict[str, T], dict[str, str]]:
    """What `read` makes of each record's outputs, and why there are none, both by the record's id.

    Args:
        read: called with a record and the key of every stage's output; raises what `Cache.read` raises.
        note: called with the reason why an output cannot be read and its record is extracted again.
        hooks: progress hooks of `run_extract`, and its `pool`.
    """
    reading = Reading(read, note or (lambda _: None))
    summary = run_extract(records, planner, stop=stop, reading=reading, **hooks)
    errors = {record.id: "not extracted: the run was stopped" for record in records if record.id not in reading.values}
    errors |= {record_id: reason for record_id, reason in reading.errors.items() if record_id in errors}
    for result in summary.failed:
        reasons = [why for why in result.failed.values() if not why.startswith("needs ")]
        errors[result.record.id] = (reasons or ["not extracted: the run was stopped"])[0]
    return reading.values, errors


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


def extract_videos(listing: Listing, planner: Planner, pool: Pool | None, observer: Observer) -> Summary:
    """Run what is not fresh.

    Raises UsageError where something is to be done and OpenCV cannot do it, or where all of several videos lost their
    workers.
    """
    with observer.progress("videos") as progress:
        hooks = progress.hooks()
        begin, finish, ran = hooks["on_plan"], hooks["on_result"], list[Result]()

        def on_result(result: Result) -> None:
            ran.append(result)
            finish(result)

        def on_plan(plans: list[Plan], fresh: int, frames: list[int]) -> None:
            if plans:
                check_opencv()
                workers, where = places(pool, len(plans))
                observer.note(f"{in_a_line(estimate(plans, planner, workers, frames))}; on {where}")
            begin(plans, fresh, frames)

        hooks |= {"on_plan": on_plan, "on_result": on_result, "stop": observer.stop_event(), "pool": pool}
        summary = run_extract(listing.records, planner, **hooks)
    if not summary.cancelled:
        _refuse_lost(ran, observer)
    _note_joint_maps(planner, summary, observer)
    return replace(summary, problems=listing.problems)


def _refuse_lost(ran: Sequence[Result], observer: Observer) -> None:
    """Raise UsageError where all of several videos lost their workers before a stage was done: that is no result.

    A single one may be a video that its decoder does not survive, which fails by name.
    """
    if len(ran) > 1 and all(result.lost and not result.done for result in ran):
        observer.failures(ran)
        raise UsageError(
            f"every worker was lost, so nothing was extracted; the last: {ran[-1].lost}",
            fix="With --workers 0 the work runs in this process and shows its own error; see `doctor`",
        )


def _note_joint_maps(planner: Planner, summary: Summary, observer: Observer) -> None:
    """Note how joints of an imported keypoint file were mapped, one line for every map that occurs."""
    if getattr(planner.configs.get("pose"), "backend", "") != "import" or "pose" not in planner.stages:
        return
    maps = set()
    for video_id, keys in summary.outputs.items():
        if "pose" in keys:
            with suppress(*UNREADABLE):
                maps.add(str(planner.cache.quality("pose", video_id, keys["pose"]).get("joint_map", "")))
    for line in sorted(maps - {""}):
        observer.note(f"keypoints of {line}")


def extract_missing(
    records: Sequence[Record], config: BaseConfig, *, engine: str, address: str | None, observer: Observer
) -> None:
    """Extract what `records` still lack; failed videos are reported and left out. Raises Cancelled after a stop."""
    planner = make_planner(config, ("timesteps",))
    pool = pick_pool(engine, config.run, address)
    with observer.progress("videos") as progress:
        summary = run_extract(records, planner, stop=observer.stop_event(), pool=pool, **progress.hooks())
    planner.cache.close()
    if summary.failed:
        observer.failures(summary.failed)
    if summary.cancelled:
        raise Cancelled


def plan_costs(listing: Listing, planner: Planner, pool: Pool | None) -> ExtractRun:
    """What `extract` would run on a pool, why, and at what cost; nothing is run."""
    plans, summary = plan_all(listing.records, planner)
    return ExtractRun(planner.cache.place, summary, dry_run(plans, planner, places(pool, len(plans))[0]))
