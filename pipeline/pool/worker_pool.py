"""Base classes of pools and their workers: threads, processes and Ray actors, which each load their models once.

`process_pool` has the workers of this machine, `ray_pool` those of a cluster. `run_with_retries` gives them items.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, TypeVar

J = TypeVar("J")
R = TypeVar("R")

Tell = Callable[..., None]
"""Called by the work with its progress; the arguments must be picklable."""

Start = Callable[[threading.Event, Tell], Callable[[J], R]]
"""Called once in every worker, with an event that asks to stop; returns the work on one item. It must be picklable."""

Opened = tuple[Callable[[], int], Callable[[], "Worker"]]
"""A function for the current number of workers, and a function that starts a worker."""

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
"""Environment variables that give a worker its number of threads."""

POLL_SECONDS = 0.2


@dataclass(frozen=True)
class Done:
    """The end of an item."""

    result: Any


Answer = tuple[Any, ...] | Done
"""A message from a worker: the end of an item, or before it its progress; empty: the worker has started."""


class Worker(ABC):
    """One worker, as seen by the parent."""

    since: float = 0.0  # `time.monotonic()` when it was given the item
    started: float | None = None  # when it began the item; None: the worker is still starting, or has no time limit
    ready: bool = False  # whether it has started

    @abstractmethod
    def give(self, item: Any) -> None:
        """Start an item."""

    @abstractmethod
    def take(self) -> Sequence[Answer]:
        """The worker's messages since the last call.

        Raises WorkerLost if the worker has ended, UsageError if none can start.
        """

    @abstractmethod
    def halt(self) -> None:
        """Set the event that asks the work to stop; the worker takes no further item."""

    @abstractmethod
    def end(self, seconds: float = 0.0) -> None:
        """Kill the worker after `seconds` in which it may end by itself."""


class Pool(ABC):
    """Where workers run."""

    timeout_s: float  # of one item

    @abstractmethod
    def opened(self, start: Start[Any, Any], items: int) -> AbstractContextManager[Opened]:
        """The workers for `items` items."""

    @abstractmethod
    def split_cores(self, items: int) -> tuple[int, int]:
        """The number of workers for `items` items by the settings (0: unknown), and of threads of each."""

    @abstractmethod
    def where(self, items: int) -> str:
        """Where `items` items run, in words."""

    @abstractmethod
    def wait(self, workers: Sequence[Any]) -> None:
        """Return when a worker has a message, after `POLL_SECONDS` at most.

        Raises UsageError if all workers are out of reach.
        """
