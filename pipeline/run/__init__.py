"""Running work: plans the stages of every video, decodes once, writes into the cache."""

from pipeline.run.batch import (
    STOPPED,
    ExtractRun,
    Previews,
    Status,
    StatusRow,
    plan_costs,
    run,
    run_extract,
    status_rows,
)
from pipeline.run.costs import ExpectedCost
from pipeline.run.feasible_stages import feasible_config
from pipeline.run.inputs import completed, data_set_at, dataset_records, list_inputs, shard_of
from pipeline.run.plan import Plan, Planner
from pipeline.run.prune import prune
from pipeline.run.runner import Result
