"""Scoring: a trained run gives new videos scores with intervals, flags, and the contribution of every time step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from data.lazy import importer

if TYPE_CHECKING:
    from pipeline.score.bundle import Bundle
    from pipeline.score.calibration import Calibration
    from pipeline.score.export import export_onnx
    from pipeline.score.finish import finish_run
    from pipeline.score.score_run import score_videos
    from pipeline.score.scorer import Scorer, load_scorer
    from pipeline.score.scorer_training import TrainedScorer, train_scorer
else:
    __getattr__ = importer(
        __name__,
        scorer_training="TrainedScorer train_scorer",
        bundle="Bundle",
        calibration="Calibration",
        export="export_onnx",
        finish="finish_run",
        score_run="score_videos",
        scorer="Scorer load_scorer",
    )

__all__ = [
    "Bundle",
    "Calibration",
    "Scorer",
    "TrainedScorer",
    "export_onnx",
    "finish_run",
    "load_scorer",
    "score_videos",
    "train_scorer",
]
