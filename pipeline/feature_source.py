"""Features to train on: of a packed file, or of the cache after what is missing was extracted."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

from data.video import Record
from pipeline.config import BaseConfig
from pipeline.extract import extract_missing, labelled_records, make_planner
from pipeline.features import FeatureSet, gather
from pipeline.observer import Observer
from pipeline.pack import read_labelled


def cached_features(records: Sequence[Record], config: BaseConfig, observer: Observer) -> FeatureSet:
    """Features of performances from the cache; those that have none are reported and left out.

    Raises:
        DataError: no performance has fresh features.
    """
    planner = make_planner(config, ("timesteps",))
    gathered = gather(records, planner)
    planner.cache.close()
    observer.notes([f"left out: {line}" for line in gathered.left_out])
    return gathered.features


def training_features(config: BaseConfig, pack: Path | None, observer: Observer) -> FeatureSet:
    """Features that a scorer is trained on: labelled and, under `protocol: fixed`, not of the test part.

    Raises:
        UsageError: no data set and no pack.
        DataError: no performance has a score, or none has fresh features.
    """
    if pack is not None:
        features = read_labelled(pack, config.dataset.tasks)
    else:
        features = cached_features(labelled_records(config, observer), config, observer)
    if config.protocol == "fixed":
        features = features.take([i for i, record in enumerate(features.records) if record.split != "test"])
    if len(tasks := sorted({record.task for record in features.records})) > 1:
        observer.note(f"note: one model of {', '.join(tasks)}; --set dataset.tasks=[{tasks[0]}] trains one alone")
    return features


def all_features(
    config: BaseConfig,
    pack: Path | None,
    *,
    engine: str,
    address: str | None,
    observer: Observer,
    stop: threading.Event,
) -> FeatureSet:
    """The features of all labelled performances: packed, or cached after what is missing was extracted.

    Raises:
        UsageError: no data set and no pack.
        DataError: no performance has a score, or none has features.
        Cancelled: `stop` was set.
    """
    if pack is not None:
        return read_labelled(pack, config.dataset.tasks)
    records = labelled_records(config, observer)
    extract_missing(records, config, engine=engine, address=address, observer=observer, stop=stop)
    return cached_features(records, config, observer)
