"""Published pair lists: one pair a line, the better clip first, such as those of EgoExoLearn, EPIC-Skills and BEST.

    18_VID1_7242_7427 18_VID2_290_455

The names are those of videos below the folder, with or without the file ending. They are separated by a tab, comma or
semicolon, else by blanks. The answers become those of a rater named like the file.
"""

from __future__ import annotations

import unicodedata
from pathlib import Path, PurePosixPath

from data.datasets.folder import key_of
from data.datasets.rater_answers import Answer, append_answers, rater_file, read_answers
from data.datasets.tables import at_line, clip, read_text
from data.errors import DataError, UsageError, counted
from pipeline.label.questions import PAIR, RatingSession

SEPARATORS = ("\t", ";", ",", None)
"""Separators of the two names of a line: the first one present, else blanks."""


def import_pairs(session: RatingSession, path: Path) -> list[str]:
    """Append the pairs of a file to the answers of its rater, and return lines about skipped pairs.

    A pair that this rater has already answered in the same way is not repeated. Contradicting pairs are skipped. Raises
    DataError for another kind of file, or one without a pair of the folder's videos.
    """
    videos = session.by_content()
    listed, unknown = _read_pairs(path, _by_name({content: record.id for content, record in videos.items()}))
    if not listed:
        fix = "Give the folder of the clips; its files have the names of the list"
        raise DataError(f"no pair of this list has both its videos in {session.folder}", where=path, fix=fix)
    contradicted = {pair for pair in listed if pair[::-1] in listed}
    try:
        rater = rater_file(session.folder, path.stem)
    except UsageError as error:
        raise UsageError(error.what, where=path, fix="Rename the file, such as: skill_train.txt") from error
    given = {(answer.contents, answer.answer) for answer in read_answers(rater)[0].values()}
    new = [
        Answer(pair, "better", names=(videos[pair[0]].id, videos[pair[1]].id))
        for pair in listed
        if pair not in contradicted and (pair, "better") not in given
    ]
    if new:
        append_answers(rater, *new)
    notes = [f"{counted(len(new), 'pair')} of {path.name} in {rater}"]
    if unknown:
        notes.append(f"{counted(unknown, 'pair')} left out: no two videos here have these names")
    if contradicted:
        notes.append(f"{counted(len(contradicted), 'pair')} left out: the list has them in both orders")
    return notes


def _read_pairs(path: Path, contents: dict[str, str]) -> tuple[dict[tuple[str, str], None], int]:
    """The pairs of a list as contents, and the number of pairs without two known videos."""
    pairs: dict[tuple[str, str], None] = {}
    unknown = 0
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        separator = next(mark for mark in SEPARATORS if mark is None or mark in line)
        names = [name.strip(' "') for name in line.split(separator) if name.strip()]
        if not names or (number == 1 and [name.lower() for name in names] == ["better", "worse"]):
            continue
        if len(names) != PAIR:
            fix = "Write one pair a line: the better clip, then the other"
            raise DataError(f"'{clip(line)}' is not a pair of clips", where=at_line(path, number), fix=fix)
        better, worse = (contents.get(_form(name), "") for name in names)
        if better and worse and better != worse:
            pairs[better, worse] = None
        else:
            unknown += 1
    return pairs, unknown


def _by_name(ids: dict[str, str]) -> dict[str, str]:
    """Contents by the names that a list may use: the path, or the file's name if unique."""
    names = {_form(name): content for content, name in ids.items()}
    short: dict[str, set[str]] = {}
    for content, name in ids.items():
        short.setdefault(PurePosixPath(_form(name)).name, set()).add(content)
    return {name: min(of_name) for name, of_name in short.items() if len(of_name) == 1} | names


def _form(name: str) -> str:
    return unicodedata.normalize("NFC", key_of(name))
