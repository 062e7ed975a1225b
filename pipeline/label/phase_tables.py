"""Phases that raters mark: FOLDER/phases/<rater>.csv, a table that `dataset.phases` reads, and how well they agree."""

from __future__ import annotations

import csv
import io
import math
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import combinations
from pathlib import Path
from statistics import median

import numpy as np

from data.datasets.phase_marks import COLUMNS, read_marks
from data.datasets.ratings import open_plain, read_plain
from data.datasets.tables import spreadsheet_text
from data.errors import DataError, VideoError, counted, printable
from data.store import write_text
from data.video import Phase, Record, probe

if sys.platform != "win32":
    import fcntl

PHASES = "phases"
"""Folder of the raters' tables, beside that of their ratings."""

Phases = dict[str, list[Phase]]
"""A rater's phases by the id of the video."""


def read_phases(path: Path) -> Phases:
    """The phases of a rater's table, none without one. Raises OSError: as `read_plain`; DataError: it is damaged."""
    try:
        marks = read_marks(path, read_plain(path))
    except FileNotFoundError:
        return {}
    phases: Phases = {mark.video: [] for mark in marks}
    for mark in marks:
        phases[mark.video].append(Phase(mark.name, mark.start, mark.end))
    return phases


def save_phases(path: Path, video: str, phases: Sequence[Phase]) -> None:
    """Write a rater's table anew with the phases of a video; it is on the disk when this returns. Raises as reading."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    path.parent.mkdir(parents=True, exist_ok=True)
    with _one_writer(path.parent):
        for name, marked in {**read_phases(path), video: phases}.items():
            for one in marked:
                ends = [f"{place:.4f}" if math.isfinite(place) else "" for place in (one.start, one.end)]
                table.writerow([spreadsheet_text(name), spreadsheet_text(one.name), *ends])
        write_text(path, text.getvalue())


@contextmanager
def _one_writer(folder: Path) -> Iterator[None]:
    """Waits until no other server reads and writes a table in the folder, where the file system has locks.

    The system frees the lock of a server that is killed.
    """
    handle = open_plain(folder / ".lock", os.O_RDWR | os.O_CREAT)
    try:
        if sys.platform != "win32":
            with suppress(OSError):
                fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def all_phases(folder: Path) -> tuple[dict[str, Phases], list[str]]:
    """The phases of every rater by name, and a line about each table that is left out."""
    raters, problems = {}, []
    for path in sorted((folder / PHASES).glob("*.csv")):
        try:
            raters[path.stem] = read_phases(path)
        except (OSError, DataError) as error:
            problems.append(f"{printable(path)}: left out ({getattr(error, 'strerror', None) or error})")
    return raters, problems


def phase_agreement(
    raters: Mapping[str, Phases], videos: Sequence[Record]
) -> tuple[tuple[str, ...], list[tuple[str, int, int, int]]]:
    """Sentences on how far two raters put a begin apart; and of each begin the video with the phase, the difference in
    frames, the lower and the higher frame, the largest difference first.
    """
    apart, lone = list[tuple[str, int, int, int]](), 0
    for record in videos:
        given = [phases[record.id] for phases in raters.values() if record.id in phases]
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
