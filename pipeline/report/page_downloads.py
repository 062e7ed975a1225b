"""Files of a page: scores and tables as CSV, tables as LaTeX. The page's scripts write those of joints and charts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from data.datasets.tables import csv_lines
from pipeline.evaluate.system_table import Cell, Table
from pipeline.report.page_data import EvaluationSection, ReportData
from pipeline.report.template_values import best_of, cell_text
from pipeline.report.text import template_value
from pipeline.score.score_tables import cell, csv_text

SCORES = "scores.csv"

_LATEX = str.maketrans({
    **{mark: f"\\{mark}" for mark in "&%$#_{}"},
    "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "−": "$-$", "–": "--", "<": "$<$",
})  # fmt: skip


def downloads(data: ReportData) -> dict[str, str]:
    """Content of the files by name."""
    rows = [video.result for video in (data.batch.rows if data.batch else data.videos)]
    made = {SCORES: csv_text(rows)} if rows else {}
    if (evaluation := data.evaluation) is not None:
        for index, table in enumerate(tables_of(evaluation), start=1):
            made |= {f"table-{index}.csv": table_csv(table), f"table-{index}.tex": table_latex(table, f"tab:{index}")}
    return made


def tables_of(evaluation: EvaluationSection) -> tuple[Table, ...]:
    """The tables of a page, in the order that numbers their files."""
    return (*([evaluation.table] if evaluation.table else []), *evaluation.further)


def table_csv(table: Table) -> str:
    """A table of systems as CSV with all digits; an interval has a column for each end."""
    ends = [any(isinstance(row.values[i], tuple) for row in table.rows) for i in range(len(table.columns))]
    head = [name for column, two in zip(table.columns, ends, strict=True)
            for name in ((f"{column} low", f"{column} high") if two else (column,))]  # fmt: skip
    rows = ([row.name, *(cell for value, two in zip(row.values, ends, strict=False) for cell in _cells(value, two))]
            for row in table.rows)  # fmt: skip
    return csv_of([(table.head, *head), *rows])


def _cells(value: Cell, two: bool) -> tuple[object, ...]:
    if isinstance(value, tuple):
        return value
    empty = "" if value is None else value
    return (empty, "") if two else (empty,)


def table_latex(table: Table, label: str) -> str:
    """A table of systems in LaTeX, with the rules of booktabs, the digits of the page and its bold values."""
    best = best_of(table)
    lines = [r"\begin{table}", r"\centering", rf"\begin{{tabular}}{{l{'r' * len(table.columns)}}}", r"\toprule"]
    lines += [" & ".join(map(_latex, (table.head.capitalize(), *table.columns))) + r" \\", r"\midrule"]
    for i, row in enumerate(table.rows):
        cells = [_latex(cell_text(value)) for value in row.values]
        cells = [rf"\textbf{{{cell}}}" if (i, k) in best else cell for k, cell in enumerate(cells)]
        lines.append(" & ".join((_latex(row.name), *cells)) + r" \\")
    caption = "; ".join(filter(None, (table.title, table.note))).rstrip(".")
    lines += [r"\bottomrule", r"\end{tabular}", rf"\caption{{{_latex(caption)}.}}"]
    return "\n".join([*lines, rf"\label{{{label}}}", r"\end{table}", ""])


def csv_of(rows: Iterable[Sequence[object]]) -> str:
    """Rows as CSV; no text starts a spreadsheet formula."""
    return csv_lines([cell(v) if isinstance(v, str) else v for v in row] for row in rows)


def _latex(text: str) -> str:
    return str(template_value(text)).translate(_LATEX)
