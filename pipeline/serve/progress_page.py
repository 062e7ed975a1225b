"""The page of athletes' scores over time: the report's section, filled from the uploads of one model."""

from __future__ import annotations

from collections.abc import Sequence

from data.video import Record
from pipeline.report.page_data import BatchReport, ReportData, VideoReport
from pipeline.report.progress import progress
from pipeline.report.video_section import batch_row
from pipeline.results import Accuracy, Flag, Score
from pipeline.serve.history import ScoringJob


def progress_page(jobs: Sequence[ScoringJob], model: str, accuracy: Accuracy | None) -> ReportData | None:
    """The page of the uploads whose names have an athlete and a day; None where no athlete has scores of two days.

    Args:
        jobs: the newest first; an upload that was scored again counts as it was scored last.
        model: SHA-256 of the model; scores of other models are left out.
        accuracy: of the model on held-out performances.
    """
    newest: dict[str, ScoringJob] = {}
    for job in jobs:
        if job.score is not None and job.model == model:
            newest.setdefault(job.content, job)
    batch = BatchReport(rows=tuple(row for job in newest.values() if (row := _row(job, accuracy)).day))
    return ReportData("Progress over time", batch=batch, home="/") if progress(batch) else None


def _row(job: ScoringJob, accuracy: Accuracy | None) -> VideoReport:
    flags = (Flag(job.level, job.stage),) if job.level and job.stage else ()
    ends = None if job.low is None or job.high is None else (job.low, job.high)
    result = Score(job.name, score=job.score, interval80=ends, flags=flags, accuracy=accuracy)
    chosen = job.name.lower().rfind(job.suffix) + len(job.suffix)  # a chosen part is said behind the file's name
    return batch_row(result, Record(job.name[:chosen], None), name=job.name)
