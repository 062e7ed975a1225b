"""What an evaluation leaves in its folder: results, configuration and report page."""

from __future__ import annotations

import json

from pipeline.evaluate import Evaluation, write_results
from pipeline.outputs import writing
from pipeline.report.evaluation_section import evaluation_report
from pipeline.report.page_data import ReportData
from pipeline.report.page_writer import write_report
from pipeline.score.scorer import save_config


def write_evaluation(done: Evaluation, performances: int) -> None:
    """Write results.json, config.json and report.html into the evaluation's folder; UsageError where that fails."""
    config, folder = done.config, done.folder
    page = ReportData(
        f"Evaluation: {config.name}, {config.protocol}",
        subtitle=f"{performances} performances",
        config=json.dumps(config.dump(), indent=1),
        evaluation=evaluation_report(done.results),
    )
    with writing(folder):
        write_results(done.results, folder / "results.json")
        save_config(config, folder)
        write_report(folder / "report.html", page)
