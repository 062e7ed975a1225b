"""Independent trainings, run one after another in this process or spread over Ray.

A job is one system on the folds of one feature set. A system that consists of several trainings is cut
into them, so that each can run on another machine; their predictions are joined here. Features are sent once to each
machine.

A job gives the same bits on any number of workers, on processors of one kind with the same versions. It calculates on
one thread, because sums over several threads depend on their number. With more cores it trains more stacks of networks
side by side, each on one core.
"""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from data.errors import AimError, Cancelled
from pipeline.config import BaseConfig
from pipeline.features import FeatureSet
from pipeline.observer import Progress, Steps
from pipeline.run import MOST_LOST, Pool, Report, Task, pick_pool, run_jobs, worker_threads
from pipeline.systems import HeldOut, NetworkSystem, Part, System
from pipeline.systems.interface import same_part
from pipeline.train import Stop
from pipeline.train.fit import CORES


@dataclass(frozen=True)
class Job:
    """One training.

    Attributes:
        name: names it where it fails.
        system: what learns.
        parts: folds, as rows of the features, or of `rows` of them where those are given.
        rows: (k,) the performances that the system is given, and no others; None: all.
    """

    name: str
    system: System
    parts: tuple[Part, ...]
    rows: NDArray[np.intp] | None = None

    @property
    def cost(self) -> float:
        """Expected time in units of one training row of one network and epoch."""
        return float(self.system.cost(self.parts))


class JobError(AimError):
    """A job failed by a fault of the program, or lost its workers; names the job."""


def run_job(
    features: FeatureSet, job: Job, cores: int, progress: Steps | None = None, stop: Stop | None = None
) -> HeldOut:
    """One job on `cores` cores (0: as many as torch uses here); their number changes no result. Raises as `Run`."""
    try:
        chosen = features if job.rows is None else features.take(job.rows)
        with one_thread(cores):
            return job.system.held_out(chosen, job.parts, progress, stop)
    except AimError as error:
        raise type(error)(f"{job.name}: {error.what}", where=error.where, fix=error.fix) from error
    except Cancelled:
        raise
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(last.filename).name}:{last.lineno}"
        raise JobError(f"{job.name}: {type(error).__name__}: {error}", where=where) from error


@contextmanager
def one_thread(cores: int) -> Iterator[None]:
    """Linear algebra of this thread on one thread; stacks train side by side on `cores` cores (0: torch's threads)."""
    import torch
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # comes with scikit-learn

    before = torch.get_num_threads()
    token = CORES.set(cores or before)
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        torch.set_num_threads(before)
        CORES.reset(token)


Run: TypeAlias = Callable[[FeatureSet, Sequence[Job], Progress | None, Stop | None], list[HeldOut]]
"""Runs jobs; the results are in the order of the jobs.

Raises the AimError of the first job that fails, named by the job; Cancelled after a stop.
"""


def pick_run(engine: str, config: BaseConfig, address: str | None = None) -> Run:
    """How jobs are run: "local" or "ray", as `extract --engine`. Raises UsageError for another, or without Ray."""
    pool = pick_pool(engine, config.run, address)
    if engine == "local" or pool is None:
        return run_here
    return partial(run_on_workers, pool=pool, threads=worker_threads(config.run))


def run_systems(
    features: FeatureSet,
    parts: Sequence[Part],
    systems: Sequence[System],
    run: Run,
    progress: Progress | None = None,
    stop: Stop | None = None,
) -> list[HeldOut]:
    """The predictions of every system for the test rows of every part; composed systems are cut into their trainings.

    Raises the AimError of the first system that fails, named by the system; Cancelled after `stop`.
    """
    pieces = [piece for system in systems for piece in _cut(system, features, parts)]
    jobs: list[Job] = []
    places = [_place(jobs, Job(s.name, s, tuple(p))) for s, p in pieces]
    done = run(features, jobs, progress, stop)
    held = iter([done[place] for place in places])
    return [_put_together(system, features, parts, held) for system in systems]


def _place(jobs: list[Job], new: Job) -> int:
    """Where in `jobs` the same training is; a new one is added. So what several systems need is trained once."""
    for place, job in enumerate(jobs):
        alike = len(job.parts) == len(new.parts) and all(map(same_part, job.parts, new.parts))
        if alike and _serves(job.system, new.system):
            return place
    jobs.append(new)
    return len(jobs) - 1


def _serves(one: System, other: System) -> bool:
    """Whether the result of `one` is that of `other`: name, checkpoints and epochs watched change no prediction."""
    if not isinstance(one, NetworkSystem) or type(one) is not type(other):
        return one == other
    return replace(other, name=one.name, checkpoints=one.checkpoints, watch=other.watch or one.watch) == one


def _cut(system: System, features: FeatureSet, parts: Sequence[Part]) -> list[tuple[System, Sequence[Part]]]:
    inside = system.trainings(features, parts)
    return [piece for s, p in inside for piece in _cut(s, features, p)] if inside else [(system, parts)]


def _put_together(system: System, features: FeatureSet, parts: Sequence[Part], held: Iterator[HeldOut]) -> HeldOut:
    """The inverse of `_cut`: takes as many results as there are pieces."""
    if inside := system.trainings(features, parts):
        return system.joined(features, parts, [_put_together(s, features, p, held) for s, p in inside])
    return next(held)


def run_here(
    features: FeatureSet, jobs: Sequence[Job], progress: Progress | None = None, stop: Stop | None = None
) -> list[HeldOut]:
    """See `Run`: one job after another in this process, the stacks of a job on all its cores."""
    progress, held = progress or Progress(), []
    progress.plan({number: job.cost for number, job in enumerate(jobs)})
    for number, job in enumerate(jobs):
        held.append(run_job(features, job, 0, partial(progress.inside, number), stop))
        progress.finish(number)
    return held


def run_on_workers(
    features: FeatureSet,
    jobs: Sequence[Job],
    progress: Progress | None = None,
    stop: Stop | None = None,
    *,
    pool: Pool,
    threads: int = 1,
) -> list[HeldOut]:
    """See `Run`: as many jobs at once as the pool has places, each on `threads` cores.

    A job whose worker is lost runs once more; with checkpoints in a folder that all machines see, it resumes there.
    Raises UsageError where the cluster cannot be reached or has no room, JobError where a job failed by a fault of the
    program or lost two workers.
    """

    def lost(numbered: tuple[int, Job], reason: str) -> tuple[int, HeldOut | None]:
        fix = "See whether the machines have enough memory; raise run.ray_cpus"
        raise JobError(f"{numbered[1].name}: lost {MOST_LOST} workers, the last: {reason}", fix=fix)

    progress = progress or Progress()
    progress.plan({number: job.cost for number, job in enumerate(jobs)})
    task = Task(_start_worker, (features, threads), lost)
    finished: dict[int, HeldOut] = {}

    def reported(numbered: tuple[int, Job], done: int, total: int) -> None:
        progress.inside(numbered[0], done, total)

    for number, held in run_jobs(pool, task, enumerate(jobs), stop or (lambda: False), reported):
        if held is not None:
            finished[number] = held
            progress.finish(number)
    if len(finished) < len(jobs):
        raise Cancelled
    return [finished[number] for number in range(len(jobs))]


def _start_worker(
    features: FeatureSet, threads: int, stop: threading.Event
) -> Callable[[tuple[int, Job], Report], tuple[int, HeldOut | None]]:
    """What trains inside a worker: takes a numbered job, returns None in place of its predictions after a stop."""

    def run(numbered: tuple[int, Job], report: Report) -> tuple[int, HeldOut | None]:
        number, job = numbered
        # Ray's arrays are read-only, and torch refuses those: copy the rows.
        parts = tuple(replace(part, train=part.train.copy(), test=part.test.copy()) for part in job.parts)
        try:
            return number, run_job(features, replace(job, parts=parts), threads, report, stop.is_set)
        except Cancelled:
            return number, None

    return run
