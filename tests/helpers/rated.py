"""Raters' files, as the page of `label` writes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from data.datasets.rater_answers import MARKED, Answer, append_answers, rater_file
from data.store.fingerprint import fingerprint_file
from data.video import Phase


def rate_scores(folder: Path, rater: str, scores: Mapping[str, Mapping[str, float]]) -> None:
    """Score videos, by their names."""
    for name, given in scores.items():
        answer = Answer((fingerprint_file(folder / name),), "scored", given, (name,))
        append_answers(rater_file(folder, rater), answer)


def mark_phases(folder: Path, rater: str, video: str, phases: Sequence[Phase]) -> None:
    """Write a rater's phases of one video."""
    content = (fingerprint_file(folder / video),)
    append_answers(rater_file(folder, rater), Answer(content, MARKED, names=(video,), phases=tuple(phases)))
