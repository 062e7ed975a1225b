"""From answers to labels: the table that the data set `folder` reads, and the agreement of the raters."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from data.datasets.ratings import Answers, all_answers
from data.errors import UsageError, counted
from data.store import read_regular, write_text
from data.store.arrays import Floats
from data.video import LABELS, Record
from models.agreement import Agreement, Bounded, agreement
from pipeline.checks.accuracy import significant
from pipeline.label.questions import OUTCOMES, RatingSession, pair_scale

MOST_BYTES = 64 << 20
DISPUTED = 5
"""Most videos that a report lists, those on which the raters differ most."""


@dataclass(frozen=True)
class LabelReport:
    """Labels of the videos, and the agreement of their raters.

    Attributes:
        answers: number of answers by rater.
        rows: one row of the table of labels for each video with answers, cells by column.
        agreement: None with fewer than two raters of the same videos.
        disputed: (video, difference between the raters, lowest, highest), the largest first.
        lines: sentences for people, of which only the first names raters.
        problems: lines about answers that do not count.
    """

    answers: Mapping[str, int]
    rows: tuple[Mapping[str, Any], ...]
    agreement: Agreement | None
    disputed: tuple[tuple[str, float, float, float], ...]
    lines: tuple[str, ...]
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class Suggestion:
    """A video to label next."""

    video: str
    spread: float  # standard deviation of the predictions by networks of different folds, in the unit of the labels
    distance: float  # to the training part, in units of the limit above which scores are flagged
    reason: str


@dataclass(frozen=True)
class LabelResult:
    """Result of `label`: the report, or the suggestions."""

    report: LabelReport | None = None
    suggestions: tuple[Suggestion, ...] = ()


def label_report(session: RatingSession) -> LabelReport:
    """The labels and the agreement of all raters of a session's folder.

    The score of a video is the mean over its raters; in pairs, its place on the scale of all answers. `deviation` is
    the standard deviation over its raters; in pairs, the standard error of the scale. Raises OSError where a rater's
    file cannot be read.
    """
    raters, problems = all_answers(session.folder)
    videos = session.by_content()
    size = 2 if session.pairs else 1
    counts = {name: sum(len(q) == size and q <= videos.keys() for q in answers) for name, answers in raters.items()}
    raters = {name: answers for name, answers in raters.items() if counts[name]}
    gone = sum(len(q) == size and not q <= videos.keys() for answers in raters.values() for q in answers)
    if gone:
        problems.append(f"{counted(gone, 'answer')} on videos that were deleted or replaced: not counted")
    contents = list(videos)
    tables = _of_pairs(contents, raters) if session.pairs else _of_scores(contents, raters, session.columns)
    first = tables[session.columns[0] if not session.pairs else "score"]
    lines = [_count_line(session, counts)]
    if session.pairs and (compared := _compared(contents, raters.values())):  # a scale needs compared videos
        scale = pair_scale(compared, list(raters.values()))
        label = dict(zip(compared, zip(scale.value, scale.error, strict=True), strict=True))
        lines += _scale_lines(scale.answers_to_half(sum(counts.values())), scale.error, raters)
    agreed = agreement(first)
    lines += agreement_lines(agreed)
    rows = []
    for number, (content, record) in enumerate(videos.items()):
        judged = [float(one) for one in first[number] if math.isfinite(one)]
        named = sum(frozenset((content,)) in answers for answers in raters.values())
        if not judged and (session.pairs or not named):
            continue
        row: dict[str, Any] = {"video": record.id, "raters": len(judged)}
        refused = sum(_refused(answers, content) for answers in raters.values()) > len(judged)
        for column, table in tables.items():
            given = table[number][np.isfinite(table[number])]
            row[column] = None if refused or not len(given) else float(given.mean())
        row["deviation"] = float(np.std(judged, ddof=1)) if len(judged) > 1 else None
        if session.pairs:
            row |= dict(zip(("score", "deviation"), map(float, label[content]), strict=True))
        row["judges"] = None if refused else judged
        rows.append(row)
    return LabelReport(
        counts, tuple(rows), agreed, _disputed(list(videos.values()), first), tuple(lines), tuple(problems)
    )


def _of_scores(contents: Sequence[str], raters: Mapping[str, Answers], columns: Sequence[str]) -> dict[str, Floats]:
    """(videos, raters) scores by column, NaN where there is none."""
    tables = {column: np.full((len(contents), len(raters)), np.nan) for column in columns}
    for column, table in tables.items():
        for number, answers in enumerate(raters.values()):
            for row, content in enumerate(contents):
                if (answer := answers.get(frozenset((content,)))) is not None:
                    table[row, number] = answer.scores.get(column, np.nan)
    return tables


def _of_pairs(contents: Sequence[str], raters: Mapping[str, Answers]) -> dict[str, Floats]:
    """(videos, raters) places on every rater's own scale, NaN for videos that the rater did not compare."""
    table = np.full((len(contents), len(raters)), np.nan)
    for number, answers in enumerate(raters.values()):
        compared = _compared(contents, [answers])
        table[[contents.index(one) for one in compared], number] = pair_scale(compared, [answers]).value
    return {"score": table}


def _compared(contents: Sequence[str], raters: Iterable[Answers]) -> list[str]:
    """The videos that some rater compared with another one of them."""
    decided = {
        content
        for answers in raters
        for question, answer in answers.items()
        if answer.answer in OUTCOMES and question <= set(contents)
        for content in question
    }
    return [content for content in contents if content in decided]


def _refused(answers: Answers, content: str) -> bool:
    answer = answers.get(frozenset((content,)))
    return answer is not None and answer.answer == "no performance"


def _disputed(records: Sequence[Record], scores: Floats) -> tuple[tuple[str, float, float, float], ...]:
    rows = []
    for record, given in zip(records, scores, strict=True):
        judged = given[np.isfinite(given)]
        if len(judged) > 1 and np.ptp(judged) > 0:
            rows.append((record.id, float(np.ptp(judged)), float(judged.min()), float(judged.max())))
    return tuple(sorted(rows, key=lambda row: -row[1])[:DISPUTED])


def _count_line(session: RatingSession, counts: Mapping[str, int]) -> str:
    what = "pairs" if session.pairs else "videos"
    each = ", ".join(f"{name} {count}" for name, count in counts.items() if count)
    return f"{what} judged: {each}" if each else f"no {what} judged yet in {session.folder}"


def _scale_lines(more: int | None, error: Floats, raters: Mapping[str, Answers]) -> list[str]:
    """Sentences on the error of the scale, and on the number of pairs to which two raters gave the same answer."""
    mean = significant(float(np.sqrt((error**2).mean())))
    half = (
        f"about {more} more answers would halve the error"
        if more
        else "more answers cannot halve the error while no answer connects some of the videos"
    )
    preferred = "a video that is better by 1 is preferred in 73 of 100 answers"
    lines = [f"standard error of the scale {mean}; {preferred}; {half}"]
    same, common = 0, 0
    for one, other in combinations(raters.values(), 2):
        for question in one.keys() & other.keys():
            a, b = one[question], other[question]
            if a.answer in OUTCOMES and b.answer in OUTCOMES:
                turned = OUTCOMES[b.answer] if a.contents == b.contents else 1 - OUTCOMES[b.answer]
                common, same = common + 1, same + (OUTCOMES[a.answer] == turned)
    if common:
        lines.append(f"two raters gave the same answer on {same} of {common} pairs that both judged")
    return lines


def agreement_lines(agreed: Agreement | None) -> list[str]:
    """Sentences on the agreement of raters, or on the missing answers."""
    if agreed is None:
        return ["agreement: unknown until two raters have judged the same three videos"]

    def ends(one: Bounded) -> str:
        return f"{one.value:.2f} ({one.low:.2f} to {one.high:.2f})" if math.isfinite(one.value) else "undefined"

    difference = agreed.difference
    low, high = (significant(end) for end in (difference.low, difference.high))
    return [
        f"{agreed.raters} raters, {counted(agreed.videos, 'video')} judged by two or more, 95 % intervals in brackets: "
        f"ICC(2,1) {ends(agreed.icc)}, of their mean {ends(agreed.icc_mean)}; two raters agree by Kendall's tau "
        f"{ends(agreed.kendall)}, Spearman's rho {ends(agreed.spearman)}, and differ by "
        f"{significant(difference.value)} ({low} to {high}) on average"
    ]


def write_labels(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write the table that the data set `folder` reads.

    An existing table keeps the columns that `label` does not write, such as subject. Raises UsageError for a table that
    `label` did not write.
    """
    existing, further = _existing_table(path)
    scores = [name for name in LABELS if any(name in r for r in rows)]
    columns = ["video", *scores, "deviation", "raters", "judges", *further]
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    for row in rows:
        cells = {name: _number(row.get(name)) for name in (*scores, "deviation", "raters")}
        cells |= {"video": row["video"], "judges": " ".join(map(_number, row["judges"] or ()))}
        kept = {name: existing.get(row["video"], {}).get(name, "") for name in further}
        writer.writerow(cells | kept)
    write_text(path, text.getvalue())


def _existing_table(path: Path) -> tuple[dict[str, dict[str, str]], list[str]]:
    """The rows of the table at a path by video, and its columns that `label` does not write; empty without a table."""
    try:
        content = read_regular(path, MOST_BYTES).decode("utf-8-sig")
    except FileNotFoundError:
        return {}, []
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot be read ({error})", where=path, fix="Name another table with --out") from error
    table = csv.DictReader(io.StringIO(content))
    names = list(table.fieldnames or ())
    if not {"video", "raters", "judges"} <= set(names):
        fix = "Rename it, or name another table: --out FILE"
        raise UsageError("this table was not written by `label`, and is not replaced", where=path, fix=fix)
    ours = {"video", *LABELS, "deviation", "raters", "judges"}
    return {row["video"]: row for row in table}, [name for name in names if name not in ours]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"
