"""`cache prune`: which outputs no named configuration uses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from data.video import Record
from pipeline.cache import UNREADABLE, Cache, CacheFiles, KeyParts, delete, marked_cache
from pipeline.cache.housekeeping import Finding, stored_files
from pipeline.cache.local_cache import FAILURE, OUTPUT, stem_of
from pipeline.observer import Observer
from pipeline.run.inputs import list_inputs
from pipeline.run.plan import Planner

PlannedRecords = tuple[Sequence[Record], Planner]
"""Records, and the planner of a configuration that uses their outputs."""


def prune(
    planners: Sequence[Planner],
    inputs: Sequence[Path],
    yes: bool,
    observer: Observer,
) -> CacheFiles:
    """Delete, or only list, outputs in the first planner's cache that none of the planners uses.

    Raises UsageError where there is no cache.
    """
    cache = marked_cache(planners[0].cache, yes)
    uses = [_use(planner, inputs, observer) for planner in planners]
    return delete(cache, unneeded(cache, uses), yes)


def _use(planner: Planner, inputs: Sequence[Path], observer: Observer) -> PlannedRecords:
    """The records of the inputs, and the planner of what `extract` made of them."""
    config = planner.config
    listing, fewer = list_inputs(inputs, config, observer)
    wanted = () if planner.wanted == config.method.stages else planner.wanted
    return listing.records, planner if fewer is config else Planner(fewer, planner.cache, stages=wanted)


def unneeded(cache: Cache, uses: Sequence[PlannedRecords]) -> list[Finding]:
    """Outputs and failures of the planners' stages that no plan uses: of other videos, settings, versions or inputs."""
    kept: set[Path] = set()
    wanted: dict[Path, KeyParts] = {}
    for records, planner in uses:
        for plan in planner.plan_all(records):
            for planned in plan.stages:
                stage, key = planned.name, planned.parts.key
                kept |= {cache.path(stage, plan.record.id, key, ending) for ending in (OUTPUT, FAILURE)}
                wanted.setdefault(cache.stem(stage, plan.record.id), planned.parts)
    stages = dict.fromkeys(stage for _, planner in uses for stage in planner.stages)
    unused = [file for file in stored_files(cache, [*stages], OUTPUT, FAILURE) if file.path not in kept]
    return [
        replace(file, why=_reason(cache, file, wanted.get(stem_of(file.path))))
        for file in unused
        if cache.is_ours(file.path)
    ]


def _reason(cache: Cache, file: Finding, wanted: KeyParts | None) -> str:
    """Why a file is not used; `wanted` are the parts of the key that is wanted for its video."""
    if wanted is None:
        return "no such video among the inputs"
    if file.failed:
        return "failed with other settings or input"
    try:
        return "; ".join(wanted.differences(cache.header(file.path))) or "another format of key"
    except UNREADABLE:
        return "of other settings or input"
