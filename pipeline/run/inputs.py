"""The videos of a command: those of its inputs or of the data set, and this machine's shard of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from data.datasets import list_records, with_phases
from data.errors import UsageError, nearest
from data.video import Listing, Record, find_videos
from extractors.timesteps import TimestepsConfig
from pipeline.observer import Observer
from pipeline.settings.config import Config, load_config
from pipeline.settings.stages import needed_inputs, with_inputs


def list_inputs(inputs: Sequence[Path], config: Config, observer: Observer) -> Listing:
    """The videos of the inputs, or of the configuration's data set where there are none.

    Raises UsageError for a missing input or data set, DataError where the data set's own files cannot be used.
    """
    if inputs:
        rate = config.method.frames.fps
        listing = _retimed(find_videos(list(inputs), config.machine.storage.reach(), rate), rate)
        listing = with_phases(listing, config.dataset.phases, beside=inputs[0])
    else:
        listing = dataset_records(config)
    observer.notes([f"note: {problem}" for problem in listing.problems])
    return listing


def _retimed(listing: Listing, rate: float) -> Listing:
    """The listing with `frames.fps` for the video files too; 0: their containers are right."""
    return replace(listing, records=tuple(replace(record, rate=rate) for record in listing.records))


def dataset_records(config: Config, *, unscored: bool = False) -> Listing:
    """The records of the configuration's data set; `unscored` adds those that its own files give no score.

    Raises UsageError without `dataset.root`, DataError where the data set's own files cannot be used.
    """
    dataset = config.dataset
    if dataset.root is None:
        raise UsageError(
            "no data set given",
            fix="Name its folder after the command, or add --set dataset.root=FOLDER",
        )
    given = {"labels": dataset.labels, "score": dataset.score}
    options = {name: value for name, value in given.items() if value}
    listing = list_records(
        dataset.kind,
        dataset.root,
        config.machine.storage.reach(),
        unscored=unscored,
        frame_rate=config.method.frames.fps,
        **options,
    )
    listing = with_phases(_retimed(listing, config.method.frames.fps), dataset.phases, beside=dataset.root)
    if not dataset.tasks:
        return listing
    tasks = {record.task for record in listing.records}
    for task in dataset.tasks:
        if task not in tasks:
            raise UsageError(f"no task '{task}' in this data set", where=dataset.root, fix=nearest(task, tasks))
    return replace(listing, records=tuple(r for r in listing.records if r.task in dataset.tasks))


def without_videos(config: Config, records: Sequence[Record], observer: Observer) -> Config:
    """The configuration without the stages that need a video, where no record has one and the rest goes without.

    The scene feature is left out with its stage. Where an agent or the network needs such a stage, nothing is left out,
    and its error says what is missing. The observer gets one line.
    """
    if not records or any("video" in {*record.files(), *record.remote} for record in records):
        return config
    stages, scene = with_inputs(config.method.stages, config.stage_configs), config.stage_configs["timesteps"]
    unusable = [name for name in stages if "video" in needed_inputs(name)]
    if not unusable or not isinstance(scene, TimestepsConfig) or config.method.scorer[0].system == "scene":
        return config
    kept = tuple(name for name in stages if name not in unusable)
    fewer = load_config(config, {"stages": kept, "timesteps.scene": ""}) if kept else config
    if not kept or {*with_inputs(kept, fewer.stage_configs)} & {*unusable}:
        return config
    observer.note(f"note: no performance has a video, so {' and '.join(unusable)} is left out; the rest is used")
    return fewer


SHARD = re.compile(r"\s*([0-9]{1,9})\s*/\s*([0-9]{1,9})\s*")
"""`str.isdigit` also admits superscripts, which are no numbers."""


def take_shard(records: Sequence[Record], text: str) -> tuple[Record, ...]:
    """The records of shard `i/n`, every n-th from the i-th; an empty text takes all.

    Raises UsageError for a text of another form, or unless i is in 1..n.
    """
    if not text:
        return tuple(records)
    match = SHARD.fullmatch(text)
    if match is None:
        raise UsageError(f"'--shard {text}' is not of the form i/n", fix="Example: --shard 1/4")
    part, parts = int(match[1]), int(match[2])
    if not 1 <= part <= parts:
        raise UsageError(f"shard {part}/{parts}: the part must be from 1 to {parts}", fix="Example: --shard 1/4")
    return tuple(records[part - 1 :: parts])
