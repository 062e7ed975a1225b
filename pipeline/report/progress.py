"""Scores of one performer over time."""

from __future__ import annotations

from dataclasses import dataclass

from data.errors import significant
from pipeline.report.page_data import BatchReport, VideoReport
from pipeline.report.text import number


@dataclass(frozen=True)
class PerformerProgress:
    """The valid scores of one performer over time."""

    subject: str
    videos: tuple[VideoReport, ...]  # by day

    @property
    def sentence(self) -> str:
        """The scores of the first and the last day, and whether the change is smaller than the model's error."""
        first, last = self.videos[0], self.videos[-1]
        start, end, result = first.shown_score or 0.0, last.shown_score or 0.0, last.result
        change = end - start
        said = (
            f"{self.subject}: {number(start, result.decimals)} on {first.day}, {number(end, result.decimals)} on "
            f"{last.day} ({number(change, result.decimals, sign=True)}; {len(self.videos)} videos)"
        )
        if result.accuracy is None or abs(change) >= result.accuracy.within:
            return f"{said}."
        error = significant(result.accuracy.within)
        return f"{said}. This is smaller than the model's usual error of ±{error}: no sign of progress."


def progress(batch: BatchReport) -> list[PerformerProgress]:
    """Performers with valid scores on at least two days, by name."""
    by_subject: dict[str, list[VideoReport]] = {}
    for row in batch.rows:
        if row.day and row.result.valid and row.shown_score is not None:
            by_subject.setdefault(row.subject, []).append(row)
    return [
        PerformerProgress(name, tuple(sorted(videos, key=lambda video: video.day)))
        for name, videos in sorted(by_subject.items())
        if len({video.day for video in videos}) > 1
    ]
