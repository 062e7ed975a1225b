"""Answers of raters on videos. FOLDER/ratings/<rater>.csv is the only state of `label`: one line an answer, appended.

    video,content,against,against_content,answer,score,execution,synchronisation,difficulty,when
    monday/anna_1.mp4,5f3a…,,,scored,7.5,,,,2026-11-27T18:04:05+00:00
    monday/anna_1.mp4,5f3a…,monday/ben_1.mp4,09c1…,better,,,,,2026-11-27T18:05:12+00:00

`content` is the fingerprint of the file (`data.video.records.fingerprint_file`). It identifies the video; the name is
for people. So a renamed video keeps its answers, and a replaced one has none. `when` is the last cell, so that a line
that was cut off is recognised and does not count. The last answer of a rater to a question counts.
"""

from __future__ import annotations

import csv
import errno
import io
import math
import os
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path

from data.datasets.tables import MAX_BYTES, clip
from data.errors import UsageError, printable
from data.store import read_regular
from data.video import LABELS
from data.video.records import MAX_LABEL

RATINGS = "ratings"
"""Folder of the raters' files below the folder of videos."""

COLUMNS = ("video", "content", "against", "against_content", "answer", *LABELS, "when")

OF_ONE = ("scored", "skipped", "no performance")
OF_TWO = ("better", "worse", "equal", "skipped")
"""Answers on one video, and on a video against another one."""

_WHEN = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00")
_CONTENT = re.compile(r"[0-9a-f]{64}")
_RATER = re.compile(r"\w[\w .-]{0,38}\w|\w")


@dataclass(frozen=True)
class Answer:
    """A rater's answer about one video, or about one against another."""

    contents: tuple[str, ...]  # fingerprint of the video, and of the one that it is compared with
    answer: str  # one of `OF_ONE` or `OF_TWO`
    scores: Mapping[str, float] = field(default_factory=dict)  # by names of `data.video.LABELS`
    names: tuple[str, ...] = ()  # of the videos, for people

    @property
    def question(self) -> frozenset[str]:
        """The question: two videos are one question, whichever is on the left."""
        return frozenset(self.contents)


Answers = dict[frozenset[str], Answer]
"""A rater's answers by question, in the order in which they were first given."""


def rater_file(folder: Path, rater: str) -> Path:
    """The file of a rater; upper and lower case are one rater. Raises UsageError: the name is no file name."""
    name = unicodedata.normalize("NFC", " ".join(rater.split())).casefold()
    if not _RATER.fullmatch(name):
        fix = "Take 1 to 40 letters, digits, spaces, dots and hyphens, such as: anna"
        raise UsageError(f"'{clip(rater)}' is no name of a rater", fix=fix)
    return folder / RATINGS / f"{name}.csv"


def append_answer(path: Path, answer: Answer) -> None:
    """Add an answer to a rater's file; it is on the disk when this returns. Raises OSError: it cannot be written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    names = [_cell(name) for name in answer.names or ("",) * len(answer.contents)]
    videos = [cell for pair in zip(names, answer.contents, strict=True) for cell in pair]
    scores = [f"{answer.scores[name]:.12g}" if name in answer.scores else "" for name in LABELS]
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    line = _line([*videos, *("", "")[: 4 - len(videos)], answer.answer, *scores, now])
    new = not path.exists()
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0), 0o644)
    try:
        size = os.fstat(handle).st_size
        os.lseek(handle, max(0, size - 1), os.SEEK_SET)
        if not size:
            line = _line(COLUMNS) + line
        elif os.read(handle, 1) != b"\n":  # the end of a line that was cut off
            line = b"\n" + line
        if os.write(handle, line) < len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        os.fsync(handle)
    finally:
        os.close(handle)
    if new and os.name == "posix":
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def read_answers(path: Path) -> tuple[Answers, int]:
    """The answers of a rater's file, and the number of its other lines; no answers where there is no file.

    Raises OSError or ValueError: the file cannot be read or is too large.
    """
    try:
        text = read_regular(path, MAX_BYTES).decode("utf-8-sig", errors="replace")
    except FileNotFoundError:
        return {}, 0
    answers: Answers = {}
    unread = 0
    for line in text.splitlines():
        cells = next(csv.reader([line]), [])
        answer = _answer(cells)
        if answer is not None:
            answers[answer.question] = answer
        else:
            unread += bool(line.strip()) and tuple(cells) != COLUMNS
    return answers, unread


def all_answers(folder: Path) -> tuple[dict[str, Answers], list[str]]:
    """The answers of every rater by name, and a line about each file with lines that are no answers. Raises OSError."""
    raters, problems = {}, []
    for path in sorted((folder / RATINGS).glob("*.csv")):
        try:
            raters[path.stem], unread = read_answers(path)
        except ValueError as error:
            problems.append(f"{printable(path)}: not read ({error})")
            continue
        if unread:
            problems.append(
                f"{printable(path)}: {unread} line(s) are no answers, such as one cut off, and do not count"
            )
    return raters, problems


def _answer(cells: list[str]) -> Answer | None:
    """The answer of a line; None where it is cut off or no answer."""
    if len(cells) != len(COLUMNS) or not _WHEN.fullmatch(cells[-1]):
        return None
    row = dict(zip(COLUMNS, cells, strict=True))
    contents = tuple(filter(None, (row["content"], row["against_content"])))
    kinds = OF_ONE if len(contents) == 1 else OF_TWO
    if not all(map(_CONTENT.fullmatch, contents)) or len(set(contents)) < len(contents) or row["answer"] not in kinds:
        return None
    try:
        scores = {name: float(row[name]) for name in LABELS if row[name]}
    except ValueError:
        return None
    if (row["answer"] == "scored") != bool(scores) or not all(map(possible, scores.values())):
        return None
    return Answer(contents, row["answer"], scores, (row["video"], row["against"])[: len(contents)])


def possible(score: float) -> bool:
    """Whether a number can be a score."""
    return math.isfinite(score) and abs(score) <= MAX_LABEL


def _line(cells: tuple[str, ...] | list[str]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue().encode("utf-8")


def _cell(name: str) -> str:
    """A name on one line that no spreadsheet reads as a formula."""
    shown = printable(name)
    return f"'{shown}" if shown[:1] in ("=", "+", "-", "@") else shown
