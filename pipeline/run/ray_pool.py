"""Workers on a Ray cluster, or on a Ray started here.

All machines must see this checkout, the working folder, inputs and cache under the same paths, such as on a shared file
system. Inputs and cache may also be on a store.
"""

from __future__ import annotations

import math
import os
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar

from data.errors import UsageError
from pipeline.run.worker_pool import (
    POLL_SECONDS,
    THREAD_VARIABLES,
    Pool,
    Tell,
    Worker,
    WorkerLost,
    local_pool,
)
from pipeline.settings.environment import CHECKOUT
from pipeline.settings.machine import RunConfig

HOST = re.compile(r"(ray://)?\[?(?P<host>[^/\[\]]+?)\]?:(?P<port>[0-9]+)")
"""An address that names a machine; "auto" and others do not."""

GREET_SECONDS, HEAD_SECONDS = 10.0, 10.0
"""A cluster answers within the former; without an answer for the latter, it has ended."""

HALT_SECONDS, ROOM_SECONDS = 5.0, 5.0
"""A worker that lives answers a stop within the former; after the latter the machines are counted again."""

COLOURS = re.compile(r"\x1b\[[0-9;]*m")
"""Terminal colours in Ray's messages."""


def pool_of(run: RunConfig) -> Pool | None:
    """Where items run under these settings; None: in this process. Raises UsageError for "ray" without Ray."""
    return RayPool(run) if run.engine == "ray" else local_pool(run)


def worker_threads(run: RunConfig) -> int:
    """Threads of one Ray worker: `run.threads`, else as many as it has cores."""
    return run.threads or max(1, int(run.ray_cpus))


class _Head:
    """The head of the cluster, asked every few seconds whether it still answers."""

    def __init__(self) -> None:
        self.asked = self.answered = -math.inf
        self.error: OSError | None = None

    def require(self) -> None:
        """Raise UsageError where the head has not answered for `HEAD_SECONDS`."""
        now = time.monotonic()
        if now - self.asked < 1:
            return
        if now - self.asked > HEAD_SECONDS:  # a new run
            self.answered = now
        self.asked, self.error = now, None
        address, place = _head_place()
        try:
            if place is not None:
                greet(place["host"], int(place["port"]))
            self.answered = time.monotonic()
        except OSError as error:
            self.error = error
            if now - self.answered > HEAD_SECONDS:
                raise UsageError(
                    f"the Ray cluster at {address} has ended ({error})",
                    fix="Start it again, then type the same command again to resume; what is done stays done",
                ) from None


def _head_place() -> tuple[str, re.Match[str] | None]:
    """The address of the head of this process's cluster, and its parts."""
    import ray

    address = str(ray.get_runtime_context().gcs_address)
    return address, HOST.fullmatch(address)


@dataclass(frozen=True)
class RayPool(Pool):
    """`run.workers` actors of a Ray cluster (default and 0: as many as it has room for), each with cores and GPUs.

    Without `run.address` it joins the cluster of RAY_ADDRESS, else starts one here. Raises UsageError where Ray is not
    installed.
    """

    run: RunConfig
    head: _Head = field(default_factory=_Head, repr=False, compare=False)
    exit_seconds: ClassVar[float] = 10.0

    def __post_init__(self) -> None:
        try:
            import ray  # noqa: F401
        except ImportError:
            raise UsageError("Ray is not installed", fix='Type: python -m pip install -e ".[ray]"') from None

    @contextmanager
    def opened(
        self, start: Callable[..., Any], arguments: tuple[Any, ...], items: int
    ) -> Iterator[tuple[Callable[[], int], Callable[[], RayActor]]]:
        """See `Pool`; uses the Ray that this process is connected to. Raises UsageError where no worker fits."""
        import ray

        connected = ray.is_initialized()
        if not connected:
            self._connect()
        try:
            room = _Room(self.run, self.head)
            yield room, partial(RayActor, self.run, start, tuple(ray.put(value) for value in arguments))
        finally:
            if not connected:
                ray.shutdown()

    def wait(self, workers: Sequence[RayActor]) -> None:
        """See `Pool`."""
        import ray

        self.head.require()
        ray.wait([worker.awaited for worker in workers], num_returns=1, timeout=POLL_SECONDS)

    def _connect(self) -> None:
        """Join the cluster, or start Ray here with as many places as there are workers."""
        import ray

        run, quiet = self.run, {"log_to_driver": False, "logging_level": "ERROR"}
        address = run.address or os.environ.get("RAY_ADDRESS")
        try:
            if address:
                if place := HOST.fullmatch(address):
                    greet(place["host"], int(place["port"]))
                ray.init(address=address, **quiet)
            else:
                os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it would report each start to its makers
                cores = run.workers * run.ray_cpus if run.workers else os.cpu_count() or 1
                ray.init(num_cpus=int(-(-cores // 1)), include_dashboard=False, **quiet)
        except (OSError, ValueError, RuntimeError) as error:
            raise UsageError(
                f"no Ray cluster at {address} ({_first_line(error)})",
                fix="Start one with `ray start --head`, or leave --address out",
            ) from None

    def places(self, items: int) -> tuple[int, str]:
        """See `Pool`; the cluster itself is not asked."""
        return self.run.workers or 1, "Ray"


class _Room:
    """The number of actors that fit into the cluster at present, at most `run.workers`; machines come and go.

    Raises UsageError where none fits at first.
    """

    def __init__(self, run: RunConfig, head: _Head) -> None:
        self.run, self.head = run, head
        cores, gpus, places = self._count()
        if places < 1:
            raise UsageError(
                f"the Ray cluster has {cores:g} cores and {gpus:g} GPUs, too few for one worker",
                fix="Lower run.ray_cpus or run.ray_gpus",
            )
        self.places, self.counted = places, time.monotonic()

    def __call__(self) -> int:
        if time.monotonic() - self.counted > ROOM_SECONDS and self.head.error is None:
            self.places, self.counted = max(1, self._count()[2]), time.monotonic()
        return self.places

    def _count(self) -> tuple[float, float, int]:
        """Cores, GPUs and places."""
        import ray

        run, resources = self.run, ray.cluster_resources()
        cores, gpus = resources.get("CPU", 0), resources.get("GPU", 0)
        places = int(cores / run.ray_cpus)
        if run.ray_gpus:
            places = min(places, int(gpus / run.ray_gpus))
        return cores, gpus, min(places, run.workers or places)


def greet(host: str, port: int) -> None:
    """Return once a server of Ray's protocol (HTTP/2) answers there. Raises OSError within `GREET_SECONDS`."""
    with socket.create_connection((host, port), GREET_SECONDS / 2) as connection:
        connection.settimeout(GREET_SECONDS / 2)
        settings = b"\0\0\0\4\0\0\0\0\0"  # an empty frame, after which a server sends its own
        connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + settings)
        if connection.recv(9)[3:4] != b"\4":
            raise ConnectionError("it does not answer as Ray does")


class RayActor(Worker):
    """One actor. The time of an item counts from the first answer about it."""

    def __init__(self, run: RunConfig, start: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        import ray

        path = os.pathsep.join([str(CHECKOUT), *filter(None, [os.environ.get("PYTHONPATH")])])
        variables = {"PYTHONPATH": path, **dict.fromkeys(THREAD_VARIABLES, str(worker_threads(run)))}
        self.actor = (
            ray.remote(RayWorker)
            .options(
                max_concurrency=4,  # `halt` and `state` answer beside `run`
                num_cpus=run.ray_cpus,
                num_gpus=run.ray_gpus,
                runtime_env={"env_vars": variables},
            )
            .remote(os.getcwd(), start, *arguments)
        )
        self.ready = self.actor.ready.remote()
        self.result: Any = None
        self.state: Any = None
        self.halted: tuple[Any, float] | None = None

    @property
    def awaited(self) -> Any:
        """What tells that there is something to take."""
        return self.result if self.there else self.ready

    def give(self, item: Any) -> None:
        """See `Worker`."""
        self.started, self.state = None, None
        self.result = self.actor.run.remote(item)

    def take(self, tell: Tell) -> tuple[Any, ...]:
        """See `Worker`. Raises WorkerLost where the actor has ended, UsageError where none can start."""
        import ray

        if not self.there and ray.wait([self.ready], timeout=0)[0]:
            self._require_start()
            self.there = True
        if ray.wait([self.result], timeout=0)[0]:
            try:
                return (ray.get(self.result),)
            except ray.exceptions.RayTaskError as error:
                raise error.cause from None  # a fault of the program, raised as in this process
            except ray.exceptions.RayError as error:
                raise WorkerLost(f"the Ray worker was lost ({_first_line(error)})") from None
        if self.halted is not None and not ray.wait([self.halted[0]], timeout=0)[0]:
            answer_due = self.halted[1] + HALT_SECONDS
            if time.monotonic() > answer_due:
                raise WorkerLost("the Ray worker does not answer")
        self.state = self.state or self.actor.state.remote()
        if ray.wait([self.state], timeout=0)[0]:
            with suppress(ray.exceptions.RayError):  # `run` fails with the same error a moment later
                progress = ray.get(self.state)
                self.started = self.started or time.monotonic()
                if progress:
                    tell(*progress)
            self.state = None
        return ()

    def halt(self) -> None:
        """See `Worker`."""
        self.halted = self.actor.halt.remote(), time.monotonic()

    def end(self, seconds: float = 0.0) -> None:
        """See `Worker`; temporaries that an actor was writing are swept later."""
        import ray

        if seconds and self.there and self.result is not None:
            self.halt()
            ray.wait([self.result], timeout=seconds)
        ray.kill(self.actor)

    def _require_start(self) -> None:
        """Raise UsageError where the machine cannot start an actor, WorkerLost where it was lost meanwhile."""
        import ray

        try:
            ray.get(self.ready)
        except ray.exceptions.ActorDiedError as error:
            if "creation task" not in str(error):
                raise WorkerLost(f"the Ray worker was lost ({_first_line(error)})") from None
            cause = COLOURS.sub("", str(error)).strip().splitlines()[-1].strip()
            raise UsageError(
                f"a Ray worker cannot start ({cause})",
                fix="Give every machine of the cluster this folder, under the same path, and this environment",
            ) from None
        except ray.exceptions.RayError as error:
            raise WorkerLost(f"the Ray worker was lost ({_first_line(error)})") from None


class RayWorker:
    """The work of one actor. `run` holds one thread; `halt` and `state` answer beside it."""

    def __init__(self, folder: str, start: Callable[..., Any], *arguments: Any) -> None:
        os.chdir(folder)  # relative paths mean the same on every machine
        self._stop = threading.Event()
        self._work = start(*arguments, self._stop)
        self._progress: tuple[Any, ...] = ()

    def ready(self) -> bool:
        """True, as soon as the actor has started."""
        return True

    def run(self, item: Any) -> Any:
        """Work on one item."""
        self._progress = ()
        return self._work(item, self._tell)

    def halt(self) -> None:
        """Ask the work to stop."""
        self._stop.set()

    def state(self) -> tuple[Any, ...]:
        """The latest progress, empty before the first."""
        return self._progress

    def _tell(self, *progress: Any) -> None:
        self._progress = progress


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:200] if lines else type(error).__name__
