"""What a run will cost: seconds per frame as measured by earlier runs on this cache, or stated defaults.

The measurements lie in the cache's index. They are wall-clock seconds of one worker, so they hold for the machine, the
settings and the number of workers they were taken with; an estimate says which of its figures were measured.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from data.errors import AimError
from data.videos import Record
from pipeline.cache import Cache
from pipeline.runner import Plan, Result, Step

DEFAULT_SECONDS_PER_FRAME = {
    "clips": 0.032,
    "pose": 0.08,
    "camera_flow": 0.011,
    "kinematics": 0.001,
    "timesteps": 0.001,
}
"""Used until a stage has run once: core-seconds of one AVX-512 core on 102-frame videos of 448 x 256 pixels."""

UNKNOWN_STAGE_SECONDS = 0.05
"""Seconds per frame of a stage of which nothing is known."""

PROBED = 64
"""Videos whose frames are counted for an estimate; the others are taken to be like them, by their bytes."""


@dataclass(frozen=True)
class Estimate:
    """What the plans of a batch are expected to cost.

    Attributes:
        videos: number of videos with something to do.
        frames: frames of those videos, counted or scaled from a counted sample.
        seconds: wall-clock seconds with `workers` workers.
        workers: workers that share the work.
        stages: per stage that runs: `videos`, `seconds_per_frame`, and whether that figure was `measured` here.
    """

    videos: int
    frames: int
    seconds: float
    workers: int
    stages: dict[str, dict[str, Any]]


def remember(cache: Cache, result: Result) -> None:
    """Keep what the stages of one finished record took, for later estimates."""
    if result.frames:
        for stage, seconds in result.done.items():
            cache.index.add_cost(stage, seconds, result.frames)


def estimate(plans: Sequence[Plan], cache: Cache, workers: int = 1) -> Estimate:
    """The expected cost of `plans`; opens at most `PROBED` videos, decodes nothing."""
    measured = cache.index.costs()
    names = dict.fromkeys(stage for plan in plans for stage in plan.todo)
    rates = {name: _rate(name, measured) for name in names}
    per_frame = [_seconds_per_frame(plan, rates) for plan in plans]
    frames = _frames([plan.record for plan in plans])
    seconds = sum(rate * count for rate, count in zip(per_frame, frames, strict=True))
    stages = {
        name: {
            "videos": sum(name in plan.todo for plan in plans),
            "seconds_per_frame": rates[name],
            "measured": name in measured,
        }
        for name in names
    }
    workers = max(1, workers)
    return Estimate(len(plans), round(sum(frames)), seconds / min(workers, max(1, len(plans))), workers, stages)


def reasons(plan: Plan) -> Iterable[tuple[str, str]]:
    """(stage, why it runs) for every stage that the plan runs."""
    for step in plan.steps:
        if step.stage in plan.todo:
            yield step.stage, _reason(step, plan.todo)


def dry_run(plans: Sequence[Plan], cache: Cache, workers: int) -> dict[str, Any]:
    """What `extract --dry-run` tells, as JSON types: `plan` with the reasons per video, and the `estimate`."""
    rows = [{"video": plan.record.name, "todo": dict(reasons(plan))} for plan in plans]
    return {"plan": rows, "estimate": asdict(estimate(plans, cache, workers))}


def dry_run_tables(told: dict[str, Any]) -> Iterator[tuple[str, tuple[str, ...], list[tuple[Any, ...]]]]:
    """Tables for people (title, columns, rows): why stages run, with one video as an example, and what it costs."""
    why: dict[tuple[str, str], list[str]] = {}
    for row in told["plan"]:
        for stage, reason in row["todo"].items():
            why.setdefault((stage, reason), []).append(row["video"])
    rows = [(stage, reason, len(videos), videos[0]) for (stage, reason), videos in sorted(why.items())]
    yield "what would run", ("stage", "why", "videos", "such as"), rows
    cost = told["estimate"]
    costs = [
        (stage, about["videos"], f"{about['seconds_per_frame']:.4f}", "measured" if about["measured"] else "a default")
        for stage, about in cost["stages"].items()
    ]
    title = f"about {_duration(cost['seconds'])} for {cost['frames']} frames with {cost['workers']} workers"
    yield title, ("stage", "videos", "seconds a frame", "where from"), costs


def _duration(seconds: float) -> str:
    minutes, hours = seconds / 60, seconds / 3600
    return f"{seconds:.0f} s" if seconds < 90 else f"{minutes:.0f} min" if minutes < 90 else f"{hours:.1f} h"


def _reason(step: Step, todo: Sequence[str]) -> str:
    if step.check.state == "fresh":
        return "fresh, run again by --force"
    if step.check.state == "failed":
        return f"failed before ({step.check.reason}), tried again by --retry-failed"
    return step.check.reason


def _rate(stage: str, measured: dict[str, float]) -> float:
    return measured.get(stage, DEFAULT_SECONDS_PER_FRAME.get(stage, UNKNOWN_STAGE_SECONDS))


def _seconds_per_frame(plan: Plan, rates: dict[str, float]) -> float:
    """Stages of one wave run side by side on one decode, so that the slowest of them sets the pace."""
    waiting = [step for step in plan.steps if step.stage in plan.todo]
    total = 0.0
    while waiting:
        pending = {step.stage for step in waiting}
        wave = [step for step in waiting if not pending & set(step.computation.upstream)]
        waiting = [step for step in waiting if step not in wave]
        total += max(rates[step.stage] for step in wave)
    return total


def _frames(records: Sequence[Record]) -> list[float]:
    """Frames per record: counted for an even sample, by bytes for the rest."""
    stride = max(1, -(-len(records) // PROBED))
    counted = {at: count for at in range(0, len(records), stride) if (count := _count(records[at]))}
    sizes = [_bytes(record) for record in records]
    known = sum(sizes[at] for at in counted)
    per_byte = sum(counted.values()) / known if known else 0.0
    return [counted.get(at, size * per_byte) for at, size in enumerate(sizes)]


def _count(record: Record) -> int:
    from data.video import probe

    try:
        return len(probe(record.path)[1]) if record.path is not None else 0
    except AimError:
        return 0  # it will fail by name when it is extracted


def _bytes(record: Record) -> int:
    try:
        return record.path.stat().st_size if record.path is not None else 0
    except OSError:
        return 0
