"""Reports of run folders, for the commands `report` and `plot`."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

from data.errors import UsageError
from data.video import Record
from pipeline.config import validate
from pipeline.evaluate import read_results
from pipeline.extract import dataset_records
from pipeline.observer import Observer
from pipeline.report.evaluation_section import evaluation_report
from pipeline.report.page_data import ReportData
from pipeline.report.page_writer import write_report
from pipeline.report.score_page import scores_page
from pipeline.score import Scorer
from pipeline.score.score_inputs import find_performances
from pipeline.score.scorer import saved_storage, usable_config

RESULTS, MODEL = "results.json", "model.json"


def write_run_report(
    run: Path,
    inputs: Sequence[Path],
    page: Path,
    sections: int,
    workers: int | None,
    stop: threading.Event,
    observer: Observer | None = None,
) -> Path:
    """Write the page of a run.

    Raises:
        UsageError: the folder holds neither results nor a model, or there are no videos to show.
    """
    write_report(page, run_report_data(run, inputs, page, sections, workers, stop, observer))
    return page


def run_report_data(
    run: Path,
    inputs: Sequence[Path],
    page: Path,
    sections: int,
    workers: int | None,
    stop: threading.Event,
    observer: Observer | None = None,
) -> ReportData:
    """The page of an evaluation, or of a model's scores of `inputs` (default: its data set's held-out videos).

    Raises:
        UsageError: the folder holds neither results nor a model, or there are no videos to show.
    """
    evaluation = evaluation_report(read_results(run / RESULTS)) if (run / RESULTS).exists() else None
    if not (run / MODEL).exists():
        if evaluation is None:
            raise UsageError(
                "no results and no model in this folder", where=run, fix="Give a folder of `train` or `evaluate`"
            )
        return ReportData(f"Evaluation: {run.name}", evaluation=evaluation)
    scorer = Scorer(run, workers=workers)
    records = _records(run, inputs, observer or Observer())
    rows = scorer.score_records(records, stop=stop)
    scorer.cache.close()
    return scores_page(page, scorer, rows, records, title=run.name, evaluation=evaluation, sections=sections)


def _records(run: Path, inputs: Sequence[Path], observer: Observer) -> Sequence[Record]:
    if inputs:
        return find_performances(inputs, observer, storage=saved_storage(run))
    config = validate(usable_config(run)[0], where=run)
    if config.dataset.root is None:
        raise UsageError("no videos to show", where=run, fix="Name videos: python run_pipeline.py report RUN videos/")
    listing = dataset_records(config)
    observer.notes([f"note: {problem}" for problem in listing.problems])
    records = listing.records
    return [record for record in records if record.split == "test"] or records
