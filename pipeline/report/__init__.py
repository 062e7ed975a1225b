"""The report: one offline HTML file per batch or evaluation.

from pipeline.report import ReportData, write_report
write_report(Path("report.html"), ReportData(title="My dives", videos=(video,)))
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from data.lazy import importer

if TYPE_CHECKING:
    from pipeline.report.evaluation_page import write_evaluation
    from pipeline.report.evaluation_section import evaluation_report
    from pipeline.report.page_data import ReportData
    from pipeline.report.page_writer import render_report, write_report
    from pipeline.report.plots import plot_report
    from pipeline.report.run_report import run_report_data, write_run_report
    from pipeline.report.score_page import report_scores
else:
    __getattr__ = importer(
        __name__,
        evaluation_page="write_evaluation",
        evaluation_section="evaluation_report",
        page_data="ReportData",
        page_writer="render_report write_report",
        plots="plot_report",
        run_report="run_report_data write_run_report",
        score_page="report_scores",
    )

__all__ = [
    "ReportData",
    "evaluation_report",
    "plot_report",
    "render_report",
    "report_scores",
    "run_report_data",
    "write_evaluation",
    "write_report",
    "write_run_report",
]
