"""The report: one offline HTML file per batch or evaluation.

from pipeline.report import ReportData, write_report
write_report(Path("report.html"), ReportData(title="My dives", videos=(video,)))
"""

from __future__ import annotations

from pipeline.report.page_data import ReportData
from pipeline.report.page_writer import render_report, write_report

__all__ = ["ReportData", "render_report", "write_report"]
