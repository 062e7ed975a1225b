"""The page of a `score` run: sections and table from the scorer's rows and the cached features.

rows = scorer.score_records(records, on_result=results.append)
data = scored_page(rows, scorer.cache, page, title="final", times=stage_times(results))
write_report(page, data)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from data.arrays import StageOutput
from data.errors import CacheError
from data.media import DEFAULT_LIMIT
from pipeline.report import build
from pipeline.report.data import BatchReport, BatchRow, Failure, Flag, ReportData, StageTime, VideoReport

if TYPE_CHECKING:
    from pipeline.cache import Cache
    from pipeline.runner import Result
    from pipeline.score import Scored

SHOWN_STAGES = ("pose", "camera_flow", "kinematics", "timesteps")
"""Stages whose arrays a section draws; `clips` is a thousand numbers a step and shows nothing to a person."""

MOST_SECTIONS = 24
"""Videos with a section of their own; the table holds all."""

PAGE_BYTES = 60 << 20
"""Bytes of video in one page, shared by its sections."""


def scored_page(
    rows: Sequence[Scored],
    cache: Cache,
    page: Path,
    *,
    title: str,
    subtitle: str = "",
    made: str = "",
    run: Mapping[str, str] | None = None,
    config: str = "",
    times: Sequence[StageTime] = (),
    training_scores: Sequence[float] = (),
    truths: Mapping[str, Mapping[str, float]] | None = None,
    most_sections: int = MOST_SECTIONS,
) -> ReportData:
    """A page with a section per scored video (the first `most_sections`), the batch table and the failures.

    Args:
        rows: what the scorer gave, failed videos among them.
        cache: where the features lie; a stage that is not there is left out of the section.
        page: where the page will be written: videos too large to embed are linked from there.
        title, subtitle, made, run, config: see `ReportData`.
        times: run times by stage, see `stage_times`.
        training_scores: scores of the training videos, in the same unit.
        truths: the judges' scores by video id, where known.
        most_sections: videos with a section of their own.
    """
    good = [row for row in rows if row.error is None and row.score is not None]
    chosen = good[:most_sections]
    limit = min(DEFAULT_LIMIT, PAGE_BYTES // max(1, len(chosen)))
    known = truths or {}
    sections = tuple(_section(row, cache, page, limit, known.get(row.id, {})) for row in chosen)
    lines = tuple(BatchRow.of(_scores(VideoReport(row.id, truth=known.get(row.id, {})), row)) for row in good)
    failures = tuple(_failure(row, cache) for row in rows if row.error is not None)
    batch = BatchReport(lines, failures, tuple(times), tuple(training_scores))
    alone = len(rows) == 1 and not failures
    return ReportData(title, subtitle, made, run or {}, config, sections, None if alone else batch)


def stage_times(results: Sequence[Result]) -> tuple[StageTime, ...]:
    """Run time of every stage over the results of an extraction, in order of first appearance."""
    stages = dict.fromkeys(name for result in results for name in (*result.done, *result.skipped))
    made = []
    for stage in stages:
        seconds = [result.done[stage] for result in results if stage in result.done]
        reused = sum(stage in result.skipped for result in results)
        made.append(StageTime(stage, len(seconds), reused, sum(seconds), median(seconds) if seconds else None))
    return tuple(made)


def _section(row: Scored, cache: Cache, page: Path, limit: int, truth: Mapping[str, float]) -> VideoReport:
    outputs = _outputs(row, cache)
    section = replace(build.observed(row.id, row.path, outputs, page=page, limit_bytes=limit), truth=truth)
    quality = {f"{stage}: {name}": value for stage, figures in row.quality.items() for name, value in figures.items()}
    return _scores(replace(section, quality=quality or section.quality), row)


def _scores(section: VideoReport, row: Scored) -> VideoReport:
    """The section with what the scorer said. Fields that a scorer may lack are left out."""
    made = build.steps(
        row.bounds,
        row.step_scores,
        row.attention,
        getattr(row, "step_expected", None) or None,
        getattr(row, "step_spread", None) or None,
    )
    return replace(
        section,
        score=row.score,
        execution=row.execution,
        synchronisation=row.synchronisation,
        interval80=getattr(row, "interval80", None),
        interval95=getattr(row, "interval95", None),
        percentile=getattr(row, "percentile", None),
        duration=section.duration if section.duration is not None else (row.bounds[-1][1] if row.bounds else None),
        steps=made,
        flags=tuple(flag if isinstance(flag, Flag) else _flag(flag) for flag in row.flags),
    )


def _flag(sentence: str) -> Flag:
    """A flag from one sentence: what comes after the first colon is its detail."""
    title, _, detail = sentence.partition(": ")
    return Flag("warn", title, detail)


def _outputs(row: Scored, cache: Cache) -> dict[str, StageOutput]:
    found = {}
    for stage in SHOWN_STAGES:
        try:
            found[stage] = cache.read(stage, row.id).output
        except (CacheError, OSError):
            continue
    return found


def _failure(row: Scored, cache: Cache) -> Failure:
    """The stage that stopped and its traceback, from the cache's record of failures."""
    for stage in ("clips", *SHOWN_STAGES):
        entry = cache.failures(stage, row.id)
        if entry:
            return Failure(row.id, stage, row.error or "", str(entry.get("traceback", "")))
    return Failure(row.id, "", row.error or "")
