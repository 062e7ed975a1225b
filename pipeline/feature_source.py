"""Features to train on: of a packed file, or of the cache after what is missing was extracted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from data.errors import PROGRAM, DataError
from data.splits import tied
from data.store import StageOutput
from data.video import Record
from pipeline.cache import UNREADABLE
from pipeline.config import BaseConfig
from pipeline.features import FeatureSet, stack
from pipeline.observer import Observer
from pipeline.pack import read_labelled
from pipeline.run import Planner, extract_and_read, extract_missing, labelled_records, make_planner

FEW = 20
"""A scorer of fewer independent performances gets a warning."""


def gather(records: Sequence[Record], planner: Planner, observer: Observer) -> FeatureSet:
    """Read the fresh time steps of the records from the cache; damaged ones are extracted again.

    Performances without are left out, each with a note and the reason. Raises DataError where no record has fresh time
    steps, or they do not fit together.
    """
    outputs: dict[str, StageOutput] = {}
    again: list[Record] = []
    left_out: list[str] = []

    def read(record: Record, keys: Mapping[str, str]) -> StageOutput:
        return planner.cache.read("timesteps", record.id, keys["timesteps"]).output

    for plan in planner.plan_all(records):
        record, step = plan.record, next(step for step in plan.steps if step.stage == "timesteps")
        if step.check.state != "fresh":
            left_out.append(f"{record.name}: {plan.cause()}")
            continue
        try:
            outputs[record.id] = read(record, plan.keys())
        except UNREADABLE:
            again.append(record)
    if again:
        more, failed = extract_and_read(again, planner, read)
        outputs |= more
        left_out += [f"{record.name}: {failed[record.id]}" for record in again if record.id in failed]
    kept = [record for record in records if record.id in outputs]
    if not kept:
        raise DataError(
            "no performance has fresh features" + (f"; the first: {left_out[0]}" if left_out else ""),
            where=planner.cache.place,
            fix=f"Run `{PROGRAM} extract` with the same --config, --set and --cache first",
        )
    observer.notes([f"left out: {line}" for line in left_out])
    return stack(kept, [outputs[record.id] for record in kept], planner.settings_of("timesteps"))


def cached_features(records: Sequence[Record], config: BaseConfig, observer: Observer) -> FeatureSet:
    """Features of performances from the cache; those without are reported. Raises DataError where none has any."""
    planner = make_planner(config, ("timesteps",))
    features = gather(records, planner, observer)
    planner.cache.close()
    return features


def training_features(config: BaseConfig, pack: Path | None, observer: Observer) -> FeatureSet:
    """Features that a scorer is trained on: labelled and, under `protocol: fixed`, not of the test part.

    Raises UsageError without a data set and a pack, DataError where no performance has a score or usable features.
    """
    if pack is not None:
        features = read_labelled(pack, config.dataset.tasks)
    else:
        features = cached_features(labelled_records(config, observer), config, observer)
    refuse_empty(features, config)
    if config.protocol == "fixed":
        features = features.take([i for i, record in enumerate(features.records) if record.split != "test"])
    _warn_of_few(features.records, observer)
    if len(tasks := sorted({record.task for record in features.records})) > 1:
        observer.note(f"note: one model of {', '.join(tasks)}; --set dataset.tasks=[{tasks[0]}] trains one alone")
    return features


def all_features(
    config: BaseConfig, pack: Path | None, *, engine: str, address: str | None, observer: Observer
) -> FeatureSet:
    """The features of all labelled performances: packed, or cached after what is missing was extracted.

    Raises as `training_features`, and Cancelled after a stop.
    """
    if pack is not None:
        features = read_labelled(pack, config.dataset.tasks)
    else:
        records = labelled_records(config, observer)
        extract_missing(records, config, engine=engine, address=address, observer=observer)
        features = cached_features(records, config, observer)
    for task in sorted({record.task for record in features.records}):
        _warn_of_few([record for record in features.records if record.task == task], observer)
    return refuse_empty(features, config)


def _warn_of_few(records: Sequence[Record], observer: Observer) -> None:
    """Warn where there are too few independent performances to learn from; views and copies count once."""
    count, tasks = len(tied(records)), {record.task for record in records}
    if count < FEW:
        of_task = f" of {min(tasks)}" if len(tasks) == 1 and min(tasks) else ""
        what = f"independent performances{of_task}, fewer than {FEW}"
        observer.note(f"warning: {count} {what}: its scores and every figure about them are uncertain")


def refuse_empty(features: FeatureSet, config: BaseConfig) -> FeatureSet:
    """The same features. Raises DataError where what the network reads is missing in every performance.

    That is the primary or every secondary agent in every time step; for a network of the scene alone, the scene.
    """
    system = config.scorer[0].system
    if system == "scene":
        if features.scene.size and not features.scene.any():
            raise DataError("the scene feature is zero in every video", fix="Check timesteps.scene and its stage")
        return features
    for part, mask in (("primary", features.primary_mask), ("secondary", features.secondary_mask)):
        if not mask.any():
            raise DataError(
                f"no {part} agent was detected in any of {len(features)} videos, so there is nothing to learn",
                fix=f"Check timesteps.{part}, and pose.region, pose.tracks and pose.min_score; then extract again",
            )
    return features
