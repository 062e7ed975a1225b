"""Files that a page offers."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from pipeline.report import ReportData
from pipeline.report.downloads import downloads
from pipeline.report.page_data import EvaluationReport, Prediction, ResultsRow, ResultsTable
from tests.helpers import report_samples

TABLE = ResultsTable(
    "Results",
    ("rho", "95 % interval"),
    (ResultsRow("AIM & ours_1", (0.84321, "0.70 to 0.90")), ResultsRow("=random", (None, None))),
    2,
)
RUNS = ResultsTable("Runs", ("form", "run_1", "run_2"), (ResultsRow("AIM", ("together", 0.8, 0.9)),))


def test_a_table_is_csv_with_all_digits_and_latex_with_those_of_the_page() -> None:
    evaluation = EvaluationReport(tables=(TABLE,), runs=RUNS, predictions=(Prediction("a", 1.0, 2.0, fold="0"),))
    files = downloads(ReportData("t", evaluation=evaluation))
    assert [*csv.reader(io.StringIO(files["table-1.csv"]))] == [
        ["system", "rho", "95 % interval"],
        ["AIM & ours_1", "0.84321", "0.70 to 0.90"],
        ["'=random", "", ""],
    ]
    lines = files["table-1.tex"].splitlines()
    assert lines[0] == r"\begin{tabular}{lrr}"
    assert lines[2] == r"System & rho & 95 \% interval \\"
    assert r"AIM \& ours\_1 & 0.84 & 0.70 to 0.90 \\" in lines
    assert r"=random & -- & -- \\" in lines
    assert files["runs.csv"].splitlines() == ["system,form,run_1,run_2", "AIM,together,0.8,0.9"]
    assert files["predictions.csv"].splitlines()[1] == "a,,0,1.0,2.0,,"


def test_scores_of_the_page_say_whether_they_are_valid(tmp_path: Path) -> None:
    data = report_samples.report(tmp_path, count=3)
    rows = [*csv.DictReader(io.StringIO(downloads(data)["scores.csv"]))]
    assert len(rows) == 27
    assert [row["valid"] for row in rows[:3]] == ["true", "true", "false"]
    assert float(rows[0]["score"]) > 0
