"""Scoring: a trained model gives new videos scores with intervals, flags, and the contribution of every time step."""

from pipeline.score.model_training import train_model
from pipeline.score.onnx_export import export_onnx
from pipeline.score.remote_models import local_model, push_model
from pipeline.score.scorer import Scorer, load_scorer, score_videos
from pipeline.score.trained_model import TrainedModel
