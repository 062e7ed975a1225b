"""Published results on the official splits, beside ours in the same form.

`configs/published/results.json` lists them by data set and score, with each value's source and choice of the epoch.
The paper's results are in `paper_tables`. Nothing is computed from them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
from pydantic import TypeAdapter

from data.store import read_json
from models.metrics import fisher_average
from pipeline.evaluate.evaluation_results import EvaluationResults, Published, PublishedResult, SystemResult, TaskResult
from pipeline.evaluate.paper_tables import TABLES
from pipeline.evaluate.system_table import Better, Cell, Table, TableRow, by_result

PLACE = Path(__file__).resolve().parents[2] / "configs" / "published" / "results.json"

MOST_COLUMNS = 5
"""Most columns of values in a terminal; more would break words at 80 characters."""

NO_RESULT = "The epoch that is best on the test part was chosen by its labels: such a value is not an honest result"


@cache
def _all() -> dict[str, dict[str, Published]]:
    """By kind of data set and score; the first score of a kind is its default."""
    return TypeAdapter(dict[str, dict[str, Published]]).validate_python(read_json(PLACE))


def published_results(kind: str, score: str, protocol: str) -> Published | None:
    """The published results on one score of a data set; None without an official split."""
    by_score = _all().get(kind, {})
    published = by_score.get(score or next(iter(by_score), "")) if protocol == "fixed" else None
    return published and replace(published, results=(*_of_paper(kind), *published.results))


def _of_paper(kind: str) -> tuple[PublishedResult, ...]:
    """The rows of the paper's table 7 (AQA-7), from the last row to the first."""
    table, source = TABLES["7"], "Gao et al., ECCV 2020, table 7"
    per_cent = ((name, zip(table.tasks, row, strict=True)) for name, row in reversed(table.rows.items()))
    return tuple(
        PublishedResult(name, "not stated", source, {task: round(rho / 100, 6) for task, rho in row if rho is not None})
        for name, row in per_cent
        if kind == table.kind
    )


def published_table(results: EvaluationResults) -> Table | None:
    """Our and published rows: correlation by task, average by Fisher's z, errors and choice of the epoch."""
    published, tasks = results.published, results.tasks
    if published is None:
        return None
    ours = [
        TableRow(name, _ours(results, system, published.range, _epoch(results, name)), system.kind)
        for name, system in results.systems.items()
        if system.kind != "baseline" and all(task in system.tasks for task in tasks)
    ]
    errors = ["R-l2, %", *(["MSE"] if published.range else [])]
    printed = [(_row_name(result), _printed(result, published, tasks), result.epoch) for result in published.results]
    published_rows = [
        TableRow(name, (*rho, *(None for _ in errors), epoch), "paper")
        for name, rho, epoch in printed
        if any(value is not None for value in rho)
    ]
    rows = by_result((*ours, *published_rows), len(tasks) if len(tasks) > 1 else 0)
    scale = [f"MSE of scores divided by {published.range:g}."] if published.range else []
    correlations = (*tasks, "average") if len(tasks) > 1 else ("rho",)
    high: list[Better] = ["high"] * len(correlations)
    low: list[Better] = ["low"] * len(errors)
    return Table(
        "In the form of published tables: Spearman's correlation on the official test part",
        (*correlations, *errors, "epoch"),
        rows,
        note=_note(published, rows, "R-l2 by the range of the test part's scores.", *scale),
        better=(*high, *low, "neither"),
    )


def terminal_table(results: EvaluationResults) -> Table | None:
    """`published_table` if it has at most `MOST_COLUMNS`, else only its average and choice of the epoch."""
    table, average, published = published_table(results), len(results.tasks), results.published
    if table is None or published is None or len(table.columns) <= MOST_COLUMNS:
        return table
    shown = [row for row in table.rows if row.kind != "paper" or row.values[average] is not None]
    rows = tuple(replace(row, values=(row.values[average], row.values[-1])) for row in shown)
    note = _note(published, rows, "The page has the tasks and the errors.")
    return replace(table, columns=("average", "epoch"), rows=rows, note=note, better=("high", "neither"))


def _ours(results: EvaluationResults, system: SystemResult, top: float | None, epoch: str | None) -> tuple[Cell, ...]:
    """Correlations, errors and epoch of one of our rows; `top` as `Published.range`."""
    parts = [system.tasks[task] for task in results.tasks]
    rho = [part.metrics.spearman for part in parts]
    relative = [_relative(part, _span(results, task)) for part, task in zip(parts, results.tasks, strict=True)]
    errors = [_mean(relative)] if top is None else [_mean(relative), _mean([_relative(p, top) / 100 for p in parts])]
    return (*_with_average(rho), *errors, epoch)


def _printed(result: PublishedResult, published: Published, tasks: Sequence[str]) -> tuple[Cell, ...]:
    """Correlations of a published row, None where missing."""
    rho = _with_average([result.rho.get(task) for task in tasks])
    whole = result.average is not None and len(tasks) == published.tasks
    return (*rho[:-1], result.average) if whole else rho


def _with_average(rho: Sequence[float | None]) -> tuple[float | None, ...]:
    """Correlations by task; for several tasks also their average by Fisher's z."""
    if len(rho) == 1:
        return tuple(rho)
    known = [value for value in rho if value is not None]
    return (*rho, fisher_average(known) if len(known) == len(rho) else None)


def _epoch(results: EvaluationResults, name: str) -> str | None:
    """How the epoch of a row was chosen; None for a row without a network."""
    system = results.systems[name]
    return system.epoch or ("last" if system.losses is not None or name == results.against else None)


def _row_name(result: PublishedResult) -> str:
    return f"{result.method} (published)"


def _note(published: Published, rows: Sequence[TableRow], *values: str) -> str:
    """The note below the table; `values` say how the values were computed."""
    return " ".join(filter(None, (f"{NO_RESULT}.", *values, _sources(published, rows))))


def _sources(published: Published, rows: Sequence[TableRow]) -> str:
    """The sources of the published rows; empty if the table has no published values."""
    if not published.results:
        return "No published value is known to this program."
    names = {row.name for row in rows}
    by_source: dict[str, dict[str, None]] = {}
    for result in published.results:
        if _row_name(result) in names:
            by_source.setdefault(result.source, {})[result.method] = None
    sources = "; ".join(f"{', '.join(methods)}: {source}" for source, methods in by_source.items())
    return f"Sources: {sources}." if sources else ""


def _span(results: EvaluationResults, task: str) -> float:
    """The range of the test part's scores."""
    true = [prediction.true for prediction in results.predictions if prediction.task == task]
    return max(true) - min(true)


def _relative(part: TaskResult, span: float) -> float:
    """The squared error in per cent of the squared span; NaN where undefined."""
    return float("nan") if part.metrics.mse is None or span <= 0 else 100 * part.metrics.mse / span**2


def _mean(values: Sequence[float]) -> float | None:
    mean = float(np.mean(values))
    return mean if np.isfinite(mean) else None
