"""Raters' answers on videos. FOLDER/ratings/<rater>.csv is the only state of `label`; each answer appends one line.

    video,content,against,against_content,answer,score,execution,synchronisation,difficulty,phases,seconds,when
    monday/anna_1.mp4,5f3a…,,,scored,7.5,,,,,14.2,2026-11-27T18:04:05+00:00
    monday/anna_1.mp4,5f3a…,monday/ben_1.mp4,09c1…,better,,,,,,9.8,2026-11-27T18:05:12+00:00

`content` is the fingerprint of the file (`data.store.fingerprint`). It identifies the video; the name is for readers.
So a renamed video keeps its answers, and a replaced video has none. `seconds` is the time that the answer took. `when`
is the last cell, so truncated lines are recognised and ignored. A rater's last answer to a question counts; scores and
phases of a video are two questions. A pair does not count if the rater marked one of its videos as "no performance"; a
later answer on such a pair revokes that mark.

Several people may write to the folder, so only regular files are opened, and links are not followed.
"""

from __future__ import annotations

import csv
import errno
import json
import math
import os
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from pathlib import Path

from data.datasets.phase_marks import phases_of_text
from data.datasets.tables import clip, csv_lines, spreadsheet_text
from data.errors import UsageError, counted, printable
from data.store.atomic_writes import make_folder, sync_folder
from data.store.files import open_handle
from data.video import LABELS, Phase
from data.video.records import MAX_LABEL

RATINGS = "ratings"
"""Folder of the raters' files below the folder of videos."""

COLUMNS = ("video", "content", "against", "against_content", "answer", *LABELS, "phases", "seconds", "when")

MAX_BYTES = 4 << 20
"""Larger files of ratings are refused, as the page reads them in each request: 20 000 answers are smaller."""

OF_ONE = ("scored", "skipped", "no performance")
OF_TWO = ("better", "worse", "equal", "skipped")
"""Answers on one video, and on a video against another one."""

MARKED = "marked"
"""The answer with the phases of a video."""

_WHEN = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00")
_CONTENT = re.compile(r"[0-9a-f]{64}")
_SECONDS = re.compile(r"\d{1,9}(\.\d{1,3})?", re.ASCII)

NAME_LENGTH = 40
NAME_MARKS = frozenset(" .-_'’‘\u200c\u200d")
"""Characters of a name besides letters, their marks and digits; the last two join or part letters, as in Persian."""


@dataclass(frozen=True)
class Answer:
    """A rater's answer about one video, or about one against another."""

    contents: tuple[str, ...]  # fingerprint of the video, and of the other video of a pair
    answer: str  # one of `OF_ONE` or `OF_TWO`, or `MARKED`
    scores: Mapping[str, float] = field(default_factory=dict)  # by names of `data.video.LABELS`
    names: tuple[str, ...] = ()  # of the videos, for readers
    seconds: float | None = None  # from the question to the answer
    phases: tuple[Phase, ...] = ()

    @property
    def question(self) -> frozenset[str]:
        """The question; the order of two videos does not matter."""
        return frozenset(self.contents)


Answers = dict[frozenset[str], Answer]
"""A rater's answers by question, in the order in which they were first given."""


def rater_file(folder: Path, rater: str) -> Path:
    """The file of a rater, whose name ignores case. Raises UsageError: the name is not a file name."""
    name = unicodedata.normalize("NFC", " ".join(rater.split()).casefold())
    if wrong := next((c for c in name if unicodedata.category(c)[0] not in "LMN" and c not in NAME_MARKS), None):
        raise _no_name(rater, f"it has '{wrong}'", "Take letters, digits, spaces, dots, hyphens and apostrophes only")
    if not name or unicodedata.category(name[0])[0] not in "LN":
        raise _no_name(rater, "it begins with no letter", "Begin with a letter or a digit, such as: anna")
    if len(name) > NAME_LENGTH:
        raise _no_name(rater, f"it has {len(name)} characters", f"Take at most {NAME_LENGTH}")
    return folder / RATINGS / f"{name}.csv"


def _no_name(rater: str, why: str, fix: str) -> UsageError:
    return UsageError(f"'{clip(rater)}' cannot be the name of a rater: {why}", fix=fix)


def append_answers(path: Path, *answers: Answer) -> None:
    """Append answers to a rater's file and flush it to the disk. Raises OSError: it cannot be written."""
    make_folder(path.parent)
    lines = b"".join(map(_answer_line, answers))
    handle = open_plain(path, os.O_RDWR | os.O_CREAT | os.O_APPEND)
    try:
        size = os.fstat(handle).st_size
        os.lseek(handle, max(0, size - 1), os.SEEK_SET)
        if not size:
            lines = _line(COLUMNS) + lines
        elif os.read(handle, 1) != b"\n":  # ends a truncated line
            lines = b"\n" + lines
        if os.write(handle, lines) < len(lines):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        os.fsync(handle)
    finally:
        os.close(handle)
    sync_folder(path.parent)


def _answer_line(answer: Answer) -> bytes:
    names = [spreadsheet_text(printable(name)) for name in answer.names or ("",) * len(answer.contents)]
    videos = [cell for pair in zip(names, answer.contents, strict=True) for cell in pair]
    scores = [f"{answer.scores[name]:.12g}" if name in answer.scores else "" for name in LABELS]
    seconds = "" if answer.seconds is None else f"{answer.seconds:.1f}"
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    phases = json.dumps([asdict(phase) for phase in answer.phases]) if answer.phases else ""
    return _line([*videos, *("", "")[: 4 - len(videos)], answer.answer, *scores, phases, seconds, now])


def open_plain(path: Path, flags: int) -> int:
    """The descriptor of a regular file in the folder of ratings. Raises OSError: a link, pipe, device or folder."""
    if path.is_symlink() or path.parent.is_symlink():  # where the system has no O_NOFOLLOW, and for the folder
        raise OSError(errno.ELOOP, "a link, which is not followed", str(path))
    return open_handle(path, flags, "O_NOFOLLOW")


def read_plain(path: Path) -> bytes:
    """The content of a regular file in the folder of ratings; other processes may append to it meanwhile.

    Raises OSError: as `open_plain`, larger than `MAX_BYTES`, or it cannot be read.
    """
    with os.fdopen(open_plain(path, os.O_RDONLY), "rb") as stream:
        content = stream.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise OSError(errno.EFBIG, f"larger than {MAX_BYTES} bytes", str(path))
    return content


def read_answers(path: Path, marked: bool = False) -> tuple[Answers, int]:
    """The answers in a rater's file, and the number of invalid lines; a missing file has no answers.

    `marked` selects phases instead of the other answers. Raises OSError: the file cannot be read.
    """
    try:
        text = read_plain(path).decode("utf-8-sig", errors="replace")
    except FileNotFoundError:
        return {}, 0
    answers: Answers = {}
    unread = 0
    for line in text.split("\n"):
        cells = _cells(line.removesuffix("\r"))
        answer = _answer(cells)
        if answer is None:
            unread += bool(line.strip()) and tuple(cells) != COLUMNS
            continue
        if (answer.answer == MARKED) != marked:
            continue
        answers[answer.question] = answer
        for content in answer.contents if len(answer.contents) == 2 else ():
            if refuses(answers, content):
                del answers[frozenset((content,))]
    return answers, unread


def refuses(answers: Answers, content: str) -> bool:
    """Whether a rater says that a video is not a performance."""
    answer = answers.get(frozenset((content,)))
    return answer is not None and answer.answer == "no performance"


def all_answers(folder: Path, marked: bool = False) -> tuple[dict[str, Answers], list[str]]:
    """The answers of every rater by name, and a line for each file that is skipped or has invalid lines.

    `marked` as in `read_answers`. Raises OSError: the folder cannot be listed.
    """
    raters, problems = {}, []
    for path in sorted((folder / RATINGS).glob("*.csv")):
        try:
            raters[path.stem], unread = read_answers(path, marked)
        except OSError as error:
            problems.append(f"{printable(path)}: left out ({error.strerror or error})")
            continue
        if unread:
            lines = counted(unread, "line")
            problems.append(f"{printable(path)}: {lines} left out, no answers; a line that was cut off is one")
    return raters, problems


def _cells(line: str) -> list[str]:
    """The cells of a line; empty if it is not CSV, such as one with a huge cell or, on Python 3.10, a NUL."""
    try:
        return next(csv.reader([line]), [])
    except csv.Error:
        return []


def _answer(cells: list[str]) -> Answer | None:
    """The answer in a line; None if it is truncated or not an answer."""
    if len(cells) != len(COLUMNS) or not _WHEN.fullmatch(cells[-1]):
        return None
    row = dict(zip(COLUMNS, cells, strict=True))
    contents = tuple(filter(None, (row["content"], row["against_content"])))
    kinds = (*OF_ONE, MARKED) if len(contents) == 1 else OF_TWO
    if row["seconds"] and not _SECONDS.fullmatch(row["seconds"]):
        return None
    if not all(map(_CONTENT.fullmatch, contents)) or len(set(contents)) < len(contents) or row["answer"] not in kinds:
        return None
    try:
        scores = {name: float(row[name]) for name in LABELS if row[name]}
        phases = phases_of_text(row["phases"]) if row["phases"] else ()
    except ValueError:
        return None
    fits = (row["answer"] == "scored", row["answer"] == MARKED) == (bool(scores), bool(phases))
    if not fits or not all(map(possible, scores.values())):
        return None
    names = (row["video"], row["against"])[: len(contents)]
    seconds = float(row["seconds"]) if row["seconds"] else None
    return Answer(contents, row["answer"], scores, names, seconds, phases)


def possible(score: float) -> bool:
    """Whether a number can be a score."""
    return math.isfinite(score) and abs(score) <= MAX_LABEL


def _line(cells: Sequence[str]) -> bytes:
    return csv_lines([cells]).encode("utf-8")
