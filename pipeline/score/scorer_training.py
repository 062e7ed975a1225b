"""`train` as one call: the networks, their calibration and the model card, in one folder."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from data.errors import DataError
from data.splits import forbidden
from data.store import write_text
from pipeline.cache import UNREADABLE, Cache
from pipeline.checks.flags import quality_ranges
from pipeline.checks.rater_ceiling import rater_agreement
from pipeline.checks.video_flags import report_flags, still_camera_advice
from pipeline.config import BaseConfig
from pipeline.destinations import writing
from pipeline.features import FeatureSet
from pipeline.movement import PEOPLE, Trained, better_ranges, movement, steps_of
from pipeline.observer import Steps
from pipeline.run import MeasuredPlan, Plan
from pipeline.score.bundle import plain, setting_lines
from pipeline.score.calibration import FOLDS, Calibration, calibrate
from pipeline.score.model_card import FILE as CARD
from pipeline.score.model_card import model_card
from pipeline.score.run_folder import model_sha256, save
from pipeline.session import Session
from pipeline.stages import STAGES
from pipeline.systems import FittedCombination
from pipeline.systems.combination import regressions_for
from pipeline.train import Stop, Surroundings, TrainedRun
from pipeline.train import train as train_networks
from pipeline.train.fit import one_thread

MOST_SHOWN = 2
"""Settings named in a warning."""


@dataclass(frozen=True)
class TrainedScorer:
    """The result of `train`."""

    folder: Path  # the run: `load_scorer`, `score`, `report` and `export` take it
    run: TrainedRun  # the networks and what they were trained on
    calibration: Calibration | None  # gives scores their intervals
    not_calibrated: str | None  # why there is no calibration


def train_scorer(
    features: FeatureSet,
    session: Session,
    folder: Path,
    *,
    folds: int | None = None,
    cached: bool = True,
    strict: bool = False,
) -> TrainedScorer:
    """Train, calibrate and describe a scorer; a run that was killed resumes from `folder/checkpoints`.

    Args:
        folds: of the calibration; 0 leaves it out.
        cached: whether the session's cache holds the stages' outputs of these features.
        strict: refuse to train where a video is flagged.

    Raises Cancelled after a stop, DataError where the features cannot be trained on, or `strict` and a
    video is flagged, UsageError where the folder cannot be written.
    """
    config, observer, plans, moved = session.config, session.observer, list[MeasuredPlan](), list[Trained]()
    if cached:
        plans = session.planner("timesteps").measure(features.records)
        moved = trained_movement(session.cache, plans)
        measured = [(plan.record.name, quality) for plan, quality in plans]
        report_flags(measured, len(plans), observer, strict=strict)
        if advice := still_camera_advice(measured, config, folder):
            observer.note(advice)
    else:
        observer.notes(_pack_notes(features, config))
    (model, recipe), stop = config.scorer, observer.stop_event().is_set
    with observer.progress("epochs") as progress:
        run = train_networks(features, recipe, model, around=Surroundings(folder / "checkpoints", progress.steps, stop))
    with writing(folder), observer.progress("epochs of the calibration") as progress:
        calibration, why_not = finish_run(
            run, features, config, folder, plans=plans, moved=moved,
            folds=FOLDS if folds is None else folds, progress=progress.steps, stop=stop,
        )  # fmt: skip
    return TrainedScorer(folder, run, calibration, why_not)


def finish_run(
    run: TrainedRun,
    features: FeatureSet,
    config: BaseConfig,
    folder: Path,
    *,
    plans: Sequence[MeasuredPlan] = (),
    moved: Sequence[Trained] = (),
    folds: int = FOLDS,
    progress: Steps | None = None,
    stop: Stop | None = None,
) -> tuple[Calibration | None, str | None]:
    """Calibrate a run, and write all of it into `folder`: `pipeline.score.run_folder`.

    With `model.system: combined` it adds the regressions of all training performances to the run, weighted by the
    calibration; without folds all weights are equal.

    Args:
        run, features: the run and its training performances.
        config: names the protocol, whose groups stay together in the folds, and whether the score is a combination.
        plans: of performances; hashes and quality measures of those of the training part are stored for comparison.
        moved: of `trained_movement`; the ranges of the better ones of the training part are stored.
        folds: of the calibration; 0 skips it: scores then have no intervals, and a flag says so.

    Returns:
        The calibration, or None and the reason.

    Raises UsageError for an unknown protocol, and Cancelled after `stop`; the same call resumes from
    `folder/checkpoints/calibration`.
    """
    learnt = set(run.train_ids)
    plans = [(plan, quality) for plan, quality in plans if plan.record.id in learnt]
    kinds = forbidden(config.protocol)
    systems = regressions_for(features, kinds) if config.combined else ()
    calibration, combination, why_not = None, None, "calibration was skipped"
    unfinished = folder / "checkpoints" / "calibration"
    if folds:
        try:
            calibration = calibrate(
                features,
                run,
                folds=folds,
                kinds=kinds,
                systems=systems,
                around=Surroundings(unfinished, progress, stop),
            )
            quality = quality_ranges([quality for _, quality in plans])
            ranges = better_ranges([video for video in moved if video.id in learnt])
            facts = {**calibration.facts, "quality": quality, "movement": ranges}
            if agreed := rater_agreement([one for one in features.records if one.id in learnt], config.dataset.kind):
                facts["raters"] = agreed
            calibration = replace(calibration, facts=facts)
        except DataError as error:
            why_not = error.what
    if systems:
        place = {name: row for row, name in enumerate(features.ids)}
        rows = np.array([place[name] for name in run.train_ids], dtype=np.intp)
        weights = None if calibration is None else np.array([*calibration.facts["combination"]["weights"].values()])
        with one_thread(0):
            combination = FittedCombination.fit(features, rows, systems, weights)
    contents = content_hashes([plan for plan, _ in plans]) if plans else None
    save(run, folder, config=config, combination=combination, calibration=calibration, contents=contents)
    shutil.rmtree(unfinished, ignore_errors=True)
    card = model_card(
        run, features, config, calibration, why_not, combination=combination, model_sha256=model_sha256(folder)
    )
    write_text(folder / CARD, card)
    return calibration, None if calibration is not None else why_not


def content_hashes(plans: Iterable[Plan]) -> set[str]:
    """SHA-256 of the input files of performances."""
    hashes = {content for plan in plans for step in plan.steps for content in step.computation.inputs.values()}
    return {content for content in hashes if len(content) == 64}  # others are unreadable files


def trained_movement(cache: Cache, plans: Sequence[MeasuredPlan]) -> list[Trained]:
    """Movement figures per time step of performances whose outputs are in the cache; others are left out."""
    made = []
    for plan, _ in plans:
        record, keys = plan.record, plan.keys()
        stage = next((name for name in PEOPLE if name in keys), None)
        with suppress(*UNREADABLE):
            if stage is not None and record.labels is not None and record.labels.score is not None:
                pose, steps = (cache.read(name, record.id, keys[name]).output for name in (stage, "timesteps"))
                bounds = np.asarray(steps.arrays["bounds"].values, dtype=np.float64)
                figures = steps_of(movement(pose), bounds)
                made.append(Trained(record.id, record.task, float(record.labels.score), figures))
    return made


def _pack_notes(features: FeatureSet, config: BaseConfig) -> list[str]:
    """A warning where a pack was made with other settings than the configuration, whose features `score` then makes."""
    packed = {
        name: about["settings"] for name, about in features.settings.items() if name in STAGES and "settings" in about
    }
    here = plain({name: config.stage(name).result_settings() for name in packed})
    if not (differing := setting_lines(packed, here)):
        return []
    more = f" and {len(differing) - MOST_SHOWN} more" if len(differing) > MOST_SHOWN else ""
    shown = "; ".join(line.replace("in the model", "in the pack") for line in differing[:MOST_SHOWN])
    return [
        f"warning: the pack has other settings than this configuration ({shown}{more}), so `score` will refuse"
        " the model; give the --config and --set that the pack was made with"
    ]
