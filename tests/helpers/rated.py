"""Raters' files, as the page of `label` writes them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from data.datasets.ratings import Answer, append_answers, rater_file
from data.video.records import fingerprint_file


def rate_scores(folder: Path, rater: str, scores: Mapping[str, Mapping[str, float]]) -> None:
    """Score videos, by their names."""
    for name, given in scores.items():
        answer = Answer((fingerprint_file(folder / name),), "scored", given, (name,))
        append_answers(rater_file(folder, rater), answer)
