"""What pools of workers have in common: threads, processes, and actors of Ray, which each load their models once.

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

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
"""Environment variables that give a worker its number of threads."""

POLL_SECONDS = 0.2


@dataclass(frozen=True)
class Done:
    """The end of an item."""

    result: Any


Answer = tuple[Any, ...] | Done
"""What comes from a worker: the end of an item, or before it what the work tells; empty: the worker is there."""


class Worker(ABC):
    """One worker, as the parent sees it."""

    since: float = 0.0  # `time.monotonic()` when it was given the item
    started: float | None = None  # when it began the item; None: the worker itself starts, or no limit of time ends it
    ready: bool = False  # whether it has started

    @abstractmethod
    def give(self, item: Any) -> None:
        """Start an item."""

    @abstractmethod
    def take(self) -> Sequence[Answer]:
        """What has come from the worker since the last call.

        Raises WorkerLost where the worker has ended, UsageError where none can start.
        """

    @abstractmethod
    def halt(self) -> None:
        """Set the event that asks the work to stop; the worker takes no further item."""

    @abstractmethod
    def end(self, seconds: float = 0.0) -> None:
        """Kill the worker, after `seconds` in which it may end by itself."""


class Pool(ABC):
    """Where workers run."""

    timeout_s: float  # of one item

    @abstractmethod
    def opened(
        self, start: Start[Any, Any], items: int
    ) -> AbstractContextManager[tuple[Callable[[], int], Callable[[], Worker]]]:
        """A function that returns the number of workers for so many items at present, and one that starts a worker."""

    @abstractmethod
    def split_cores(self, items: int) -> tuple[int, int]:
        """The number of workers that the settings give for so many items (0: unknown), and of threads of each."""

    @abstractmethod
    def where(self, items: int) -> str:
        """Where so many items run, in words."""

    @abstractmethod
    def wait(self, workers: Sequence[Any]) -> None:
        """Return when a worker has something to take, after `POLL_SECONDS` at most.

        Raises UsageError where all workers are out of reach.
        """
