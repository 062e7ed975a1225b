"""Calls that make features of videos: extract, status, pack."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.api.arguments import (
    DataSettings,
    Names,
    Place,
    Places,
    WorkSettings,
    listed,
    on_data_set,
    stage_names,
)
from pipeline.observer import SILENT, Observer
from pipeline.settings.destinations import check_file, writing

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from pipeline.pack.pack_formats import Packed
    from pipeline.run import ExtractRun, Status


def extract(
    inputs: Places = (),
    *,
    stages: Names = (),
    force: bool = False,
    retry_failed: bool = False,
    shard: str = "",
    dry_run: bool = False,
    preview: bool = False,
    strict: bool = False,
    observer: Observer = SILENT,
    **given: Unpack[WorkSettings],
) -> ExtractRun:
    """Run the stages that are not fresh, for videos, folders, or the data set of the configuration.

    Args:
        force: rerun fresh outputs too.
        retry_failed: retry what failed before.
        shard: this machine's part of the videos: i/n; default: all.
        dry_run: show what would run, why, and at what cost.
        preview: draw skeletons, flow and clips: CACHE/preview/<video>.jpg and .mp4.
        strict: exit code 2 if a video is flagged, such as one with a cut or without people.

    Returns:
        The outcome of each video; those that failed are listed there.

    See also:
        `help(pipeline.api)` on `inputs` (videos or folders), `config`, `overrides`, `cache` (folder of outputs),
        `workers` (processes) and the other arguments that calls share.
    """
    from pipeline.checks import announce_flags
    from pipeline.pool import pool_of
    from pipeline.run import Planner, plan_costs, run_extract, shard_of
    from pipeline.settings.stages import fetch_weights

    part, names = shard_of(shard), stage_names(stages)
    with listed(inputs, given, observer) as (listing, settings, opened):
        records = listing.records[part]
        if preview:
            from pipeline.preview import refuse_remote

            refuse_remote(records, opened)
        if not dry_run:
            pool_of(settings.machine.work)  # refuses a missing Ray before weights are downloaded
            fetch_weights(settings.with_upstream(names), observer.note)
        planner = Planner(settings, opened, stages=names, force=force, retry_failed=retry_failed)
        if dry_run:
            return plan_costs(planner.plan_all(records), settings.machine, opened)
        done = run_extract(planner.plan_all(records), settings.machine, opened, observer, announce=True)
        done.videos, done.problems = len(records), listing.problems
        if preview:
            from pipeline.preview import draw_previews

            done.preview = draw_previews([*planner.plan_all(records)], settings, opened, observer, force=force)
        stored, sheets = done.stored, opened.place if preview else ""
        measured = ((record.name, opened.qualities(record.id, stored.get(record.id, {}))) for record in records)
        flagged = announce_flags(measured, len(records), observer, strict=strict, sheets=sheets)
        done.flags = {name: [flag.title for flag in found] for name, found in flagged.items()}
        return done


def status(
    inputs: Places = (),
    *,
    stages: Names = (),
    observer: Observer = SILENT,
    **given: Unpack[DataSettings],
) -> Status:
    """Per video and stage: fresh, stale, missing or failed, and why.

    See also:
        `help(pipeline.api)` on `inputs` (videos or folders), `config`, `overrides`, `cache` (folder of outputs),
        `workers` (processes) and the other arguments that calls share.
    """
    from pipeline.run import Planner, Status, status_rows

    names = stage_names(stages)
    with listed(inputs, given, observer) as (listing, settings, opened):
        plans = Planner(settings, opened, stages=names).plan_all(listing.records)
        return Status(opened.place, tuple(status_rows(plans, opened)))


def pack(
    root: Place | None = None,
    *,
    out: Place | None = None,
    format: str = "",
    stage: str = "",
    per_video: bool = False,
    observer: Observer = SILENT,
    **given: Unpack[DataSettings],
) -> Packed:
    """Gather the features of a data set into one file, for sharing, for training elsewhere and for other programs.

    The HDF5 file of time steps is what `--pack` of other commands reads. The other formats come with a data dictionary.
    A data card is beside all of them.

    Args:
        out: the file, default features.FORMAT; with --per-video the folder, default features.
        format: h5, npz, csv or parquet; default: by the ending of --out, else h5.
        stage: the stage whose arrays are written, such as clips; default timesteps.
        per_video: one file per video, so that one video at a time is in memory.

    See also:
        `help(pipeline.api)` on `inputs` (videos or folders), `config`, `overrides`, `cache` (folder of outputs),
        `workers` (processes) and the other arguments that calls share.
    """
    from pipeline.pack.data_card import card_place, write_data_card
    from pipeline.pack.labelled_features import gather_features
    from pipeline.pack.pack_file import write_pack
    from pipeline.pack.pack_formats import Packed, chosen_format, stage_outputs, write_features

    form = chosen_format(format, None if out is None or per_video else Path(out))
    (stage,) = stage_names(stage) or ("timesteps",)
    path = Path(out or ("features" if per_video else f"features.{form}"))
    check_file(path / f"{stage}.dictionary.json" if per_video else path)
    with listed((), on_data_set(given, root), observer) as (listing, settings, opened):
        records, made = listing.records, [stage]
        if (form, stage, per_video) == ("h5", "timesteps", False):
            feature_set = gather_features(records, settings, opened, observer)
            with writing(path):
                write_pack(path, feature_set)
            made = [name for name in settings.with_upstream() if name in feature_set.stages]
            packed = Packed(path, feature_set.records, 1, path.stat().st_size)
        else:
            outputs = stage_outputs(records, settings, opened, stage, observer)
            with writing(path):
                packed = write_features(path, form, stage, outputs, records, per_video=per_video)
        with writing(path):
            write_data_card(card_place(path, per_video=per_video), settings, packed.records, made)
    return packed
