"""Evaluation: trains systems on the folds of a protocol, predicts the held-out parts, and summarises the results."""

from __future__ import annotations

from typing import TYPE_CHECKING

from data.lazy import importer

if TYPE_CHECKING:
    from pipeline.evaluate.cross_validation import Results, evaluate, read_results, write_results
    from pipeline.evaluate.evaluation_run import (
        Evaluation,
        SearchRun,
        evaluate_features,
        search_features,
        table_protocol,
    )
    from pipeline.evaluate.grid_search import search
    from pipeline.evaluate.leaderboard import all_systems, table_systems
    from pipeline.evaluate.protocols import results_tables, run_protocol
    from pipeline.evaluate.spread import pick_run
else:
    __getattr__ = importer(
        __name__,
        evaluation_run="Evaluation SearchRun evaluate_features search_features table_protocol",
        cross_validation="Results evaluate read_results write_results",
        grid_search="search",
        leaderboard="all_systems table_systems",
        protocols="results_tables run_protocol",
        spread="pick_run",
    )

__all__ = [
    "Evaluation",
    "Results",
    "SearchRun",
    "all_systems",
    "evaluate",
    "evaluate_features",
    "pick_run",
    "read_results",
    "results_tables",
    "run_protocol",
    "search",
    "search_features",
    "table_protocol",
    "table_systems",
    "write_results",
]
