"""`score` as one call: raw videos to scores, and a CSV file of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from data.store import is_remote
from data.video import find_videos
from pipeline.config import BaseConfig
from pipeline.observer import Observer
from pipeline.outputs import writing
from pipeline.results import Score
from pipeline.score.score_tables import write_csv
from pipeline.score.scorer import load_scorer, saved_storage


def score_videos(
    inputs: Sequence[Path],
    model: Path,
    *,
    out: Path | None,
    cache: Path | None,
    workers: int | None,
    other_settings: bool,
    observer: Observer,
    user: BaseConfig | None = None,
) -> list[Score]:
    """Score the videos of `inputs`; those that fail come back with `error` set.

    Args:
        inputs: videos or folders.
        model: folder of the trained run.
        out: a CSV file of the scores, or None.
        cache, workers, other_settings: see `Scorer`.
        observer: progress, and how to end the work.
        user: see `Scorer`.

    Raises:
        UsageError: no such input, or features made here differ from those of training.
        DataError: no trained run there, or a damaged one.
    """
    storage = saved_storage(model, user) if any(map(is_remote, inputs)) else None
    listing = find_videos(list(inputs), storage)
    observer.notes([f"note: {problem}" for problem in listing.problems])
    records = listing.records
    scorer = load_scorer(model, cache, workers, other_settings=other_settings, user=user, observer=observer)
    stop = observer.stop_event()
    with observer.videos() as hooks:
        rows = scorer.score_records(records, stop=stop, note=observer.note, **hooks)
    scorer.cache.close()
    if out is not None:
        with writing(out):
            write_csv(out, rows)
    return rows
