"""Runs the trainings of an evaluation in this process or on the workers of a Ray cluster.

A training gives the same bits on any number of workers, with the same kind of processor and versions. It computes on
one thread, because sums over threads depend on their number. With more cores, more trainings and stacks of networks
run in parallel, each on one core. Features are sent once to each machine.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import torch

from data.errors import Cancelled, WorkerLost
from pipeline.folds.fit_predict import Training, TrainingError, fit_predict
from pipeline.observer import Progress
from pipeline.pool import MOST_LOST, Tell, pool_of, run_items
from pipeline.settings.machine import WorkConfig
from pipeline.systems import Predictions
from pipeline.train import Stop, TrainingControl
from pipeline.train.feature_set import FeatureSet
from pipeline.train.fit import one_thread


@dataclass(frozen=True)
class TrainingRunner:
    """Runs trainings on the actors of a Ray cluster, else in threads that share the features, with equal results.

    Attributes:
        work: where and how trainings run.
        progress: counts the trainings.
        stop: checked between epochs.
        folder: keeps finished and unfinished trainings for later calls; None: keeps none.
    """

    work: WorkConfig = field(default_factory=WorkConfig)
    progress: Progress = field(default_factory=Progress)
    stop: Stop | None = None
    folder: Path | None = None

    def __call__(self, features: FeatureSet, trainings: Sequence[Training]) -> list[Predictions]:
        """The predictions of each training.

        One training runs per core or slot, at most `work.workers`. With more cores, a training runs several of its
        stacks of networks at once, at most `work.threads`. A training whose worker died is retried once, and resumes
        from a folder that all machines see.

        Raises as `fit_predict` for the first training that fails. On a cluster also UsageError if it cannot be reached
        or has no free slots, and TrainingError if a training lost two workers.
        """
        weights = {number: training.weight for number, training in enumerate(trainings)}
        self.progress.plan(weights)
        longest_first = sorted(weights, key=lambda number: -weights[number])  # so that all cores finish together
        pool = pool_of(self.work, cores=torch.get_num_threads())
        _, share = pool.split_cores(len(trainings))
        control = TrainingControl(self.folder, device=self.work.train_device, cores=share)
        start = partial(_start_training, features, control)
        items, finished = deque((number, trainings[number]) for number in longest_first), dict[int, Predictions]()
        with one_thread():
            stop, told = self.stop or (lambda: False), lambda item, *epochs: self.progress.inside(item[0], *epochs)
            for (number, _), predictions in run_items(pool, start, items, stop, _refuse_lost, told):
                if predictions is not None:
                    finished[number] = predictions
                    self.progress.finish(number)
        if len(finished) < len(trainings):
            raise Cancelled
        return [finished[number] for number in range(len(trainings))]


def _refuse_lost(numbered: tuple[int, Training], loss: WorkerLost) -> Predictions | None:
    what = f"{numbered[1].system.name}: lost {MOST_LOST} workers, the last: {loss}"
    raise TrainingError(what, fix="Check that the machines have enough memory, or raise work.ray_cpus")


def _start_training(
    features: FeatureSet, control: TrainingControl, stop: threading.Event, tell: Tell
) -> Callable[[tuple[int, Training]], Predictions | None]:
    """A worker's function: takes a numbered training, returns its predictions, None after a stop."""
    control = replace(control, progress=tell, stop=stop.is_set)

    def train(numbered: tuple[int, Training]) -> Predictions | None:
        # Ray's arrays are read-only, which torch refuses: copy the rows.
        training = replace(numbered[1], train=numbered[1].train.copy(), to_predict=numbered[1].to_predict.copy())
        try:
            with one_thread():
                return fit_predict(features, training, control)
        except Cancelled:
            return None

    return train
