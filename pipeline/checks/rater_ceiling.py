"""The agreement of two raters, the ceiling of what a model can learn from them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from data.errors import decimals, significant
from data.video import Record
from models.agreement import agreement

OWN_VIDEOS = "folder"
"""The kind of data set whose `judges` rate the same thing; in others they are items or panels of judges."""


@dataclass(frozen=True)
class RaterAgreement:
    """The agreement of two raters."""

    spearman: float  # rank correlation
    difference: float  # mean absolute difference in points


def rater_agreement(records: Sequence[Record], kind: str) -> RaterAgreement | None:
    """The agreement of two raters of these performances.

    None without two raters, or if all their scores are equal. The position in the list of scores identifies a rater, so
    the result is exact only if every rater judged every video.
    """
    judges = [record.labels.judges for record in records if record.labels is not None and len(record.labels.judges) > 1]
    if kind != OWN_VIDEOS or not judges:
        return None
    table = np.full((len(judges), max(map(len, judges))), math.nan)
    for row, scores in zip(table, judges, strict=True):
        row[: len(scores)] = scores
    agreed = agreement(table)
    if agreed is None or math.isnan(agreed.spearman):
        return None
    return RaterAgreement(agreed.spearman, agreed.difference)


def ceiling_line(agreed: RaterAgreement | None, rho: float | None, mae: float) -> str:
    """One sentence: the agreement of two raters, and of the model with their mean; empty if unknown."""
    if agreed is None:
        return ""
    model = "undefined" if rho is None else decimals(rho, 2)
    return (
        f"two raters agree by rho {decimals(agreed.spearman, 2)} and differ by {significant(agreed.difference)}; "
        f"the model and their mean by rho {model}, with an error of {significant(mae)}"
    )
