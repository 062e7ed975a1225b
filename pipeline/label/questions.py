"""The videos to judge, and the next question of a rater, which is a function of the rater's answers alone."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from data.datasets.rater_answers import RATINGS, Answer, Answers, rater_file, read_answers, refuses
from data.errors import UsageError
from data.store.fingerprint import fingerprint_file
from data.video import LABELS, Record, find_videos
from pipeline.cache import stamps
from pipeline.label.pair_order import all_pairs, next_pair
from pipeline.settings.destinations import check_folder

PAIRS_A_VIDEO = 6
"""Answers on each video after which the page thanks the rater; more are always possible."""

PHASES = "phases"
"""Folder of the raters' tables of phases, beside that of their answers."""

PAIR = 2
"""Videos of a question on a pair."""


@dataclass(frozen=True)
class RatingSession:
    """The videos of a folder, and how they are judged.

    Attributes:
        pairs: whether videos are compared; else they get scores.
        columns: names of the scores that raters give, of `data.video.LABELS`.
        phases: names of the phases that raters mark in place of scores, in order.
        limits: least and greatest score.
    """

    folder: Path
    records: tuple[Record, ...]
    pairs: bool = False
    columns: tuple[str, ...] = ("score",)
    phases: tuple[str, ...] = ()
    limits: tuple[float, float] = (-math.inf, math.inf)
    _hashes: dict[Path, tuple[str | None, str]] = field(default_factory=dict, repr=False)

    @property
    def size(self) -> int:
        """Number of videos per question."""
        return PAIR if self.pairs else 1

    def by_content(self) -> dict[str, Record]:
        """The videos that exist now by the hash of their content; a file that may have changed is read again."""
        videos: dict[str, Record] = {}
        for record in self.records:
            path, stamp = record.files()["video"], stamps(record)["video"]
            if stamp is None:
                continue  # the file was deleted
            if self._hashes.get(path, ("", ""))[0] != stamp:
                self._hashes[path] = (stamp, fingerprint_file(path))
            videos.setdefault(self._hashes[path][1], record)
        return videos

    def answers_of(self, rater: str) -> Answers:
        """The answers of a rater, phases where they are marked. Raises OSError: the file cannot be read."""
        return read_answers(rater_file(self.folder, rater), marked=bool(self.phases))[0]

    def check_folders(self) -> None:
        """Raise UsageError if a folder that `label` writes to is a link or not writable."""
        for folder in (self.folder / RATINGS, *([self.folder / PHASES] if self.phases else [])):
            if folder.is_symlink():
                raise UsageError("a link, which is not followed", where=folder, fix="Put the folder itself there")
            check_folder(folder)

    def next_question(
        self, rater: str, answers: Answers, videos: Mapping[str, Record], after: str = ""
    ) -> tuple[str, ...] | None:
        """Contents of the next video, or of the next two, the left one first; None if no question is left.

        For phases, the next video after `after`; once all have phases, all are asked again, for corrections.
        """
        order = sorted(videos, key=lambda content: _digest(rater, content))
        if not self.pairs:
            turn = order.index(after) + 1 if self.phases and after in order else 0
            order = order[turn:] + order[:turn]
            left = [content for content in order if frozenset((content,)) not in answers]
            return next(((content,) for content in left or (order if self.phases else [])), None)
        order = [content for content in order if not refuses(answers, content)]
        places = {content: position for position, content in enumerate(order)}
        asked = [
            [places[content] for content in answer]
            for answer in answers
            if len(answer) == PAIR and answer <= places.keys()
        ]
        pair = next_pair(len(order), np.array(asked, dtype=np.intp).reshape(-1, PAIR))
        return None if pair is None else (order[pair[0]], order[pair[1]])

    def earlier(self, answers: Answers, videos: Mapping[str, Record]) -> list[Answer]:
        """A rater's earlier answers in this session, for going back."""
        known = [answer for answer in answers.values() if answer.question <= videos.keys()]
        return [answer for answer in known if len(answer.contents) == self.size or answer.answer == "no performance"]

    def progress(self, answers: Answers, videos: Mapping[str, Record]) -> tuple[int, int]:
        """Number of answered questions, and the number at which the page thanks the rater."""
        done = sum(len(answer) == self.size and answer <= videos.keys() for answer in answers)
        if not self.pairs:
            return done, len(videos)
        judged = sum(not refuses(answers, content) for content in videos)
        return done, min(len(all_pairs(judged)), judged * PAIRS_A_VIDEO // PAIR)


def find_session(
    folder: Path,
    *,
    pairs: bool = False,
    columns: Sequence[str] = (),
    phases: Sequence[str] = (),
    score_range: Sequence[str] = (),
) -> tuple[RatingSession, tuple[str, ...]]:
    """The session of a folder, and lines about skipped videos; empty `columns` mean "score".

    `score_range` is the least and the greatest score. Raises UsageError for a wrong name, a wrong range or no video.
    """
    if not folder.is_dir():
        raise UsageError("no such folder", where=folder, fix="Give the folder of the videos")
    if unknown := [name for name in columns if name not in LABELS]:
        raise UsageError(f"no score is called '{unknown[0]}'", fix=f"Choose among {', '.join(LABELS)}")
    if (pairs and phases) or len({*phases}) < len(phases):
        raise UsageError("phases are marked once each, in one video at a time", fix="Type --phases run,flight,entry")
    listing = find_videos([folder])
    records = tuple(record for record in listing.records if record.path is not None and record.frames is None)
    problems = (
        *listing.problems,
        *(f"{r.name}: left out, folders of frames are not shown" for r in listing.records if r.frames),
    )
    if len(records) < 1 + pairs:
        raise UsageError("too few videos to judge", where=folder, fix="Give a folder of video files")
    try:
        least, most = map(float, score_range or ("-inf", "inf"))
        if not least < most:
            raise ValueError
    except ValueError:
        raise UsageError("a range is the least, then the greatest score", fix="Type --range 0,10") from None
    asked = tuple(columns) or ("score",), tuple(phases), (least, most)
    return RatingSession(folder, records, pairs, *asked), problems


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
