"""Phases that raters marked: one table a rater, which `dataset.phases` reads, and how well the raters agree."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from contextlib import suppress
from itertools import combinations
from statistics import median

import numpy as np

from data.datasets.phase_marks import COLUMNS
from data.datasets.ratings import Answers, all_answers
from data.datasets.tables import spreadsheet_text
from data.errors import VideoError, counted
from data.store import write_text
from data.video import Record, probe
from pipeline.label.questions import PHASES, RatingSession


def write_phases(session: RatingSession) -> None:
    """Write FOLDER/phases/<rater>.csv from the answers of each rater. Raises as `RatingSession.check_folders`."""
    session.check_folders()
    videos = session.by_content()
    for rater, answers in all_answers(session.folder, marked=True)[0].items():
        rows = [
            (spreadsheet_text(videos[content].id), spreadsheet_text(one.name), f"{one.start:.4f}", f"{one.end:.4f}")
            for (content,), answer in answers.items()
            for one in (answer.phases if content in videos else ())
        ]
        if rows:
            text = io.StringIO()
            csv.writer(text, lineterminator="\n").writerows([COLUMNS, *rows])
            write_text(session.folder / PHASES / f"{rater}.csv", text.getvalue())


def phase_agreement(
    raters: Mapping[str, Answers], videos: Mapping[str, Record]
) -> tuple[tuple[str, ...], list[tuple[str, int, int, int]]]:
    """Sentences on how far two raters put a begin apart; and of each begin the video with the phase, the difference in
    frames, the lower and the higher frame, the largest difference first.
    """
    apart, lone = list[tuple[str, int, int, int]](), 0
    for content, record in videos.items():
        given = [answers[one].phases for answers in raters.values() if (one := frozenset((content,))) in answers]
        with suppress(VideoError):  # it was damaged meanwhile
            times = probe(record.files()["video"])[1]
            begins = [{phase.name: int(np.abs(times - phase.start).argmin()) for phase in one} for one in given]
            for first, second in combinations(begins, 2):
                lone += len(first.keys() ^ second.keys())
                for name in filter(second.__contains__, first):
                    low, high = sorted((first[name], second[name]))
                    apart.append((f"{record.id}, frame of {name}", high - low, low, high))
    if not apart:
        return ("The agreement is unknown until two raters have marked the same phase of a video",), []
    frames, of = [difference for _, difference, *_ in apart], counted(len(apart), "begin")
    lines = [f"two raters put a begin {median(frames):g} frames apart (median of {of}), at most {max(frames)}"]
    if lone:
        lines.append(f"in {counted(lone, 'case')} one rater left out a phase that the other marked")
    return tuple(lines), sorted(apart, key=lambda one: -one[1])
