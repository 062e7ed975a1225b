"""Work on items, such as videos, by workers that each load their models once: local processes, or actors of Ray.

A worker takes one item at a time. An item that crashes, hangs or fills the memory therefore costs one worker, which is
replaced; all other items go on. The one rule for retries is here: an item that has lost its worker runs once more.
Processes of this machine die with their parent.
"""

from __future__ import annotations

import math
import multiprocessing
import os
import queue
import signal
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection, wait
from types import ModuleType
from typing import Any, ClassVar, Generic, TypeVar

import psutil

from data.errors import PROGRAM, UsageError, counted
from pipeline.cache.failure import FailureKind
from pipeline.run.failures import kind_of_end
from pipeline.settings.machine import RunConfig

J = TypeVar("J")
R = TypeVar("R")

Tell = Callable[..., None]
"""Called by the work with its progress; the arguments must be picklable."""

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS", "AIM_THREADS")

POLL_SECONDS = 0.2

START_SECONDS = 300.0
"""When no worker is there for this long, the run ends."""

NO_START = "See whether the machines of the cluster are there and have room, then type the same command again to resume"

WORKER_BYTES = 1.5e9
"""Memory that one worker process may need: docs/benchmarks.md measured up to 1.05 GB."""

MOST_LOST = 2
"""An item fails when it has lost this many workers. The first loss may not be its fault: the system's memory guard may
kill a worker for memory that others took."""

GRACE_SECONDS = 60.0
"""After a stop, workers have this long to finish their current write or epoch; then they are killed."""


class WorkerLost(Exception):  # noqa: N818 -- it is an event, often no error
    """A worker ended by itself, or was ended for its time; the message says how."""

    def __init__(self, what: str, kind: FailureKind = "killed") -> None:
        super().__init__(what)
        self.kind = kind


class Worker(ABC):
    """One worker, as the parent sees it."""

    started: float | None = None  # `time.monotonic()` at the start of the item; None while the worker itself starts
    there: bool = False  # whether it has started

    @abstractmethod
    def give(self, item: Any) -> None:
        """Start an item."""

    @abstractmethod
    def take(self, report: Tell) -> tuple[Any, ...]:
        """The item's result in a tuple, empty while it runs; passes on its reports.

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

    exit_seconds: ClassVar[float]  # in which running work may stop by themselves when an error ends the run

    @abstractmethod
    def opened(
        self, start: Callable[..., Any], arguments: tuple[Any, ...], items: int
    ) -> AbstractContextManager[tuple[Callable[[], int], Callable[[], Worker]]]:
        """A function that returns the number of places for so many items at present, and one that starts a worker."""

    @abstractmethod
    def places(self, items: int) -> tuple[int, str]:
        """The number of workers that the settings give for so many items, and in words where they run."""

    @abstractmethod
    def wait(self, workers: Sequence[Any]) -> None:
        """Return when a worker has something to take, after `POLL_SECONDS` at most.

        Raises UsageError where all workers are out of reach.
        """


@dataclass(frozen=True)
class Task(Generic[J, R]):
    """What workers do with each item. Items and results must be picklable, `start` by its name."""

    # Called once in every worker with `arguments` and an event that asks to stop; returns the work on one item.
    start: Callable[..., Callable[[J, Tell], R]]
    arguments: tuple[Any, ...]  # sent once to each worker, on Ray once to each machine
    lost: Callable[[J, WorkerLost], R]  # the result of an item that lost its workers, from it and the last reason
    timeout_s: float = math.inf  # of one item


def run_items(
    pool: Pool,
    task: Task[J, R],
    items: deque[J],
    stop: Callable[[], bool],
    on_told: Callable[..., None] | None = None,
) -> Iterator[R]:
    """Results in the order in which items finish; items are taken from the left, also those added meanwhile.

    When `stop` returns true, no further item starts. Running items are asked to stop, and their results still come.
    `on_told` is called with an item and what its work tells. Raises UsageError where workers cannot start.
    """
    with pool.opened(task.start, task.arguments, len(items)) as (room, new_worker):
        crew = _Crew(task, items, room, new_worker)
        exit_seconds = pool.exit_seconds
        try:
            while crew.staff(stop()):
                if crew.late:
                    exit_seconds = 0.0
                    return
                pool.wait([place.worker for place in crew.busy])
                for place in crew.busy:
                    yield from crew.collect(place, on_told) if place.item is not None else ()
        finally:
            for place in crew.places:
                place.worker.end(exit_seconds)


@dataclass
class _Place(Generic[J]):
    """A worker, and the item that it works on."""

    worker: Worker
    item: J | None = None
    since: float = 0.0  # `time.monotonic()` when it was given the item


class _Crew(Generic[J, R]):
    """The workers of one run. Items go to workers that are there: an idle one takes over from one that cannot start.

    So a lost machine of a cluster costs the items that ran there one attempt, and no other one waits for it.
    """

    def __init__(
        self, task: Task[J, R], items: deque[J], room: Callable[[], int], new_worker: Callable[[], Worker]
    ) -> None:
        self.task, self.items, self.room, self.new_worker = task, items, room, new_worker
        self.places: list[_Place[J]] = []
        self.losses: dict[int, int] = {}  # workers that an item has lost, by the identity of the item
        self.deadline = math.inf

    @property
    def busy(self) -> list[_Place[J]]:
        """The places with an item."""
        return [place for place in self.places if place.item is not None]

    @property
    def late(self) -> bool:
        """Whether the time to stop is over."""
        return time.monotonic() > self.deadline

    def staff(self, stopped: bool) -> bool:
        """Give every waiting item that has room a worker; returns whether an item is in work."""
        if stopped:
            self._halt()
            return bool(self.busy)
        idle = [place for place in self.places if place.item is None]
        while idle and self.items:
            self._give(idle.pop(), self.items.popleft())
        while self.items and len(self.places) < self.room():
            self.places.append(_Place(self.new_worker()))
            self._give(self.places[-1], self.items.popleft())
        unstarted = [place for place in self.busy if not place.worker.there]
        for place, other in zip(idle, unstarted, strict=False):  # a worker that is there takes over
            item, other.item = other.item, None
            self._drop(other)
            assert item is not None
            self._give(place, item)
        if unstarted and len(unstarted) == len(self.places):
            waited = time.monotonic() - max(place.since for place in unstarted)
            if waited > START_SECONDS:
                raise UsageError(f"no worker has started for {waited:.0f} s", fix=NO_START)
        return bool(self.busy)

    def _give(self, place: _Place[J], item: J) -> None:
        place.item, place.since = item, time.monotonic()
        place.worker.give(item)

    def _drop(self, place: _Place[J]) -> None:
        place.item = None
        self.places.remove(place)
        place.worker.end()

    def _halt(self) -> None:
        """Ask running work to stop; workers that have not started end at once."""
        if self.deadline == math.inf:
            self.deadline = time.monotonic() + GRACE_SECONDS
            for place in self.busy:
                if place.worker.there:
                    place.worker.halt()
                else:
                    self._drop(place)

    def collect(self, place: _Place[J], on_told: Callable[..., None] | None) -> tuple[R, ...]:
        """The result of an item in a tuple, empty while it runs; one that lost its worker waits again, or fails."""
        item = place.item
        assert item is not None
        try:
            if result := place.worker.take(partial(on_told, item) if on_told else lambda *_: None):
                place.item = None
                self.losses.pop(id(item), None)
            else:
                self._check_time(place.worker)
            return result
        except WorkerLost as loss:
            self._drop(place)
            lost = self.losses[id(item)] = self.losses.get(id(item), 0) + 1
            if self.deadline < math.inf:
                return ()
            if lost < MOST_LOST and loss.kind != "timeout":  # another worker would take as long
                self.items.appendleft(item)
                return ()
            return (self.task.lost(item, loss),)

    def _check_time(self, worker: Worker) -> None:
        limit, started = self.task.timeout_s, worker.started
        if started is not None and time.monotonic() - started > limit:
            raise WorkerLost(f"took longer than {limit:g} s (run.timeout_s)", "timeout")


@dataclass(frozen=True)
class LocalPool(Pool):
    """`run.workers` processes of this machine, each with its share of the cores as threads.

    By default there is one process per core, since pose networks use one thread (`pose.threads`). There are at most as
    many as items, and as fit into the free memory.
    """

    run: RunConfig
    exit_seconds: ClassVar[float] = 5.0

    @contextmanager
    def opened(
        self, start: Callable[..., Any], arguments: tuple[Any, ...], items: int
    ) -> Iterator[tuple[Callable[[], int], Callable[[], LocalWorker]]]:
        """See `Pool`."""
        workers, threads = self.share(items)
        yield lambda: workers, partial(LocalWorker, threads, start, arguments)

    def places(self, items: int) -> tuple[int, str]:
        """See `Pool`."""
        workers, threads = self.share(items)
        each = f"1 process with {counted(threads, 'thread')}"
        return workers, each if workers == 1 else f"{workers} processes with {counted(threads, 'thread')} each"

    def share(self, items: int) -> tuple[int, int]:
        """The number of processes for so many items, and of threads of each."""
        workers = self.run.workers
        if workers is None:
            workers = min(usable_cores(), items, int(psutil.virtual_memory().available / WORKER_BYTES))
        workers = max(1, workers)
        return workers, self.run.threads or max(1, usable_cores() // workers)

    def wait(self, workers: Sequence[LocalWorker]) -> None:
        """See `Pool`."""
        wait([worker.pipe for worker in workers], timeout=POLL_SECONDS)


def local_pool(run: RunConfig) -> Pool | None:
    """The pool of this machine, None for `run.workers` 0: items then run in this process."""
    return None if run.workers == 0 else LocalPool(run)


def places(pool: Pool | None, items: int) -> tuple[int, str]:
    """The number of workers for so many items, and in words where they run."""
    return (1, "this process") if pool is None else pool.places(items)


class LocalWorker(Worker):
    """One process of this machine."""

    def __init__(self, threads: int, start: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, remote_end = context.Pipe()
        self.process = context.Process(target=_serve, args=(remote_end, start, arguments), daemon=True)
        with _environment({name: str(threads) for name in THREAD_VARIABLES}), _empty_main():
            self.process.start()
        remote_end.close()

    def give(self, item: Any) -> None:
        """See `Worker`."""
        self.started = time.monotonic()
        with suppress(OSError):  # `take` notices that the process has ended
            self.pipe.send(item)

    def take(self, report: Tell) -> tuple[Any, ...]:
        """See `Worker`."""
        try:
            while self.pipe.poll():
                what, content = self.pipe.recv()
                if what == "result":
                    return (content,)
                if what == "report":
                    report(*content)
                self.there = True
        except (EOFError, OSError):
            self.process.join(timeout=5)
            code = self.process.exitcode
            by = signal.Signals(-code).name if code and code < 0 else ""
            cause = f"was killed by {by}" if by else f"ended with code {code}"
            if not self.there and code is not None and code >= 0:  # the next one would end so too
                raise UsageError(
                    f"a worker process cannot start: it {cause}",
                    fix=f"Its error is printed above; type: {PROGRAM} doctor",
                ) from None
            raise WorkerLost(f"the worker process {cause}", kind_of_end(by)) from None
        return ()

    def halt(self) -> None:
        """See `Worker`."""
        with suppress(OSError):
            self.pipe.send(None)

    def end(self, seconds: float = 0.0) -> None:
        """See `Worker`."""
        if seconds:
            self.halt()
            self.pipe.close()
            self.process.join(timeout=seconds)
        self.process.kill()
        self.process.join()


def _serve(pipe: Connection, start: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    """The loop of a worker process: take an item, work on it, send the result, until the parent says stop."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides when to stop
    stop = threading.Event()
    items: queue.SimpleQueue[Any] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(pipe, items, stop), daemon=True).start()
    work = start(*arguments, stop)
    with suppress(OSError, KeyboardInterrupt):
        pipe.send(("ready", ()))
        while (item := items.get()) is not None:
            pipe.send(("result", work(item, lambda *progress: pipe.send(("report", progress)))))


def _listen(pipe: Connection, items: queue.SimpleQueue[Any], stop: threading.Event) -> None:
    """Queue the items that the parent sends; None means stop. The pipe ends where the parent was killed.

    No shared event says stop: an event whose waiter was killed blocks everybody who sets it.
    """
    try:
        while (item := pipe.recv()) is not None:
            items.put(item)
    except (EOFError, OSError):
        os._exit(1)  # every write is atomic
    stop.set()
    items.put(None)


def usable_cores() -> int:
    """The number of cores that this process may use; a batch system may have limited them."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables for child processes that start meanwhile, then restore them."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def _empty_main() -> Iterator[None]:
    """Hide the main module from child processes that start meanwhile: they would run the user's script again."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
