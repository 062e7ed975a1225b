"""Running work: plans the stages of every video, decodes once, writes into the cache, on a pool of workers or Ray."""

from pipeline.run.batch import (
    STOPPED,
    ExtractRun,
    Outputs,
    Previews,
    Status,
    StatusRow,
    Summary,
    plan_costs,
    run,
    run_extract,
    status_rows,
)
from pipeline.run.costs import DryRun
from pipeline.run.feasible_stages import feasible_config
from pipeline.run.inputs import dataset_records, list_inputs, shard_of
from pipeline.run.local_pool import ProcessPool, ThreadPool
from pipeline.run.plan import MeasuredPlan, Plan, Planner
from pipeline.run.prune import prune
from pipeline.run.ray_pool import RayPool, pool_of, worker_threads
from pipeline.run.runner import Result
from pipeline.run.worker_pool import MOST_LOST, Message, Pool, Tell, WorkerLost, run_items

__all__ = [
    "MOST_LOST",
    "STOPPED",
    "DryRun",
    "ExtractRun",
    "MeasuredPlan",
    "Message",
    "Outputs",
    "Plan",
    "Planner",
    "Pool",
    "Previews",
    "ProcessPool",
    "RayPool",
    "Result",
    "Status",
    "StatusRow",
    "Summary",
    "Tell",
    "ThreadPool",
    "WorkerLost",
    "dataset_records",
    "feasible_config",
    "list_inputs",
    "plan_costs",
    "pool_of",
    "prune",
    "run",
    "run_extract",
    "run_items",
    "shard_of",
    "status_rows",
    "worker_threads",
]
