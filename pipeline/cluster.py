"""A Ray cluster: joining it or starting one here, how many workers it has room for, what a worker is given."""

from __future__ import annotations

import os
from typing import Any

from data.errors import UsageError
from pipeline.config import BaseConfig, RunConfig
from pipeline.environment import CHECKOUT

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS", "AIM_THREADS")


def require_ray() -> None:
    """Refuse where Ray is not installed.

    Raises:
        UsageError: it is not.
    """
    try:
        import ray  # noqa: F401
    except ImportError:
        raise UsageError("Ray is not installed", fix='Type: python -m pip install -e ".[ray]"') from None


def worker_options(run: RunConfig) -> dict[str, Any]:
    """Cores, GPUs and environment of one worker: this checkout can be imported, threads are as many as the cores."""
    threads = str(run.threads or max(1, int(run.ray_cpus)))
    path = os.pathsep.join([str(CHECKOUT), *filter(None, [os.environ.get("PYTHONPATH")])])
    variables = {"PYTHONPATH": path, **dict.fromkeys(THREAD_VARIABLES, threads)}
    return {"num_cpus": run.ray_cpus, "num_gpus": run.ray_gpus, "runtime_env": {"env_vars": variables}}


def connect(address: str | None, config: BaseConfig) -> None:
    """Join the cluster, or start Ray here with as many places as there are workers."""
    import ray

    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    try:
        if address or os.environ.get("RAY_ADDRESS"):
            ray.init(address=address, **quiet)
        else:
            cores = max(1, config.run.workers) * config.run.ray_cpus if config.run.workers else os.cpu_count() or 1
            ray.init(num_cpus=int(-(-cores // 1)), include_dashboard=False, **quiet)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise UsageError(
            f"no Ray cluster at {address or os.environ.get('RAY_ADDRESS')} ({first_line(error)})",
            fix="Start one with `ray start --head`, or leave --address out",
        ) from None


def places(config: BaseConfig) -> int:
    """Actors that the cluster has room for, at most `run.workers`."""
    import ray

    has = ray.cluster_resources()
    run = config.run
    room = int(has.get("CPU", 0) / run.ray_cpus)
    if run.ray_gpus:
        room = min(room, int(has.get("GPU", 0) / run.ray_gpus))
    if room < 1:
        raise UsageError(
            f"the Ray cluster has {has.get('CPU', 0):g} cores and {has.get('GPU', 0):g} GPUs, too few for one worker",
            fix="Lower run.ray_cpus or run.ray_gpus",
        )
    return min(room, run.workers) if run.workers else room


def first_line(error: BaseException) -> str:
    """What an error says, short."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:200] if lines else type(error).__name__
