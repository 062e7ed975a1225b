"""Scores of one performer over time."""

from __future__ import annotations

from dataclasses import dataclass

from data.errors import significant
from pipeline.checks.accuracy import as_printed
from pipeline.report.page_data import BatchSection, VideoSection
from pipeline.report.text import to_digits


@dataclass(frozen=True)
class PerformerScores:
    """The valid scores of one performer over time."""

    subject: str
    videos: tuple[VideoSection, ...]  # by day

    @property
    def sentence(self) -> str:
        """The scores of the first and the last day, and whether the change is smaller than the model's error."""
        first, last = self.videos[0], self.videos[-1]
        digits, accuracy = last.result.decimals, last.result.accuracy
        start, end = (as_printed(video.shown_score or 0.0, digits) for video in (first, last))
        change = end - start
        said = (
            f"{self.subject}: {to_digits(start, digits)} on {first.day}, {to_digits(end, digits)} on "
            f"{last.day} ({to_digits(change, digits, sign=True)}; {len(self.videos)} videos)"
        )
        if accuracy is None or accuracy.within is None or abs(change) >= accuracy.within:
            return f"{said}."
        error = significant(accuracy.within)
        return f"{said}. This is smaller than the model's usual error of ±{error}: no sign of progress."


def performer_scores(batch: BatchSection) -> list[PerformerScores]:
    """Performers with valid scores on at least two days, by name."""
    by_subject: dict[str, list[VideoSection]] = {}
    for row in batch.rows:
        if row.day and row.result.valid and row.shown_score is not None:
            what = "" if row.result.quantity == "score" else f", {row.result.quantity}"
            by_subject.setdefault(f"{row.subject}{what}", []).append(row)
    return [
        PerformerScores(name, tuple(sorted(videos, key=lambda video: video.day)))
        for name, videos in sorted(by_subject.items())
        if len({video.day for video in videos}) > 1
    ]
