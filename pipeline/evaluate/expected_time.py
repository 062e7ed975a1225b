"""`evaluate --dry-run`: how long an evaluation will take, from a few epochs of its own largest training.

The trainings are those that the evaluation would run (`pipeline.evaluate.spread.foreseen`). Each has a cost in rows,
networks and epochs; the time of one row of one network and epoch is measured here.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from pipeline.evaluate.spread import Job, foreseen
from pipeline.features import FeatureSet
from pipeline.observer import duration
from pipeline.systems import AimSystem, Trainings
from pipeline.systems.interface import cost_of
from pipeline.train import Stop
from pipeline.train.fit import cores, one_thread

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


def expected_time(features: FeatureSet, jobs: Sequence[Job], stop: Stop | None = None) -> ExpectedTime:
    """The expected time of jobs."""
    noted = [one for job in jobs for one in foreseen(features, job).noted]
    networks = [(system, train) for system, train in noted if isinstance(system, AimSystem)]
    system, train = max(networks, key=lambda one: cost_of(*one))
    side_by_side = min(cores(), len(jobs))
    with one_thread(1):
        _, few, more = (_measured(system, train, epochs, stop) for epochs in (FEW, FEW, MORE))
    each = max(more[0] - few[0], 0.0) / (more[1] - few[1])
    passes = sum(cost_of(*one) for one in noted)
    return ExpectedTime(len(noted), passes, few[0] + each * passes / side_by_side)


def _measured(system: AimSystem, train: FeatureSet, epochs: int, stop: Stop | None) -> tuple[float, float]:
    """Seconds and cost of a training that is cut to so many epochs."""
    short = replace(system, config=system.config.model_copy(update={"epochs": epochs}), watch=())
    start = time.perf_counter()
    short.fit(train, Trainings(stop=stop))
    return time.perf_counter() - start, cost_of(short, train)
