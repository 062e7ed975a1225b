"""Trainings that do not wait for each other, run here one after another or spread over Ray.

A job is one system on the folds of one feature set. A system that is made of several trainings (`Composed`) is cut into
them, so that each can go to another machine; what they give is put together here. The features go once into Ray's
object store, from which every worker of a machine reads them.

A job gives the same bits here and there, however many workers there are, on processors of one kind with the same
versions: it calculates on one thread (sums of several threads depend on how many there are), and where it has more
cores it trains more stacks of networks side by side, each on one core.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Protocol, runtime_checkable

from data.errors import UsageError, nearest
from pipeline.config import BaseConfig
from pipeline.evaluate.spread_jobs import Job, JobProgress, run_job
from pipeline.features import FeatureSet
from pipeline.systems import HeldOut, Part, System
from pipeline.train import Stop


@runtime_checkable
class Composed(Protocol):
    """A system that is made of several trainings, none of which needs the result of another."""

    def trainings(self, features: FeatureSet, parts: Sequence[Part]) -> Sequence[tuple[System, Sequence[Part]]]:
        """The trainings; none where it is one training itself."""

    def joined(self, features: FeatureSet, parts: Sequence[Part], held: Sequence[HeldOut]) -> HeldOut:
        """What the system predicts, from what its trainings gave, in their order."""


class Run(Protocol):
    """Runs jobs; the results are in the order of the jobs."""

    def __call__(
        self, features: FeatureSet, jobs: Sequence[Job], progress: JobProgress | None = None, stop: Stop | None = None
    ) -> list[HeldOut]:
        """Run all jobs.

        Raises:
            AimError: of the first job that fails; its message begins with the job's name.
            Cancelled: `stop` said so.
        """


def pick_run(engine: str, config: BaseConfig, address: str | None = None) -> Run:
    """How jobs are run: "local" or "ray", the names that `extract --engine` takes.

    Raises:
        UsageError: no such engine, or Ray is not installed.
    """
    if engine not in ("local", "ray"):
        raise UsageError(f"unknown engine '{engine}'", fix=nearest(engine, ("local", "ray")))
    if engine == "local":
        return run_here
    from pipeline.cluster import require_ray
    from pipeline.evaluate.spread_ray import run_on_ray

    require_ray()
    return partial(run_on_ray, config=config, address=address)


def run_systems(
    features: FeatureSet,
    parts: Sequence[Part],
    systems: Sequence[System],
    run: Run,
    progress: JobProgress | None = None,
    stop: Stop | None = None,
) -> list[HeldOut]:
    """What every system predicts for the test rows of every part; composed systems are cut into their trainings.

    Raises:
        AimError: of the first system that fails; its message begins with the system's name.
        Cancelled: `stop` said so.
    """
    pieces = [piece for system in systems for piece in _cut(system, features, parts)]
    held = iter(run(features, [Job(s.name, s, tuple(p)) for s, p in pieces], progress, stop))
    return [_put_together(system, features, parts, held) for system in systems]


def _cut(system: System, features: FeatureSet, parts: Sequence[Part]) -> list[tuple[System, Sequence[Part]]]:
    inside = system.trainings(features, parts) if isinstance(system, Composed) else ()
    return [piece for s, p in inside for piece in _cut(s, features, p)] if inside else [(system, parts)]


def _put_together(system: System, features: FeatureSet, parts: Sequence[Part], held: Iterator[HeldOut]) -> HeldOut:
    """The inverse of `_cut`: takes as many results as there are pieces."""
    if isinstance(system, Composed) and (inside := system.trainings(features, parts)):
        return system.joined(features, parts, [_put_together(s, features, p, held) for s, p in inside])
    return next(held)


def run_here(
    features: FeatureSet, jobs: Sequence[Job], progress: JobProgress | None = None, stop: Stop | None = None
) -> list[HeldOut]:
    """See `Run`: one job after another in this process, the stacks of a job on all its cores."""
    return [run_job(features, job, 0, None if progress is None else partial(progress, job.name), stop) for job in jobs]
