"""Extraction: plans the stages of every video, runs them on an engine, and writes their outputs into the cache."""

from pipeline.extract.batch import Summary, dataset_records, extract_and_read, plan_all, run_extract, status_rows
from pipeline.extract.engines import FrameProgress
from pipeline.extract.extract_run import (
    ExtractRun,
    Status,
    extract_missing,
    extract_videos,
    labelled_records,
    list_inputs,
    make_planner,
    plan_costs,
    plan_job,
    prune,
)
from pipeline.extract.plan import Plan, Planner
from pipeline.extract.runner import Result

__all__ = [
    "ExtractRun",
    "FrameProgress",
    "Plan",
    "Planner",
    "Result",
    "Status",
    "Summary",
    "dataset_records",
    "extract_and_read",
    "extract_missing",
    "extract_videos",
    "labelled_records",
    "list_inputs",
    "make_planner",
    "plan_all",
    "plan_costs",
    "plan_job",
    "prune",
    "run_extract",
    "status_rows",
]
