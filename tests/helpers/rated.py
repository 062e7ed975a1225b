"""Raters' files, as the page of `label` writes them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from data.datasets.ratings import Answer, append_answer, rater_file, read_answers
from data.video.records import fingerprint_file
from pipeline.label import find_session


def rate_scores(folder: Path, rater: str, scores: Mapping[str, Mapping[str, float]]) -> None:
    """Score videos, by their names."""
    for name, given in scores.items():
        answer = Answer((fingerprint_file(folder / name),), "scored", given, (name,))
        append_answer(rater_file(folder, rater), answer)


def rate_pairs(folder: Path, rater: str, truth: Mapping[str, float], count: int) -> None:
    """Answer the questions of the page by a known order of the videos."""
    session, _ = find_session(folder, pairs=True)
    videos, path = session.by_content(), rater_file(folder, rater)
    for _ in range(count):
        question = session.next_question(rater, read_answers(path)[0], videos)
        if question is None:
            return
        left, right = (truth[videos[content].id] for content in question)
        answer = "equal" if left == right else "better" if left > right else "worse"
        append_answer(path, Answer(question, answer, names=tuple(videos[content].id for content in question)))
