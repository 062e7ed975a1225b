"""The page of two scored videos side by side, for the command `compare`."""

from __future__ import annotations

from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path

from data.errors import DataError, UsageError
from data.store import is_remote
from data.video import Record
from pipeline.config import validate
from pipeline.extract import dataset_records
from pipeline.observer import Observer
from pipeline.report.page_writer import write_report
from pipeline.report.score_page import scores_page
from pipeline.results import Score
from pipeline.score import load_scorer
from pipeline.score.score_inputs import find_performances
from pipeline.score.scorer import input_settings, usable_config

VIDEOS = "Name two video files"


def write_comparison(run: Path, names: tuple[str, str], page: Path, workers: int | None, observer: Observer) -> Path:
    """Score two videos with the run in folder `run`, write their page and return its path.

    `names` are files or ids in the run's data set. Raises UsageError where a video is missing or named twice, DataError
    where a video has no score, or their steps cannot be compared.
    """
    records = [_record(run, name, observer) for name in names]
    if records[0].id == records[1].id:
        fix = "Name two videos whose file names differ"
        raise UsageError(f"A and B are both the video '{records[0].id}'", fix=fix)
    scorer = load_scorer(run, workers=workers, observer=observer)
    rows = scorer.score_records(records, stop=observer.stop_event(), note=observer.note)
    scorer.cache.close()
    refuse_incomparable(*rows)
    data = scores_page(page, scorer, rows, records, title=" and ".join(row.id for row in rows))
    write_report(page, replace(data, batch=None, comparison=True))
    return page


def refuse_incomparable(a: Score, b: Score) -> None:
    """Raise DataError where a video has no score or no steps, or models or numbers of steps differ."""
    for row in (a, b):
        if row.error is not None:
            raise DataError(f"this video has no score: {row.error}", where=row.path or row.id)
    fix = "Score both with one model: --model RUN"
    if a.model != b.model:
        raise DataError(f"'{a.id}' and '{b.id}' were scored by different models", fix=fix)
    if len(a.steps) != len(b.steps) or not a.steps:
        counts = f"{len(a.steps)} and {len(b.steps)} time steps"
        raise DataError(f"'{a.id}' and '{b.id}' have {counts}, which cannot be compared", fix=fix)


def _record(run: Path, name: str, observer: Observer) -> Record:
    """The video of a name: a file, else an id in the run's data set."""
    if is_remote(Path(name)) or Path(name).exists():
        performances = find_performances([Path(name)], observer, settings=input_settings(run))
        if len(performances) > 1:
            raise UsageError(
                f"a folder of {len(performances)} videos", where=name, fix="Name one video as A and one as B"
            )
        return performances[0]
    config = validate(usable_config(run)[0], where=run)
    if config.dataset.root is None:
        raise UsageError(f"no such file, and this model names no data set with ids: '{name}'", where=run, fix=VIDEOS)
    records = {record.id: record for record in dataset_records(config, unscored=True).records}
    if name not in records:
        alike = get_close_matches(name, records, n=1, cutoff=0)
        fix = f"{VIDEOS}, or an id such as '{''.join(alike)}'"
        raise UsageError(f"no such file, and no such id in the data set: '{name}'", where=config.dataset.root, fix=fix)
    return records[name]
