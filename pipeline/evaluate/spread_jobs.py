"""One training as a job, and running it in this process."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data.errors import AimError, Cancelled
from pipeline.features import FeatureSet
from pipeline.observer import Steps
from pipeline.systems import HeldOut, Part, System
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
