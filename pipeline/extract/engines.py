"""Runs plans one after another in this process, or on workers (`pipeline.workers`)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from data.errors import VideoError
from data.store import is_remote
from pipeline.cache import Cache, open_cache
from pipeline.config import BaseConfig, validate
from pipeline.extract.failures import is_crash
from pipeline.extract.plan import Plan
from pipeline.extract.runner import PlanRunner, Result
from pipeline.workers import Pool, Report, Task, run_jobs

FrameProgress = Callable[[str, int, int, tuple[str, ...]], None]
"""Called with (record id, frames done, frames to do, stages at work); no frames to do: these stages begin."""

REPORT_SECONDS = 0.2


def run_plans(
    plans: Iterable[Plan],
    config: BaseConfig,
    cache: Cache,
    stop: threading.Event,
    progress: FrameProgress | None = None,
    pool: Pool | None = None,
) -> Iterator[Result]:
    """Results in the order in which records finish; after `stop` is set, stages that are done stay done.

    A record whose worker dies, takes longer than `run.timeout_s` or needs more than `run.memory_gb` fails by name.
    `pool` None runs the plans in this process.
    """

    def report(plan: Plan, done: int, total: int, stages: tuple[str, ...]) -> None:
        if progress is not None:
            progress(plan.record.id, done, total, stages)

    if pool is not None:
        root = cache.root if is_remote(cache.root) else cache.root.absolute()
        task = Task(
            start_worker,
            (config.dump(), root),
            lambda plan, reason: lost(plan, cache, reason),
            lambda plan: remaining(plan, cache),
            config.run,
        )
        yield from run_jobs(pool, task, plans, stop.is_set, report)
        return
    runner = PlanRunner(config, cache, stop)
    for plan in plans:
        if stop.is_set():
            return
        yield runner.run(plan, partial(report, plan))


def start_worker(values: dict[str, Any], root: Path, stop: threading.Event) -> Callable[[Plan, Report], Result]:
    """What runs plans inside a worker, from a dumped configuration and the cache's place."""
    config = validate(values)
    cache = open_cache(root, config.storage.reach())
    runner = PlanRunner(config, cache, stop)

    def run(plan: Plan, report: Report) -> Result:
        last_report = 0.0

        def progress(done: int, total: int, stages: tuple[str, ...]) -> None:
            nonlocal last_report
            if done == total or time.monotonic() - last_report > REPORT_SECONDS:
                last_report = time.monotonic()
                report(done, total, stages)

        result = runner.run(plan, progress)
        cache.index.flush()
        return result

    return run


def lost(plan: Plan, cache: Cache, reason: str) -> Result:
    """The result of a record whose worker was lost: stages that were written are done, the others failed.

    Only a crash is kept as the video's failure; a kill from outside, or a limit, may not occur again.
    """
    result = Result(plan.record, skipped=plan.fresh)
    error = VideoError(reason, where=plan.record.id, fix="Run `extract --retry-failed` to try it again")
    for step in plan.steps:
        if step.stage not in plan.todo:
            continue
        if cache.check(step.computation, plan.record.id).state == "fresh":
            result.done[step.stage] = 0.0
            continue
        result.failed[step.stage] = reason
        if not step.computation.upstream and is_crash(reason):
            with suppress(OSError):
                cache.record_failure(step.computation, plan.record, error)
    return result


def remaining(plan: Plan, cache: Cache) -> Plan:
    """The plan without the stages that were written before its worker was lost."""
    steps = tuple(replace(s, check=cache.check(s.computation, plan.record.id)) for s in plan.steps)
    checked = replace(plan, steps=steps)
    return replace(checked, todo=tuple(name for name in plan.todo if name not in checked.fresh))
