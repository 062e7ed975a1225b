"""Engines run plans: in this process, or in child processes of this machine.

A child takes one record at a time, so that a decoder that crashes, hangs or eats the memory costs that one record: the
child is replaced and the batch goes on. Children die with their parent.
"""

from __future__ import annotations

import multiprocessing
import os
import queue
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from data.errors import VideoError
from pipeline.cache import Cache, open_cache
from pipeline.cluster import THREAD_VARIABLES
from pipeline.config import BaseConfig, validate
from pipeline.extract.decode_pass import Progress
from pipeline.extract.plan import Plan
from pipeline.extract.runner import Result, Worker

FrameProgress = Callable[[str, int, int, tuple[str, ...]], None]
"""Called with (record id, frames done, frames to do, stages at work); no frames to do: these stages begin."""

POLL_SECONDS = 0.2
PROGRESS_SECONDS = 0.2


def run_inline(
    plans: Iterable[Plan],
    config: BaseConfig,
    cache: Cache,
    stop: threading.Event,
    progress: FrameProgress | None = None,
) -> Iterator[Result]:
    """Run plans one after another in this process."""
    worker = Worker(config, cache, stop)
    for plan in plans:
        if stop.is_set():
            return
        yield worker.run(plan, _bound(progress, plan.record.id) if progress else None)


def run_local(
    plans: Iterable[Plan],
    config: BaseConfig,
    cache: Cache,
    stop: threading.Event,
    progress: FrameProgress | None = None,
) -> Iterator[Result]:
    """Run plans in `run.workers` child processes; results come in the order in which they finish.

    A record whose child dies, takes longer than `run.timeout_s` or more memory than `run.memory_gb` fails by name.
    """
    waiting = iter(plans)
    context = multiprocessing.get_context("spawn")
    children = [_Child(context, config, cache.root) for _ in range(config.run.workers)]
    try:
        for child in children:
            child.give(next(waiting, None))
        while any(child.plan for child in children):
            if stop.is_set():
                for child in children:
                    child.halt()
            for child in _ready(children):
                for result in child.collect(progress, cache):
                    yield result
                    child.give(None if stop.is_set() else next(waiting, None))
    finally:
        for child in children:
            child.end()


def lost(plan: Plan, cache: Cache, reason: str) -> Result:
    """The result of a record whose worker was lost: what it had written is done, the rest failed and is kept so."""
    result = Result(plan.record, skipped=tuple(s.stage for s in plan.steps if s.check.state == "fresh"))
    error = VideoError(reason, where=plan.record.id, fix="Run `extract --retry-failed` to try it again")
    for step in plan.steps:
        if step.stage not in plan.todo:
            continue
        if cache.check(step.computation, plan.record.id).state == "fresh":
            result.done[step.stage] = 0.0
            continue
        result.failed[step.stage] = reason
        if not step.computation.upstream:
            with suppress(OSError):
                cache.record_failure(step.computation, plan.record, error)
    return result


def _bound(progress: FrameProgress, record_id: str) -> Progress:
    return lambda done, total, stages: progress(record_id, done, total, stages)


@dataclass
class _Child:
    """One child process and the record that it works on."""

    context: Any
    config: BaseConfig
    cache: Path
    plan: Plan | None = None
    started: float = 0.0
    process: BaseProcess | None = None
    pipe: Connection | None = None
    peak_bytes: int = 0
    halted: bool = False

    def give(self, plan: Plan | None) -> None:
        """Hand over the next record, starting the process if there is none."""
        self.plan = plan
        if plan is None:
            return
        if self.process is None or not self.process.is_alive():
            self._start()
        self.started = time.monotonic()
        assert self.pipe is not None
        self.pipe.send(plan)

    def collect(self, progress: FrameProgress | None, cache: Cache) -> Iterator[Result]:
        """Read what the child says; at most one result."""
        assert self.plan is not None
        assert self.pipe is not None
        try:
            while self.pipe.poll():
                kind, content = self.pipe.recv()
                if kind == "result":
                    yield content
                    return
                if progress is not None:
                    progress(self.plan.record.id, *content)
        except (EOFError, OSError):
            yield self._lost(cache, self._how_it_died())
            return
        reason = self._beyond_limits()
        if reason:
            yield self._lost(cache, reason)

    def halt(self) -> None:
        """Ask the process to finish its current write and to stop there."""
        with suppress(OSError, ValueError):
            if self.pipe is not None and not self.halted:
                self.pipe.send(None)
        self.halted = True

    def end(self) -> None:
        """Stop the process; it is killed where it does not stop by itself."""
        if self.process is None:
            return
        self.halt()
        with suppress(OSError, ValueError):
            if self.pipe is not None:
                self.pipe.close()
        self.process.join(timeout=5)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        self.process = None

    def _start(self) -> None:
        self.pipe, theirs = self.context.Pipe()
        self.halted = False
        threads = self.config.run.threads or max(1, (os.cpu_count() or 1) // max(1, self.config.run.workers))
        process = self.context.Process(
            target=_serve, args=(theirs, self.config.dump(), self.cache, os.getpid()), daemon=True
        )
        with _environment({name: str(threads) for name in THREAD_VARIABLES}):
            process.start()
        theirs.close()
        self.process = process

    def _how_it_died(self) -> str:
        assert self.process is not None
        self.process.join(timeout=5)
        code = self.process.exitcode
        if code is not None and code < 0:
            return f"the worker process was killed by {signal.Signals(-code).name} while it worked on this video"
        return f"the worker process ended with code {code} while it worked on this video"

    def _beyond_limits(self) -> str:
        limit = self.config.run
        if time.monotonic() - self.started > limit.timeout_s:
            return f"took longer than {limit.timeout_s:g} s (run.timeout_s)"
        used = resident_bytes(self.process.pid) if self.process is not None and self.process.pid else 0
        self.peak_bytes = max(self.peak_bytes, used)
        if limit.memory_gb and used > limit.memory_gb * 1e9:
            return f"needed more than {limit.memory_gb:g} GB of memory (run.memory_gb)"
        return ""

    def _lost(self, cache: Cache, reason: str) -> Result:
        """The failure of the record that the lost child worked on."""
        assert self.plan is not None
        assert self.process is not None
        self.process.kill()
        self.process.join()
        self.process = None
        return lost(self.plan, cache, reason)


def _ready(children: list[_Child]) -> list[_Child]:
    """Children with a message or a death; all busy ones after the poll time, so that limits are looked at."""
    busy = [child for child in children if child.plan is not None and child.pipe is not None]
    ready = wait([child.pipe for child in busy if child.pipe is not None], timeout=POLL_SECONDS)
    return [child for child in busy if child.pipe in ready] or busy


def _serve(pipe: Connection, values: dict[str, Any], root: Path, parent: int) -> None:
    """What a child does: take a plan, run it, send the result, until it is told to stop."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides when to stop
    _die_with_parent(parent)
    stop = threading.Event()
    plans: queue.SimpleQueue[Plan | None] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(pipe, plans, stop), daemon=True).start()
    config = validate(values)
    cache = open_cache(root, config.storage.reach())
    worker = Worker(config, cache, stop)
    said = 0.0

    def progress(done: int, total: int, stages: tuple[str, ...]) -> None:
        nonlocal said
        if done == total or time.monotonic() - said > PROGRESS_SECONDS:
            said = time.monotonic()
            pipe.send(("frames", (done, total, stages)))

    with suppress(OSError, KeyboardInterrupt):
        while (plan := plans.get()) is not None:
            result = worker.run(plan, progress)
            cache.index.flush()
            pipe.send(("result", result))


def _listen(pipe: Connection, plans: queue.SimpleQueue[Plan | None], stop: threading.Event) -> None:
    """Hand on what the parent sends; None, or the pipe's end, means stop.

    A pipe and not a shared event: an event whose waiter is killed blocks everybody who sets it.
    """
    with suppress(EOFError, OSError):
        while (plan := pipe.recv()) is not None:
            plans.put(plan)
    stop.set()
    plans.put(None)


def _die_with_parent(parent: int) -> None:
    """Ask Linux to kill this process when its parent ends, however that ends."""
    with suppress(Exception):
        import ctypes

        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    if os.getppid() != parent:
        os._exit(1)


def resident_bytes(pid: int) -> int:
    """Resident bytes of a process, 0 where the system does not tell."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0


class _environment:  # noqa: N801 -- reads as a word in `with _environment(...)`
    """Environment variables that a child process inherits and this process does not keep."""

    def __init__(self, values: dict[str, str]) -> None:
        self.values = values

    def __enter__(self) -> None:
        self.before = {name: os.environ.get(name) for name in self.values}
        os.environ.update(self.values)

    def __exit__(self, *_: object) -> None:
        for name, value in self.before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
