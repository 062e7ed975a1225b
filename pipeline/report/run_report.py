"""Reports of run folders, for the commands `report` and `plot`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from jinja2 import TemplateError

from data.errors import PROGRAM, DataError, UsageError, printable
from data.store import is_remote, local_path
from data.video import Record
from pipeline.config import validate
from pipeline.evaluate import read_results
from pipeline.extract import dataset_records
from pipeline.observer import Observer
from pipeline.report.evaluation_section import evaluation_report
from pipeline.report.page_data import EvaluationReport, ReportData
from pipeline.report.page_writer import render_report
from pipeline.report.score_page import scores_page
from pipeline.score import load_scorer
from pipeline.score.bundle import FAULTS
from pipeline.score.score_inputs import find_performances
from pipeline.score.scorer import input_settings, usable_config

RESULTS, MODEL, AGAIN = "results.json", "model.json", "Run `evaluate` again"


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
                fix=f"Name the folder that `{PROGRAM} train --out FOLDER` or `{PROGRAM} evaluate --out FOLDER` wrote",
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
