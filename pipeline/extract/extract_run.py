"""`extract` and `status` as one call each: list the inputs, plan, run or tell what would run."""

from __future__ import annotations

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
from pipeline.extract.batch import Summary, dataset_records, plan_all, run_extract, shard, slurm_shard, status_rows
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


@dataclass(frozen=True)
class ExtractJob:
    """The videos of a run with what decides about them."""

    config: BaseConfig
    listing: Listing
    planner: Planner

    @property
    def records(self) -> tuple[Record, ...]:
        """The videos."""
        return self.listing.records


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
) -> ExtractJob:
    """The videos of a run with their planner; `shard_text` None takes all, `fetch` downloads what the stages need.

    Raises UsageError for an unknown input, stage or shard, DataError where the data set's own files cannot be used.
    """
    listing = list_inputs(inputs, config, observer)
    if shard_text is not None:
        listing = replace(listing, records=take_shard(listing.records, shard_text, observer))
    note = observer.note if fetch else None
    return ExtractJob(config, listing, make_planner(config, stages, force=force, retry_failed=retry, fetch=note))


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


def take_shard(records: Sequence[Record], text: str, observer: Observer) -> tuple[Record, ...]:
    """The records of shard `i/n`, of this task of a Slurm job array, or all. Raises UsageError for another shard."""
    part = parse_shard(text) if text else slurm_shard()
    if part is None:
        return tuple(records)
    if not text:
        observer.note(f"note: shard {part[0]}/{part[1]} by SLURM_ARRAY_TASK_ID; `--shard 1/1` takes all")
    return shard(records, *part)


SHARD_NUMBER = re.compile(r"[0-9]{1,9}")
"""`str.isdigit` also admits superscripts, which are no numbers."""


def parse_shard(text: str) -> tuple[int, int]:
    """`"2/4"` to (2, 4). Raises UsageError for another form."""
    part, slash, parts = text.partition("/")
    if not slash or not SHARD_NUMBER.fullmatch(part.strip()) or not SHARD_NUMBER.fullmatch(parts.strip()):
        raise UsageError(f"'--shard {text}' is not of the form i/n", fix="Example: --shard 1/4")
    return int(part), int(parts)


def extract_videos(job: ExtractJob, pool: Pool | None, observer: Observer, before: Callable[[], None]) -> Summary:
    """Run what is not fresh; `before` is called once something is to be done, and may refuse it."""
    planner, workers = job.planner, job.config.run.workers
    with observer.progress("videos") as progress:
        hooks = progress.hooks()

        def on_plan(plans: list[Plan], fresh: int, frames: list[int]) -> None:
            if plans:
                before()
                observer.note(in_a_line(estimate(plans, planner, workers, frames)))
            hooks["on_plan"](plans, fresh, frames)

        hooks |= {"stop": observer.stop_event(), "pool": pool}
        summary = run_extract(job.records, planner, **{**hooks, "on_plan": on_plan})
    _note_joint_maps(job, summary, observer)
    return replace(summary, problems=job.listing.problems)


def _note_joint_maps(job: ExtractJob, summary: Summary, observer: Observer) -> None:
    """Note how joints of an imported keypoint file were mapped, one line for every map that occurs."""
    planner = job.planner
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


def plan_costs(job: ExtractJob) -> ExtractRun:
    """What `extract` would run, why, and at what cost; nothing is run."""
    plans, summary = plan_all(job.records, job.planner)
    return ExtractRun(job.planner.cache.place, summary, dry_run(plans, job.planner, job.config.run.workers))


def status_of(job: ExtractJob) -> Status:
    """The state of every video and stage."""
    return Status(job.planner.cache.place, tuple(status_rows(job.records, job.planner)))
