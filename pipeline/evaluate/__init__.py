"""Evaluation: trains systems on the folds of a protocol, predicts the held-out parts, and summarises the results."""

from pipeline.evaluate.cross_validation import Protocol, cross_validate
from pipeline.evaluate.evaluation_plan import RequestedRows
from pipeline.evaluate.evaluation_results import EvaluationResults
from pipeline.evaluate.evaluation_run import Evaluation, evaluate_features, table_protocol
from pipeline.evaluate.rank_intervals import rank_agreement
from pipeline.evaluate.results_file import read_results, results_as_json, write_results
