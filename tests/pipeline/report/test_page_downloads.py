"""Files that a page offers."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from pipeline.evaluate.system_table import Table, TableRow
from pipeline.report import ReportData
from pipeline.report.page_data import EvaluationSection
from pipeline.report.page_downloads import downloads
from tests.helpers import report_samples

TABLE = Table(
    "Results & more",
    ("rho", "95 % interval"),
    (
        TableRow("AIM & ours_1", (0.84321, (-0.1, 0.9))),
        TableRow("worse", (-0.5, (-0.71, -0.2))),
        TableRow("=random", (None, None)),
    ),
    2,
    "Last epoch.",
    ("high", "neither"),
)
NETWORKS = Table("Networks", ("network_1", "network_2"), (TableRow("AIM", (0.8, 0.9)),))
EVALUATION = EvaluationSection(table=TABLE, further=(TABLE,), networks=NETWORKS)


def test_a_table_is_csv_with_all_digits_and_a_column_for_each_end_of_an_interval() -> None:
    files = downloads(ReportData("t", evaluation=EVALUATION))
    assert [*csv.reader(io.StringIO(files["table-1.csv"]))] == [
        ["system", "rho", "95 % interval low", "95 % interval high"],
        ["AIM & ours_1", "0.84321", "-0.1", "0.9"],
        ["worse", "-0.5", "-0.71", "-0.2"],
        ["'=random", "", "", ""],
    ]
    assert files["networks.csv"].splitlines() == ["system,network_1,network_2", "AIM,0.8,0.9"]
    assert {"table-2.csv", "table-2.tex"} <= set(files)


def test_a_table_in_latex_has_bold_caption_label_and_one_minus_sign() -> None:
    text = downloads(ReportData("t", evaluation=EVALUATION))["table-1.tex"]
    lines = text.splitlines()
    assert lines[:3] == [r"\begin{table}", r"\centering", r"\begin{tabular}{lrr}"]
    assert r"System & rho & 95 \% interval \\" in lines
    assert r"AIM \& ours\_1 & \textbf{0.84} & $-$0.10 to 0.90 \\" in lines
    assert r"worse & $-$0.50 & $-$0.71 to $-$0.20 \\" in lines
    assert r"=random & -- & -- \\" in lines
    assert lines[-3:] == [r"\caption{Results \& more. Last epoch.}", r"\label{tab:1}", r"\end{table}"]
    assert text.isascii()


def test_scores_of_the_page_say_whether_they_are_valid(tmp_path: Path) -> None:
    data = report_samples.report(tmp_path, count=4)
    rows = [*csv.DictReader(io.StringIO(downloads(data)["scores.csv"]))]
    assert len(rows) == 28
    valid = [row["valid"] for row in rows]
    assert {"true", "false"} == {*valid}
    assert [row["score"] == "" for row in rows] == [one == "false" for one in valid], "no score: the reason"
    assert float(rows[0]["score"]) > 0
