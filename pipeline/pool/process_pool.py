"""Workers on this machine: threads, which share memory, or processes, which crash independently.

Processes die with their parent.
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
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from types import ModuleType
from typing import Any

import psutil

from data.errors import PROGRAM, LossKind, UsageError, WorkerLost, counted
from pipeline.pool.worker_pool import POLL_SECONDS, THREAD_VARIABLES, Answer, Done, Opened, Pool, Start, Worker
from pipeline.settings.machine import WorkConfig

WORKER_BYTES = 1.5e9
"""Memory that one worker process may need: docs/benchmarks.md measured up to 1.05 GB."""

CRASHES = ("SIGSEGV", "SIGBUS", "SIGFPE", "SIGILL", "SIGABRT")
"""Signals that a hostile video can cause in its decoder; others come from outside, such as the OOM killer's."""

Items = queue.SimpleQueue[Any]
"""Items for a worker; None marks the end."""


@dataclass(frozen=True)
class ThreadPool(Pool):
    """Threads of this process, at most one per core, each with its share of the cores.

    Threads cannot be killed, so items have no time limit, and the end waits for them. `work.workers` and `work.threads`
    are further limits; 0: none.
    """

    cores: int = 1
    timeout_s: float = math.inf
    work: WorkConfig = field(default_factory=WorkConfig)

    @contextmanager
    def opened(self, start: Start[Any, Any], items: int) -> Iterator[Opened]:
        """See `Pool`."""
        workers, _ = self.split_cores(items)
        yield lambda: workers, partial(ThreadWorker, start, threading.Event())

    def split_cores(self, items: int) -> tuple[int, int]:
        """See `Pool`."""
        workers = max(1, min(self.cores, items, self.work.workers or items))
        share = self.cores // workers
        return workers, min(share, self.work.threads or share)

    def where(self, items: int) -> str:
        """See `Pool`."""
        return "this process"

    def wait(self, workers: Sequence[ThreadWorker]) -> None:
        """See `Pool`."""
        workers[0].answered.wait(POLL_SECONDS)
        workers[0].answered.clear()


class ThreadWorker(Worker):
    """One thread of this process. An error of its work is raised in the parent."""

    ready = True

    def __init__(self, start: Start[Any, Any], answered: threading.Event) -> None:
        self.answered = answered  # shared by the workers of a run
        self.halted, self.items, self.answers = threading.Event(), Items(), queue.SimpleQueue[Any]()
        self.thread = threading.Thread(target=self._serve, args=(start,), daemon=True)
        self.thread.start()

    def give(self, item: Any) -> None:
        """See `Worker`."""
        self.items.put(item)

    def take(self) -> Sequence[Answer]:
        """See `Worker`."""
        answers = list[Answer]()
        while not self.answers.empty():
            answer = self.answers.get()
            if isinstance(answer, BaseException):
                raise answer
            answers.append(answer)
        return answers

    def halt(self) -> None:
        """See `Worker`."""
        self.halted.set()
        self.items.put(None)

    def end(self, seconds: float = 0.0) -> None:
        """Ask the work to stop, and wait for it."""
        self.halt()
        self.thread.join()

    def _serve(self, start: Start[Any, Any]) -> None:
        try:
            _serve(start, self.halted, self.items, self._answer)
        except BaseException as error:  # noqa: BLE001 -- raised in the parent
            self._answer(error)

    def _answer(self, answer: Answer | BaseException) -> None:
        self.answers.put(answer)
        self.answered.set()


@dataclass(frozen=True)
class ProcessPool(Pool):
    """`work.workers` processes of this machine, each with its share of the cores as threads.

    By default there is one process per core, since pose networks use one thread (`pose.threads`). The number is limited
    by the number of items and the free memory.
    """

    work: WorkConfig
    timeout_s: float = math.inf

    @contextmanager
    def opened(self, start: Start[Any, Any], items: int) -> Iterator[Opened]:
        """See `Pool`."""
        workers, threads = self.split_cores(items)
        yield lambda: workers, partial(ProcessWorker, threads, start)

    def split_cores(self, items: int) -> tuple[int, int]:
        """See `Pool`."""
        workers = self.work.workers
        if workers is None:
            workers = min(usable_cores(), items, int(psutil.virtual_memory().available / WORKER_BYTES))
        workers = max(1, workers)
        return workers, self.work.threads or max(1, usable_cores() // workers)

    def where(self, items: int) -> str:
        """See `Pool`."""
        workers, threads = self.split_cores(items)
        each = f"1 process with {counted(threads, 'thread')}"
        return each if workers == 1 else f"{workers} processes with {counted(threads, 'thread')} each"

    def wait(self, workers: Sequence[ProcessWorker]) -> None:
        """See `Pool`."""
        wait([worker.pipe for worker in workers], timeout=POLL_SECONDS)


class ProcessWorker(Worker):
    """One process of this machine."""

    def __init__(self, threads: int, start: Start[Any, Any]) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, remote_end = context.Pipe()
        self.process = context.Process(target=_run_process, args=(remote_end, start), daemon=True)
        variables = {name: str(threads) for name in THREAD_VARIABLES}
        # A child would rerun the user's main module.
        with (
            _replaced(os.environ, variables),
            _replaced(sys.modules, {"__main__": ModuleType("__main__")}),
            _deaf_to_interrupts(),
        ):
            self.process.start()
        remote_end.close()

    def give(self, item: Any) -> None:
        """See `Worker`."""
        self.started = time.monotonic()
        with suppress(OSError):  # `take` notices that the process has ended
            self.pipe.send(item)

    def take(self) -> Sequence[Answer]:
        """See `Worker`."""
        answers = list[Answer]()
        try:
            while self.pipe.poll() and not (answers and isinstance(answers[-1], Done)):
                answers.append(self.pipe.recv())
                self.ready = True
        except (EOFError, OSError):
            self.process.join(timeout=5)
            code = self.process.exitcode
            by = signal.Signals(-code).name if code and code < 0 else ""
            cause = f"was killed by {by}" if by else f"ended with code {code}"
            if not self.ready and code is not None and code >= 0:  # the next one would end likewise
                raise UsageError(
                    f"a worker process cannot start: it {cause}",
                    fix=f"Its error is printed above; type: {PROGRAM} doctor",
                ) from None
            raise WorkerLost(f"the worker process {cause}", kind_of_end(by)) from None
        return answers

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


@contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """Processes started inside ignore Ctrl-C, which a terminal sends to all; the parent decides when to stop."""
    if sys.platform == "win32":
        yield
        return
    resource_tracker.ensure_running()  # it would change the mask while the first process starts
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(start: Start[Any, Any], stop: threading.Event, items: Items, answer: Callable[[Answer], None]) -> None:
    """A worker's loop: take an item, work on it, send the result, until the end."""
    work = start(stop, lambda *progress: answer(progress))
    answer(())
    while (item := items.get()) is not None:
        answer(Done(work(item)))


def _run_process(pipe: Connection, start: Start[Any, Any]) -> None:
    """The main function of a worker process, which ends with the pipe."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # on Windows: see `_deaf_to_interrupts`
    stop, items = threading.Event(), Items()
    threading.Thread(target=_listen, args=(pipe, items, stop), daemon=True).start()
    with suppress(ConnectionError, KeyboardInterrupt):
        _serve(start, stop, items, pipe.send)


def _listen(pipe: Connection, items: Items, stop: threading.Event) -> None:
    """Queue the items that the parent sends; None means stop. The pipe closes if the parent was killed.

    A shared event would not do: if its waiter was killed, setting it blocks.
    """
    try:
        while (item := pipe.recv()) is not None:
            items.put(item)
    except (EOFError, OSError):
        os._exit(1)  # every write is atomic
    stop.set()
    items.put(None)


def kind_of_end(signal_name: str) -> LossKind:
    """The kind of failure of a video whose worker was ended by a signal ("": without one).

    With limited memory (`ulimit -v`, `ulimit -d`), a library may crash for lack of it, so crashes do not count.
    """
    return "crashed" if signal_name in CRASHES and not _memory_is_limited() else "killed"


def _memory_is_limited() -> bool:
    try:
        import resource
    except ImportError:  # not on this system
        return False
    limits = (resource.RLIMIT_AS, resource.RLIMIT_DATA)
    return any(resource.getrlimit(limit)[0] != resource.RLIM_INFINITY for limit in limits)


def usable_cores() -> int:
    """The number of cores that this process may use; a batch system may have limited them."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


@contextmanager
def _replaced(mapping: MutableMapping[str, Any], values: dict[str, Any]) -> Iterator[None]:
    """Put values into a mapping while child processes start, then restore it."""
    before = {name: mapping.get(name) for name in values}
    mapping.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                mapping.pop(name, None)
            else:
                mapping[name] = value
