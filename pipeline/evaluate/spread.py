"""Jobs of an evaluation, run in this process or spread over Ray. A job is some systems on one fold.

A job gives the same bits on any number of workers, on processors of one kind with the same versions. It calculates on
one thread, because sums over several threads depend on their number. With more cores, more jobs and more stacks of
networks run side by side, each on one core. Features are sent once to each machine.
"""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeAlias

from data.errors import AimError, Cancelled
from data.store.arrays import Rows
from pipeline.features import FeatureSet
from pipeline.observer import Progress
from pipeline.run import MOST_LOST, Pool, RayPool, Report, Task, WorkerLost, run_jobs, worker_threads
from pipeline.systems import Predicted, System, Trainings
from pipeline.systems.interface import Foreseen
from pipeline.train import Stop
from pipeline.train.fit import CORES, cores, in_threads, one_thread


@dataclass(frozen=True)
class Job:
    """Systems that share trainings, on one fold.

    Attributes:
        name: names it where its workers are lost.
        systems: they learn from the rows `train` and predict the rows `test`.
        folder: where trainings are kept, or None.
    """

    name: str
    systems: tuple[System, ...]
    train: Rows
    test: Rows
    folder: Path | None = None


class JobError(AimError):
    """A job failed by a fault of the program, or lost its workers; names the system."""


def run_job(
    features: FeatureSet, job: Job, spent: Callable[[float], None] | None = None, stop: Stop | None = None
) -> list[Predicted]:
    """The predictions of each system of a job. Raises as `Run`."""
    return _predictions(features, job, Trainings(job.folder, spent, stop))


def foreseen(features: FeatureSet, job: Job) -> Foreseen:
    """What a job would train."""
    trainings = Foreseen()
    _predictions(features, job, trainings)
    return trainings


def _predictions(features: FeatureSet, job: Job, trainings: Trainings) -> list[Predicted]:
    train, test, name = features.take(job.train), features.take(job.test), ""
    try:
        predicted = []
        for system in job.systems:
            name = system.name
            predicted.append(trainings.predict(system, train, test))
        return predicted
    except (AimError, Cancelled):
        raise
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(last.filename).name}:{last.lineno}"
        raise JobError(f"{name}: {type(error).__name__}: {error}", where=where) from error


Run: TypeAlias = Callable[[FeatureSet, Sequence[Job], Progress | None, Stop | None], list[list[Predicted]]]
"""Runs jobs; the results are in the order of the jobs.

Raises the AimError of the first job that fails, named by the system; Cancelled after a stop.
"""


def pick_run(pool: Pool | None) -> Run:
    """How jobs are run: on the actors of a Ray cluster, else in threads of this process."""
    if not isinstance(pool, RayPool):
        return run_here
    return partial(run_on_workers, pool=pool, threads=worker_threads(pool.run))


def run_here(
    features: FeatureSet, jobs: Sequence[Job], progress: Progress | None = None, stop: Stop | None = None
) -> list[list[Predicted]]:
    """See `Run`: as many jobs at once as there are cores; where these are more, they share the stacks of the jobs."""
    progress, costs = progress or Progress(), _costs(features, jobs)
    progress.plan(costs)
    order = sorted(costs, key=lambda number: -costs[number])  # the longest first, so that all cores end together

    with one_thread(0):
        workers = min(cores(), len(jobs))
        share = max(1, cores() // workers)

        def run(place: int, report: Callable[[float], None], stopping: Stop) -> list[Predicted]:
            CORES.set(share)
            return run_job(features, jobs[order[place]], report, stopping)

        def reported(place: int, cost: float | None) -> None:
            number = order[place]
            progress.finish(number) if cost is None else progress.inside(number, cost, costs[number])

        done = in_threads(run, len(jobs), reported, stop, workers=workers, threads=1)
    return [done[order.index(number)] for number in range(len(jobs))]


def run_on_workers(
    features: FeatureSet,
    jobs: Sequence[Job],
    progress: Progress | None = None,
    stop: Stop | None = None,
    *,
    pool: Pool,
    threads: int = 1,
) -> list[list[Predicted]]:
    """See `Run`: as many jobs at once as the pool has places, each on `threads` cores.

    A job whose worker is lost runs once more; with trainings kept in a folder that all machines see, it resumes there.
    Raises UsageError where the cluster cannot be reached or has no room, JobError where a job failed by a fault of the
    program or lost two workers.
    """

    def lost(numbered: tuple[int, Job], loss: WorkerLost) -> tuple[int, list[Predicted] | None]:
        fix = "See whether the machines have enough memory; raise run.ray_cpus"
        raise JobError(f"{numbered[1].name}: lost {MOST_LOST} workers, the last: {loss}", fix=fix)

    progress, costs = progress or Progress(), _costs(features, jobs)
    progress.plan(costs)
    task = Task(_start_worker, (features, threads), lost)
    finished: dict[int, list[Predicted]] = {}
    order = [(number, jobs[number]) for number in sorted(costs, key=lambda number: -costs[number])]

    def reported(numbered: tuple[int, Job], cost: float) -> None:
        progress.inside(numbered[0], cost, costs[numbered[0]])

    for number, predicted in run_jobs(pool, task, order, stop or (lambda: False), reported):
        if predicted is not None:
            finished[number] = predicted
            progress.finish(number)
    if len(finished) < len(jobs):
        raise Cancelled
    return [finished[number] for number in range(len(jobs))]


def _costs(features: FeatureSet, jobs: Sequence[Job]) -> dict[int, float]:
    return {number: foreseen(features, job).cost for number, job in enumerate(jobs)}


def _start_worker(
    features: FeatureSet, threads: int, stop: threading.Event
) -> Callable[[tuple[int, Job], Report], tuple[int, list[Predicted] | None]]:
    """What trains inside a worker: takes a numbered job, returns None in place of its predictions after a stop."""

    def run(numbered: tuple[int, Job], report: Report) -> tuple[int, list[Predicted] | None]:
        number, job = numbered
        # Ray's arrays are read-only, and torch refuses those: copy the rows.
        job = replace(job, train=job.train.copy(), test=job.test.copy())
        try:
            with one_thread(threads):
                return number, run_job(features, job, report, stop.is_set)
        except Cancelled:
            return number, None

    return run
