"""The trainings of an evaluation, run in this process or on the workers of a Ray cluster.

A training gives the same bits on any number of workers, on processors of one kind with the same versions. It calculates
on one thread, because sums over several threads depend on their number. With more cores, more trainings and more stacks
of networks run side by side, each on one core. Features are sent once to each machine.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

from data.errors import Cancelled
from pipeline.observer import Progress, Steps
from pipeline.run import MOST_LOST, Pool, RayPool, Task, Tell, WorkerLost, run_items, worker_threads
from pipeline.settings.machine import Device
from pipeline.systems import Predicted, Training, TrainingError, run_training
from pipeline.train import Stop, TrainingControl
from pipeline.train.features import FeatureSet
from pipeline.train.fit import in_threads, one_thread


@dataclass(frozen=True)
class TrainingPool:
    """Runs trainings on the actors of a Ray cluster, else in threads of this process; the results are the same.

    Attributes:
        pool: a pool of a cluster; any other, or None: this process.
        progress: follows the trainings.
        stop: is asked between epochs.
        folder: keeps finished and unfinished trainings for later calls; None: keeps none.
        device: where networks train.
    """

    pool: Pool | None = None
    progress: Progress = field(default_factory=Progress)
    stop: Stop | None = None
    folder: Path | None = None
    device: Device = "auto"

    def run(self, features: FeatureSet, trainings: Sequence[Training]) -> list[Predicted]:
        """The predictions of each training.

        Raises as `run_training` does for the first training that fails. On a cluster also UsageError where it cannot
        be reached or has no room, and TrainingError where a training lost two workers.
        """
        if isinstance(self.pool, RayPool):
            return self._on_workers(features, trainings, self.pool)
        return self._here(features, trainings)

    def _here(self, features: FeatureSet, trainings: Sequence[Training]) -> list[Predicted]:
        """As many trainings at once as there are cores; where these are more, they share the stacks of networks."""
        order, cores = _planned(trainings, self.progress), torch.get_num_threads()
        workers = min(cores, len(trainings))

        def run(place: int, report: Callable[[float], None], stopping: Stop) -> Predicted:
            control = TrainingControl(self.folder, _shares(report), stopping, self.device, cores // workers)
            return run_training(features, trainings[order[place]], control)

        def reported(place: int, share: float | None) -> None:
            number = order[place]
            self.progress.finish(number) if share is None else self.progress.inside(number, share, 1.0)

        with one_thread():
            done = in_threads(run, len(trainings), reported, self.stop, workers=workers, threads=1)
        return [done[order.index(number)] for number in range(len(trainings))]

    def _on_workers(self, features: FeatureSet, trainings: Sequence[Training], pool: RayPool) -> list[Predicted]:
        """As many trainings at once as the pool has places.

        A training whose worker is lost runs once more. It resumes from a folder that all machines see.
        """

        def lost(numbered: tuple[int, Training], loss: WorkerLost) -> tuple[int, Predicted | None]:
            fix = "See whether the machines have enough memory; raise run.ray_cpus"
            raise TrainingError(f"{numbered[1].system.name}: lost {MOST_LOST} workers, the last: {loss}", fix=fix)

        task = Task(_start_worker, (features, self.folder, self.device, worker_threads(pool.run)), lost)
        finished: dict[int, Predicted] = {}
        order = [(number, trainings[number]) for number in _planned(trainings, self.progress)]

        def reported(numbered: tuple[int, Training], share: float) -> None:
            self.progress.inside(numbered[0], share, 1.0)

        for number, predicted in run_items(pool, task, deque(order), self.stop or (lambda: False), reported):
            if predicted is not None:
                finished[number] = predicted
                self.progress.finish(number)
        if len(finished) < len(trainings):
            raise Cancelled
        return [finished[number] for number in range(len(trainings))]


def _planned(trainings: Sequence[Training], progress: Progress) -> list[int]:
    """Plan the progress, and return the order: the longest training first, so that all cores end together."""
    weights = {number: training.weight for number, training in enumerate(trainings)}
    progress.plan(weights)
    return sorted(weights, key=lambda number: -weights[number])


def _shares(report: Callable[[float], None]) -> Steps:
    """Reports the share of the steps that are done."""
    return lambda done, total: report(done / total)


def _start_worker(
    features: FeatureSet, folder: Path | None, device: Device, cores: int, stop: threading.Event
) -> Callable[[tuple[int, Training], Tell], tuple[int, Predicted | None]]:
    """The work of a worker: takes a numbered training, returns None in place of its predictions after a stop."""

    def run(numbered: tuple[int, Training], report: Tell) -> tuple[int, Predicted | None]:
        number, training = numbered
        # Ray's arrays are read-only, and torch refuses those: copy the rows.
        training = replace(training, train=training.train.copy(), asked=training.asked.copy())
        control = TrainingControl(folder, _shares(report), stop.is_set, device, cores)
        try:
            with one_thread():
                return number, run_training(features, training, control)
        except Cancelled:
            return number, None

    return run
