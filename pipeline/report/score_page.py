"""The report page of scored videos: gathers what the cache and the scorer know and hands it to `pipeline.report`."""

from __future__ import annotations

import getpass
import json
import platform
import statistics
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from data.errors import CacheError
from data.store import StageOutput
from data.video import Record
from pipeline.cache import Cache, software
from pipeline.cache.run_history import run_facts
from pipeline.extract import Summary
from pipeline.report.page_data import (
    BatchReport,
    BatchRow,
    EvaluationReport,
    Failure,
    ReportData,
    StageTime,
    VideoReport,
)
from pipeline.report.page_writer import write_report
from pipeline.report.video_section import observed, steps
from pipeline.results import Score
from pipeline.score import Bundle, Scorer

EMBEDDED_VIDEOS = 12
"""Videos with a section of their own at most; a page must stay small enough to mail. The table lists all."""


def report_scores(path: Path, scorer: Scorer, rows: Sequence[Score], records: Sequence[Record], **parts: Any) -> None:
    """Write the page of a scored batch to `path`; arguments as in `scores_page`.

    Raises:
        OSError: the folder cannot be written.
    """
    write_report(path, scores_page(path, scorer, rows, records, **parts))


def scores_page(
    path: Path,
    scorer: Scorer,
    rows: Sequence[Score],
    records: Sequence[Record],
    *,
    title: str,
    subtitle: str = "",
    extraction: Summary | None = None,
    evaluation: EvaluationReport | None = None,
    sections: int = EMBEDDED_VIDEOS,
    names: Mapping[str, str] | None = None,
) -> ReportData:
    """The page of a scored batch.

    Args:
        path: where the page will lie.
        scorer: what scored; its cache holds the stages' outputs.
        rows: scored and failed videos.
        records: the same videos, with labels where known.
        title, subtitle: heading of the page.
        extraction: what was extracted in this run, for the run times.
        evaluation: its section, where the videos were held out from training.
        sections: videos that get a section of their own, the first ones that have a score.
        names: what to call videos by their id, such as the names of uploads; the ids where left out. Untrusted
            names are safe: the page escapes all text.
    """
    known = {record.id: record for record in records}
    shown = _shown_names(rows, names or {})
    good = [row for row in rows if row.error is None]
    videos = tuple(replace(_video(row, known[row.id], scorer, path), id=shown[row.id]) for row in good[:sections])
    lines = [BatchRow.of(video) for video in videos]
    lines += [replace(_line(row, known[row.id]), id=shown[row.id]) for row in good[sections:]]
    batch = BatchReport(
        rows=tuple(lines),
        failures=tuple(
            replace(_failure(row, scorer.cache, scorer.planner.stages), id=shown[row.id])
            for row in rows
            if row.error is not None
        ),
        times=stage_times(extraction, scorer.planner.stages) if extraction else (),
        training_scores=_training_scores(scorer.bundle),
    )
    return ReportData(
        title=title,
        subtitle=subtitle,
        made=f"{datetime.now():%Y-%m-%d %H:%M} by {_user()} on {platform.node()}",
        run={
            "command": " ".join(sys.argv),
            "model": str(scorer.folder),
            "model SHA-256": scorer.model_sha256,
            **software(),
            **run_facts(scorer.cache.with_logs()),
        },
        config=json.dumps(scorer.config.dump(), indent=1, sort_keys=True),
        videos=videos,
        batch=batch,
        evaluation=evaluation,
    )


def stage_times(extraction: Summary, stages: Sequence[str]) -> tuple[StageTime, ...]:
    """Run times by stage over a batch."""
    times = []
    for stage in stages:
        seconds = [result.done[stage] for result in extraction.results if stage in result.done]
        reused = extraction.videos - len(seconds) - sum(stage in result.failed for result in extraction.results)
        median = statistics.median(seconds) if seconds else None
        times.append(StageTime(stage, len(seconds), reused, sum(seconds), median))
    return tuple(times)


def _video(row: Score, record: Record, scorer: Scorer, page: Path) -> VideoReport:
    outputs = _outputs(scorer.cache, scorer.planner.stages, row.id)
    expected, spread = _training_steps(scorer)
    return replace(
        observed(row.id, record.path, outputs, page=page),
        **row.shared(),
        truth=_truth(record),
        task=record.task,
        steps=steps(np.array(row.bounds), row.step_scores, np.array(row.attention), expected, spread),
        checked=row.checked,
    )


def _line(row: Score, record: Record) -> BatchRow:
    return BatchRow(
        **row.shared(),
        truth=_truth(record).get("score"),
        duration=row.bounds[-1][1] if row.bounds else None,
        task=record.task,
    )


def _truth(record: Record) -> dict[str, float]:
    labels = vars(record.labels) if record.labels else {}
    return {name: value for name, value in labels.items() if value is not None}


def _outputs(cache: Cache, stages: Sequence[str], video_id: str) -> Mapping[str, StageOutput]:
    found = {}
    for stage in stages:
        with suppress(FileNotFoundError, CacheError):
            found[stage] = cache.read(stage, video_id).output
    return found


def _failure(row: Score, cache: Cache, stages: Sequence[str]) -> Failure:
    for stage in stages:
        entry = cache.failures(stage, row.id)
        if entry:
            return Failure(row.id, stage, str(entry.get("what")), str(entry.get("traceback", "")))
    return Failure(row.id, "", row.error or "")


def _training_scores(bundle: Bundle) -> tuple[float, ...]:
    scores = bundle.run.train_labels[:, 0]
    return tuple(float(score) for score in scores[np.isfinite(scores)])


def _training_steps(scorer: Scorer) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Mean and spread of each step over the training performances, where the run was calibrated."""
    kept = scorer.calibration.steps if scorer.calibration is not None else None
    return (None, None) if kept is None else (kept.mean(axis=0), kept.std(axis=0))


def _shown_names(rows: Sequence[Score], names: Mapping[str, str]) -> dict[str, str]:
    """What each video is called: its given name, with the id where two would be called the same."""
    wanted = {row.id: names.get(row.id, row.id) for row in rows}
    counts = Counter(wanted.values())
    return {key: name if counts[name] == 1 else f"{name} ({key})" for key, name in wanted.items()}


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
