"""The announced difficulty: a method with `times_difficulty` divides scores by it, and multiplies predictions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from data.errors import DataError, counted, printable
from data.store.arrays import Floats
from pipeline.observer import Observer
from pipeline.settings.method import Method
from pipeline.train.feature_set import FeatureSet, task_rows
from pipeline.train.normalise import label_table


def difficulties(features: FeatureSet) -> Floats:
    """(n,) degree of difficulty, NaN where unknown."""
    levels = [record.labels.difficulty if record.labels else None for record in features.records]
    return np.array(levels, dtype=np.float64)


def factors(features: FeatureSet) -> Floats:
    """(n,) factors of the execution: the difficulty, 1 where unknown."""
    return np.nan_to_num(difficulties(features), nan=1.0)


def without_difficulty(features: FeatureSet) -> FeatureSet:
    """The same performances with score / difficulty as the score."""
    records = list(features.records)
    for row, factor in enumerate(factors(features).tolist()):
        if (labels := records[row].labels) is not None and labels.score is not None:
            records[row] = replace(records[row], labels=replace(labels, score=labels.score / factor))
    return replace(features, records=tuple(records))


def check_difficulties(features: FeatureSet, method: Method, observer: Observer) -> None:
    """Note tasks without difficulties, whose scores a method with `times_difficulty` learns unchanged.

    Raises DataError if a scored performance lacks a difficulty above 0 and others of its task have one.
    """
    levels, scored = difficulties(features), np.isfinite(label_table(features.records)[:, 0])
    for task, rows in task_rows(features).items() if method.times_difficulty else ():
        wrong = rows[scored[rows] & ~(levels[rows] > 0)]
        if np.isnan(levels[rows]).all():
            observer.note(
                f"note: no difficulties{printable(f' of {task}' if task else '')}: scores are learned as they are"
            )
        elif len(wrong):
            what = f"{counted(len(wrong), 'scored performance')} of {len(rows)} without a difficulty above 0"
            fix = (
                "Fill in the column difficulty of the labels, or learn the score as it is: --set times_difficulty=false"
            )
            raise DataError(what, where=features.records[wrong[0]].id, fix=fix)
