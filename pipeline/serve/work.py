"""Scoring one uploaded video with a trained run, and its report page."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data.errors import Cancelled, VideoError
from data.videos import Record
from pipeline.report import write_report
from pipeline.report.scored import scored_page, stage_times
from pipeline.serve.history import Job
from pipeline.serve.queue import Outcome, Progress

if TYPE_CHECKING:
    from pipeline.runner import Result
    from pipeline.score import Scorer


class ScoreWork:
    """Scores one video after the other with one scorer.

    Args:
        scorer: a loaded scorer; its cache keeps the features, by the content of the video.
    """

    def __init__(self, scorer: Scorer) -> None:
        self.scorer = scorer

    def __call__(self, job: Job, video: Path, report: Path, progress: Progress, stop: threading.Event) -> Outcome:
        """Score `video` and write its page to `report`.

        Raises:
            VideoError: the video cannot be scored.
            Cancelled: stopped by the user.
        """
        record = Record(id=f"uploads/{job.content[:32]}{job.suffix}", path=video)
        results: list[Result] = []
        progress("preparing", None)
        rows = self.scorer.score_records([record], stop=stop, on_result=results.append, on_frames=_frames(progress))
        if stop.is_set():
            raise Cancelled
        row = rows[0]
        if row.error is not None:
            raise VideoError(row.error)
        progress("writing the report", None)
        data = scored_page(
            [row],
            self.scorer.cache,
            report,
            title=job.name,
            subtitle=f"scored by {self.scorer.folder.name}",
            times=stage_times(results),
        )
        named = tuple(replace(section, id=job.name) for section in data.videos)
        write_report(report, replace(data, videos=named))
        return Outcome(row.score, len(row.flags))


def _frames(progress: Progress) -> Callable[..., Any]:
    """A hook of `run_extract` that tells the share of frames that were decoded."""

    def told(_: str, done: int, total: int) -> None:
        progress(f"reading frames and computing features: {done} of {total}", done / total if total else None)

    return told
