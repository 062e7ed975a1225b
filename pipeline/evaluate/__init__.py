"""Evaluation: trains systems on the folds of a protocol, predicts the held-out parts, and summarises the results."""

from pipeline.evaluate.cross_validation import Protocol, Results, evaluate, read_results, write_results
from pipeline.evaluate.evaluation_run import Evaluation, evaluate_features, table_protocol
from pipeline.evaluate.leaderboard import all_systems, table_systems
from pipeline.evaluate.protocols import Asked, results_tables

__all__ = [
    "Asked",
    "Evaluation",
    "Protocol",
    "Results",
    "all_systems",
    "evaluate",
    "evaluate_features",
    "read_results",
    "results_tables",
    "table_protocol",
    "table_systems",
    "write_results",
]
