"""Scoring: a trained run gives new videos scores with intervals, flags, and the contribution of every time step."""

from pipeline.score.bundle import Bundle
from pipeline.score.calibration import Calibration
from pipeline.score.export import export_onnx
from pipeline.score.scorer import Scorer, load_scorer, score_videos
from pipeline.score.scorer_training import TrainedScorer, train_scorer
from pipeline.score.shared_run import local_run, push_run

__all__ = [
    "Bundle",
    "Calibration",
    "Scorer",
    "TrainedScorer",
    "export_onnx",
    "load_scorer",
    "local_run",
    "push_run",
    "score_videos",
    "train_scorer",
]
