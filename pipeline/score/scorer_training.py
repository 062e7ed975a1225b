"""`train` as one call: the networks, their calibration and the model card, in one folder."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

from pipeline.config import BaseConfig
from pipeline.extract import make_planner
from pipeline.features import FeatureSet
from pipeline.observer import Observer
from pipeline.outputs import writing
from pipeline.score.bundle import save
from pipeline.score.calibration import FOLDS, Calibration
from pipeline.score.finish import finish_run
from pipeline.score.video_flags import report_flags, still_camera_advice
from pipeline.train import TrainedRun
from pipeline.train import train as train_networks


@dataclass(frozen=True)
class TrainedScorer:
    """What `train` made.

    Attributes:
        folder: the run: `load_scorer`, `score`, `report` and `export` take it.
        run: the networks and what they were trained on.
        calibration: gives scores their intervals; None where there is none.
        not_calibrated: why there is no calibration, else None.
    """

    folder: Path
    run: TrainedRun
    calibration: Calibration | None
    not_calibrated: str | None


def train_scorer(
    features: FeatureSet,
    config: BaseConfig,
    folder: Path,
    *,
    folds: int | None = None,
    cached: bool = True,
    strict: bool = False,
    observer: Observer,
    stop: threading.Event,
) -> TrainedScorer:
    """Train, calibrate and describe a scorer; a run that was killed resumes from `folder/checkpoints`.

    Args:
        features: labelled performances.
        config: names the network, the recipe and the protocol.
        folder: the run's folder.
        folds: of the calibration; 0 leaves it out.
        cached: whether the configuration's cache holds the stages' outputs of these features.
        strict: refuse to train where a video is flagged.
        observer, stop: progress, and how to end it.

    Raises:
        Cancelled: `stop` was set.
        DataError: the features cannot be trained on, or `strict` and a video is flagged.
        UsageError: the folder cannot be written.
    """
    planner = make_planner(config, ("timesteps",)) if cached else None
    if planner is not None:
        report_flags(features.records, planner, observer, strict=strict)
        if advice := still_camera_advice(features.records, planner, config, folder):
            observer.note(advice)
    model, recipe = config.scorer
    with observer.progress("epochs") as progress:
        run = train_networks(
            features, recipe, model, checkpoints=folder / "checkpoints", progress=progress.steps, stop=stop.is_set
        )
    with writing(folder):
        save(run, folder)
    with writing(folder), observer.progress("epochs of the calibration") as progress:
        calibration, why_not = finish_run(
            run, features, config, folder, planner=planner,
            folds=FOLDS if folds is None else folds, progress=progress.steps, stop=stop.is_set,
        )  # fmt: skip
    if planner is not None:
        planner.cache.close()
    return TrainedScorer(folder, run, calibration, why_not)
