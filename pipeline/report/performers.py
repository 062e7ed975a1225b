"""Scores of one performer over time."""

from __future__ import annotations

from collections.abc import Sequence

from data.errors import significant
from pipeline.checks.accuracy import as_printed
from pipeline.report.page_data import BatchSection, VideoSection
from pipeline.report.text import to_digits


def performer_scores(batch: BatchSection) -> dict[str, list[VideoSection]]:
    """The valid scores of performers who have them on at least two days, by name and day."""
    by_subject: dict[str, list[VideoSection]] = {}
    for row in sorted(batch.rows, key=lambda row: row.day):
        if row.day and row.result.valid and row.shown_score is not None:
            what = "" if row.result.quantity == "score" else f", {row.result.quantity}"
            by_subject.setdefault(f"{row.subject}{what}", []).append(row)
    several = {name: rows for name, rows in by_subject.items() if len({row.day for row in rows}) > 1}
    return dict(sorted(several.items()))


def progress_of(subject: str, videos: Sequence[VideoSection]) -> str:
    """The scores of the first and the last day, and whether the change is smaller than the model's error."""
    first, last = videos[0], videos[-1]
    digits, accuracy = last.result.decimals, last.result.accuracy
    start, end = (as_printed(video.shown_score or 0.0, digits) for video in (first, last))
    change = end - start
    said = (
        f"{subject}: {to_digits(start, digits)} on {first.day}, {to_digits(end, digits)} on "
        f"{last.day} ({to_digits(change, digits, sign=True)}; {len(videos)} videos)"
    )
    if accuracy is None or accuracy.within is None or abs(change) >= accuracy.within:
        return f"{said}."
    error = significant(accuracy.within)
    return f"{said}. This is smaller than the model's usual error of ±{error}: no sign of progress."
