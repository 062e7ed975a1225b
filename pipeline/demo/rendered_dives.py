"""Renders the dives of the demo. Workers import this module, so it imports no networks or models."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from functools import partial
from pathlib import Path

from data.errors import DataError, WorkerLost
from pipeline.observer import Observer
from pipeline.pool import Tell, pool_of, run_items
from pipeline.settings.machine import WorkConfig
from synthetic import plan_dives
from synthetic.dives import Dive, render_dive, write_labels
from synthetic.rendering import Options

SEED = 7


def _start_rendering(folder: Path, stop: threading.Event, tell: Tell) -> Callable[[Dive], OSError | None]:
    """A function that renders one dive in a worker and returns the error of a full disk, else None."""

    def run(dive: Dive) -> OSError | None:
        try:
            render_dive(dive, folder, Options())
        except OSError as error:
            return OSError(error.errno, error.strerror)
        return None

    return run


def _refuse_lost(dive: Dive, loss: WorkerLost) -> OSError | None:
    raise DataError(f"could not be rendered: {loss}", where=dive.name, fix="Run the same command again")


def render(folder: Path, count: int, work: WorkConfig, observer: Observer) -> list[Dive]:
    """Render the missing dives on this machine, then write the labels, and return all dives.

    Raises DataError if a dive lost its workers, OSError if the disk is full, Cancelled after a stop.
    """
    dives = plan_dives(count, SEED)
    truth = folder / "truth"
    missing = [d for d in dives if not ((folder / d.video).exists() and (truth / f"{d.name}.npz").exists())]
    done = len(dives) - len(missing)
    if missing:
        start, stop = partial(_start_rendering, folder), observer.stop_event().is_set
        pool = pool_of(work.model_copy(update={"engine": "local"}))  # the folder may exist only on this machine
        with observer.progress("rendered dives") as progress:
            for _, error in run_items(pool, start, deque(missing), stop, _refuse_lost):
                if isinstance(error, OSError):
                    raise error
                done += 1
                progress.advance(done, len(dives))
        observer.raise_if_stopped()
    write_labels(folder, dives)
    return dives
