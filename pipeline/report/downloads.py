"""Files that a page offers: scores and tables as CSV, tables as LaTeX. The page itself writes those of joints."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence

from pipeline.report.page_data import EvaluationReport, ReportData, ResultsTable
from pipeline.report.text import number, shown
from pipeline.score.score_tables import cell, csv_text

SCORES = "scores.csv"

_LATEX = {
    **{mark: f"\\{mark}" for mark in "&%$#_{}"},
    **{"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "−": "$-$", "–": "--"},
}


def downloads(data: ReportData) -> dict[str, str]:
    """Content of the files by name."""
    rows = [video.result for video in (data.batch.rows if data.batch else data.videos)]
    made = {SCORES: csv_text(rows)} if rows else {}
    if data.evaluation is not None:
        for place, table in enumerate(data.evaluation.tables, start=1):
            made |= {f"table-{place}.csv": table_csv(table), f"table-{place}.tex": table_latex(table)}
        if data.evaluation.runs is not None:
            made["runs.csv"] = table_csv(data.evaluation.runs)
        if data.evaluation.predictions:
            made["predictions.csv"] = predictions_csv(data.evaluation)
    return made


def table_csv(table: ResultsTable) -> str:
    """A results table as CSV with all digits; its first column is the system."""
    rows = ([row.name, *("" if value is None else value for value in row.values)] for row in table.rows)
    return csv_of([("system", *table.columns), *rows])


def table_latex(table: ResultsTable) -> str:
    """A results table as a LaTeX `tabular` with the rules of booktabs and the digits of the page."""
    lines = [rf"\begin{{tabular}}{{l{'r' * len(table.columns)}}}", r"\toprule"]
    lines += [" & ".join(map(_latex, ("System", *table.columns))) + r" \\", r"\midrule"]
    for row in table.rows:
        cells = [value if isinstance(value, str) else number(value, table.digits) for value in row.values]
        lines.append(" & ".join(map(_latex, (row.name, *cells))) + r" \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", ""])


def predictions_csv(evaluation: EvaluationReport) -> str:
    """One line per held-out video."""
    head = ("video", "task", "fold", "judges", "predicted", "low80", "high80")
    rows = (
        (p.id, p.task, p.fold, p.true, p.predicted, *(p.interval or ("", "")))
        for p in evaluation.predictions
    )  # fmt: skip
    return csv_of([head, *rows])


def csv_of(rows: Iterable[Sequence[object]]) -> str:
    """Rows as CSV; no text starts a spreadsheet formula."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([cell(v) if isinstance(v, str) else v for v in row] for row in rows)
    return text.getvalue()


def _latex(text: str) -> str:
    return re.sub(r"[&%$#_{}\\~^−–]", lambda mark: _LATEX[mark[0]], str(shown(text)))
