"""`train` as one call: the networks, their calibration and the model card, in one folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipeline.config import BaseConfig
from pipeline.extract import Plan, make_planner
from pipeline.features import FeatureSet
from pipeline.observer import Observer
from pipeline.outputs import writing
from pipeline.score.bundle import differences, plain, save
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
    """What `train` made."""

    folder: Path  # the run: `load_scorer`, `score`, `report` and `export` take it
    run: TrainedRun  # the networks and what they were trained on
    calibration: Calibration | None  # gives scores their intervals
    not_calibrated: str | None  # why there is no calibration


def train_scorer(
    features: FeatureSet,
    config: BaseConfig,
    folder: Path,
    *,
    folds: int | None = None,
    cached: bool = True,
    strict: bool = False,
    observer: Observer,
) -> TrainedScorer:
    """Train, calibrate and describe a scorer; a run that was killed resumes from `folder/checkpoints`.

    Args:
        folds: of the calibration; 0 leaves it out.
        cached: whether the configuration's cache holds the stages' outputs of these features.
        strict: refuse to train where a video is flagged.

    Raises Cancelled after a stop, DataError where the features cannot be trained on, or `strict` and a
    video is flagged, UsageError where the folder cannot be written.
    """
    plans: list[Plan] = []
    if cached:
        planner = make_planner(config, ("timesteps",))
        plans = list(planner.plan_all(features.records))
        planner.cache.close()
        report_flags(plans, len(plans), observer, strict=strict)
        if advice := still_camera_advice(plans, config, folder):
            observer.note(advice)
    else:
        observer.notes(_pack_notes(features, config))
    (model, recipe), stop = config.scorer, observer.stop_event().is_set
    with observer.progress("epochs") as progress:
        run = train_networks(
            features, recipe, model, checkpoints=folder / "checkpoints", progress=progress.steps, stop=stop
        )
    with writing(folder):
        save(run, folder)
    with writing(folder), observer.progress("epochs of the calibration") as progress:
        calibration, why_not = finish_run(
            run, features, config, folder, plans=plans,
            folds=FOLDS if folds is None else folds, progress=progress.steps, stop=stop,
        )  # fmt: skip
    return TrainedScorer(folder, run, calibration, why_not)


def _pack_notes(features: FeatureSet, config: BaseConfig) -> list[str]:
    """A warning where a pack was made with other settings than the configuration, whose features `score` then makes."""
    packed = {
        name: about["settings"] for name, about in features.settings.items() if name in STAGES and "settings" in about
    }
    here = plain({name: config.stage(name).result_settings() for name in packed})
    if not (differing := list(differences(packed, here))):
        return []
    more = f" and {len(differing) - MOST_SHOWN} more" if len(differing) > MOST_SHOWN else ""
    shown = "; ".join(line.replace("in the model", "in the pack") for line in differing[:MOST_SHOWN])
    return [
        f"warning: the pack has other settings than this configuration ({shown}{more}), so `score` will refuse"
        " the model; give the --config and --set that the pack was made with"
    ]
