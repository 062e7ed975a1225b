"""`evaluate --dry-run`: how long an evaluation will take, from a few epochs of its own largest training.

The trainings are those that the evaluation would run. Each has a cost in rows, networks and epochs
(`pipeline.evaluate.spread.Job.cost`); the time of one row of one network and epoch is measured here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from pipeline.evaluate.spread import Job, Run, run_job
from pipeline.features import FeatureSet
from pipeline.observer import Progress, duration
from pipeline.systems import AimSystem, HeldOut
from pipeline.train import Stop

FEW, MORE = 1, 6
"""Epochs of the two measured trainings, after one that only compiles; their difference leaves out what is done once."""


@dataclass(frozen=True)
class ExpectedTime:
    """What an evaluation will take on this machine, from its beginning."""

    trainings: int
    row_passes: float  # training rows, times networks, times epochs, over all trainings
    seconds: float  # wall time

    def __str__(self) -> str:
        return (
            f"about {duration(self.seconds)} on this machine: {self.trainings} trainings, {self.row_passes:.3g} passes "
            "of a row through a network; finished trainings are kept, so a run that is stopped resumes"
        )


class _NotedError(Exception):
    """Ends a protocol once its trainings are known."""


def expected_time(protocol: Callable[[Run], object], stop: Stop | None = None) -> ExpectedTime:
    """The expected time of the trainings that `protocol` would start with the run that it is given."""
    noted: list[tuple[FeatureSet, Sequence[Job]]] = []

    def note(
        features: FeatureSet, jobs: Sequence[Job], progress: Progress | None = None, stop: Stop | None = None
    ) -> list[HeldOut]:
        noted.append((features, jobs))
        raise _NotedError

    with suppress(_NotedError):
        protocol(note)
    ((features, jobs),) = noted
    largest = max((job for job in jobs if isinstance(job.system, AimSystem)), key=lambda job: job.cost)
    _, few, more = (_measured(features, largest, epochs, stop) for epochs in (FEW, FEW, MORE))
    each = max(more[0] - few[0], 0.0) / (more[1] - few[1])
    passes = sum(job.cost for job in jobs)
    return ExpectedTime(len(jobs), passes, few[0] + each * passes)


def _measured(features: FeatureSet, job: Job, epochs: int, stop: Stop | None) -> tuple[float, float]:
    """Seconds and cost of a training that is cut to so many epochs."""
    system = job.system
    assert isinstance(system, AimSystem)
    recipe = system.config.model_copy(update={"epochs": epochs})
    short = replace(job, system=replace(system, config=recipe, checkpoints=None, watch=()))
    start = time.perf_counter()
    run_job(features, short, 0, None, stop)
    return time.perf_counter() - start, short.cost
