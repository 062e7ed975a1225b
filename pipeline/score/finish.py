"""Completes a run folder after training: configuration, calibration and model card."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

from data.errors import DataError
from data.splits import forbidden
from pipeline.config import BaseConfig
from pipeline.extract import Planner
from pipeline.features import FeatureSet
from pipeline.observer import Steps
from pipeline.score.bundle import model_sha256
from pipeline.score.bundle_hashes import MODEL_FILES, cover
from pipeline.score.calibration import FOLDS, Calibration, calibrate, save_calibration
from pipeline.score.flags import quality_ranges
from pipeline.score.known_videos import FILE as TRAINING
from pipeline.score.known_videos import write_contents
from pipeline.score.model_card import model_card, write_card
from pipeline.score.scorer import save_config
from pipeline.train import Stop, TrainedRun


def finish_run(
    run: TrainedRun,
    features: FeatureSet,
    config: BaseConfig,
    folder: Path,
    *,
    planner: Planner | None = None,
    folds: int = FOLDS,
    progress: Steps | None = None,
    stop: Stop | None = None,
) -> tuple[Calibration | None, str | None]:
    """Calibrate a run that `pipeline.score.bundle.save` wrote to `folder`, and write its model card.

    Args:
        run, features: the run and its training performances.
        config: names the protocol, whose groups stay together in the folds.
        folder: the run's folder.
        planner: knows the stages' outputs, whose quality measures over the training part are stored for comparison.
        folds: of the calibration; 0 skips it: scores then have no intervals, and a flag says so.
        progress: called with (epochs done, epochs in all).
        stop: called after every epoch; true ends it.

    Returns:
        The calibration, or None and the reason.

    Raises:
        Cancelled: `stop` returned true; the same call resumes from `folder/checkpoints/calibration`.
        UsageError: the configuration names an unknown protocol.
        OSError: the folder cannot be written.
    """
    cover(folder, MODEL_FILES)  # the hashes never describe a file that is about to change
    save_config(config, folder)
    learnt = set(run.train_ids)
    records = [record for record in features.records if record.id in learnt]
    plans = [] if planner is None else list(planner.plan_all(records))
    (folder / TRAINING).unlink(missing_ok=True)  # of an earlier run
    if plans:
        write_contents(folder, plans)
    calibration, why_not = None, "calibration was skipped"
    unfinished = folder / "checkpoints" / "calibration"
    if folds:
        try:
            calibration = calibrate(
                features,
                run,
                folds=folds,
                kinds=forbidden(config.protocol),
                checkpoints=unfinished,
                progress=progress,
                stop=stop,
            )
            quality = quality_ranges([{step.stage: dict(step.check.quality) for step in plan.steps} for plan in plans])
            calibration = replace(calibration, facts={**calibration.facts, "quality": quality})
            save_calibration(calibration, folder)
            shutil.rmtree(unfinished, ignore_errors=True)
        except DataError as error:
            why_not = error.what
    cover(folder)
    write_card(folder, model_card(run, features, config, calibration, why_not, model_sha256=model_sha256(folder)))
    return calibration, None if calibration is not None else why_not
