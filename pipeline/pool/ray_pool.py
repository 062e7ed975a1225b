"""Workers on a Ray cluster, which may be started here.

All machines must see this checkout, the working folder, inputs and cache under the same paths, as on a shared file
system. Inputs and cache may also be on a store.
"""

from __future__ import annotations

import math
import os
import re
import socket
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from data.errors import UsageError, WorkerLost, first_line, of_extra
from pipeline.pool.process_pool import ProcessPool, ThreadPool
from pipeline.pool.worker_pool import POLL_SECONDS, THREAD_VARIABLES, Answer, Done, Opened, Pool, Start, Worker
from pipeline.settings.environment import CHECKOUT
from pipeline.settings.machine import WorkConfig

HOST = re.compile(r"(ray://)?\[?(?P<host>[^/\[\]]+?)\]?:(?P<port>[0-9]+)")
"""An address with a host, unlike "auto"."""

GREET_SECONDS, HEAD_SECONDS = 10.0, 10.0
"""Time limit for a cluster's first answer, and time without an answer after which it counts as ended."""

HALT_SECONDS, ROOM_SECONDS = 5.0, 5.0
"""Time limit for a worker's answer to a stop, and interval of counting the machines."""

COLOURS = re.compile(r"\x1b\[[0-9;]*m")
"""Terminal colours in Ray's messages."""


def pool_of(work: WorkConfig, cores: int = 0) -> Pool:
    """The pool for these settings. Raises UsageError for "ray" without Ray.

    Args:
        cores: for threads of this process instead of processes: items share its memory and have no time limit.
    """
    if work.engine == "ray":
        return RayPool(work, math.inf if cores else work.timeout_s)
    if cores:
        return ThreadPool(cores, work=work)
    return ThreadPool() if work.workers == 0 else ProcessPool(work, work.timeout_s)


class _Cluster:
    """The cluster of this process: whether its head answers, and how many actors fit, at most `work.workers`.

    Machines come and go, so it is polled. Raises UsageError if no actor fits at first.
    """

    def __init__(self, work: WorkConfig) -> None:
        self.work, self.answers = work, True
        self.asked = self.answered = self.counted = time.monotonic()
        cores, gpus, self.places = self._count()
        if self.places < 1:
            raise UsageError(
                f"the Ray cluster has {cores:g} cores and {gpus:g} GPUs, too few for one worker",
                fix="Lower work.ray_cpus or work.ray_gpus",
            )

    def require(self, every_s: float = 1.0) -> None:
        """Raise UsageError if the polled head has not answered for `HEAD_SECONDS`."""
        import ray

        if (now := time.monotonic()) - self.asked < every_s:
            return
        if now - self.asked > HEAD_SECONDS:  # it was not asked meanwhile
            self.answered = now
        self.asked, address = now, str(ray.get_runtime_context().gcs_address)
        try:
            greet(address)
            self.answers, self.answered = True, time.monotonic()
        except OSError as error:
            self.answers = False
            if now - self.answered > HEAD_SECONDS:
                raise UsageError(
                    f"the Ray cluster at {address} has ended ({error})",
                    fix="Restart it, then run the same command again to resume; finished work is kept",
                ) from None

    def room(self) -> int:
        """The number of actors that fit at present."""
        if time.monotonic() - self.counted > ROOM_SECONDS:
            self.require(0)  # Ray would wait a minute for a dead head, and then end this process
            if self.answers:
                self.places, self.counted = max(1, self._count()[2]), time.monotonic()
        return self.places

    def _count(self) -> tuple[float, float, int]:
        """Cores, GPUs and slots for workers."""
        import ray

        work, resources = self.work, ray.cluster_resources()
        cores, gpus = resources.get("CPU", 0), resources.get("GPU", 0)
        by_gpus = gpus / work.ray_gpus if work.ray_gpus else math.inf
        return cores, gpus, int(min(cores / work.ray_cpus, by_gpus, work.workers or math.inf))


@dataclass(frozen=True)
class RayPool(Pool):
    """`work.workers` actors of a Ray cluster (default and 0: as many as fit), each with cores and GPUs.

    Without `work.address` it joins the cluster of RAY_ADDRESS, else starts one here. Raises UsageError if Ray is not
    installed.
    """

    work: WorkConfig
    timeout_s: float = math.inf

    def __post_init__(self) -> None:
        with of_extra("ray", "the engine ray"):
            import ray  # noqa: F401

    @contextmanager
    def opened(self, start: Start[Any, Any], items: int) -> Iterator[Opened]:
        """See `Pool`; uses the Ray that this process is connected to. Raises UsageError if no worker fits."""
        import ray

        connected = ray.is_initialized()
        if not connected:
            self._connect()
        try:
            cluster = _Cluster(self.work)
            _, threads = self.split_cores(items)
            yield cluster.room, partial(RayActor, threads, cluster, ray.put(start))  # sent once to each machine
        finally:
            if not connected:
                ray.shutdown()

    def wait(self, workers: Sequence[RayActor]) -> None:
        """See `Pool`."""
        import ray

        workers[0].cluster.require()
        ray.wait([worker.awaited for worker in workers], num_returns=1, timeout=POLL_SECONDS)

    def _connect(self) -> None:
        """Join the cluster, or start Ray here with one slot per worker. Raises UsageError."""
        import ray

        work, quiet = self.work, {"log_to_driver": False, "logging_level": "ERROR"}
        address = work.address or os.environ.get("RAY_ADDRESS")
        try:
            if address:
                greet(address)
                ray.init(address=address, **quiet)
            else:
                os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # Ray would report each start to its developers
                cores = work.workers * work.ray_cpus if work.workers else os.cpu_count() or 1
                # "local": Ray would else join another cluster of this machine, even one that was killed
                ray.init("local", num_cpus=int(-(-cores // 1)), include_dashboard=False, **quiet)
        except Exception as error:  # noqa: BLE001 - Ray raises `Exception` itself if one of its processes is late
            what = f"no Ray cluster at {address}" if address else "Ray did not start on this machine"
            fix = "Start one with `ray start --head`, or leave --address out"
            fix = fix if address else "Retry, or leave out --engine ray"
            raise UsageError(f"{what} ({first_line(error)})", fix=fix) from None

    def split_cores(self, items: int) -> tuple[int, int]:
        """See `Pool`; 0 workers: as many as fit on the cluster, which is not polled."""
        return self.work.workers or 0, self.work.threads or max(1, int(self.work.ray_cpus))

    def where(self, items: int) -> str:
        """See `Pool`."""
        return "Ray"


def greet(address: str) -> None:
    """Return once a server of Ray's protocol (HTTP/2) answers at an address, if this names a machine.

    Raises OSError within `GREET_SECONDS`.
    """
    if (match := HOST.fullmatch(address)) is None:
        return
    with socket.create_connection((match["host"], int(match["port"])), GREET_SECONDS / 2) as connection:
        connection.settimeout(GREET_SECONDS / 2)
        settings = b"\0\0\0\4\0\0\0\0\0"  # an empty frame, after which a server sends its own
        connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + settings)
        if connection.recv(9)[3:4] != b"\4":
            raise ConnectionError("it does not answer as Ray does")


class RayActor(Worker):
    """One actor. The time limit of an item starts at the first answer about it."""

    def __init__(self, threads: int, cluster: _Cluster, start: Any) -> None:
        import ray

        self.cluster, work = cluster, cluster.work
        path = os.pathsep.join([str(CHECKOUT), *filter(None, [os.environ.get("PYTHONPATH")])])
        variables = {"PYTHONPATH": path, **dict.fromkeys(THREAD_VARIABLES, str(threads))}
        options = {"num_cpus": work.ray_cpus, "num_gpus": work.ray_gpus, "runtime_env": {"env_vars": variables}}
        options["max_concurrency"] = 4  # `halt` and `state` answer beside `work`
        self.actor = ray.remote(RayWorker).options(**options).remote(os.getcwd(), os.getcwd() in sys.path, start)
        self.first_answer = self.actor.state.remote()  # the first answer says that it has started
        self.result: Any = None
        self.state: Any = None
        self.halted, self.answer_due = self.first_answer, math.inf

    @property
    def awaited(self) -> Any:
        """The future of the next answer."""
        return self.result if self.ready else self.first_answer

    def give(self, item: Any) -> None:
        """See `Worker`."""
        self.started, self.state = None, None
        self.result = self.actor.work.remote(item)

    def take(self) -> Sequence[Answer]:
        """See `Worker`. Raises WorkerLost if the actor has ended, UsageError if none can start."""
        import ray

        if not self.ready and ray.wait([self.first_answer], timeout=0)[0]:
            self._require_start()
            self.ready = True
        if ray.wait([self.result], timeout=0)[0]:
            try:
                return [Done(ray.get(self.result))]
            except ray.exceptions.RayTaskError as error:
                raise error.cause from None  # a bug, raised as in this process
            except ray.exceptions.RayError as error:
                raise _lost(error) from None
        if time.monotonic() > self.answer_due and not ray.wait([self.halted], timeout=0)[0]:
            raise WorkerLost("the Ray worker does not answer")
        told, self.state = list[Answer](), self.state or self.actor.state.remote()
        if ray.wait([self.state], timeout=0)[0]:
            with suppress(ray.exceptions.RayError):  # `work` fails with the same error a moment later
                progress = ray.get(self.state)
                self.started = self.started or time.monotonic()
                told = [progress]
            self.state = None
        return told

    def halt(self) -> None:
        """See `Worker`."""
        self.halted, self.answer_due = self.actor.halt.remote(), time.monotonic() + HALT_SECONDS

    def end(self, seconds: float = 0.0) -> None:
        """See `Worker`; temporary files of an actor are deleted later."""
        import ray

        if seconds and self.ready and self.result is not None:
            self.halt()
            ray.wait([self.result], timeout=seconds)
        ray.kill(self.actor)

    def _require_start(self) -> None:
        """Raise UsageError if the machine cannot start an actor, WorkerLost if it was lost meanwhile."""
        import ray

        try:
            ray.get(self.first_answer)
        except ray.exceptions.RayError as error:
            if not isinstance(error, ray.exceptions.ActorDiedError) or "creation task" not in str(error):
                raise _lost(error) from None
            cause = COLOURS.sub("", str(error)).strip().splitlines()[-1].strip()
            raise UsageError(
                f"a Ray worker cannot start ({cause})",
                fix="Give every machine of the cluster this folder, under the same path, and this environment",
            ) from None


class RayWorker:
    """The work of one actor. `work` holds one thread; `halt` and `state` answer beside it."""

    def __init__(self, folder: str, searched: bool, start: Start[Any, Any]) -> None:
        os.chdir(folder)  # relative paths mean the same on every machine
        sys.path += [folder] if searched else []  # as in `data.outside`
        self._stop = threading.Event()
        self._progress: tuple[Any, ...] = ()
        self._work = start(self._stop, self._tell)

    def work(self, item: Any) -> Any:
        """Work on one item."""
        self._progress = ()
        return self._work(item)

    def halt(self) -> None:
        """Ask the work to stop."""
        self._stop.set()

    def state(self) -> tuple[Any, ...]:
        """The latest progress, empty before the first."""
        return self._progress

    def _tell(self, *progress: Any) -> None:
        self._progress = progress


def _lost(error: Exception) -> WorkerLost:
    return WorkerLost(f"the Ray worker was lost ({first_line(error)})")
