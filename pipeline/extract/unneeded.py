"""Outputs in a cache that a configuration and its videos do not use."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from data.store.files import TEMPORARY
from data.video import Record
from pipeline.cache import Cache
from pipeline.cache.housekeeping import FAILURE, OUTPUT, Finding, video_of
from pipeline.extract.plan import Planner


def unneeded(cache: Cache, records: Sequence[Record], planner: Planner) -> list[Finding]:
    """Outputs and failures of the planner's stages that its configuration and `records` do not use.

    These are files of other videos, and outputs of other settings, versions or inputs.
    """
    expected: dict[Path, str] = {}
    for plan in planner.plan_all(records):
        for step in plan.steps:
            path = cache.path(step.stage, plan.record.id)
            keep = step.check.state in ("fresh", "missing")
            expected[path] = "" if keep else step.check.reason
            expected[cache.failure_path(step.stage, plan.record.id)] = ""
    findings = []
    for stage in planner.stages:
        for path, size, _ in cache.entries(stage):
            if not path.name.endswith((OUTPUT, FAILURE)) or path.name.startswith(TEMPORARY):
                continue
            why = expected.get(path, "no such video among the inputs")
            if why and cache.is_ours(path):
                findings.append(Finding(path, stage, video_of(cache, stage, path), why, size))
    return findings
