"""The videos of a command, from its inputs or the data set, and this machine's shard."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from data.datasets import ANY, data_set_in, list_records, list_unfilmed, with_phases, with_scores
from data.errors import UsageError, nearest
from data.features import named_features, names_of, with_features
from data.store import is_remote
from data.video import Listing, find_videos
from pipeline.observer import Observer
from pipeline.run.feasible_stages import feasible_config
from pipeline.settings.config import Config

SHARD = re.compile(r"\s*([0-9]{1,9})\s*/\s*([0-9]{1,9})\s*")
"""Not `str.isdigit`, which also accepts superscripts."""


def shard_of(text: str) -> slice:
    """Every n-th record from the i-th, for a shard `i/n`; all for an empty text.

    Raises UsageError for a text of another form, or unless i is in 1..n.
    """
    match = SHARD.fullmatch(text or "1/1")
    if match is None or not 1 <= (part := int(match[1])) <= (parts := int(match[2])):
        raise UsageError(f"'--shard {text}' is not i/n with i from 1 to n", fix="Example: --shard 1/4")
    return slice(part - 1, None, parts)


def list_inputs(inputs: Sequence[Path], config: Config, observer: Observer) -> tuple[Listing, Config]:
    """The videos of the inputs, else of the configuration's data set, with their `feasible_config`.

    An input may be the folder of that data set: see `data_set_at`.

    Raises as `feasible_config`, UsageError for a missing input or data set, DataError if the data set's files are
    unusable.
    """
    data_set = data_set_at(inputs, config) if inputs else config
    if data_set is not None:
        listing, config = dataset_records(data_set), data_set
    else:
        rate = config.frames.fps
        listing = find_videos(inputs, config.machine.storage.as_storage(), rate)
        if len(inputs) == 1 and config.dataset.kind == "folder" and not is_remote(inputs[0]):
            listing = with_scores(listing, inputs[0])  # a fault of the table is told before hours of work
        listing = completed(listing, config, rate, inputs[0])
    observer.notes([f"note: {problem}" for problem in listing.problems])
    return listing, feasible_config(listing.records, config, observer)


def data_set_at(inputs: Sequence[Path], config: Config, kind: str = "") -> Config | None:
    """The configuration with the data set whose folder is the input; None for plain videos.

    The folder has the layout of the configuration's data set, or of `kind`.
    """
    kind = kind or config.dataset.kind
    if kind == "folder" or len(inputs) != 1 or is_remote(inputs[0]) or not inputs[0].is_dir():
        return None
    if (data_set := data_set_in(kind, inputs[0])) is None:
        return None
    root, tasks = data_set
    values = {"kind": kind, "root": root, "tasks": tasks or config.dataset.tasks}
    return replace(config, dataset=config.dataset.model_copy(update=values))


def completed(listing: Listing, config: Config, rate: float, path: Path | None = None) -> Listing:
    """The listing with features and phases as configured, and `rate` as in `Listing.at_rate`.

    `path` is the folder or video that was listed.

    Raises UsageError for a missing file of features or phases, StorageError if the store does not answer or refuses.
    """
    listing = with_features(listing.at_rate(rate), named_features(config.dataset.features))
    return with_phases(listing, config.dataset.phases, path, config.machine.storage.as_storage())


def dataset_records(config: Config, *, unscored: bool = False) -> Listing:
    """The records of the configuration's data set; `unscored` adds those without a score.

    With files of features, performances need no video. Without `dataset.root`, every array is a performance, with its
    row in `dataset.labels`.

    Raises UsageError without `dataset.root` and features, DataError if the data set's files are unusable.
    """
    dataset = config.dataset
    labels = dataset.labels if dataset.kind == "folder" else None
    if dataset.root is None and dataset.features:
        names = names_of(named_features(dataset.features))
        return completed(list_unfilmed(names, labels), config, config.frames.fps)
    if dataset.root is None:
        raise UsageError(
            "no data set given",
            fix="Name its folder after the command, or add --set dataset.root=FOLDER",
        )
    listed = partial(list_records, dataset.kind, dataset.root, config.machine.storage.as_storage(), unscored=unscored)
    listing = completed(listed(**config.lister_options), config, config.frames.fps, dataset.root)
    if not dataset.tasks:
        return listing
    tasks = {record.task for record in listing.records}
    for task in dataset.tasks:
        if task not in tasks:
            raise UsageError(f"no task '{task}' in this data set", where=dataset.root, fix=nearest(task, tasks))
    others = set[str]()
    if listing.problems:  # performances without files have no record or task in the listing
        whole = listed(**{**config.lister_options, "feature_names": ANY}).records
        others = {record.name for record in whole if record.task not in dataset.tasks}
    return replace(
        listing,
        records=tuple(record for record in listing.records if record.task in dataset.tasks),
        problems=tuple(line for line in listing.problems if line.partition(": ")[0] not in others),
    )
