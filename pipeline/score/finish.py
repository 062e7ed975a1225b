"""Completes a run folder after training: configuration, calibration and model card."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from data.errors import DataError
from data.splits import forbidden
from data.store import write_text
from pipeline.config import BaseConfig
from pipeline.evaluate.spread_jobs import one_thread
from pipeline.extract import Plan
from pipeline.features import FeatureSet
from pipeline.observer import Steps
from pipeline.score.bundle import model_sha256, save
from pipeline.score.bundle_hashes import MODEL_FILES, cover
from pipeline.score.calibration import FOLDS, Calibration, calibrate, save_calibration
from pipeline.score.flags import quality_ranges
from pipeline.score.known_videos import FILE as TRAINING
from pipeline.score.known_videos import write_contents
from pipeline.score.model_card import FILE as CARD
from pipeline.score.model_card import model_card
from pipeline.score.scorer import save_config
from pipeline.systems.combination import FittedCombination, regressions_for
from pipeline.systems.regressors import RegressionSystem
from pipeline.train import Stop, TrainedRun


def finish_run(
    run: TrainedRun,
    features: FeatureSet,
    config: BaseConfig,
    folder: Path,
    *,
    plans: Sequence[Plan] = (),
    folds: int = FOLDS,
    progress: Steps | None = None,
    stop: Stop | None = None,
) -> tuple[Calibration | None, str | None]:
    """Calibrate a run that `pipeline.score.bundle.save` wrote to `folder`, and write its model card.

    With `model.system: combined` it adds the regressions to the run, weighted by the held-out folds; without folds all
    weights are equal.

    Args:
        run, features: the run and its training performances.
        config: names the protocol, whose groups stay together in the folds, and whether the score is a combination.
        plans: of performances; hashes and quality measures of those of the training part are stored for comparison.
        folds: of the calibration; 0 skips it: scores then have no intervals, and a flag says so.

    Returns:
        The calibration, or None and the reason.

    Raises UsageError for an unknown protocol, and Cancelled after `stop`; the same call resumes from
    `folder/checkpoints/calibration`.
    """
    cover(folder, MODEL_FILES)  # the hashes never describe a file that is about to change
    save_config(config, folder)
    learnt = set(run.train_ids)
    plans = [plan for plan in plans if plan.record.id in learnt]
    (folder / TRAINING).unlink(missing_ok=True)  # of an earlier run
    if plans:
        write_contents(folder, plans)
    systems = regressions_for(features, forbidden(config.protocol)) if config.combined else ()
    calibration: Calibration | None = None
    combination: FittedCombination | None = None
    why_not = "calibration was skipped"
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
                systems=systems,
            )
            quality = quality_ranges([{step.stage: dict(step.check.quality) for step in plan.steps} for plan in plans])
            calibration = replace(calibration, facts={**calibration.facts, "quality": quality})
        except DataError as error:
            why_not = error.what
    if systems:
        combination = _combination(run, features, systems, calibration)
        save(run, folder, combination)
    if calibration is not None:
        save_calibration(calibration, folder)
        shutil.rmtree(unfinished, ignore_errors=True)
    cover(folder)
    card = model_card(
        run, features, config, calibration, why_not, combination=combination, model_sha256=model_sha256(folder)
    )
    write_text(folder / CARD, card)
    return calibration, None if calibration is not None else why_not


def _combination(
    run: TrainedRun, features: FeatureSet, systems: Sequence[RegressionSystem], calibration: Calibration | None
) -> FittedCombination:
    """The regressions of all training performances, weighted by the calibration; equal weights without one."""
    place = {name: row for row, name in enumerate(features.ids)}
    rows = np.array([place[name] for name in run.train_ids], dtype=np.intp)
    weights = None if calibration is None else np.array(list(calibration.facts["combination"]["weights"].values()))
    with one_thread(0):
        return FittedCombination.fit(features, rows, systems, weights)
