"""Jobs on workers that each load their models once: processes of this machine, or actors of a Ray cluster.

A worker runs one job at a time. A job that crashes, hangs or fills the memory therefore costs one worker, which is
replaced; all other jobs go on. The one rule for retries is here: a job that has lost its worker runs once more.
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
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from itertools import islice
from multiprocessing.connection import Connection, wait
from types import ModuleType
from typing import Any, ClassVar, Generic, TypeVar

import psutil

from data.errors import PROGRAM, UsageError, counted
from pipeline.settings.machine import RunConfig

J = TypeVar("J")
R = TypeVar("R")

Report = Callable[..., None]
"""Called by a job with its progress; the arguments must be picklable."""

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS", "AIM_THREADS")

POLL_SECONDS = 0.2

WORKER_BYTES = 1.5e9
"""Memory that one worker process may need: docs/benchmarks.md measured up to 1.05 GB."""

MOST_LOST = 2
"""A job fails when it has lost this many workers. The first loss may be no fault of the job: the system's memory guard
may kill a worker for memory that others took."""

GRACE_SECONDS = 60.0
"""After a stop, workers have this long to finish their current write or epoch; then they are killed."""


class WorkerLost(Exception):  # noqa: N818 -- it is an event, often no error
    """A worker ended by itself; the message says how."""


class LimitExceeded(WorkerLost):
    """A job takes longer than the settings allow, so its worker is killed."""


class Worker(ABC):
    """One worker, as the parent sees it."""

    started: float | None = None  # `time.monotonic()` at the start of the job; None while the worker itself starts

    @abstractmethod
    def give(self, job: Any) -> None:
        """Start a job."""

    @abstractmethod
    def take(self, report: Report) -> tuple[Any, ...]:
        """The job's result in a tuple, empty while the job runs; passes on its reports.

        Raises WorkerLost where the worker has ended, UsageError where none can start.
        """

    @abstractmethod
    def halt(self) -> None:
        """Set the event that asks the job to stop; the worker takes no further job."""

    @abstractmethod
    def end(self, seconds: float = 0.0) -> None:
        """Kill the worker, after `seconds` in which it may end by itself."""


class Pool(ABC):
    """Where workers run."""

    exit_seconds: ClassVar[float]  # in which running jobs may stop by themselves when an error ends the run

    @abstractmethod
    def opened(
        self, start: Callable[..., Any], arguments: tuple[Any, ...], jobs: int
    ) -> AbstractContextManager[tuple[int, Callable[[], Worker]]]:
        """The number of places for so many jobs, and a function that starts a worker in one of them."""

    @abstractmethod
    def places(self, jobs: int) -> tuple[int, str]:
        """The number of workers that the settings give for so many jobs, and in words where they run."""

    @abstractmethod
    def wait(self, workers: Sequence[Any]) -> None:
        """Return when a worker has something to take, after `POLL_SECONDS` at most."""


@dataclass(frozen=True)
class Task(Generic[J, R]):
    """What workers do with each job. Jobs and results must be picklable, `start` by its name."""

    # Called once in every worker with `arguments` and an event that asks to stop; returns the function that runs a job.
    start: Callable[..., Callable[[J, Report], R]]
    arguments: tuple[Any, ...]  # sent once to each worker, on Ray once to each machine
    lost: Callable[[J, WorkerLost], R]  # the result of a job that lost its workers, from the job and the last reason
    timeout_s: float = math.inf  # of one job


def run_jobs(
    pool: Pool,
    task: Task[J, R],
    jobs: Sequence[J],
    stop: Callable[[], bool],
    on_report: Callable[..., None] | None = None,
) -> Iterator[R]:
    """Results in the order in which jobs finish; jobs are taken one at a time, as workers become free.

    When `stop` returns true, no further job starts. Running jobs are asked to stop, and their results still come.
    `on_report` is called with a job and what it reports.
    """
    waiting = iter(jobs)
    deadline, exit_seconds = math.inf, pool.exit_seconds
    with pool.opened(task.start, task.arguments, len(jobs)) as (places, new_worker):
        slots = [_Slot(task, new_worker, job) for job in islice(waiting, places)]
        try:
            while busy := [slot for slot in slots if slot.job is not None]:
                if stop() and deadline == math.inf:
                    deadline = time.monotonic() + GRACE_SECONDS
                    for slot in busy:
                        slot.worker.halt()
                if time.monotonic() > deadline:
                    exit_seconds = 0.0
                    return
                pool.wait([slot.worker for slot in busy])
                for slot in busy:
                    for result in slot.collect(stop(), on_report):
                        yield result
                        slot.give(None if stop() else next(waiting, None))
        finally:
            for slot in slots:
                slot.worker.end(exit_seconds)


class _Slot(Generic[J, R]):
    """One place of a pool: its worker, and the job that runs there."""

    def __init__(self, task: Task[J, R], new_worker: Callable[[], Worker], job: J) -> None:
        self.task, self.new_worker = task, new_worker
        self.worker, self.alive = new_worker(), True
        self.give(job)

    def give(self, job: J | None, lost_workers: int = 0) -> None:
        """Start a job, on a new worker where the last one was lost; None leaves the place empty."""
        self.job, self.lost_workers = job, lost_workers
        if job is None:
            return
        if not self.alive:
            self.worker, self.alive = self.new_worker(), True
        self.worker.give(job)

    def collect(self, stopped: bool, on_report: Callable[..., None] | None) -> tuple[R, ...]:
        """The job's result in a tuple, empty while it runs; a job that lost its worker starts again or fails."""
        job = self.job
        assert job is not None
        try:
            if not (result := self.worker.take(partial(on_report, job) if on_report else lambda *_: None)):
                self._check_time()
            return result
        except LimitExceeded as error:
            reason: WorkerLost = error
            self.lost_workers = MOST_LOST  # another worker would take as long
        except WorkerLost as error:
            reason = error
            self.lost_workers += 1
        self.worker.end()
        self.alive = False
        if stopped:
            self.job = None
        elif self.lost_workers >= MOST_LOST:
            return (self.task.lost(job, reason),)
        else:
            self.give(job, self.lost_workers)
        return ()

    def _check_time(self) -> None:
        limit, started = self.task.timeout_s, self.worker.started
        if started is not None and time.monotonic() - started > limit:
            raise LimitExceeded(f"took longer than {limit:g} s (run.timeout_s)")


@dataclass(frozen=True)
class LocalPool(Pool):
    """`run.workers` processes of this machine, each with its share of the cores as threads.

    By default there is one process per core, since pose networks use one thread (`pose.threads`). There are at most as
    many as jobs, and as fit into the free memory.
    """

    run: RunConfig
    exit_seconds: ClassVar[float] = 5.0

    @contextmanager
    def opened(
        self, start: Callable[..., Any], arguments: tuple[Any, ...], jobs: int
    ) -> Iterator[tuple[int, Callable[[], LocalWorker]]]:
        """See `Pool`."""
        workers, threads = self.share(jobs)
        yield workers, partial(LocalWorker, threads, start, arguments)

    def places(self, jobs: int) -> tuple[int, str]:
        """See `Pool`."""
        workers, threads = self.share(jobs)
        each = f"1 process with {counted(threads, 'thread')}"
        return workers, each if workers == 1 else f"{workers} processes with {counted(threads, 'thread')} each"

    def share(self, jobs: int) -> tuple[int, int]:
        """The number of processes for so many jobs, and of threads of each."""
        workers = self.run.workers
        if workers is None:
            workers = min(usable_cores(), jobs, int(psutil.virtual_memory().available / WORKER_BYTES))
        workers = max(1, workers)
        return workers, self.run.threads or max(1, usable_cores() // workers)

    def wait(self, workers: Sequence[LocalWorker]) -> None:
        """See `Pool`."""
        wait([worker.pipe for worker in workers], timeout=POLL_SECONDS)


def local_pool(run: RunConfig) -> Pool | None:
    """The pool of this machine, None for `run.workers` 0: jobs then run in this process."""
    return None if run.workers == 0 else LocalPool(run)


def places(pool: Pool | None, jobs: int) -> tuple[int, str]:
    """The number of workers for so many jobs, and in words where they run."""
    return (1, "this process") if pool is None else pool.places(jobs)


class LocalWorker(Worker):
    """One process of this machine."""

    def __init__(self, threads: int, start: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, remote_end = context.Pipe()
        self.ready = False
        self.process = context.Process(target=_serve, args=(remote_end, start, arguments), daemon=True)
        with _environment({name: str(threads) for name in THREAD_VARIABLES}), _empty_main():
            self.process.start()
        remote_end.close()

    def give(self, job: Any) -> None:
        """See `Worker`."""
        self.started = time.monotonic()
        with suppress(OSError):  # `take` notices that the process has ended
            self.pipe.send(job)

    def take(self, report: Report) -> tuple[Any, ...]:
        """See `Worker`."""
        try:
            while self.pipe.poll():
                what, content = self.pipe.recv()
                if what == "result":
                    return (content,)
                if what == "report":
                    report(*content)
                self.ready = True
        except (EOFError, OSError):
            self.process.join(timeout=5)
            code = self.process.exitcode
            cause = f"was killed by {signal.Signals(-code).name}" if code and code < 0 else f"ended with code {code}"
            if not self.ready and code is not None and code >= 0:  # the next one would end so too
                raise UsageError(
                    f"a worker process cannot start: it {cause}",
                    fix=f"Its error is printed above; type: {PROGRAM} doctor",
                ) from None
            raise WorkerLost(f"the worker process {cause}") from None
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
    """The loop of a worker process: take a job, run it, send the result, until the parent says stop."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides when to stop
    stop = threading.Event()
    jobs: queue.SimpleQueue[Any] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(pipe, jobs, stop), daemon=True).start()
    work = start(*arguments, stop)
    with suppress(OSError, KeyboardInterrupt):
        pipe.send(("ready", ()))
        while (job := jobs.get()) is not None:
            pipe.send(("result", work(job, lambda *progress: pipe.send(("report", progress)))))


def _listen(pipe: Connection, jobs: queue.SimpleQueue[Any], stop: threading.Event) -> None:
    """Queue the jobs that the parent sends; None means stop. The pipe ends where the parent was killed.

    No shared event says stop: an event whose waiter was killed blocks everybody who sets it.
    """
    try:
        while (job := pipe.recv()) is not None:
            jobs.put(job)
    except (EOFError, OSError):
        os._exit(1)  # every write is atomic
    stop.set()
    jobs.put(None)


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
