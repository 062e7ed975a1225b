"""Raters' files, as the page of `label` writes them."""

from data.datasets.rater_answers import MARKED, Answer, append_answers, rater_file
from data.store.fingerprint import fingerprint_file


def rate_scores(folder, rater, scores):
    """Score videos, by their names."""
    for name, given in scores.items():
        answer = Answer((fingerprint_file(folder / name),), "scored", given, (name,))
        append_answers(rater_file(folder, rater), answer)


def mark_phases(folder, rater, video, phases):
    """Write a rater's phases of one video."""
    content = (fingerprint_file(folder / video),)
    append_answers(rater_file(folder, rater), Answer(content, MARKED, names=(video,), phases=tuple(phases)))
