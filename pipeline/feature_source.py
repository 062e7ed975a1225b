"""Features to train on: of a packed file, or of the cache after what is missing was extracted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from data.errors import DataError
from data.splits import tied
from data.video import Record
from pipeline.config import BaseConfig
from pipeline.features import FeatureSet, gather
from pipeline.observer import Observer
from pipeline.pack import read_labelled
from pipeline.run import extract_missing, labelled_records, make_planner

FEW = 20
"""A scorer of fewer independent performances gets a warning."""


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
