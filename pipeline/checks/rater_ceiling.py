"""The agreement of two raters, which is the ceiling of what a model can learn from them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from data.errors import significant
from data.video import Record
from models.agreement import agreement

OWN_VIDEOS = "folder"
"""The kind of data set whose `judges` are raters of the same thing; in others they are items or panels of judges."""


def rater_agreement(records: Sequence[Record], kind: str) -> dict[str, Any] | None:
    """`models.agreement.agreement` of the judges' scores as JSON types; None without two raters.

    The place in the list of scores identifies a rater, so the result is exact only if every rater judged every video.
    """
    judges = [record.labels.judges for record in records if record.labels is not None and len(record.labels.judges) > 1]
    if kind != OWN_VIDEOS or not judges:
        return None
    table = np.full((len(judges), max(map(len, judges))), math.nan)
    for row, scores in zip(table, judges, strict=True):
        row[: len(scores)] = scores
    agreed = agreement(table)
    if agreed is None:
        return None
    values = asdict(agreed)
    return {
        name: value if not isinstance(value, dict) else {end: None if math.isnan(v) else v for end, v in value.items()}
        for name, value in values.items()
    }


def ceiling_line(agreed: dict[str, Any] | None, rho: float | None, mae: float) -> str:
    """One sentence: the agreement of two raters, and that of the model with their mean; empty where it is unknown."""
    if agreed is None or agreed["spearman"]["value"] is None:
        return ""
    among, low, high = (agreed["spearman"][end] for end in ("value", "low", "high"))
    ends = f" ({low:.2f} to {high:.2f})" if low is not None else ""
    model = "undefined" if rho is None else f"{rho:.2f}"
    return (
        f"two raters agree by rho {among:.2f}{ends} and differ by {significant(agreed['difference']['value'])}; "
        f"the model and their mean by rho {model}, with an error of {significant(mae)}"
    )
