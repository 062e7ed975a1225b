"""Running work: plans the stages of every video, decodes once, writes into the cache, on a pool of workers or Ray."""

from pipeline.run.batch import (
    STOPPED,
    ExtractRun,
    Outputs,
    Status,
    Summary,
    plan_costs,
    run,
    run_extract,
    status_rows,
)
from pipeline.run.fed_stages import fed_by
from pipeline.run.inputs import dataset_records, list_inputs, take_shard
from pipeline.run.plan import MeasuredPlan, Plan, Planner
from pipeline.run.prune import prune
from pipeline.run.ray_pool import RayPool, pool_of, worker_threads
from pipeline.run.runner import Result
from pipeline.run.worker_pool import MOST_LOST, Pool, Task, Tell, WorkerLost, local_pool, run_items

__all__ = [
    "MOST_LOST",
    "STOPPED",
    "ExtractRun",
    "MeasuredPlan",
    "Outputs",
    "Plan",
    "Planner",
    "Pool",
    "RayPool",
    "Result",
    "Status",
    "Summary",
    "Task",
    "Tell",
    "WorkerLost",
    "dataset_records",
    "fed_by",
    "list_inputs",
    "local_pool",
    "plan_costs",
    "pool_of",
    "prune",
    "run",
    "run_extract",
    "run_items",
    "status_rows",
    "take_shard",
    "worker_threads",
]
