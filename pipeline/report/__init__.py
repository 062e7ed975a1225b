"""The report: one offline HTML file per batch or evaluation.

from pipeline.report import ReportData, write_report
write_report(Path("report.html"), ReportData(title="My dives", videos=(video,)))
"""

from pipeline.report.evaluation_section import write_evaluation
from pipeline.report.page_data import ReportData
from pipeline.report.page_writer import render_report, write_report
from pipeline.report.paper_plots import check_figures, plot_report
from pipeline.report.report_pages import (
    ScoredVideos,
    compare_videos,
    folder_page,
    write_comparison_page,
    write_scores_page,
)
