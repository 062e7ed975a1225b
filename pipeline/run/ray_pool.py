"""Workers on a Ray cluster, or on a Ray started here.

All machines must see this checkout, the working folder, inputs and cache under the same paths, such as on a shared file
system. Inputs and cache may also be on a store.
"""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

from data.errors import UsageError
from pipeline.run.worker_pool import (
    POLL_SECONDS,
    THREAD_VARIABLES,
    Pool,
    Report,
    Worker,
    WorkerLost,
    local_pool,
)
from pipeline.settings.environment import CHECKOUT
from pipeline.settings.machine import RunConfig

COLOURS = re.compile(r"\x1b\[[0-9;]*m")
"""Terminal colours in Ray's messages."""


def pool_of(run: RunConfig) -> Pool | None:
    """Where jobs run under these settings; None: in this process. Raises UsageError without Ray, where it is chosen."""
    return RayPool(run) if run.engine == "ray" else local_pool(run)


def worker_threads(run: RunConfig) -> int:
    """Threads of one Ray worker: `run.threads`, else as many as it has cores."""
    return run.threads or max(1, int(run.ray_cpus))


@dataclass(frozen=True)
class RayPool(Pool):
    """`run.workers` actors of a Ray cluster (default and 0: as many as it has room for), each with cores and GPUs.

    Without `run.address` it joins the cluster of RAY_ADDRESS, else starts one here. Raises UsageError where Ray is not
    installed.
    """

    run: RunConfig
    exit_seconds: ClassVar[float] = 60.0

    def __post_init__(self) -> None:
        try:
            import ray  # noqa: F401
        except ImportError:
            raise UsageError("Ray is not installed", fix='Type: python -m pip install -e ".[ray]"') from None

    @contextmanager
    def opened(
        self, start: Callable[..., Any], arguments: tuple[Any, ...], jobs: int
    ) -> Iterator[tuple[int, Callable[[], RayActor]]]:
        """See `Pool`; uses the Ray that this process is connected to. Raises UsageError where no worker fits."""
        import ray

        connected = ray.is_initialized()
        if not connected:
            self._connect()
        try:
            yield self._room(), partial(RayActor, self.run, start, tuple(ray.put(value) for value in arguments))
        finally:
            if not connected:
                ray.shutdown()

    def wait(self, workers: Sequence[RayActor]) -> None:
        """See `Pool`."""
        import ray

        ray.wait([worker.result for worker in workers], num_returns=1, timeout=POLL_SECONDS)

    def _connect(self) -> None:
        """Join the cluster, or start Ray here with as many places as there are workers."""
        import ray

        run, quiet = self.run, {"log_to_driver": False, "logging_level": "ERROR"}
        try:
            if self.run.address or os.environ.get("RAY_ADDRESS"):
                ray.init(address=self.run.address, **quiet)
            else:
                os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it would report each start to its makers
                cores = run.workers * run.ray_cpus if run.workers else os.cpu_count() or 1
                ray.init(num_cpus=int(-(-cores // 1)), include_dashboard=False, **quiet)
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise UsageError(
                f"no Ray cluster at {self.run.address or os.environ.get('RAY_ADDRESS')} ({_first_line(error)})",
                fix="Start one with `ray start --head`, or leave --address out",
            ) from None

    def places(self, jobs: int) -> tuple[int, str]:
        """See `Pool`; the cluster itself is not asked."""
        return self.run.workers or 1, "Ray"

    def _room(self) -> int:
        """The number of actors that fit into the cluster, at most `run.workers`. Raises UsageError where none does."""
        import ray

        run, resources = self.run, ray.cluster_resources()
        cores, gpus = resources.get("CPU", 0), resources.get("GPU", 0)
        places = int(cores / run.ray_cpus)
        if run.ray_gpus:
            places = min(places, int(gpus / run.ray_gpus))
        if places < 1:
            raise UsageError(
                f"the Ray cluster has {cores:g} cores and {gpus:g} GPUs, too few for one worker",
                fix="Lower run.ray_cpus or run.ray_gpus",
            )
        return min(places, run.workers or places)


class RayActor(Worker):
    """One actor. The time of a job counts from the first answer about it."""

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

    def give(self, job: Any) -> None:
        """See `Worker`."""
        self.started, self.state = None, None
        self.result = self.actor.run.remote(job)

    def take(self, report: Report) -> tuple[Any, ...]:
        """See `Worker`. Raises WorkerLost where the actor has ended, UsageError where none can start."""
        import ray

        if ray.wait([self.result], timeout=0)[0]:
            self._require_start()
            try:
                return (ray.get(self.result),)
            except ray.exceptions.RayTaskError as error:
                raise error.cause from None  # a fault of the program, raised as in this process
            except ray.exceptions.RayError as error:
                raise WorkerLost(f"the Ray worker was lost ({_first_line(error)})") from None
        self.state = self.state or self.actor.state.remote()
        if ray.wait([self.state], timeout=0)[0]:
            with suppress(ray.exceptions.RayError):  # `run` fails with the same error a moment later
                progress = ray.get(self.state)
                self.started = self.started or time.monotonic()
                if progress:
                    report(*progress)
            self.state = None
        return ()

    def halt(self) -> None:
        """See `Worker`."""
        self.actor.halt.remote()

    def end(self, seconds: float = 0.0) -> None:
        """See `Worker`; temporaries that an actor was writing are swept later."""
        import ray

        if seconds and self.result is not None:
            self.halt()
            ray.wait([self.result], timeout=seconds)
        ray.kill(self.actor)

    def _require_start(self) -> None:
        """Raise UsageError where an actor could not start: the machine is at fault, not the job."""
        import ray

        try:
            ray.get(self.ready)
        except ray.exceptions.ActorDiedError as error:
            if "creation task" in str(error):
                cause = COLOURS.sub("", str(error)).strip().splitlines()[-1].strip()
                raise UsageError(
                    f"a Ray worker cannot start ({cause})",
                    fix="Give every machine of the cluster this folder, under the same path, and this environment",
                ) from None
        except ray.exceptions.RayError:
            return  # `run` fails with the same error


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

    def run(self, job: Any) -> Any:
        """Run one job."""
        self._progress = ()
        return self._work(job, self._report)

    def halt(self) -> None:
        """Ask the job to stop."""
        self._stop.set()

    def state(self) -> tuple[Any, ...]:
        """The latest progress, empty before the first."""
        return self._progress

    def _report(self, *progress: Any) -> None:
        self._progress = progress


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:200] if lines else type(error).__name__
