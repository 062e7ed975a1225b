"""The expected cost of a run: work per stage times the seconds per unit that earlier runs measured.

A stage defines its unit of work (`Extractor.work`): frames, pairs of frames, frames of clips. Measurements are in the
cache's index. They are wall-clock seconds of one worker and depend on the machine, the settings and the number of
workers. The time is unknown if a stage was never measured with the same networks, or without a number of workers.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from data.errors import AimError, counted
from data.store import fetched
from data.video import Record, probe
from pipeline.cache import Cache
from pipeline.observer import duration_text
from pipeline.pool import pool_of
from pipeline.run.plan import Plan, PlannedStage
from pipeline.settings.machine import Machine
from pipeline.settings.stages import stage_class

PROBED, PROBING_SECONDS = 64, 1.0
"""Most videos whose frames are counted, and the most seconds for it; others are estimated by file size."""

PROBED_FAR, PROBED_FAR_BYTES = 2, 64 << 20
"""Most videos of a store whose frames are counted, and their maximum size, since counting copies the video."""


@dataclass(frozen=True)
class StageCost:
    """The expected cost of one stage of a batch."""

    videos: int
    work: int  # in `unit`
    unit: str
    seconds_per_unit: float | None  # measured with this cache; None before


@dataclass(frozen=True)
class ExpectedCost:
    """The expected cost of a batch."""

    videos: int  # with stages to run
    frames: int  # of those videos, counted or scaled from a counted sample
    seconds: float | None  # wall clock, with `workers` workers; None without these, measured stages and frames
    workers: int  # 0: as many as fit on a cluster
    stages: Mapping[str, StageCost]  # of those that run
    where: str  # in words, where the workers run
    lengths: tuple[int, ...] = ()  # of each video in frames


def expected_cost(plans: Sequence[Plan], machine: Machine, cache: Cache) -> ExpectedCost:
    """The expected cost of `plans` on a machine."""
    measured, frames = cache.index.costs(), expected_frames([plan.record for plan in plans])
    planned: dict[str, PlannedStage] = {}
    for plan in plans:
        planned |= {name: plan.stage(name) for name in plan.todo if name not in planned}
    stages: dict[str, StageCost] = {}
    for name, planned_stage in planned.items():
        counts = (count for plan, count in zip(plans, frames, strict=True) if name in plan.todo)
        work = [stage_class(name).work(planned_stage.settings, count) for count in counts]
        stages[name] = StageCost(len(work), sum(work), stage_class(name).unit, measured.get(planned_stage.kind_of_work))
    pool = pool_of(machine.work)
    workers, _ = pool.split_cores(len(plans))
    seconds = None
    if workers and sum(frames) and all(planned_stage.kind_of_work in measured for planned_stage in planned.values()):
        # Stages of a wave run in parallel, and measured seconds include that: take the slowest.
        waves = (
            max(stage_class(s.name).work(s.settings, count) * measured[planned[s.name].kind_of_work] for s in wave)
            for plan, count in zip(plans, frames, strict=True)
            for wave in plan.waves()
        )
        seconds = sum(waves) / min(workers, max(1, len(plans)))
    return ExpectedCost(len(plans), sum(frames), seconds, workers, stages, pool.where(len(plans)), tuple(frames))


def format_estimate(expected: ExpectedCost) -> str:
    """An estimate as one sentence, printed before a run starts.

    >>> stages = {"pose": StageCost(8, 816, "frames", 0.1)}
    >>> format_estimate(ExpectedCost(8, 816, 40.0, 2, stages, "Ray"))
    'about 40 s for 8 videos: pose 816 frames; on Ray'
    """
    work = ", ".join(
        f"{name} {about.work} {about.unit}" if expected.frames else name for name, about in expected.stages.items()
    )
    return f"{_time(expected)}{counted(expected.videos, 'video')}: {work}; on {expected.where}"


def _time(expected: ExpectedCost) -> str:
    """The expected time as the start of a sentence; "" if unknown."""
    return "" if expected.seconds is None else f"about {duration_text(expected.seconds)} for "


def reasons(plan: Plan) -> Iterable[tuple[str, str]]:
    """(stage, reason) for every stage that the plan runs."""
    words = {
        "fresh": "fresh, run again by --force",
        "failed": "failed before ({}), tried again by --retry-failed",
    }
    for planned in plan.stages:
        if planned.name in plan.todo:
            cause = planned.reason.cause if planned.reason else ""
            yield planned.name, words.get(planned.state, "{}").format(cause)


def dry_run_tables(
    plans: Iterable[Plan], cost: ExpectedCost
) -> Iterator[tuple[str, tuple[str, ...], list[tuple[Any, ...]]]]:
    """Tables (title, columns, rows): why stages run, with an example video, and their costs."""
    why: dict[tuple[str, str], list[str]] = {}
    for plan in plans:
        for planned in reasons(plan):
            why.setdefault(planned, []).append(plan.record.name)
    rows = [(stage, reason, len(videos), videos[0]) for (stage, reason), videos in sorted(why.items())]
    yield "what would run", ("stage", "why", "videos", "such as"), rows
    costs = [
        (
            stage,
            about.videos,
            f"{about.work} {about.unit}",
            "" if (rate := about.seconds_per_unit) is None else f"{rate:.4f}",
        )
        for stage, about in cost.stages.items()
    ]
    if not cost.frames:
        return  # no video to decode: a matter of seconds
    workers = counted(cost.workers, "worker") if cost.workers else "as many workers as fit"
    yield (
        f"{_time(cost)}{counted(cost.frames, 'frame')} with {workers}",
        ("stage", "videos", "work", "seconds a unit"),
        costs,
    )


def expected_frames(records: Sequence[Record]) -> list[int]:
    """Frames per record: counted for an even sample of at most `PROBED`, else by bytes; decodes nothing.

    All folders of frames are counted, since their sizes are not comparable with videos.
    """
    most = PROBED_FAR if any(record.remote for record in records) else PROBED
    folders = {index: _count(record) for index, record in enumerate(records) if record.frames is not None}
    lengths: dict[int, int] = {}
    end = time.monotonic() + PROBING_SECONDS
    for index in range(0, len(records), max(1, -(-len(records) // most))):
        if index not in folders and (count := _count(records[index])):
            lengths[index] = count
        if time.monotonic() > end:
            break
    sizes = [_bytes(record) for record in records]
    counted_bytes = sum(sizes[index] for index in lengths)
    per_byte = sum(lengths.values()) / counted_bytes if counted_bytes else 0.0
    lengths |= folders
    return [lengths.get(index, round(size * per_byte)) for index, size in enumerate(sizes)]


def _count(record: Record) -> int:
    try:
        if "video" in record.remote:
            if record.remote["video"].size > PROBED_FAR_BYTES:
                return 0
            with fetched({"video": record.remote["video"]}) as copies:
                return len(probe(copies["video"][0])[1])
        if record.frames is not None:
            return len(record.frames.files())
        return len(probe(record.path)[1]) if record.path is not None else 0
    except AimError:
        return 0  # extraction will report it


def _bytes(record: Record) -> int:
    if "video" in record.remote:
        return record.remote["video"].size
    try:
        return record.path.stat().st_size if record.path is not None else 0
    except OSError:
        return 0
