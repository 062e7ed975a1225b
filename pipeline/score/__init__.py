"""Scoring: a trained run gives new videos scores with intervals, flags, and the contribution of every time step."""

from pipeline.score.calibration import Calibration
from pipeline.score.export import export_onnx
from pipeline.score.model_training import train_model
from pipeline.score.scorer import Scorer, load_scorer, score_videos
from pipeline.score.shared_run import local_run, push_run
from pipeline.score.trained_model import TrainedModel

__all__ = [
    "Calibration",
    "Scorer",
    "TrainedModel",
    "export_onnx",
    "load_scorer",
    "local_run",
    "push_run",
    "score_videos",
    "train_model",
]
