"""`train` as one call: the networks, their calibration and the model card, in one folder."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from pathlib import Path

from pipeline.config import BaseConfig
from pipeline.extract import make_planner
from pipeline.features import FeatureSet
from pipeline.observer import Observer
from pipeline.outputs import writing
from pipeline.score.bundle import differences, save
from pipeline.score.calibration import FOLDS, Calibration
from pipeline.score.finish import finish_run
from pipeline.score.video_flags import report_flags, still_camera_advice
from pipeline.stages import STAGES
from pipeline.train import TrainedRun
from pipeline.train import train as train_networks

MOST_SHOWN = 2
"""Settings named in a warning."""


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
    else:
        observer.notes(_pack_notes(features, config))
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


def _pack_notes(features: FeatureSet, config: BaseConfig) -> list[str]:
    """A warning where a pack was made with other settings than the configuration, whose features `score` then makes."""
    packed = {
        name: about["settings"] for name, about in features.settings.items() if name in STAGES and "settings" in about
    }
    here = json.loads(json.dumps({name: config.stage(name).result_settings() for name in packed}))
    if not (differing := list(differences(packed, here))):
        return []
    more = f" and {len(differing) - MOST_SHOWN} more" if len(differing) > MOST_SHOWN else ""
    shown = "; ".join(line.replace("in the model", "in the pack") for line in differing[:MOST_SHOWN])
    return [
        f"warning: the pack has other settings than this configuration ({shown}{more}), so `score` will refuse"
        " the model; give the --config and --set that the pack was made with"
    ]
