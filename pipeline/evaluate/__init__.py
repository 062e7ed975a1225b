"""Evaluation: trains systems on the folds of a protocol, predicts the held-out parts, and summarises the results."""

from pipeline.evaluate.cross_validation import Protocol, cross_validate
from pipeline.evaluate.evaluation_plan import RequestedRows
from pipeline.evaluate.evaluation_results import EvaluationResults
from pipeline.evaluate.evaluation_run import Evaluation, evaluate_features, table_protocol
from pipeline.evaluate.leaderboard import all_systems, table_systems
from pipeline.evaluate.rank_intervals import rank_agreement
from pipeline.evaluate.results_file import read_results, results_as_json, write_results
from pipeline.evaluate.system_table import Kind, Table, TableRow, interval_text

__all__ = [
    "Evaluation",
    "EvaluationResults",
    "Kind",
    "Protocol",
    "RequestedRows",
    "Table",
    "TableRow",
    "all_systems",
    "cross_validate",
    "evaluate_features",
    "interval_text",
    "rank_agreement",
    "read_results",
    "results_as_json",
    "table_protocol",
    "table_systems",
    "write_results",
]
