"""Jobs (`pipeline.evaluate.spread_jobs`) on the machines of a Ray cluster, or on a Ray started here.

The features go once into the object store, from which the workers of a machine read them together. No more jobs are
handed out than run at once. All machines must see this checkout, and the folder that the command
runs in, under the same paths.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from data.errors import AimError, Cancelled
from pipeline.cluster import connect, first_line, places, worker_options
from pipeline.config import BaseConfig
from pipeline.evaluate.spread_jobs import Job, JobError, JobProgress, run_job
from pipeline.features import FeatureSet
from pipeline.systems import HeldOut
from pipeline.train import Stop

TRIES = 2
"""Workers that one job may lose before it fails by name."""

POLL_SECONDS = 0.2

GRACE_SECONDS = 60.0
"""After Ctrl-C the workers have this long to end their epoch and save; then they are killed."""


def run_on_ray(
    features: FeatureSet,
    jobs: Sequence[Job],
    progress: JobProgress | None = None,
    stop: Stop | None = None,
    *,
    config: BaseConfig,
    address: str | None = None,
) -> list[HeldOut]:
    """See `Run`: `run.workers` jobs at once (0: as many as the cluster has room for), each with its cores and GPUs.

    A job whose worker is lost is tried once more; where it keeps checkpoints on a folder that all machines see, it goes
    on from the last one.

    Raises:
        UsageError: the cluster cannot be reached or has no room for one worker.
        JobError: a job failed by a fault of the program, or lost two workers.
    """
    import ray

    ours = not ray.is_initialized()
    if ours:
        connect(address, config)
    spread = _Spread(jobs, config, ray.put(features), stop)
    try:
        return spread.run(places(config), progress)
    finally:
        spread.halt()
        if ours:
            ray.shutdown()


def _work(features: FeatureSet, job: Job, cores: int, folder: str) -> HeldOut:
    """What a Ray worker does. Arrays from the object store cannot be written; the rows are copied, torch wants so."""
    os.chdir(folder)  # relative paths mean the same on every machine
    parts = tuple(replace(part, train=part.train.copy(), test=part.test.copy()) for part in job.parts)
    return run_job(features, replace(job, parts=parts), cores)


@dataclass
class _Spread:
    """Jobs on a Ray cluster."""

    jobs: Sequence[Job]
    config: BaseConfig
    features: Any
    stop: Stop | None
    running: dict[Any, tuple[int, int]] = field(default_factory=dict)
    """Job and try of every reference to a result."""
    found: dict[int, HeldOut] = field(default_factory=dict)

    def run(self, places: int, progress: JobProgress | None) -> list[HeldOut]:
        """Run all jobs, at most `places` at once."""
        import ray

        waiting = iter(range(len(self.jobs)))
        while len(self.found) < len(self.jobs):
            while len(self.running) < places and (number := next(waiting, None)) is not None:
                self._start(number)
            done, _ = ray.wait(list(self.running), timeout=POLL_SECONDS)
            for reference in done:
                self._take(reference)
            if progress is not None and done:
                progress("trainings on Ray", len(self.found), len(self.jobs))
            if self.stop is not None and self.stop() and len(self.found) < len(self.jobs):
                raise Cancelled
        return [self.found[number] for number in range(len(self.jobs))]

    def halt(self) -> None:
        """Ask what runs to end; networks save after their epoch. What does not end in time is killed."""
        import ray

        left = list(self.running)
        for force in (False, True):
            for reference in left:
                with suppress(Exception):  # it may have ended by itself, or its worker be gone
                    ray.cancel(reference, force=force)
            if left:
                _, left = ray.wait(left, num_returns=len(left), timeout=GRACE_SECONDS)
        self.running.clear()

    def _start(self, number: int, attempt: int = 1) -> None:
        import ray

        run = self.config.run
        remote = ray.remote(_work).options(max_retries=0, **worker_options(run))
        cores = run.threads or max(1, int(run.ray_cpus))
        self.running[remote.remote(self.features, self.jobs[number], cores, os.getcwd())] = (number, attempt)

    def _take(self, reference: Any) -> None:
        import ray

        number, attempt = self.running.pop(reference)
        try:
            self.found[number] = ray.get(reference)
        except ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, AimError):
                raise error.cause from None
            raise JobError(f"{self.jobs[number].name}: {first_line(error)}") from error
        except ray.exceptions.RayError as error:
            if attempt >= TRIES:
                told = f"{self.jobs[number].name}: lost {attempt} Ray workers, the last: {first_line(error)}"
                raise JobError(told, fix="See whether the machines have enough memory; raise run.ray_cpus") from None
            self._start(number, attempt + 1)
