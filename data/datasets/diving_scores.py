"""The rule of diving scores, difficulty times the judges' scores that count, and what contradicts it."""

from __future__ import annotations

from collections.abc import Sequence

from data.video import Record

ROUNDING = 0.02
"""Scores that differ by less are equal: they are published with two decimals."""


DEDUCTION = 6.0
"""A restarted dive loses two points of each judge, so the sum of three loses six."""


def counting_sums(awards: Sequence[float]) -> list[float]:
    """Sums of awards that may be multiplied by the difficulty: the middle three; of five also .6 of the sum.

    The factor .6 is that of synchronised diving. Empty unless the panel has 3, 5 or 7 judges.
    """
    if len(awards) not in (3, 5, 7):
        return []
    cut, ordered = (len(awards) - 3) // 2, sorted(awards)
    return [sum(ordered[cut : cut + 3]), *([0.6 * sum(ordered)] if len(ordered) == 5 else [])]


def difficulty_from_awards(score: float, difficulty: float, awards: Sequence[float]) -> float:
    """The difficulty, to one decimal, that reconciles awards and score; `difficulty` if it does so or none does."""
    sums = counting_sums(awards)
    agrees = any(abs(difficulty * total - score) <= ROUNDING for total in sums)
    return difficulty if agrees else _other_difficulty(score, difficulty, sums) or difficulty


def _other_difficulty(score: float, difficulty: float, sums: Sequence[float]) -> float | None:
    for total in sums:
        fits = round(score / total, 1) if total else 0.0
        if fits and fits != round(difficulty, 1) and abs(fits * total - score) <= ROUNDING:
            return fits
    return None


def award_doubts(records: Sequence[Record], *, divided: bool = False) -> list[str]:
    """One line for each dive whose score contradicts its judges' scores, or which no judges' scores can give.

    A dive's score is its difficulty times the sum of the middle three judges. In synchronised diving, it is the
    difficulty times .6 of the sum of five. `divided`: scores exclude the difficulty. If most performances break this
    rule, the set follows a different rule, and the result is empty.
    """
    judged, doubts, impossible = 0, [], []
    for record in records:
        labels = record.labels
        if labels is None or labels.score is None or not labels.difficulty:
            continue
        level, sums = 1.0 if divided else labels.difficulty, counting_sums(labels.judges)
        if not sums:
            if record.task == "diving" and not _in_halves(labels.score / level, ROUNDING / level):
                impossible.append(
                    f"{record.name}: score {labels.score:g} is not the sum of judges' scores times {level:g}"
                )
            continue
        judged += 1
        if all(abs(level * total - labels.score) > ROUNDING for total in sums):
            awards = " ".join(f"{award:g}" for award in labels.judges)
            odd = _odd_one(labels.score, labels.difficulty, sums, divided=divided)
            what = f"score {labels.score:g}, but the judges {awards} give {level * sums[0]:g}"
            doubts.append(f"{record.name}: {what}; {odd}")
    rare = 2 * len(impossible) < len(records) - judged
    return (doubts if 2 * len(doubts) < judged else []) + (impossible if rare else [])


def _in_halves(total: float, margin: float) -> bool:
    """Whether scores in steps of .5 can give a total, as the sum of three or .6 of the sum of five."""
    return any(abs(total / step - round(total / step)) * step <= margin for step in (0.5, 0.3))


def _odd_one(score: float, difficulty: float, sums: Sequence[float], *, divided: bool) -> str:
    """Which of score, difficulty and judges' scores is inconsistent, if the numbers show it."""
    level, total = 1.0 if divided else difficulty, sums[0]
    if not divided and (fits := _other_difficulty(score, difficulty, sums)):
        return f"they fit a difficulty of {fits:g} in place of {difficulty:g}"
    if abs(level * (total - DEDUCTION) - score) <= ROUNDING:
        return f"they fit with a deduction of {DEDUCTION / 3:g} from each judge's score"
    if not _in_halves(score / level, ROUNDING / level):
        return "the score is impossible: no sum of judges' scores gives it"
    return f"the judges' scores are off by {abs(score / level - total):g}"
