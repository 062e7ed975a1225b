"""The videos to judge, and the next question of a rater, which is a function of the rater's answers alone."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from data.datasets.ratings import Answers
from data.errors import UsageError, nearest
from data.video import LABELS, Record, find_videos
from data.video.records import fingerprint_file
from pipeline.cache import stamps
from pipeline.label.pair_scale import CHOOSING, SPREADS, PairScale, fit_scale

OUTCOMES = {"better": 1.0, "equal": 0.5, "worse": 0.0}

PAIRS_A_VIDEO = 6
"""Answers on each video after which the page calls a scale done; more are always possible."""


@dataclass(frozen=True)
class RatingSession:
    """The videos of a folder, and how they are judged.

    Attributes:
        pairs: whether videos are compared; else they get scores.
        columns: names of the scores that raters give, of `data.video.LABELS`.
        only: ids of the videos to ask about; empty: all. In pairs, they are compared with one another and with videos
            that the rater has compared before; any other video would get a label from a single answer.
    """

    folder: Path
    records: tuple[Record, ...]
    pairs: bool = False
    columns: tuple[str, ...] = ("score",)
    only: frozenset[str] = frozenset()
    _hashes: dict[Path, tuple[str | None, str]] = field(default_factory=dict, repr=False)

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

    def next_question(self, rater: str, answers: Answers, videos: Mapping[str, Record]) -> tuple[str, ...] | None:
        """Contents of the next video, or of the next two, the left one first; None where nothing is left to ask."""
        wanted, partners = self._asked(answers, videos)
        order = sorted(partners, key=lambda content: _digest(rater, content))
        if self.pairs:
            return next_pair(order, answers, wanted)
        return next(((one,) for one in order if one in wanted and frozenset((one,)) not in answers), None)

    def progress(self, answers: Answers, videos: Mapping[str, Record]) -> tuple[int, int]:
        """Number of answered questions about the videos to ask about, and the number at which the page says "done"."""
        size, (wanted, partners) = 2 if self.pairs else 1, self._asked(answers, videos)
        done = sum(len(one) == size and one <= videos.keys() and bool(one & wanted) for one in answers)
        if not self.pairs:
            return done, len(wanted)
        others = len(partners) - len(wanted)
        every = (len(partners) * (len(partners) - 1) - others * (others - 1)) // 2
        return done, min(every, len(wanted) * PAIRS_A_VIDEO // (1 if others else 2))

    def _asked(self, answers: Answers, videos: Mapping[str, Record]) -> tuple[set[str], set[str]]:
        """Contents of the videos to ask about, and of these together with those that they are compared with."""
        wanted = {content for content, record in videos.items() if not self.only or record.id in self.only}
        compared = {content for question in answers if len(question) == 2 for content in question & videos.keys()}
        partners = wanted | compared
        return wanted, partners if len(partners) > PAIRS_A_VIDEO else set(videos)


def find_session(
    folder: Path, *, pairs: bool = False, columns: Sequence[str] = (), only: Sequence[str] = ()
) -> tuple[RatingSession, tuple[str, ...]]:
    """The session of a folder, and lines about videos that are left out; `columns` is "score" where it is empty.

    Raises UsageError for a wrong name or no video.
    """
    if not folder.is_dir():
        raise UsageError("no such folder", where=folder, fix="Give the folder of the videos")
    if unknown := [name for name in columns if name not in LABELS]:
        raise UsageError(f"no score is called '{unknown[0]}'", fix=f"Choose among {', '.join(LABELS)}")
    listing = find_videos([folder])
    records = tuple(record for record in listing.records if record.path is not None and record.frames is None)
    problems = [
        *listing.problems,
        *(f"{r.name}: left out, folders of frames are not shown" for r in listing.records if r.frames),
    ]
    ids = [record.id for record in records]
    if missing := [name for name in only if name not in ids]:
        raise UsageError(f"no video '{missing[0]}'", where=folder, fix=nearest(missing[0], ids))
    if len(records) < 1 + pairs:
        raise UsageError("too few videos to judge", where=folder, fix="Give a folder of video files")
    return RatingSession(folder, records, pairs, tuple(columns) or ("score",), frozenset(only)), tuple(problems)


def next_pair(order: Sequence[str], answers: Answers, wanted: set[str]) -> tuple[str, str] | None:
    """The pair without an answer that gains most (`PairScale.gains`), the left video first; None without any."""
    place = {content: number for number, content in enumerate(order)}
    gains = np.triu(pair_scale(order, [answers], (CHOOSING,)).gains(), 1)
    for question in answers:
        if len(question) == 2 and question <= place.keys():
            gains[tuple(sorted(place[content] for content in question))] = 0.0
    if len(wanted) < len(order):
        ask = np.array([content in wanted for content in order])
        gains *= ask[:, None] | ask
    if not len(order) or gains.max() <= 0:
        return None
    low, high = divmod(int(np.argmax(gains.round(9))), len(order))
    one, other = order[low], order[high]
    return (one, other) if int(_digest(one, other), 16) % 2 else (other, one)


def pair_scale(contents: Sequence[str], raters: Sequence[Answers], spreads: Sequence[float] = SPREADS) -> PairScale:
    """The scale of videos from all answers of these raters on pairs of them; `spreads` as in `fit_scale`."""
    place = {content: number for number, content in enumerate(contents)}
    decided = [
        (place[answer.contents[0]], place[answer.contents[1]], OUTCOMES[answer.answer])
        for answers in raters
        for question, answer in answers.items()
        if answer.answer in OUTCOMES and question <= place.keys()
    ]
    first, second, outcome = np.array(decided, dtype=np.float64).reshape(-1, 3).T
    return fit_scale(len(contents), first, second, outcome, spreads)


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
