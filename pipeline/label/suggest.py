"""Suggests videos to label next: those on which a trained model is least certain, spread over the feature space."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from data.datasets.ratings import all_answers
from data.errors import UsageError
from data.store import StageOutput
from data.store.arrays import Floats
from data.video import Record
from pipeline.checks.accuracy import significant
from pipeline.checks.novelty import distances, floors, trial_level
from pipeline.label.label_table import Suggestion
from pipeline.label.questions import RatingSession
from pipeline.observer import Observer
from pipeline.run import extract_and_read
from pipeline.train.features import stack

if TYPE_CHECKING:
    from pipeline.score import Scorer


UNLIKE = 0.8
"""Smallest distance to the training part, in units of the flag's limit, that is given as a reason."""


def suggest_videos(session: RatingSession, scorer: Scorer, count: int, observer: Observer) -> list[Suggestion]:
    """At most `count` videos that nobody has judged and the model was not trained on, the most useful first.

    Missing features are extracted. Raises UsageError for a model without calibration, or where no video is left.
    """
    if scorer.model.calibration is None:
        fix = "Train it again without --folds 0"
        raise UsageError("this model was not calibrated, so its uncertainty is unknown", where=scorer.folder, fix=fix)
    raters, _ = all_answers(session.folder)
    judged = {content for answers in raters.values() for question in answers for content in question}
    trained = set(scorer.model.contents or ())
    records = [r for content, r in session.by_content().items() if content not in judged and content not in trained]
    if not records:
        raise UsageError("every video is labelled", where=session.folder, fix="Add videos to the folder")

    def read(record: Record, keys: Mapping[str, str]) -> StageOutput:
        return scorer.cache.read("timesteps", record.id, keys["timesteps"]).output

    outputs, failed = extract_and_read(records, scorer.planner, read, observer)
    observer.notes([f"left out: {record.name}: {failed[record.id]}" for record in records if record.id in failed])
    records = [record for record in records if record.id in outputs]
    if not records:
        raise UsageError("no unlabelled video has features", where=session.folder, fix="See the notes above")
    features = stack(records, [outputs[record.id] for record in records], scorer.planner.settings_of("timesteps"))
    spread, blocks = scorer.model.calibration.networks.predict(features).std(axis=0), trial_level(features)
    picked = choose(spread, scorer.model.calibration.novelty.known, blocks, count, floors(features))
    nearest = scorer.model.calibration.novelty.ratios(features)
    usual = max(float(np.median(spread)), 1e-12)
    return [_suggestion(records[row].id, float(spread[row]), usual, *nearest[row]) for row in picked]


def choose(
    spread: Floats, known: Mapping[str, Floats], new: Mapping[str, Floats], count: int, least: Mapping[str, Floats]
) -> list[int]:
    """Rows of at most `count` new performances, each time that with the largest product of spread and distance.

    The distance is to the nearest performance of the training part or of those already chosen. So of two that are alike
    only one is chosen.

    Args:
        spread: (m,) of the predictions for the new performances.
        known, new: trial-level features of the training part and of the new performances (`trial_level`).
        least: of `floors`.
    """
    picked: list[int] = []
    while len(picked) < min(count, len(spread)):
        reference = {name: np.concatenate([values, new[name][picked]]) for name, values in known.items()}
        gain = (spread + 1e-12) * (distances(reference, new, least, neighbours=1).whole + 1e-12)
        gain[picked] = -1.0
        picked.append(int(np.argmax(gain)))
    return picked


def _suggestion(video: str, spread: float, usual: float, distance: float, block: str) -> Suggestion:
    uncertain = f"models of different folds differ by ±{significant(spread)}, {spread / usual:.1f} times the usual"
    unlike = f"unlike the training part, most in {block}"
    reasons = [uncertain] * (spread >= usual or distance < UNLIKE) + [unlike] * (distance >= UNLIKE)
    return Suggestion(video, spread, distance, "; ".join(reasons))
