"""Sentences on the agreement of raters: the verdict first, then its numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Literal

from data.errors import counted, decimals, significant
from models.agreement import Agreement
from pipeline.checks.accuracy import estimate_text
from pipeline.label.pair_consistency import LEVEL, PairFit

Doubt = Literal["", "no better than chance", "too few videos"]
"""Why labels are not known to be better than chance; "" if they are, or if nothing is known yet."""

VERDICTS = (
    (0.9, "well enough to rank all videos but those of nearly equal score"),
    (0.8, "well enough to rank, but not to separate videos of similar score"),
    (0.5, "well enough to tell good from bad, but not to rank"),
    (0.0, "better than chance, but too little to rank"),
)
"""A verdict by the least reliability r, the share of the labels' variance that is not error.

At r = .5 error and truth are equally large. Videos fall into (4 G + 1) / 3 groups whose centres lie three standard
errors apart, G = sqrt(r / (1 - r)) (Wright and Masters 1982): r = .8 gives three groups, r = .9 more than four.
"""


def count_line(given: Mapping[str, Sequence[str]], pairs: bool, folder: Path, other: bool) -> str:
    """A sentence on the number of answers of each rater; `other`: there are answers of the other kind."""
    what, instead = ("pairs", ", but videos: leave out --pairs") if pairs else ("videos", ", but pairs: add --pairs")
    each = ", ".join(
        f"{name} {len(said) - said.count('skipped')}" + f" (+ {said.count('skipped')} skipped)" * ("skipped" in said)
        for name, said in given.items()
        if said
    )
    return f"{what} judged: {each}" if each else f"no {what} judged yet in {folder}{other * instead}"


def doubt_of(judged: Agreement | PairFit | None) -> Doubt:
    """The doubt in labels of this agreement."""
    if judged is None or not judged.chance >= LEVEL:
        return ""
    return "too few videos" if isinstance(judged, Agreement) and judged.alpha >= 0.5 else "no better than chance"


def verdict(chance: float, reliability: float, raters: int) -> str:
    """One sentence on the agreement of raters, or of one rater's answers with one another."""
    who = "The raters agree" if raters > 1 else "The rater's answers agree with one another"
    if not chance < LEVEL:
        return f"{who} no better than chance: these labels say nothing yet"
    return f"{who} {next(text for least, text in VERDICTS if reliability >= least)}"


def right_order(reliability: float) -> str:
    """A sentence on what a reliability means for two random videos, if truth and error are normal."""
    share = 50 + 100 * math.asin(math.sqrt(reliability)) / math.pi
    return f"of two videos, the better one has the higher label in {share:.0f} of 100 cases"


def pair_lines(fit: PairFit | None, raters: int) -> tuple[str, ...]:
    """Sentences on answers on pairs, without numbers if they are not better than chance."""
    if fit is None:
        return ("The agreement is unknown until pairs are judged",)
    lines = [verdict(fit.chance, fit.reliability, raters)]
    if fit.groups > 1:
        lines.append(f"no answer connects {fit.groups} groups of videos: compare labels within a group only")
    if fit.common:
        lines.append(f"two raters gave the same answer on {fit.same} of {fit.common} pairs that both judged")
    if fit.chance < LEVEL:
        lines.append(f"reliability of the scale {fit.reliability:.2f}: {right_order(fit.reliability)}")
        lines += [f"answers on {name} contradict the scale (infit {fit.videos[name]:.1f})" for name in fit.misfits]
    return tuple(lines)


def phase_lines(apart: Sequence[int], lone: int) -> tuple[str, ...]:
    """Sentences on starts of phases that two raters put `apart` frames apart, and on `lone` ones of one rater."""
    if not apart:
        return ("The agreement is unknown until two raters have marked the same phase of a video",)
    of = counted(len(apart), "begin")
    lines = [f"two raters put a begin {median(apart):g} frames apart (median of {of}), at most {max(apart)}"]
    if lone:
        lines.append(f"in {counted(lone, 'case')} one rater left out a phase that the other marked")
    return tuple(lines)


def score_lines(agreed: Agreement | None) -> tuple[str, ...]:
    """Sentences on the agreement of scores, or on missing scores."""
    if agreed is None:
        return ("The agreement is unknown until two raters have judged the same three videos",)
    if math.isnan(agreed.chance):
        return ("The agreement is unknown while all scores are equal",)
    lines = [
        verdict(agreed.chance, agreed.reliability, agreed.raters),
        f"{agreed.raters} raters, {counted(agreed.videos, 'video')} with two scores or more: "
        f"Krippendorff's alpha {decimals(agreed.alpha, 2)}",
    ]
    if agreed.chance < LEVEL:
        lines.append(f"reliability of the mean score {agreed.reliability:.2f}: {right_order(agreed.reliability)}")
        lines.append(
            f"between two raters, on average: Kendall's tau {decimals(agreed.kendall, 2)}, Spearman's rho "
            f"{decimals(agreed.spearman, 2)}, difference {significant(agreed.difference)}"
        )
        if agreed.reliability >= 0.5 and (agreed.icc.low or 1) < 0:
            lines[0] = f"The raters agree better than chance, but {agreed.complete} videos are too few to say how well"
        if agreed.icc.value is not None:
            lines.append(
                f"on the {counted(agreed.complete, 'video')} that all raters judged, with 95 % intervals: ICC(2,1) "
                f"of one rater {estimate_text(agreed.icc, 2)}, ICC(2,k) of the mean {estimate_text(agreed.icc_mean, 2)}"
            )
    elif doubt_of(agreed) == "too few videos":
        lines[0] = (
            f"The raters seem to agree, but {counted(agreed.videos, 'video')} with two scores or more are too few "
            "to rule out chance: score more videos"
        )
    return tuple(lines)
