"""`score` as one call: raw videos to scores, and a CSV file of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from data.errors import UsageError
from data.store import is_remote
from pipeline.config import BaseConfig
from pipeline.observer import Observer
from pipeline.outputs import writing
from pipeline.results import Score
from pipeline.score.score_inputs import find_performances
from pipeline.score.score_tables import write_csv
from pipeline.score.scorer import input_settings, load_scorer


def score_videos(
    inputs: Sequence[Path],
    model: Path,
    *,
    kinematics: Path | None = None,
    out: Path | None,
    cache: Path | None,
    workers: int | None,
    other_settings: bool,
    origin: bool = False,
    observer: Observer,
    user: BaseConfig | None = None,
) -> list[Score]:
    """Score performances (see `find_performances`) with the run in folder `model`; failed ones have `error` set.

    Args:
        out: a CSV file of the scores, or None.
        cache, workers, other_settings: see `Scorer`.
        origin: see `write_csv`.
        user: see `Scorer`; it also names the data set that is scored where there are no inputs.

    Raises UsageError for an input that is missing or not read by the model, or for features unlike those of training;
    DataError where there is no trained run, or a damaged one.
    """
    settings = input_settings(model, user) if any(is_remote(place) or place.is_dir() for place in inputs) else None
    records = find_performances(inputs, observer, kinematics=kinematics, dataset=user, settings=settings)
    scorer = load_scorer(model, cache, workers, other_settings=other_settings, user=user, observer=observer)
    if kinematics is not None and "kinematics" not in scorer.planner.reads:
        raise UsageError("this model reads no kinematics", where=model, fix="Leave out --kinematics")
    stop = observer.stop_event()
    with observer.progress("videos") as progress:
        rows = scorer.score_records(records, stop=stop, note=observer.note, **progress.hooks())
    scorer.cache.close()
    if out is not None:
        with writing(out):
            write_csv(out, rows, origin=origin)
    return rows
