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
from pipeline.score.scorer import load_scorer, saved_storage


def score_videos(
    inputs: Sequence[Path],
    model: Path,
    *,
    kinematics: Path | None = None,
    dataset: BaseConfig | None = None,
    out: Path | None,
    cache: Path | None,
    workers: int | None,
    other_settings: bool,
    origin: bool = False,
    observer: Observer,
    user: BaseConfig | None = None,
) -> list[Score]:
    """Score performances; those that fail come back with `error` set.

    Args:
        inputs, kinematics, dataset: see `pipeline.score.score_inputs.find_performances`.
        model: folder of the trained run.
        out: a CSV file of the scores, or None.
        cache, workers, other_settings: see `Scorer`.
        origin: see `write_csv`.
        observer: progress, and how to end the work.
        user: see `Scorer`.

    Raises:
        UsageError: no such input, one that the model does not read, or features unlike those of training.
        DataError: no trained run there, or a damaged one.
    """
    storage = saved_storage(model, user) if any(map(is_remote, inputs)) else None
    records = find_performances(inputs, observer, kinematics=kinematics, dataset=dataset, storage=storage)
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
