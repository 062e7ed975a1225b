"""Runs items, such as videos, on the workers of a pool; retries an item once if its worker died.

A worker takes one item at a time. So an item that crashes, hangs or fills the memory costs one worker, which is
replaced; all other items continue. The only rule for retries is here.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Generic, NoReturn, TypeVar

from data.errors import UsageError, WorkerLost
from pipeline.pool.worker_pool import Done, Pool, Start, Worker

J = TypeVar("J")
R = TypeVar("R")

START_SECONDS = 300.0
"""The run ends after this time without a worker."""

NO_START = "Check that the cluster has free slots, then run the same command again to resume"

MOST_LOST = 2
"""An item fails when it has lost this many workers. The first loss may not be its fault: the OOM killer may kill a
worker for memory that others use."""

GRACE_SECONDS, EXIT_SECONDS = 60.0, 10.0
"""Time for workers to finish their current write or epoch after a stop, and after an error, before they are killed."""


def raise_loss(_: object, loss: WorkerLost) -> NoReturn:
    """Raise the loss of the last worker of an item."""
    raise loss


def run_items(
    pool: Pool,
    start: Start[J, R],
    items: deque[J],
    stop: Callable[[], bool],
    lost: Callable[[J, WorkerLost], R] = raise_loss,
    told: Callable[..., None] = lambda *_: None,
) -> Iterator[tuple[J, R]]:
    """Items with their results, in order of completion.

    Items are taken from the left, including those added meanwhile. When `stop` returns true, no further item starts.
    Running items are asked to stop, and their results are still returned. Raises UsageError if workers cannot start.

    Args:
        lost: gives the result of an item that has lost `MOST_LOST` workers, or raises.
        told: called with an item and its progress.
    """
    with pool.opened(start, len(items)) as (room, new_worker):
        crew = _Crew[J, R](room, new_worker, pool.timeout_s, lost, told)
        try:
            while crew.assign_items(items) if not stop() else crew.halt():
                pool.wait([*crew.at_work])
                for worker in [*crew.at_work]:
                    yield from crew.collect(worker, items)
        finally:
            for worker in crew.workers:
                worker.end(0.0 if crew.late else EXIT_SECONDS)


class _Crew(Generic[J, R]):
    """The workers of one run. Items go to started workers: an idle one takes over from one that cannot start.

    So a lost machine of a cluster costs its running items one attempt, and other items do not wait for it.
    """

    def __init__(
        self,
        room: Callable[[], int],
        new_worker: Callable[[], Worker],
        timeout_s: float,
        lost: Callable[[J, WorkerLost], R],
        told: Callable[..., None],
    ) -> None:
        self.room, self.new_worker, self.timeout_s, self.lost, self.told = room, new_worker, timeout_s, lost, told
        self.workers: list[Worker] = []
        self.at_work: dict[Worker, J] = {}  # the item of each busy worker
        self.losses: dict[int, int] = {}  # number of workers that an item has lost, by the identity of the item
        self.deadline = math.inf

    @property
    def late(self) -> bool:
        """Whether the time for stopping is over."""
        return time.monotonic() > self.deadline

    def assign_items(self, items: deque[J]) -> bool:
        """Give waiting items to workers as far as possible; returns whether an item is running."""
        idle = [worker for worker in self.workers if worker not in self.at_work]
        while idle and items:
            self._give(idle.pop(), items.popleft())
        while items and len(self.workers) < self.room():
            self.workers.append(self.new_worker())
            self._give(self.workers[-1], items.popleft())
        unstarted = [worker for worker in self.at_work if not worker.ready]
        for worker, other in zip(idle, unstarted, strict=False):  # a started worker takes over
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
        """Ask running work to stop; workers that have not started end at once. Returns whether to wait for any."""
        if self.deadline == math.inf:
            self.deadline = time.monotonic() + GRACE_SECONDS
            for worker in [*self.at_work]:
                if worker.ready:
                    worker.halt()
                else:
                    self._drop(worker)
        return bool(self.at_work) and not self.late

    def collect(self, worker: Worker, items: deque[J]) -> Iterator[tuple[J, R]]:
        """A worker's result with its item; an item that lost its worker is retried or fails."""
        item = self.at_work[worker]
        try:
            for answer in worker.take():
                if isinstance(answer, Done):
                    del self.at_work[worker]
                    self.losses.pop(id(item), None)
                    yield item, answer.result
                elif answer:
                    self.told(item, *answer)
            began = worker.started if worker in self.at_work else None
            if began is not None and time.monotonic() - began > self.timeout_s:
                raise WorkerLost(f"took longer than {self.timeout_s:g} s (work.timeout_s)", "timeout")
        except WorkerLost as loss:
            self._drop(worker)
            lost = self.losses[id(item)] = self.losses.get(id(item), 0) + 1
            if self.deadline < math.inf:
                return
            if lost < MOST_LOST and loss.kind != "timeout":  # a retry would take as long
                items.appendleft(item)
                return
            del self.losses[id(item)]
            yield item, self.lost(item, loss)
