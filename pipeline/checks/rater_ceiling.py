"""The agreement of raters beside a model's: what two people disagree on, no model can learn."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from data.video import Record
from models.agreement import agreement
from pipeline.results import significant

OWN_VIDEOS = "folder"
"""The kind of data set whose `judges` are raters of the same thing; elsewhere they are items, or panels of judges."""


def rater_agreement(records: Sequence[Record], kind: str) -> dict[str, Any] | None:
    """Figures of `models.agreement.agreement` as plain values, from the judges' scores; None without two raters.

    A rater is known by the place in the list, so the figures are exact where every rater judged every video.
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
    """The agreement of two raters beside that of the model and their mean; empty where it is unknown."""
    if agreed is None or agreed["spearman"]["value"] is None:
        return ""
    among, low, high = (agreed["spearman"][end] for end in ("value", "low", "high"))
    ends = f" ({low:.2f} to {high:.2f})" if low is not None else ""
    model = "undefined" if rho is None else f"{rho:.2f}"
    return (
        f"two raters agree by rho {among:.2f}{ends} and differ by {significant(agreed['difference']['value'])}; "
        f"the model and their mean by rho {model}, with an error of {significant(mae)}"
    )
