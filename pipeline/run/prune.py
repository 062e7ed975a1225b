"""`cache prune`: finds outputs that no named configuration uses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path

from data.errors import UsageError
from data.video.video_search import unread_below
from pipeline.cache import UNREADABLE, Cache, CacheFiles, KeyParts, delete, marked_cache, readable
from pipeline.cache.housekeeping import CacheFile, stored_files
from pipeline.cache.output_cache import FAILURE, OUTPUT, stem_of
from pipeline.observer import Observer
from pipeline.run.inputs import list_inputs
from pipeline.run.plan import Plan, Planner
from pipeline.settings.config import Config


def prune(
    configs: Sequence[Config],
    cache: Cache,
    stages: Sequence[str],
    inputs: Sequence[Path],
    yes: bool,
    observer: Observer,
) -> CacheFiles:
    """Delete, or only list, outputs of these stages (default: a configuration's) that no configuration uses.

    Raises UsageError for a missing cache, while another command uses it, or if an input is unreadable: a disk that is
    temporarily offline must not cost the outputs computed from it.
    """
    cache = marked_cache(cache, yes)
    listed = [list_inputs(inputs, config, observer) for config in configs]
    planners = [Planner(config, cache, stages=stages) for _, config in listed]
    plans = (planner.plan_all(listing.records) for planner, (listing, _) in zip(planners, listed, strict=True))
    planned = dict.fromkeys(name for planner in planners for name in planner.stages)
    places = {*inputs} or {root for _, config in listed if (root := config.dataset.root)}
    lines = [line for path in sorted(places) if path.is_dir() for line in unread_below(path)]
    files = unneeded(cache, _noting(chain.from_iterable(plans), lines), [*planned])
    unread = [*dict.fromkeys(lines)]  # several configurations may have the same inputs
    if yes and unread:
        more = f", and {len(unread) - 1} more" if len(unread) > 1 else ""
        raise UsageError(
            f"nothing is deleted while inputs cannot be read: {unread[0]}{more}",
            fix="Fix or remove them, then run the same command again; without --yes the outputs are listed",
        )
    observer.notes([f"note: {line}; its outputs are listed, and would not be deleted" for line in unread])
    with cache.locked(alone=yes):
        return delete(cache, files, yes)


def _noting(plans: Iterable[Plan], unread: list[str]) -> Iterator[Plan]:
    """The plans; those with an unreadable file add a line to `unread`."""
    for plan in plans:
        contents = {content for planned in plan.stages for content in planned.parts.inputs.values()}
        unread += [f"{plan.record.name}: {content}" for content in sorted(contents - readable(contents))]
        yield plan


def unneeded(cache: Cache, plans: Iterable[Plan], stages: Sequence[str]) -> list[CacheFile]:
    """Outputs and failures of these stages that no plan uses: of other videos, settings, versions or inputs."""
    kept: set[Path] = set()
    wanted: dict[Path, KeyParts] = {}
    for plan in plans:
        for planned in plan.stages:
            stage, key = planned.name, planned.parts.key
            kept |= {cache.path(stage, plan.record.id, key, ending) for ending in (OUTPUT, FAILURE)}
            wanted.setdefault(cache.stem(stage, plan.record.id), planned.parts)
    unused = [file for file in stored_files(cache, stages, OUTPUT, FAILURE) if file.path not in kept]
    return [
        replace(file, why=_reason(cache, file, wanted.get(stem_of(file.path))))
        for file in unused
        if cache.is_ours(file.path)
    ]


def _reason(cache: Cache, file: CacheFile, wanted: KeyParts | None) -> str:
    """Why a file is unused; `wanted` are the parts of its video's current key."""
    if wanted is None:
        return "no such video among the inputs"
    if file.failed:
        return "failed with other settings or input"
    try:
        return "; ".join(wanted.differences(cache.header(file.path))) or "another format of key"
    except UNREADABLE:
        return "of other settings or input"
