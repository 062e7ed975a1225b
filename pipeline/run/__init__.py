"""Running work: plans the stages of every video, decodes once, writes into the cache, on a pool of workers or Ray."""

from pipeline.run.batch import (
    ExtractRun,
    Status,
    Summary,
    extract_and_read,
    plan_costs,
    run_extract,
    status_rows,
)
from pipeline.run.inputs import dataset_records, list_inputs, take_shard
from pipeline.run.plan import MeasuredPlan, Plan, Planner
from pipeline.run.prune import prune
from pipeline.run.ray_pool import RayPool, pool_of, worker_threads
from pipeline.run.runner import Result
from pipeline.run.worker_pool import MOST_LOST, Pool, Report, Task, WorkerLost, local_pool, run_jobs

__all__ = [
    "MOST_LOST",
    "ExtractRun",
    "MeasuredPlan",
    "Plan",
    "Planner",
    "Pool",
    "RayPool",
    "Report",
    "Result",
    "Status",
    "Summary",
    "Task",
    "WorkerLost",
    "dataset_records",
    "extract_and_read",
    "list_inputs",
    "local_pool",
    "plan_costs",
    "pool_of",
    "prune",
    "run_extract",
    "run_jobs",
    "status_rows",
    "take_shard",
    "worker_threads",
]
