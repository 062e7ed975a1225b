"""The report page of scored videos, from the scores, the scorer and its cache."""

from __future__ import annotations

import getpass
import json
import platform
import statistics
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from data.video import Record
from pipeline.cache import software
from pipeline.cache.run_history import run_facts
from pipeline.extract import Summary
from pipeline.report.page_data import BatchReport, EvaluationReport, Failure, ReportData, StageTime, TrainingSteps
from pipeline.report.page_writer import write_report
from pipeline.report.video_section import batch_row, video_report
from pipeline.results import Score
from pipeline.score import Scorer
from pipeline.score.shareable import shareable, without_folders, without_folders_in

USUAL = (5, 95)
"""Percentiles of the attention in training that are drawn as its usual range."""

EMBEDDED_VIDEOS = 12
"""Most videos with a section of their own, so that a page stays small enough to mail. The table lists all."""


def report_scores(path: Path, scorer: Scorer, rows: Sequence[Score], records: Sequence[Record], **parts: Any) -> None:
    """Write the page of a scored batch to `path`; arguments as in `scores_page`."""
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
    origin: bool = False,
    home: str = "",
) -> ReportData:
    """The page of a scored batch.

    Args:
        scorer: made the scores; its cache holds the stages' outputs.
        records: the same videos as `rows`, with labels where known.
        extraction: summary of this run's extraction, for the run times.
        evaluation: its section, where the videos were held out from training.
        sections: number of scored videos with a section of their own, the first ones.
        names: display names by id, such as those of uploads; the ids where left out. Untrusted names are safe: the
            page escapes all text.
        origin: name the account, the machine and full paths, which a page made for sharing leaves out.
        home: address of the page that leads here, or "".
    """
    by_id = {record.id: record for record in records}
    shown, stages = _shown_names(rows, names or {}), scorer.planner.stages
    good, steps = [row for row in rows if row.error is None], _training_steps(scorer)
    clean: Callable[[Score], Score] = (lambda row: row) if origin else shareable
    clean_text = str if origin else without_folders
    videos = tuple(
        video_report(
            clean(row),
            by_id[row.id],
            scorer.outputs(row, by_id[row.id]),
            page=path,
            name=shown[row.id],
            training=steps,
            origin=origin,
        )
        for row in good[:sections]
    )
    training = scorer.bundle.run.train_labels[:, 0]
    batch = BatchReport(
        rows=(*videos, *(batch_row(clean(row), by_id[row.id], name=shown[row.id]) for row in good[sections:])),
        failures=tuple(_failure(row, shown[row.id], scorer, clean_text) for row in rows if row.error is not None),
        times=stage_times(extraction, stages) if extraction else (),
        training_scores=tuple(training[np.isfinite(training)].tolist()),
    )
    config = scorer.config.dump()
    return ReportData(
        title=title,
        subtitle=subtitle,
        made=f"{datetime.now():%Y-%m-%d %H:%M}" + (f" by {_user()} on {platform.node()}" if origin else ""),
        run={
            "command": " ".join(map(clean_text, sys.argv)),
            "model": str(scorer.folder) if origin else scorer.folder.resolve().name,
            "model SHA-256": scorer.model_sha256,
            **software(),
            **{name: clean_text(fact) for name, fact in run_facts(scorer.cache.with_logs(), who=origin).items()},
        },
        config=json.dumps(config if origin else without_folders_in(config), indent=1, sort_keys=True),
        home=home,
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


def _failure(row: Score, name: str, scorer: Scorer, clean: Callable[[str], str]) -> Failure:
    for stage in scorer.planner.stages:
        entry = scorer.cache.failures(stage, row.id)
        if entry and entry.get("what") == row.error:  # not one of another video with this id, or of an earlier try
            return Failure(name, stage, clean(str(entry.get("what"))), clean(str(entry.get("traceback", ""))))
    return Failure(name, "", clean(row.error or ""))


def _training_steps(scorer: Scorer) -> TrainingSteps | None:
    """The steps of the training performances; None for an uncalibrated run."""
    if scorer.calibration is None:
        return None
    steps, attention = scorer.calibration.steps, scorer.calibration.attention
    means = steps.mean(axis=0)
    scores = tuple(zip(means.tolist(), steps.std(axis=0).tolist(), strict=True))
    ranges = () if attention is None else tuple(map(tuple, np.percentile(attention, USUAL, axis=0).T.tolist()))
    return TrainingSteps(scores, tuple((steps - means).min(axis=1).tolist()), ranges)


def _shown_names(rows: Sequence[Score], names: Mapping[str, str]) -> dict[str, str]:
    """Display name of each video by id: its given name, followed by the id where two videos share a name."""
    wanted = {row.id: names.get(row.id, row.id) for row in rows}
    counts = Counter(wanted.values())
    return {key: name if counts[name] == 1 else f"{name} ({key})" for key, name in wanted.items()}


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
