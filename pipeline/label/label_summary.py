"""From answers to labels: one row per video, and the agreement of the raters."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from itertools import combinations
from typing import Any

import numpy as np

from data.datasets.rater_answers import RATINGS, Answer, Answers, all_answers, refuses
from data.errors import VideoError, counted, typed
from data.store.arrays import Floats, Rows
from data.video import Record, probe
from models.agreement import Agreement, agreement
from pipeline.label.bradley_terry import PairScale, fit_scale, pair_reliability
from pipeline.label.label_table import VideoLabel
from pipeline.label.pair_consistency import (
    LEAST_RATERS,
    PairFit,
    chance_probability,
    design_of,
    infit,
    rater_chance,
)
from pipeline.label.questions import RatingSession
from pipeline.label.verdicts import Doubt, count_line, doubt_of, pair_lines, phase_lines, score_lines

OUTCOMES = {"better": 1.0, "equal": 0.5, "worse": 0.0}

DISPUTED = 5
"""Most videos that a summary lists, by largest disagreement of the raters."""


@dataclass(frozen=True)
class LabelSummary:
    """Labels of the videos, and the agreement of their raters.

    Attributes:
        answers: number of answers by rater.
        rows: one row of the table of labels for each video with answers.
        lines: sentences on the agreement, the verdict first; they name no rater.
        agreement: of scores; None for pairs, and with fewer than two raters of the same videos.
        fit: of pairs; None without answers on pairs.
        disputed: (video, difference between the raters, lowest, highest) of scores, the largest difference first; of
            phases, begins in frames.
        doubt: why the labels are not known to be better than chance.
        counts: a sentence on the number of answers, by rater.
        problems: lines about ignored answers.
    """

    answers: Mapping[str, int]
    rows: tuple[VideoLabel, ...]
    lines: tuple[str, ...]
    agreement: Agreement | None = None
    fit: PairFit | None = None
    disputed: tuple[tuple[str, float, float, float], ...] = ()
    doubt: Doubt = ""
    counts: str = ""
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class CountedAnswers:
    """The m valid answers on pairs.

    Attributes:
        contents: the n videos of these pairs.
        first, second: (m,) numbers of the videos in `contents`.
        outcome: (m,) as in `fit_scale`.
        rater: (m,) numbers of the raters.
    """

    contents: tuple[str, ...]
    first: Rows
    second: Rows
    outcome: Floats
    rater: Rows

    @cached_property
    def scale(self) -> PairScale:
        """The scale of the videos."""
        return fit_scale(len(self.contents), self.first, self.second, self.outcome)

    @property
    def places(self) -> dict[str, tuple[float, float]]:
        """Place on the scale and its standard error by content."""
        return dict(zip(self.contents, zip(self.scale.value, self.scale.error, strict=True), strict=True))


def label_summary(session: RatingSession) -> LabelSummary:
    """The labels and the agreement of all raters of a session's folder.

    The score of a video is the mean over its raters; in pairs, its place on the scale of all answers. `deviation` is
    the standard deviation over its raters; in pairs, the standard error of the scale. A video gets no label if more
    raters mark it as no performance than judge it.
    """
    raters, problems = all_answers(session.folder, marked=bool(session.phases))
    videos = session.by_content()
    given = {
        name: [answer.answer for q, answer in answers.items() if len(q) == session.size and q <= videos.keys()]
        for name, answers in raters.items()
    }
    other = any(
        answer.scores if session.pairs else answer.answer in OUTCOMES
        for answers in raters.values()
        for answer in answers.values()
    )
    raters = {
        name: answers
        for name, answers in raters.items()
        if given[name] or any(refuses(answers, content) for content in videos)
    }
    if gone := sum(len(q) == session.size and not q <= videos.keys() for answers in raters.values() for q in answers):
        problems.append(f"{counted(gone, 'answer')} on videos that were deleted or replaced: not counted")
    if session.phases:
        made = _of_phases(videos, raters)
    else:
        made = _of_pairs(videos, raters) if session.pairs else _of_scores(videos, raters, session.columns)
    if other and made.rows:
        held, kept, *flag = ("scale of the pairs", "scores") if session.pairs else ("scores", "pairs", "--pairs")
        problems.append(
            f"the table now holds the {held}; the {kept} are kept in {RATINGS}: "
            f"{typed('label', session.folder, *flag, '--summary')} writes them again"
        )
    return replace(
        made,
        answers={name: len(said) for name, said in given.items()},
        doubt=doubt_of(made.fit or made.agreement),
        counts=count_line(given, session.pairs, session.folder, other),
        problems=tuple(problems),
    )


def summary_as_json(summary: LabelSummary) -> dict[str, Any]:
    """A summary as JSON types; rows have their cells by column."""
    return asdict(summary) | {"rows": [row.cells() for row in summary.rows]}


def _of_scores(videos: Mapping[str, Record], raters: Mapping[str, Answers], columns: Sequence[str]) -> LabelSummary:
    tables = _scores(list(videos), raters, columns)
    first = tables[columns[0]]
    rows, disputed = [], []
    for number, (content, record) in enumerate(videos.items()):
        judged = [score for score in first[number] if math.isfinite(score)]
        if judged and (difference := max(judged) - min(judged)):
            disputed.append((record.id, difference, min(judged), max(judged)))
        if any(frozenset((content,)) in answers for answers in raters.values()):
            means = {name: _mean(table[number]) for name, table in tables.items()}
            deviation = np.std(judged, ddof=1) if len(judged) > 1 else None
            rows.append(_row(record.id, means, deviation, judged, refused=_refusals(raters, content) > len(judged)))
    agreed = agreement(first)
    disputed = sorted(disputed, key=lambda row: -row[1])[:DISPUTED]
    return LabelSummary({}, tuple(rows), score_lines(agreed), agreed, disputed=tuple(disputed))


def _of_pairs(videos: Mapping[str, Record], raters: Mapping[str, Answers]) -> LabelSummary:
    decided = decided_pairs(videos, raters.values())
    labels = decided.places
    single = [decided_pairs(videos, [answers]).places for answers in raters.values()]
    rows = []
    for content, record in videos.items():
        judged = [own[content][0] for own in single if content in own]
        refusals = _refusals(raters, content)
        if content in labels or refusals:
            score, error = labels.get(content, (None, None))
            rows.append(_row(record.id, {"score": score}, error, judged, refused=refusals > len(judged)))
    fit = _pair_fit(decided, videos, raters)
    return LabelSummary({}, tuple(rows), pair_lines(fit, len(raters)), fit=fit)


def _of_phases(videos: Mapping[str, Record], raters: Mapping[str, Answers]) -> LabelSummary:
    apart, lone = list[tuple[str, int, int, int]](), 0
    for content, record in videos.items():
        phase_lists = [
            answers[question].phases for answers in raters.values() if (question := frozenset((content,))) in answers
        ]
        with suppress(VideoError):  # it was damaged meanwhile
            times = probe(record.files()["video"])[1]
            begins = [
                {phase.name: int(np.abs(times - phase.start).argmin()) for phase in phases} for phases in phase_lists
            ]
            for first, second in combinations(begins, 2):
                lone += len(first.keys() ^ second.keys())
                for name in filter(second.__contains__, first):
                    low, high = sorted((first[name], second[name]))
                    apart.append((f"{record.id}, frame of {name}", high - low, low, high))
    disputed = sorted(apart, key=lambda row: -row[1])[:DISPUTED]
    return LabelSummary({}, (), phase_lines([frames for _, frames, *_ in apart], lone), disputed=tuple(disputed))


def _row(
    video: str, scores: Mapping[str, float | None], deviation: float | None, judged: list[float], *, refused: bool
) -> VideoLabel:
    """A row of the table of labels; a refused video has no label."""
    if refused:
        return VideoLabel(video, len(judged), dict.fromkeys(scores), None, None)
    return VideoLabel(video, len(judged), scores, deviation, tuple(judged))


def _mean(scores: Floats) -> float | None:
    finite = scores[np.isfinite(scores)]
    return finite.mean() if len(finite) else None


def _refusals(raters: Mapping[str, Answers], content: str) -> int:
    return sum(refuses(answers, content) for answers in raters.values())


def _scores(contents: Sequence[str], raters: Mapping[str, Answers], columns: Sequence[str]) -> dict[str, Floats]:
    """(videos, raters) scores by column, NaN where missing."""
    none = Answer((), "")
    given = [[answers.get(frozenset((content,)), none).scores for answers in raters.values()] for content in contents]
    return {
        column: np.array([[scores.get(column, np.nan) for scores in row] for row in given]).reshape(
            len(given), len(raters)
        )
        for column in columns
    }


def decided_pairs(videos: Iterable[str], raters: Iterable[Answers]) -> CountedAnswers:
    """The valid answers of raters: on pairs of these videos that the rater considers performances."""
    known = dict.fromkeys(videos)
    answers = [
        (number, answer)
        for number, of_rater in enumerate(raters)
        for answer in of_rater.values()
        if answer.answer in OUTCOMES
        and known.keys() >= answer.question
        and not any(refuses(of_rater, content) for content in answer.contents)
    ]
    judged = {content for _, answer in answers for content in answer.contents}
    contents = tuple(content for content in known if content in judged)
    places = {content: position for position, content in enumerate(contents)}
    table = [
        (*(places[content] for content in answer.contents), OUTCOMES[answer.answer], number)
        for number, answer in answers
    ]
    first, second, outcome, rater = np.array(table, dtype=np.float64).reshape(-1, 4).T
    return CountedAnswers(contents, first.astype(np.intp), second.astype(np.intp), outcome, rater.astype(np.intp))


def _pair_fit(decided: CountedAnswers, videos: Mapping[str, Record], raters: Mapping[str, Answers]) -> PairFit | None:
    if not decided.contents:
        return None
    answers = len(decided.contents), decided.first, decided.second, decided.outcome
    several = enumerate(raters) if len(raters) >= LEAST_RATERS else ()
    tossed = {name: rater_chance(*answers, decided.rater == number) for number, name in several}
    design = design_of(*answers[:3])
    of_videos, misfits = infit(decided.scale.value, design, decided.outcome)
    names = [videos[content].id for content in decided.contents]
    return PairFit(
        chance_probability(*answers),
        pair_reliability(*answers),
        {name: chance for name, (chance, _) in tossed.items()},
        tuple(name for name, (_, random) in tossed.items() if random),
        dict(zip(names, of_videos.tolist(), strict=True)),
        tuple(names[number] for number in np.argsort(-of_videos) if misfits[number]),
        *_same_answers(decided),
        len(names) - int(np.linalg.matrix_rank(design)),
    )


def _same_answers(decided: CountedAnswers) -> tuple[int, int]:
    """Over pairs of videos that two raters judged: number of equal pairs of answers, and of all pairs of answers."""
    turned = decided.first > decided.second
    outcome = np.where(turned, 1 - decided.outcome, decided.outcome)
    low, high = np.minimum(decided.first, decided.second), np.maximum(decided.first, decided.second)
    pairs, where = np.unique(low * len(decided.contents) + high, return_inverse=True)
    each = np.array([np.bincount(where[outcome == value], minlength=len(pairs)) for value in OUTCOMES.values()])
    whole = each.sum(axis=0)
    return int((each * (each - 1)).sum() // 2), int((whole * (whole - 1)).sum() // 2)
