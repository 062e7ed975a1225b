"""Features to train on, from a packed file or from the cache; `extract` can compute missing ones first."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from data.datasets.folder import CANDIDATES as SCORES
from data.errors import PROGRAM, Cancelled, DataError, UsageError, printable, quoted, typed
from data.features import PARTS
from data.splits import tied
from data.store import StageOutput
from data.video import Record
from pipeline.cache import Cache
from pipeline.cache.failure import Failure
from pipeline.observer import NotesAlone, Observer
from pipeline.pack.pack_file import read_labelled
from pipeline.run import Planner, feasible_config, list_inputs, run, run_extract
from pipeline.settings.config import Config, DatasetConfig
from pipeline.settings.method import Method
from pipeline.train import input_sizes
from pipeline.train.feature_set import FeatureSet, feature_set

FEW = 20
"""Fewer independent performances give a warning."""


def gather_features(records: Sequence[Record], config: Config, cache: Cache, observer: Observer) -> FeatureSet:
    """Read the fresh time steps of the records from the cache; damaged ones are extracted again, with a note.

    Performances without time steps are left out, each with a note on the reason. Raises DataError if no record has
    fresh time steps, or if they do not fit together.
    """
    outputs: dict[str, StageOutput] = {}
    left_out: list[str] = []
    planner = Planner(config, cache, stages=("timesteps",))
    stored = (plan.idle() for plan in planner.plan_all(records))
    for result, made in run(stored, config.machine, cache, NotesAlone(observer), read=("timesteps",)):
        if isinstance(made, Failure):
            left_out.append(f"{result.record.name}: {made}")
        else:
            outputs[result.record.id] = made["timesteps"]
    if "features" in planner.stages:
        left_out += _of_other_sizes(outputs)
        for part in PARTS:
            steps = [made.floats(part) for made in outputs.values()]
            if steps and all(len(rows) > 1 and rows.size and (rows == rows[0]).all() for rows in steps):
                observer.note(
                    f"note: the {part} features of each performance are a single row, so all its steps are equal"
                )
    kept = [record for record in records if record.id in outputs]
    if not kept:
        raise DataError(
            "no performance has fresh features" + (f"; the first: {left_out[0]}" if left_out else ""),
            where=cache.place,
            fix=f"Type: {PROGRAM} extract, with the same --config, --set, --features and --cache",
        )
    observer.notes([f"left out: {line}" for line in left_out])
    return feature_set(kept, [outputs[record.id] for record in kept], planner.descriptions)


def _of_other_sizes(outputs: dict[str, StageOutput]) -> list[str]:
    """Remove time steps with other sizes than most, such as those of another network; returns a line for each."""
    sizes = {name: {part: made.arrays[part].values.shape[-1] for part in PARTS} for name, made in outputs.items()}
    common = Counter(tuple(size.values()) for size in sizes.values()).most_common(1)
    usual = dict(zip(PARTS, common[0][0], strict=True)) if common else {}
    lines = []
    for name, size in sizes.items():
        if odd := [part for part in PARTS if size[part] != usual[part]]:
            del outputs[name]
            lines.append(
                f"{printable(name)}: {size[odd[0]]} values a step of the {odd[0]}, others have {usual[odd[0]]}"
            )
    return lines


def labelled_features(
    config: Config, cache: Cache, pack: Path | None, observer: Observer, *, extract: bool = False
) -> tuple[FeatureSet, Config]:
    """Features of all labelled performances, from a packed file or from the cache, and their configuration.

    The configuration is the given one, without stages that need a video if no performance has one. With `extract`,
    missing features are computed first, and failed videos reported. Raises UsageError without a data set and a pack,
    Cancelled after a stop. Raises DataError if no performance has a score or usable features, or all scores are equal.
    """
    if pack is not None and config.dataset.features:
        raise UsageError("--pack and --features are both given", where=pack, fix="Give one of them")
    if pack is not None:
        packed = read_labelled(pack, config.dataset.tasks)
        _refuse_equal(packed.records, pack)
        return _usable(packed, config.method, observer), config
    records, config = labelled_records(config, observer)
    _refuse_equal(records, config.dataset.labels or config.dataset.root)
    if extract:
        plans = Planner(config, cache, stages=("timesteps",)).plan_all(records)
        summary = run_extract(plans, config.machine, cache, observer)
        if summary.failed:
            observer.failures(summary.failed)
        if summary.cancelled:
            raise Cancelled
    return _usable(gather_features(records, config, cache, observer), config.method, observer), config


def training_features(config: Config, cache: Cache, pack: Path | None, observer: Observer) -> tuple[FeatureSet, Config]:
    """`labelled_features` to train a scorer on; `protocol: fixed` leaves the test part out. Raises as it."""
    features, config = labelled_features(config, cache, pack, observer)
    if config.method.protocol == "fixed":
        features = features.take([i for i, record in enumerate(features.records) if record.split != "test"])
    _warn_of_few(features.records, observer)
    if len(tasks := sorted({record.task for record in features.records})) > 1:
        alone = quoted("--set", f"dataset.tasks=[{tasks[0]}]")
        observer.note(f"note: one model of {', '.join(tasks)}; {alone} trains one alone")
    return features, config


def all_features(config: Config, cache: Cache, pack: Path | None, observer: Observer) -> tuple[FeatureSet, Config]:
    """`labelled_features` to evaluate systems on; missing ones are extracted. Raises as it."""
    features, config = labelled_features(config, cache, pack, observer, extract=True)
    for task in sorted({record.task for record in features.records}):
        _warn_of_few([record for record in features.records if record.task == task], observer)
    return features, config


def _warn_of_few(records: Sequence[Record], observer: Observer) -> None:
    """Warn of too few independent performances to learn from; views and copies count once."""
    count, tasks = len(tied(records)), {record.task for record in records}
    if count < FEW:
        of_task = f" of {min(tasks)}" if len(tasks) == 1 and min(tasks) else ""
        what = f"independent performances{of_task}, fewer than {FEW}"
        observer.note(f"warning: {count} {what}: scores and all numbers about them are uncertain")


def _refuse_equal(records: Sequence[Record], where: Path | None) -> None:
    """Raise DataError if all scores are equal: nothing can be ranked or learned."""
    scores = [
        record.labels.score for record in records if record.labels is not None and record.labels.score is not None
    ]
    if len(scores) > 1 and len(set(scores)) == 1:
        what = f"all {len(scores)} scores are {scores[0]:g}, so nothing can be ranked or learned"
        raise DataError(what, where=where, fix="Correct the scores, or choose performances with different ones")


def _usable(features: FeatureSet, method: Method, observer: Observer) -> FeatureSet:
    """The same features; a note for each labelled score that the network cannot give. Raises as `refuse_empty`."""
    for score, why in method.network.missing_heads(input_sizes(features)).items():
        if any(getattr(record.labels, score, None) is not None for record in features.records):
            observer.note(f"note: no {score} score: {why}")
    return refuse_empty(features, method)


def refuse_empty(features: FeatureSet, method: Method) -> FeatureSet:
    """The same features. Raises DataError if an input of the network is missing in every performance.

    The inputs are the primary and the secondary agents; a scene-only network has only the scene.
    """
    if method.network.variant == "scene":
        if features.scene.size and not features.scene.any():
            raise DataError("the scene feature is zero in every video", fix="Check timesteps.scene and its stage")
        return features
    for part, mask in (("primary", features.primary_mask), ("secondary", features.secondary_mask)):
        if getattr(features, part).shape[-1] and not mask.any():
            raise DataError(
                f"no {part} agent was detected in any of {len(features)} videos, so there is nothing to learn",
                fix=f"Check timesteps.{part}, and pose.region, pose.tracks and pose.min_score; then extract again",
            )
    return features


def labelled_records(config: Config, observer: Observer) -> tuple[list[Record], Config]:
    """The labelled performances of the data set, and their `feasible_config`.

    Raises as `list_inputs`, and DataError if none has labels.
    """
    listing, config = list_inputs((), config, observer)
    labelled = [record for record in listing.records if record.labels is not None]
    if listing.records and not labelled:
        where, count = config.dataset.labels or config.dataset.root, len(listing.records)
        unread = re.search(r"(column '.*') is not read \(if it is the score", "\n".join(listing.problems))
        fix = f"Rename the {unread[1]} to 'score'" if unread else _scores(config.dataset)
        raise DataError(f"no performance has a score ({count} listed)", where=where, fix=fix)
    return labelled, feasible_config(labelled, config, observer)


def _scores(dataset: DatasetConfig) -> str:
    """The fix for performances without scores."""
    if dataset.kind != "folder":
        check = typed("data", "check", Path(dataset.root or ""))
        return f"Type: {check}, or name the table of scores: --set dataset.labels=FILE"
    table = dataset.labels or next((name for name in SCORES if dataset.root and (dataset.root / name).is_file()), None)
    if table is not None:
        return f"Name these videos in {table}, with their paths below the folder, and fill in the column score"
    if dataset.root is None:
        return (
            "Name the folder of the table of scores, --set dataset.root=FOLDER, or the table, --set dataset.labels=FILE"
        )
    judge = typed("label", Path(dataset.root), "--pairs")
    table = f"write {dataset.root}/{SCORES[0]} with the columns video,score, or name yours: --set dataset.labels=FILE"
    return f"Judge them: {judge}. Or {table}"
