"""The Ray engine: the same plans on the machines of a Ray cluster, or on a Ray started here.

One actor per worker holds the models, which load once, and works on one record at a time; the next record is handed out
when a result has come back, so nothing piles up. An actor that is lost (killed, out of memory, its machine gone) is
replaced and its record tried once more; a record that loses two actors fails by name. All machines must see the
inputs, the cache and this checkout under the same paths: a shared file system, or a store for inputs and cache.
"""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from data.errors import UsageError, printable
from data.store import is_remote
from pipeline.cache import Cache, open_cache
from pipeline.cluster import connect, first_line, places, require_ray, worker_options
from pipeline.config import BaseConfig, validate
from pipeline.extract.engines import FrameProgress, lost, resident_bytes
from pipeline.extract.plan import Plan
from pipeline.extract.runner import Result, Worker

POLL_SECONDS = 0.2

TRIES = 2
"""Actors that one record may lose before it fails by name: one loss may be the machine's fault, two are the video's."""

COLOURS = re.compile(r"\x1b\[[0-9;]*m")
"""What Ray puts into its messages for terminals."""

RayEngine = Callable[[Iterable[Plan], BaseConfig, Cache, threading.Event, FrameProgress | None], Iterator[Result]]


def ray_engine(address: str | None = None) -> RayEngine:
    """The engine for the cluster at `address`, for the one in RAY_ADDRESS, or for a Ray that is started here.

    Raises:
        UsageError: Ray is not installed.
    """
    require_ray()
    return partial(run_ray, address=address)


def run_ray(
    plans: Iterable[Plan],
    config: BaseConfig,
    cache: Cache,
    stop: threading.Event,
    progress: FrameProgress | None = None,
    *,
    address: str | None = None,
) -> Iterator[Result]:
    """Run plans on `run.workers` actors (0: as many as the cluster has room for), each with its cores and GPUs.

    Raises:
        UsageError: the cluster cannot be reached, has no room for one worker, or a worker cannot start on it.
    """
    import ray

    ours = not ray.is_initialized()
    if ours:
        connect(address, config)
    crew = _Crew(config, cache, iter(plans), stop, progress)
    try:
        crew.hire(places(config))
        while crew.busy:
            if stop.is_set():
                crew.halt()
            yield from crew.collect()
    finally:
        crew.dismiss()
        if ours:
            ray.shutdown()


class RayWorker:
    """What one actor does. `run` holds one thread; `halt` and `look` answer beside it."""

    def __init__(self, values: dict[str, Any], cache: Path, folder: str) -> None:
        os.chdir(folder)  # relative paths mean the same on every machine
        self._stop = threading.Event()
        config = validate(values)
        self._cache = open_cache(cache, config.storage.reach())
        self._worker = Worker(config, self._cache, self._stop)
        self._frames: tuple[int, int, tuple[str, ...]] = (0, 0, ())

    def ready(self) -> bool:
        """Answers as soon as the actor has started."""
        return True

    def run(self, plan: Plan) -> Result:
        """Run one plan."""
        self._frames = (0, 0, ())
        result = self._worker.run(plan, self._note)
        self._cache.index.flush()
        return result

    def halt(self) -> None:
        """Finish the current write and stop there."""
        self._stop.set()

    def look(self) -> tuple[int, int, tuple[str, ...], int]:
        """(frames done, frames to do, stages at work, resident bytes)."""
        return (*self._frames, resident_bytes(os.getpid()))

    def _note(self, done: int, total: int, stages: tuple[str, ...]) -> None:
        self._frames = (done, total, stages)


@dataclass
class _Seat:
    """One actor and the record that it works on."""

    actor: Any
    ready: Any
    plan: Plan | None = None
    run: Any = None
    look: Any = None
    started: float | None = None
    tries: int = 1


@dataclass
class _Crew:
    """All actors of one run."""

    config: BaseConfig
    cache: Cache
    waiting: Iterator[Plan]
    stop: threading.Event
    progress: FrameProgress | None
    seats: list[_Seat] = field(default_factory=list)
    halted: bool = False

    @property
    def busy(self) -> list[_Seat]:
        """Seats with a record in work."""
        return [seat for seat in self.seats if seat.plan is not None]

    def hire(self, places: int) -> None:
        """Start up to `places` actors, no more than there are records."""
        for _ in range(places):
            plan = next(self.waiting, None)
            if plan is None:
                return
            seat = self._seat()
            self.seats.append(seat)
            self._give(seat, plan)

    def collect(self) -> Iterator[Result]:
        """Results that have come, records of lost actors included; waits for one poll time at most."""
        import ray

        done, _ = ray.wait([seat.run for seat in self.busy], num_returns=1, timeout=POLL_SECONDS)
        for seat in self.busy:
            result = self._finished(seat) if seat.run in done else self._overdue(seat)
            if result is not None:
                yield result
                self._give(seat, None if self.stop.is_set() else next(self.waiting, None))

    def halt(self) -> None:
        """Ask every actor to finish its current write; nothing new is handed out."""
        if not self.halted:
            for seat in self.busy:
                seat.actor.halt.remote()
        self.halted = True

    def dismiss(self) -> None:
        """End the actors; what they were writing is a temporary that is swept later."""
        import ray

        for seat in self.seats:
            ray.kill(seat.actor)
        self.seats.clear()

    def _give(self, seat: _Seat, plan: Plan | None, tries: int = 1) -> None:
        seat.plan, seat.tries, seat.started, seat.look = plan, tries, None, None
        seat.run = seat.actor.run.remote(plan) if plan is not None else None

    def _finished(self, seat: _Seat) -> Result | None:
        import ray

        assert seat.plan is not None
        try:
            ray.get(seat.ready)
        except ray.exceptions.ActorDiedError as error:
            if "creation task" in str(error):  # the machine is at fault, and no video
                cause = COLOURS.sub("", str(error)).strip().splitlines()[-1].strip()
                raise UsageError(
                    f"a Ray worker cannot start ({printable(cause)})",
                    fix="Give every machine of the cluster this folder, under the same path, and this environment",
                ) from None
        except ray.exceptions.RayError:
            pass  # its run tells the same
        try:
            result: Result = ray.get(seat.run)
        except ray.exceptions.RayTaskError as error:
            raise error.as_instanceof_cause() from None  # a fault of the program, as it would be here
        except ray.exceptions.RayError as error:
            return self._lost(seat, f"the Ray worker was lost ({first_line(error)})")
        return result

    def _overdue(self, seat: _Seat) -> Result | None:
        """Look at the limits of a record in work; its time counts from the actor's first answer."""
        import ray

        assert seat.plan is not None
        if seat.look is None:
            seat.look = seat.actor.look.remote()
        answered, _ = ray.wait([seat.look], timeout=0)
        try:
            done, total, stages, used = ray.get(seat.look) if answered else (0, 0, (), 0)
        except ray.exceptions.RayError:
            return None  # its run tells the same a moment later
        if answered:
            seat.look = None
            seat.started = seat.started or time.monotonic()
        if stages and self.progress is not None:
            self.progress(seat.plan.record.id, done, total, stages)
        limit = self.config.run
        if seat.started is not None and time.monotonic() - seat.started > limit.timeout_s:
            return self._lost(seat, f"took longer than {limit.timeout_s:g} s (run.timeout_s)", TRIES)
        if limit.memory_gb and used > limit.memory_gb * 1e9:
            return self._lost(seat, f"needed more than {limit.memory_gb:g} GB of memory (run.memory_gb)", TRIES)
        return None

    def _lost(self, seat: _Seat, reason: str, tries: int = 0) -> Result | None:
        """Replace a lost actor; its record is tried again, or fails by name."""
        import ray

        assert seat.plan is not None
        plan, tries = seat.plan, max(tries, seat.tries)
        ray.kill(seat.actor)
        fresh = self._seat()
        seat.actor, seat.ready = fresh.actor, fresh.ready
        if self.stop.is_set():
            return Result(plan.record, cancelled=True)
        if tries >= TRIES:
            return lost(plan, self.cache, reason)
        self._give(seat, self._remaining(plan), tries + 1)
        return None

    def _remaining(self, plan: Plan) -> Plan:
        """The plan without the stages that the lost actor had finished."""
        steps = tuple(replace(s, check=self.cache.check(s.computation, plan.record.id)) for s in plan.steps)
        fresh = {step.stage for step in steps if step.check.state == "fresh"}
        return Plan(plan.record, steps, tuple(name for name in plan.todo if name not in fresh))

    def _seat(self) -> _Seat:
        import ray

        options = {"max_concurrency": 4, **worker_options(self.config.run)}
        root = self.cache.root if is_remote(self.cache.root) else self.cache.root.absolute()
        actor = ray.remote(RayWorker).options(**options).remote(self.config.dump(), root, os.getcwd())
        return _Seat(actor, actor.ready.remote())
