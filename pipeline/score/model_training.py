"""`train` as one call: the networks, their calibration and the model card, in one folder."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from data.errors import DataError
from data.splits import unsplit_groups
from data.store import write_text
from data.store.arrays import Quality
from data.video import Record
from pipeline.cache import Cache, content_hashes
from pipeline.cache.failure import Failure
from pipeline.checks.flag_checks import quality_ranges
from pipeline.checks.rater_ceiling import rater_agreement
from pipeline.checks.training_video_flags import announce_flags, still_camera_advice
from pipeline.observer import SILENT, Observer, Progress
from pipeline.phases.carried_phases import phases_of_model
from pipeline.run import Plan, Planner, run
from pipeline.score.calibration import TrainingFacts
from pipeline.score.calibration_folds import calibrate
from pipeline.score.model_card import FILE as CARD
from pipeline.score.model_card import model_card
from pipeline.score.model_files import model_sha256
from pipeline.score.movement import PEOPLE, StepVariables, better_ranges, movement, steps_of
from pipeline.score.setting_differences import differences_text, setting_differences, without_videos
from pipeline.score.trained_model import TrainedModel
from pipeline.settings.config import Config
from pipeline.settings.destinations import writing
from pipeline.settings.stages import STAGES, with_defaults
from pipeline.systems.regressors import for_new_people, regressions_of
from pipeline.train import TrainingControl, check_difficulties
from pipeline.train.feature_set import FeatureSet

MeasuredPlan = tuple[Plan, Quality]
"""A plan, and the quality values of outputs by stage."""


def train_model(
    features: FeatureSet,
    config: Config,
    folder: Path,
    cache: Cache | None,
    *,
    strict: bool = False,
    observer: Observer = SILENT,
) -> TrainedModel:
    """Train and calibrate a model, and write it with its card into `folder` (`pipeline.score.trained_model`).

    A method that combines also fits regressions to all training performances. The calibration chooses which of them
    are averaged; without folds all are. A killed training resumes from `folder/checkpoints`.

    Args:
        cache: has the stages' outputs of these features. The model stores their hashes, quality measures and movement
            for comparison. None for packed features.
        strict: refuse to train if a video is flagged.

    Raises Cancelled after a stop, and UsageError if the folder cannot be written. Raises DataError if training on the
    features is impossible, or if `strict` and a video is flagged.
    """
    check_difficulties(features, config.method, observer)
    plans = list[MeasuredPlan]()
    if cache is not None:
        planned = Planner(config, cache, stages=("timesteps",)).plan_all(features.records)
        plans = [(plan, cache.qualities(plan.record.id, plan.stored())) for plan in planned]
        measured = [(plan.record.name, quality) for plan, quality in plans]
        announce_flags(measured, len(plans), observer, strict=strict)
        if advice := still_camera_advice(measured, config, folder):
            observer.note(advice)
    else:
        observer.notes(_pack_notes(features, config))
    unsplit, stop = unsplit_groups(config.method.protocol), observer.stop_event().is_set
    systems, where = regressions_of(config.method, features), config.machine.work
    new_people = bool(systems) and for_new_people(unsplit, features)

    def control(checkpoints: Path, progress: Progress) -> TrainingControl:
        return TrainingControl(checkpoints, progress.advance, stop, where.train_device, cores=where.threads)

    with observer.progress("epochs") as progress:
        model = TrainedModel.fit(
            features,
            config.method.train,
            config.method.network,
            systems=systems,
            new_people=new_people,
            times_difficulty=config.method.times_difficulty,
            contents=None if cache is None else content_hashes(features.records, cache),
            control=control(folder / "checkpoints", progress),
        )
    learnt = set(model.train_ids)
    plans = [(plan, quality) for plan, quality in plans if plan.record.id in learnt]
    unfinished, why_not = folder / "checkpoints" / "calibration", "calibration was skipped"
    with writing(folder), observer.progress("epochs of the calibration") as progress:
        if folds := config.method.split.calibration_folds:
            try:
                calibration, combination = calibrate(
                    features,
                    model,
                    folds=folds,
                    seed=config.method.split.seed,
                    unsplit=unsplit,
                    systems=systems,
                    new_people=new_people,
                    control=control(unfinished, progress),
                )
                records = [record for record in features.records if record.id in learnt]
                moved = {} if cache is None else better_ranges(trained_movement(plans, config, cache))
                facts = replace(_facts(calibration.facts, config, records, plans), movement=moved)
                model = replace(model, calibration=replace(calibration, facts=facts), combination=combination)
                why_not = ""
            except DataError as error:
                why_not = error.what
        model = replace(
            model,
            not_calibrated=why_not,
            phases=None if cache is None else phases_of_model([plan.record for plan, _ in plans], config, cache),
        )
        model.save(folder, config)
        shutil.rmtree(unfinished, ignore_errors=True)
        write_text(
            folder / CARD, model_card(model, features, config.method.name, config.dataset.kind, model_sha256(folder))
        )
    return model


def _facts(
    facts: TrainingFacts, config: Config, records: Sequence[Record], plans: Sequence[MeasuredPlan]
) -> TrainingFacts:
    """The facts, with quality measures and labels of the training performances.

    Raters' executions are not compared with scores that include a difficulty.
    """
    compared = not config.method.times_difficulty
    days = sorted(record.day for record in records if record.day)
    return replace(
        facts,
        quality=quality_ranges([quality for _, quality in plans]),
        raters=rater_agreement(records, config.dataset.kind) if compared else None,
        days=(days[0], days[-1]) if days else None,
    )


def trained_movement(plans: Sequence[MeasuredPlan], config: Config, cache: Cache) -> list[tuple[Record, StepVariables]]:
    """Movement per time step of the performances with cached outputs."""
    made = []
    stages = config.method.with_upstream(("timesteps",))
    stage = next((name for name in PEOPLE if name in stages), None)
    if stage is None:
        return []
    for result, outputs in run((plan.idle() for plan, _ in plans), config.machine, cache, read=(stage, "timesteps")):
        if not isinstance(outputs, Failure):
            bounds = outputs["timesteps"].floats("bounds")
            made.append((result.record, steps_of(movement(outputs[stage]), bounds)))
    return made


def _pack_notes(features: FeatureSet, config: Config) -> list[str]:
    """A warning if a pack's settings differ from the configuration, with which `score` computes features."""
    packed = {name: with_defaults(name, stage.settings) for name, stage in features.stages.items() if name in STAGES}
    here = {name: with_defaults(name, config.method.stage(name).result_settings()) for name in packed}
    if not (differing := without_videos(setting_differences(packed, here))):
        return []
    return [
        f"warning: the pack has other settings than this configuration ({differences_text(differing, 'the pack')}), so"
        " `score` will refuse the model; give the --config and --set that the pack was made with"
    ]
