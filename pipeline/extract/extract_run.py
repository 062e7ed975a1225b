"""`extract` and `status` as one call each: list the inputs, plan, run or tell what would run."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from data.datasets.folder import CANDIDATES as SCORES
from data.errors import Cancelled, DataError, UsageError
from data.video import Listing, Record, find_videos
from pipeline.cache import UNREADABLE, Cache, CacheFiles, delete, marked_cache, open_cache
from pipeline.cache.housekeeping import FAILURE, OUTPUT, Finding, stored_files
from pipeline.cluster import pick_pool
from pipeline.config import BaseConfig
from pipeline.environment import check_opencv
from pipeline.extract.batch import Summary, dataset_records, plan_all, run_extract
from pipeline.extract.costs import dry_run, estimate, in_a_line
from pipeline.extract.plan import Plan, Planner
from pipeline.observer import Observer
from pipeline.workers import Pool


@dataclass(frozen=True)
class ExtractRun:
    """What `extract` did, or would do."""

    cache: str  # where the outputs are
    summary: Summary
    costs: dict[str, Any] | None = None  # of a dry run: what would run, why, and at what cost, as JSON types
    preview: dict[str, Any] = field(default_factory=dict)  # `written`, `fresh` and `failed`; empty without previews
    flags: Mapping[str, Sequence[str]] = field(default_factory=dict)  # titles of the flags by each flagged video's name

    @property
    def ok(self) -> bool:
        """Whether no video and no preview failed, and nobody stopped the run."""
        return self.costs is not None or (self.summary.exit_code == 0 and not self.preview.get("failed"))


@dataclass(frozen=True)
class Status:
    """State of every video and stage."""

    cache: str  # where the outputs are
    rows: tuple[dict[str, Any], ...]  # `video`, `stage`, `state` ("fresh", "stale", ...), `reason`, `quality`

    @property
    def ok(self) -> bool:
        """Whether nothing failed."""
        return all(row["state"] != "failed" for row in self.rows)


def list_inputs(inputs: Sequence[Path], config: BaseConfig, observer: Observer) -> Listing:
    """The videos of the inputs, or of the configuration's data set where there are none.

    Raises UsageError for a missing input or data set, DataError where the data set's own files cannot be used.
    """
    if inputs:
        listing = find_videos(list(inputs), config.storage.reach(), config.frames.fps)
    else:
        listing = dataset_records(config)
    observer.notes([f"note: {problem}" for problem in listing.problems])
    return listing


def labelled_records(config: BaseConfig, observer: Observer) -> list[Record]:
    """The performances of the data set that have labels. Raises as `list_inputs`, and DataError where none has."""
    records = list_inputs((), config, observer).records
    labelled = [record for record in records if record.labels is not None]
    if records and not labelled:
        where = config.dataset.labels or config.dataset.root
        raise DataError(f"no performance has a score ({len(records)} listed)", where=where, fix=_scores(config))
    return labelled


def _scores(config: BaseConfig) -> str:
    """How performances get their scores."""
    dataset = config.dataset
    if dataset.kind != "folder":
        return (
            f"Fill in the scores as docs/datasets/{dataset.kind}.md says, or name the table: --set dataset.labels=FILE"
        )
    table = dataset.labels or next((name for name in SCORES if dataset.root and (dataset.root / name).is_file()), None)
    if table is not None:
        return f"Name these videos in {table}, with their paths below the folder, and fill in the column score"
    return f"Write {dataset.root}/{SCORES[0]} with the columns video,score, or name yours: --set dataset.labels=FILE"


def make_planner(
    config: BaseConfig,
    stages: str | Sequence[str] = (),
    *,
    force: bool = False,
    retry_failed: bool = False,
    fetch: Callable[[str], None] | None = None,
) -> Planner:
    """The planner of a configuration on its cache; `stages` is a list, or names separated by commas.

    `fetch` gets a message for each download that the stages need; None downloads nothing.
    """
    names = stages.split(",") if isinstance(stages, str) else stages
    cache = open_cache(config.cache, config.storage.reach())
    chosen = [name.strip() for name in names if name.strip()]
    return Planner(config, cache, stages=chosen, force=force, retry_failed=retry_failed, fetch=fetch)


def plan_job(
    config: BaseConfig,
    inputs: Sequence[Path],
    stages: str | Sequence[str],
    shard_text: str | None,
    observer: Observer,
    *,
    force: bool = False,
    retry: bool = False,
    fetch: bool = False,
) -> tuple[Listing, Planner]:
    """The videos of a run and their planner; `shard_text` None takes all, `fetch` downloads what the stages need.

    Raises UsageError for an unknown input, stage or shard, DataError where the data set's own files cannot be used.
    """
    listing = list_inputs(inputs, config, observer)
    if shard_text is not None:
        listing = replace(listing, records=take_shard(listing.records, shard_text, observer))
    note = observer.note if fetch else None
    return listing, make_planner(config, stages, force=force, retry_failed=retry, fetch=note)


def prune(
    config: BaseConfig, inputs: Sequence[Path], stages: str | Sequence[str], yes: bool, observer: Observer
) -> CacheFiles:
    """Delete, or only list, outputs that a configuration does not use. Raises UsageError where there is no cache."""
    planner = make_planner(config, stages)
    cache = marked_cache(planner.cache, yes)
    return delete(cache, unneeded(cache, list_inputs(inputs, config, observer).records, planner), yes)


def unneeded(cache: Cache, records: Sequence[Record], planner: Planner) -> list[Finding]:
    """Outputs and failures of the planner's stages that its configuration and `records` do not use.

    These are files of other videos, and outputs of other settings, versions or inputs.
    """
    reasons: dict[Path, str] = {}
    for plan in planner.plan_all(records):
        for step in plan.steps:
            keep = step.check.state in ("fresh", "missing")
            reasons[cache.path(step.stage, plan.record.id)] = "" if keep else step.check.reason
            reasons[cache.failure_path(step.stage, plan.record.id)] = ""
    files = stored_files(cache, planner.stages, OUTPUT, FAILURE)
    unused = (replace(file, why=reasons.get(file.path, "no such video among the inputs")) for file in files)
    return [file for file in unused if file.why and cache.is_ours(file.path)]


SHARD = re.compile(r"\s*([0-9]{1,9})\s*/\s*([0-9]{1,9})\s*")
"""`str.isdigit` also admits superscripts, which are no numbers."""


def take_shard(records: Sequence[Record], text: str, observer: Observer) -> tuple[Record, ...]:
    """The records of shard `i/n`, every n-th from the i-th, of this task of a Slurm job array, or all.

    Raises UsageError for a text of another form, or unless i is in 1..n.
    """
    if match := SHARD.fullmatch(text):
        part, parts = int(match[1]), int(match[2])
    elif text:
        raise UsageError(f"'--shard {text}' is not of the form i/n", fix="Example: --shard 1/4")
    elif slurm := slurm_shard():
        part, parts = slurm
        observer.note(f"note: shard {part}/{parts} by SLURM_ARRAY_TASK_ID; `--shard 1/1` takes all")
    else:
        return tuple(records)
    if not 1 <= part <= parts:
        raise UsageError(f"shard {part}/{parts}: the part must be from 1 to {parts}", fix="Example: --shard 1/4")
    return tuple(records[part - 1 :: parts])


def slurm_shard(environment: Mapping[str, str] = os.environ) -> tuple[int, int] | None:
    """(part, parts) of a Slurm job array's task, 1-based, or None outside of an array.

    The array may begin anywhere and have a step: `--array=0-9`, `--array=1-10` and `--array=0-18:2` all give ten parts.
    """
    try:
        task, count = (int(environment[f"SLURM_ARRAY_TASK_{name}"]) for name in ("ID", "COUNT"))
        first, step = (int(environment.get(f"SLURM_ARRAY_TASK_{n}", d)) for n, d in (("MIN", "0"), ("STEP", "1")))
    except (KeyError, ValueError):
        return None
    return (task - first) // max(1, step) + 1, count


def extract_videos(listing: Listing, planner: Planner, pool: Pool | None, observer: Observer) -> Summary:
    """Run what is not fresh. Raises UsageError where something is to be done and OpenCV cannot do it."""
    with observer.progress("videos") as progress:
        hooks = progress.hooks()
        begin = hooks["on_plan"]

        def on_plan(plans: list[Plan], fresh: int, frames: list[int]) -> None:
            if plans:
                check_opencv()
                observer.note(in_a_line(estimate(plans, planner, planner.config.run.workers, frames)))
            begin(plans, fresh, frames)

        hooks |= {"on_plan": on_plan, "stop": observer.stop_event(), "pool": pool}
        summary = run_extract(listing.records, planner, **hooks)
    _note_joint_maps(planner, summary, observer)
    return replace(summary, problems=listing.problems)


def _note_joint_maps(planner: Planner, summary: Summary, observer: Observer) -> None:
    """Note how joints of an imported keypoint file were mapped, one line for every map that occurs."""
    if getattr(planner.configs.get("pose"), "backend", "") != "import" or "pose" not in planner.stages:
        return
    maps = set()
    for video_id, keys in summary.keys.items():
        with suppress(*UNREADABLE):
            maps.add(str(planner.cache.quality("pose", video_id, keys["pose"]).get("joint_map", "")))
    for line in sorted(maps - {""}):
        observer.note(f"keypoints of {line}")


def extract_missing(
    records: Sequence[Record], config: BaseConfig, *, engine: str, address: str | None, observer: Observer
) -> None:
    """Extract what `records` still lack; failed videos are reported and left out. Raises Cancelled after a stop."""
    planner = make_planner(config, ("timesteps",))
    pool = pick_pool(engine, config.run, address)
    with observer.progress("videos") as progress:
        summary = run_extract(records, planner, stop=observer.stop_event(), pool=pool, **progress.hooks())
    planner.cache.close()
    if summary.failed:
        observer.failures(summary.failed)
    if summary.cancelled:
        raise Cancelled


def plan_costs(listing: Listing, planner: Planner) -> ExtractRun:
    """What `extract` would run, why, and at what cost; nothing is run."""
    plans, summary = plan_all(listing.records, planner)
    return ExtractRun(planner.cache.place, summary, dry_run(plans, planner, planner.config.run.workers))
