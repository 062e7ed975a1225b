"""The choice of where work runs: this process, processes of this machine, or Ray."""

from __future__ import annotations

from data.errors import UsageError, nearest
from pipeline.config import RunConfig
from pipeline.run.ray_pool import RayPool
from pipeline.run.worker_pool import LocalPool, Pool

ENGINES = ("local", "ray")


def pick_pool(engine: str, run: RunConfig, address: str | None = None) -> Pool | None:
    """Where jobs run: "local" processes, or "ray"; None for `run.workers` 0 without Ray: in this process.

    `address` None joins the Ray cluster of RAY_ADDRESS, else starts one here. Raises UsageError for an unknown engine,
    or where Ray is not installed.
    """
    if engine not in ENGINES:
        raise UsageError(f"unknown engine '{engine}'", fix=nearest(engine, ENGINES))
    if engine == "local":
        return None if run.workers == 0 else LocalPool(run)
    try:
        import ray  # noqa: F401
    except ImportError:
        raise UsageError("Ray is not installed", fix='Type: python -m pip install -e ".[ray]"') from None
    return RayPool(run, address)


def places(pool: Pool | None, jobs: int) -> tuple[int, str]:
    """The number of workers for so many jobs, and in words where they run."""
    return (1, "this process") if pool is None else pool.places(jobs)
