"""Runs items, such as videos, on the workers of a pool, and once more those that have lost their worker.

A worker takes one item at a time. An item that crashes, hangs or fills the memory therefore costs one worker, which is
replaced; all other items go on. The one rule for retries is here.
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
"""When no worker is there for this long, the run ends."""

NO_START = "Check that the cluster has free slots, then run the same command again to resume"

MOST_LOST = 2
"""An item fails when it has lost this many workers. The first loss may not be its fault: the system's memory guard may
kill a worker for memory that others took."""

GRACE_SECONDS, EXIT_SECONDS = 60.0, 10.0
"""Workers have this long to finish their current write or epoch after a stop, and after an error; then they are
killed."""


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
    """Items with their results, in the order in which they end.

    Items are taken from the left, also those added meanwhile. When `stop` returns true, no further item starts. Running
    items are asked to stop, and their results still come. Raises UsageError where workers cannot start.

    Args:
        lost: gives the result of an item that has lost `MOST_LOST` workers, or raises.
        told: is called with an item and what its work tells.
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
    """The workers of one run. Items go to workers that are there: an idle one takes over from one that cannot start.

    So a lost machine of a cluster costs the items that ran there one attempt, and no other one waits for it.
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
        self.at_work: dict[Worker, J] = {}  # the item of each worker that has one
        self.losses: dict[int, int] = {}  # workers that an item has lost, by the identity of the item
        self.deadline = math.inf

    @property
    def late(self) -> bool:
        """Whether the time to stop is over."""
        return time.monotonic() > self.deadline

    def assign_items(self, items: deque[J]) -> bool:
        """Give every waiting item that has room a worker; returns whether an item is in work."""
        idle = [worker for worker in self.workers if worker not in self.at_work]
        while idle and items:
            self._give(idle.pop(), items.popleft())
        while items and len(self.workers) < self.room():
            self.workers.append(self.new_worker())
            self._give(self.workers[-1], items.popleft())
        unstarted = [worker for worker in self.at_work if not worker.ready]
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
                if worker.ready:
                    worker.halt()
                else:
                    self._drop(worker)
        return bool(self.at_work) and not self.late

    def collect(self, worker: Worker, items: deque[J]) -> Iterator[tuple[J, R]]:
        """The result that has come from a worker, with its item; an item that lost its worker waits again, or fails."""
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
            if lost < MOST_LOST and loss.kind != "timeout":  # another worker would take as long
                items.appendleft(item)
                return
            del self.losses[id(item)]
            yield item, self.lost(item, loss)
