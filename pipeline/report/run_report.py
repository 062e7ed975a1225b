"""Pages of run folders, for the commands `report`, `plot` and `compare`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path

from jinja2 import TemplateError

from data.errors import DataError, UsageError, printable
from data.store import is_remote, local_path
from data.video import Record
from pipeline.config import validate
from pipeline.evaluate import read_results
from pipeline.extract import dataset_records
from pipeline.observer import Observer
from pipeline.report.evaluation_section import evaluation_report
from pipeline.report.page_data import EvaluationReport, ReportData
from pipeline.report.page_writer import render_report, write_report
from pipeline.report.score_page import scores_page
from pipeline.results import Score
from pipeline.score import load_scorer
from pipeline.score.bundle import FAULTS
from pipeline.score.score_inputs import find_performances
from pipeline.score.scorer import input_settings, usable_config

RESULTS, MODEL, AGAIN = "results.json", "model.json", "Run `evaluate` again"
VIDEOS = "Name two video files"


def run_report_data(
    run: Path,
    inputs: Sequence[Path],
    page: Path,
    sections: int,
    workers: int | None,
    observer: Observer,
    *,
    origin: bool = False,
) -> ReportData:
    """The page of an evaluation, or of a model's scores of `inputs` (default: its data set's held-out videos).

    For `sections` and `origin` see `scores_page`. Raises UsageError where the folder holds neither results nor a model,
    or there are no videos to show, DataError where its files are damaged.
    """
    evaluation = _evaluation(run / RESULTS) if (run / RESULTS).exists() else None
    if not (run / MODEL).exists():
        if evaluation is None:
            raise UsageError(
                "no results and no model in this folder",
                where=run,
                fix="Name the folder that `aqa train --out FOLDER` or `aqa evaluate --out FOLDER` wrote",
            )
        return ReportData(f"Evaluation: {run.name}", evaluation=evaluation)
    records = _records(run, inputs, observer)
    scorer = load_scorer(run, workers=workers, observer=observer)
    with observer.progress("videos") as progress:
        rows = scorer.score_records(records, stop=observer.stop_event(), note=observer.note, **progress.hooks())
    scorer.cache.close()
    return scores_page(
        page, scorer, rows, records, title=run.name, evaluation=evaluation, sections=sections, origin=origin
    )


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


def _evaluation(place: Path) -> EvaluationReport:
    """The section of an evaluation. Raises DataError where the results cannot be shown."""
    try:
        evaluation = evaluation_report(read_results(place))
        render_report(ReportData("", evaluation=evaluation))
    except (TemplateError, *FAULTS) as error:
        raise DataError(f"damaged results ({type(error).__name__}: {error})", where=place, fix=AGAIN) from error
    return evaluation


def _records(run: Path, inputs: Sequence[Path], observer: Observer) -> Sequence[Record]:
    if inputs:
        return find_performances(inputs, observer, settings=input_settings(run))
    config = validate(usable_config(run)[0], where=run)
    root, fix = config.dataset.root, "Name videos after the run, such as RUN videos/"
    if root is None:
        raise UsageError("no videos to show", where=run, fix=fix)
    if not is_remote(root) and not local_path(root).exists():
        raise UsageError(f"its data set {printable(str(root))} is not here", where=run, fix=fix)
    listing = dataset_records(config)
    observer.notes([f"note: {problem}" for problem in listing.problems])
    records = listing.records
    return [record for record in records if record.split == "test"] or records


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
