"""Work on items, such as videos, by workers that each load their models once: threads, processes, or actors of Ray.

A worker takes one item at a time. An item that crashes, hangs or fills the memory therefore costs one worker, which is
replaced; all other items go on. The one rule for retries is here: an item that has lost its worker runs once more.
`local_pool` has the workers of this machine, `ray_pool` those of a cluster.
"""

from __future__ import annotations

import math
import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from data.errors import UsageError, WorkerLost

J = TypeVar("J")
R = TypeVar("R")

Tell = Callable[..., None]
"""Called by the work with its progress; the arguments must be picklable."""

Start = Callable[[threading.Event, Tell], Callable[[J], R]]
"""Called once in every worker, with an event that asks to stop; returns the work on one item. It must be picklable."""

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS", "AIM_THREADS")
"""Environment variables that give a worker its number of threads."""

POLL_SECONDS = 0.2

START_SECONDS = 300.0
"""When no worker is there for this long, the run ends."""

NO_START = "See whether the machines of the cluster are there and have room, then type the same command again to resume"

MOST_LOST = 2
"""An item fails when it has lost this many workers. The first loss may not be its fault: the system's memory guard may
kill a worker for memory that others took."""

GRACE_SECONDS, EXIT_SECONDS = 60.0, 10.0
"""Workers have this long to finish their current write or epoch after a stop, and after an error; then they are
killed."""


@dataclass(frozen=True)
class Message:
    """What the work on an item tells before its end; empty: the worker is there."""

    progress: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Done:
    """The end of an item."""

    result: Any


class Worker(ABC):
    """One worker, as the parent sees it."""

    since: float = 0.0  # `time.monotonic()` when it was given the item
    started: float | None = None  # when it began the item; None: the worker itself starts, or no limit of time ends it
    there: bool = False  # whether it has started

    @abstractmethod
    def give(self, item: Any) -> None:
        """Start an item."""

    @abstractmethod
    def take(self) -> Sequence[Message | Done]:
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


def run_items(
    pool: Pool, start: Start[J, R], items: deque[J], stop: Callable[[], bool]
) -> Iterator[tuple[J, R | Message | WorkerLost]]:
    """Items with what their work tells, and at last with the result, or with the loss of their last worker.

    Items are taken from the left, also those added meanwhile, and end in any order. When `stop` returns true, no
    further item starts. Running items are asked to stop, and their results still come. Raises UsageError where workers
    cannot start.
    """
    with pool.opened(start, len(items)) as (room, new_worker):
        crew = _Crew[J, R](room, new_worker, pool.timeout_s)
        try:
            while crew.staff(items) if not stop() else crew.halt():
                pool.wait([*crew.at_work])
                for worker in [*crew.at_work]:
                    yield from crew.collect(worker, items)
        finally:
            for worker in crew.workers:
                worker.end(0.0 if crew.late else EXIT_SECONDS)


class _Crew(Generic[J, R]):
    """The workers of one run. Items go to workers that are there: an idle one takes over from one that cannot start.

    So a lost machine of a cluster costs the items that ran there one attempt, and no other one waits for it.
    """

    def __init__(self, room: Callable[[], int], new_worker: Callable[[], Worker], timeout_s: float) -> None:
        self.room, self.new_worker, self.timeout_s = room, new_worker, timeout_s
        self.workers: list[Worker] = []
        self.at_work: dict[Worker, J] = {}  # the item of each worker that has one
        self.losses: dict[int, int] = {}  # workers that an item has lost, by the identity of the item
        self.deadline = math.inf

    @property
    def late(self) -> bool:
        """Whether the time to stop is over."""
        return time.monotonic() > self.deadline

    def staff(self, items: deque[J]) -> bool:
        """Give every waiting item that has room a worker; returns whether an item is in work."""
        idle = [worker for worker in self.workers if worker not in self.at_work]
        while idle and items:
            self._give(idle.pop(), items.popleft())
        while items and len(self.workers) < self.room():
            self.workers.append(self.new_worker())
            self._give(self.workers[-1], items.popleft())
        unstarted = [worker for worker in self.at_work if not worker.there]
        for worker, other in zip(idle, unstarted, strict=False):  # a worker that is there takes over
            self._give(worker, self._drop(other))
        if unstarted and len(unstarted) == len(self.workers):
            waited = time.monotonic() - max(worker.since for worker in unstarted)
            if waited > START_SECONDS:
                raise UsageError(f"no worker has started for {waited:.0f} s", fix=NO_START)
        return bool(self.at_work)

    def _give(self, worker: Worker, item: J) -> None:
        self.at_work[worker], worker.since = item, time.monotonic()
        worker.give(item)

    def _drop(self, worker: Worker) -> J:
        """End a worker; returns its item."""
        self.workers.remove(worker)
        worker.end()
        return self.at_work.pop(worker)

    def halt(self) -> bool:
        """Ask running work to stop; workers that have not started end at once. Returns whether to wait for some."""
        if self.deadline == math.inf:
            self.deadline = time.monotonic() + GRACE_SECONDS
            for worker in [*self.at_work]:
                if worker.there:
                    worker.halt()
                else:
                    self._drop(worker)
        return bool(self.at_work) and not self.late

    def collect(self, worker: Worker, items: deque[J]) -> Iterator[tuple[J, R | Message | WorkerLost]]:
        """What has come from a worker, with its item; one that lost its worker waits again, or fails."""
        item = self.at_work[worker]
        try:
            for answer in worker.take():
                if isinstance(answer, Done):
                    del self.at_work[worker]
                    self.losses.pop(id(item), None)
                    yield item, answer.result
                elif answer.progress:
                    yield item, answer
            began = worker.started if worker in self.at_work else None
            if began is not None and time.monotonic() - began > self.timeout_s:
                raise WorkerLost(f"took longer than {self.timeout_s:g} s (work.timeout_s)", "timeout")
        except WorkerLost as loss:
            self._drop(worker)
            lost = self.losses[id(item)] = self.losses.get(id(item), 0) + 1
            if self.deadline < math.inf:
                return
            if lost < MOST_LOST and loss.kind != "timeout":  # another worker would take as long
                items.appendleft(item)
                return
            del self.losses[id(item)]
            yield item, loss
