"""Jobs of an evaluation, run in this process or spread over Ray. A job is some systems on one fold.

A job gives the same bits on any number of workers, on processors of one kind with the same versions. It calculates on
one thread, because sums over several threads depend on their number. With more cores, more jobs and more stacks of
networks run side by side, each on one core. Features are sent once to each machine.
"""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from data.errors import AimError, Cancelled
from data.store.arrays import Rows
from pipeline.observer import Progress
from pipeline.run import MOST_LOST, Pool, RayPool, Report, Task, WorkerLost, run_jobs, worker_threads
from pipeline.systems import Cuts, Predicted, System, Trainings
from pipeline.systems.interface import NetworkSystem
from pipeline.train import Stop
from pipeline.train.features import FeatureSet
from pipeline.train.fit import CORES, cores, in_threads, one_thread

INNER = 2
"""Passes of inner validation over a training part: each of three inner folds trains on two thirds of it."""


@dataclass(frozen=True)
class Job:
    """Systems that share trainings, on one fold.

    Attributes:
        name: names it where its workers are lost.
        systems: they learn from the rows `train` and predict the rows `test`.
        folder: where trainings are kept, or None.
        cuts: how their training part is cut into inner folds.
    """

    name: str
    systems: tuple[System, ...]
    train: Rows
    test: Rows
    folder: Path | None = None
    cuts: Cuts = field(default_factory=Cuts)

    @property
    def weight(self) -> float:
        """Expected time, in rows that pass through a network; what has no network counts as one pass."""
        parts = {id(part): part for system in self.systems for part in parts_of(system)}
        networks = [part for part in parts.values() if isinstance(part, NetworkSystem)]
        passes = sum(network.passes for network in networks)
        if any(id(system) not in parts for system in self.systems):
            passes += INNER * sum(network.inner().passes for network in networks)
        return float(len(self.train) * max(1, passes))


def parts_of(system: System) -> list[System]:
    """The systems whose trainings a system uses: its candidates, its network, or itself."""
    return [getattr(part, "network", part) for part in [*getattr(system, "candidates", ())] or [system]]


class JobError(AimError):
    """A job failed by a fault of the program, or lost its workers; names the system."""


def run_job(
    features: FeatureSet, job: Job, reported: Callable[[float], None] | None = None, stop: Stop | None = None
) -> list[Predicted]:
    """The predictions of each system of a job; `reported` gets the share that is done. Raises as `Runner.run`."""
    train, test, name = features.take(job.train), features.take(job.test), ""
    weight, tell = job.weight, reported or (lambda share: None)

    def spent(passed: float) -> None:
        tell(min(passed / weight, 1.0))

    trainings = Trainings(job.folder, spent, stop, performances=features, cuts=job.cuts)
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


@dataclass(frozen=True)
class Runner:
    """Runs jobs on the actors of a Ray cluster, else in threads of this process; the results are the same.

    Attributes:
        pool: a pool of a cluster; any other, or None: this process.
        progress: follows the jobs.
        stop: is asked between epochs.
    """

    pool: Pool | None = None
    progress: Progress = field(default_factory=Progress)
    stop: Stop | None = None

    def run(self, features: FeatureSet, jobs: Sequence[Job]) -> list[list[Predicted]]:
        """The predictions of each system, by job.

        Raises the AimError of the first job that fails, which names the system, Cancelled after a stop. On a cluster
        also UsageError where it cannot be reached or has no room, and JobError where a job lost two workers.
        """
        if isinstance(self.pool, RayPool):
            return self._on_workers(features, jobs, self.pool)
        return self._here(features, jobs)

    def _here(self, features: FeatureSet, jobs: Sequence[Job]) -> list[list[Predicted]]:
        """As many jobs at once as there are cores; where these are more, they share the stacks of the jobs."""
        order = _planned(jobs, self.progress)

        with one_thread(0):
            workers = min(cores(), len(jobs))
            share = max(1, cores() // workers)

            def run(place: int, report: Callable[[float], None], stopping: Stop) -> list[Predicted]:
                CORES.set(share)
                return run_job(features, jobs[order[place]], report, stopping)

            def reported(place: int, share: float | None) -> None:
                number = order[place]
                self.progress.finish(number) if share is None else self.progress.inside(number, share, 1.0)

            done = in_threads(run, len(jobs), reported, self.stop, workers=workers, threads=1)
        return [done[order.index(number)] for number in range(len(jobs))]

    def _on_workers(self, features: FeatureSet, jobs: Sequence[Job], pool: RayPool) -> list[list[Predicted]]:
        """As many jobs at once as the pool has places.

        A job whose worker is lost runs once more; with trainings kept in a folder that all machines see, it resumes
        there.
        """

        def lost(numbered: tuple[int, Job], loss: WorkerLost) -> tuple[int, list[Predicted] | None]:
            fix = "See whether the machines have enough memory; raise run.ray_cpus"
            raise JobError(f"{numbered[1].name}: lost {MOST_LOST} workers, the last: {loss}", fix=fix)

        task = Task(_start_worker, (features, worker_threads(pool.run)), lost)
        finished: dict[int, list[Predicted]] = {}
        order = [(number, jobs[number]) for number in _planned(jobs, self.progress)]

        def reported(numbered: tuple[int, Job], share: float) -> None:
            self.progress.inside(numbered[0], share, 1.0)

        for number, predicted in run_jobs(pool, task, order, self.stop or (lambda: False), reported):
            if predicted is not None:
                finished[number] = predicted
                self.progress.finish(number)
        if len(finished) < len(jobs):
            raise Cancelled
        return [finished[number] for number in range(len(jobs))]


def _planned(jobs: Sequence[Job], progress: Progress) -> list[int]:
    """Plan the progress, and return the order of the jobs: the longest first, so that all cores end together."""
    weights = {number: job.weight for number, job in enumerate(jobs)}
    progress.plan(weights)
    return sorted(weights, key=lambda number: -weights[number])


def _start_worker(
    features: FeatureSet, threads: int, stop: threading.Event
) -> Callable[[tuple[int, Job], Report], tuple[int, list[Predicted] | None]]:
    """The work of a training worker: takes a numbered job, returns None in place of its predictions after a stop."""

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
