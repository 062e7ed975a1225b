"""Extraction: plans the stages of every video, runs them on an engine, and writes their outputs into the cache."""

from __future__ import annotations

from typing import TYPE_CHECKING

from data.lazy import importer

if TYPE_CHECKING:
    from pipeline.extract.batch import Summary, dataset_records, plan_all, run_extract, status_rows
    from pipeline.extract.engines import FrameProgress
    from pipeline.extract.plan import Plan, Planner
    from pipeline.extract.runner import Result
else:
    __getattr__ = importer(
        __name__,
        batch="Summary dataset_records plan_all run_extract status_rows",
        engines="FrameProgress",
        plan="Plan Planner",
        runner="Result",
    )

__all__ = [
    "FrameProgress",
    "Plan",
    "Planner",
    "Result",
    "Summary",
    "dataset_records",
    "plan_all",
    "run_extract",
    "status_rows",
]
