"""The tables of an evaluation for terminal, page and files: one row per system, the best first, baselines last."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import numpy as np

from data.errors import counted
from models.estimate import Estimate
from models.metrics import fisher_average
from pipeline.evaluate.evaluation_results import (
    AverageResult,
    CurvePoint,
    EvaluationResults,
    TaskResult,
)
from pipeline.evaluate.leaderboard import OURS
from pipeline.evaluate.significance import separation_line
from pipeline.evaluate.system_table import Better, Cell, Kind, Table, TableRow, by_result, number_of

SKEWED = 1.5
"""Skewness of scores above which removing fold means lowers the correlation by .01 to .08 in simulated sets."""

INTERVAL, ERROR, WITHIN, BETWEEN = "95 % interval", "MAE", "within users", "between users"

SINGLE_NETWORKS = f"{OURS}, mean of single networks"
"""Row to compare with the paper's means over single networks; other rows use the networks' mean prediction."""


def main_table(results: EvaluationResults) -> Table:
    """One row per system: the result over all tasks."""
    tasks = f", average over {counted(len(results.tasks), 'task')}" if len(results.tasks) > 1 else ""
    title = f"Rank correlation with the judges{tasks}, n {results.held_out_count()}{_of(results)}"
    averages = {name: system.average for name, system in results.systems.items()}
    return _table(results, title, averages, results.tasks, compared=results.comparison is not None)


def paper_table(results: EvaluationResults) -> Table:
    """A column per task and their average; the best average is bold only if the paired test separates it."""
    tasks = results.tasks if len(results.tasks) > 1 else ()
    rows = [
        TableRow(name, (*(system.tasks[task].rho.value for task in tasks), system.average.rho.value), system.kind)
        for name, system in results.systems.items()
        if system.kind != "oracle"
    ]
    no_task: list[Better] = ["neither"] * len(tasks)
    removed = ", fold means removed" if len(results.folds) > 1 else ""
    best = max(rows, key=lambda row: number_of(row.values[-1])).name
    others = {name: lead.verdict for name, lead in results.comparison.rows.items()} if results.comparison else {}
    separated = {*others.values()} == {"worse"} if best == results.against else others.get(best) == "better"
    as_papers = [_as_in_papers(results, part) for part in (*([task] for task in tasks), results.tasks)]
    beside = [TableRow(name, tuple(part[name] for part in as_papers), "paper") for name in as_papers[-1]]
    per_fold = f"; last {counted(len(beside), 'row')}: correlations of single folds, averaged" if beside else ""
    return Table(
        f"Spearman's correlation with the judges{removed}, n {results.held_out_count()}{_of(results)}",
        (*tasks, "average" if tasks else "rho"),
        (*by_result(rows, len(tasks)), *beside),
        note=f"{separation_line(results)}{per_fold}",
        better=(*no_task, "high" if separated else "neither"),
    )


def _of(results: EvaluationResults) -> str:
    """The end of a title that says that data are synthetic."""
    return ", synthetic data" if results.made_by else ""


def task_tables(results: EvaluationResults) -> list[Table]:
    """One table per task; empty for a single task."""
    return [
        _table(
            results,
            f"{task}, n {results.held_out_count(task)}",
            {name: system.tasks[task] for name, system in results.systems.items() if task in system.tasks},
            [task],
            compared=False,
        )
        for task in results.tasks
        if len(results.tasks) > 1
    ]


def _table(
    results: EvaluationResults,
    title: str,
    systems: Mapping[str, AverageResult | TaskResult],
    tasks: Sequence[str],
    *,
    compared: bool,
) -> Table:
    one_fold, of_folds = len(results.folds) == 1, WITHIN if results.users else "per fold"
    per_fold = [] if one_fold else [of_folds, BETWEEN] if results.users else [of_folds]
    known = [INTERVAL] if any(result.rho.interval for result in systems.values()) else []

    def row(name: str, rho: Estimate, each: float | None, *others: float | None) -> TableRow:
        between, error = others or (None, None)
        lead = results.comparison and results.comparison.rows.get(name)
        cells: dict[str, Cell] = {
            columns[-1]: lead.verdict
            if lead
            else f"{'the result' * (name == results.against)}"
            f"{'one value per fold' * (name in systems and name != results.against and rho.value is None)}"
            or None
        }
        cells |= {"rho": rho.value, INTERVAL: rho.interval, of_folds: each, BETWEEN: between, ERROR: error}
        kind: Kind = results.systems[name].kind if name in results.systems else "paper"
        return TableRow(name, tuple(cells[column] for column in columns), kind)

    columns = ("rho", *known, *per_fold, ERROR, *([f"beside {results.against}"] if compared else []))
    good: dict[str, Better] = {"rho": "high", of_folds: "high", BETWEEN: "high", ERROR: "low"}
    rows = [
        row(name, result.rho, getattr(result.per_fold, results.fold_form), result.between, result.mae)
        for name, result in systems.items()
    ]
    as_papers = _as_in_papers(results, tasks).items()
    rows += [row(name, Estimate(value if one_fold else None), value) for name, value in as_papers]
    return Table(
        title,
        columns,
        by_result(rows),
        note=_note(results, tasks, bool(known)),
        better=tuple(good.get(name, "neither") for name in columns),
    )


def _note(results: EvaluationResults, tasks: Sequence[str], intervals: bool) -> str:
    """How the numbers of a table of these tasks were computed."""
    scores = [[prediction.true for prediction in results.predictions if prediction.task == task] for task in tasks]
    users = len({prediction.fold for prediction in results.predictions if prediction.task in tasks})
    unequal = ", somewhat too narrow if one has ten times as many performances as another"
    unit = f"over {counted(users, 'user')}{unequal}" if results.users else "over performances"
    interval = (
        f"interval {unit}, not corrected for the number of rows"
        if intervals
        else f"too few {'users' if results.users else 'performances'} for intervals"
    )
    if all(len({*each}) == 1 for each in scores):
        interval = "all scores are equal, so there is no correlation"
    many = len(results.folds) > 1
    removed = ", fold means removed" * many
    if many and any(map(_are_skewed, scores)):
        removed += ", which lowers it for scores as skewed as these"
    form = "Fisher's z" if results.fold_form == "fisher" else "their arithmetic mean, since a fold holds out few"
    paper = f"Compare the paper's rows with '{SINGLE_NETWORKS}', {WITHIN if results.users else 'per fold'}; the paper "
    folds = (
        f"Within users: correlations of a user's own performances, averaged by {form}. "
        "Between users: of the users' mean predictions, each less the mean score of its training part."
        if results.users
        else f"Per fold: correlations of single folds, averaged by {form}."
    )
    return " ".join(
        [
            f"rho: Spearman's correlation of all held-out predictions{removed}; {interval}.",
            *([folds] if many else []),
            *([f"{paper}averages by Fisher's z."] if results.paper else []),
            "A system that predicts one value per fold"
            f"{', as economy of motion does if its line would fall,' * ('economy of motion' in results.systems)}"
            " has no rho. Networks: mean prediction, last epoch, unless a row says otherwise. "
            f"The result is {results.against}. Rows above it may be there by chance; to choose one is optimistic.",
        ]
    )


def _are_skewed(scores: Sequence[float]) -> bool:
    apart = np.subtract(scores, np.mean(scores))
    return bool(abs((apart**3).mean()) > SKEWED * (apart**2).mean() ** 1.5)


def _as_in_papers(results: EvaluationResults, tasks: Sequence[str]) -> dict[str, float | None]:
    """The mean over single networks and the paper's rows, by name: correlations per fold, averaged over these tasks."""
    rows = {
        name: _average(None if (rho := printed.get(task)) is None else rho / 100 for task in tasks)
        for name, printed in results.paper.items()
    }
    if not rows or OURS not in results.systems:
        return rows
    networks = [part.networks for task, part in results.systems[OURS].tasks.items() if task in tasks]
    folds = [
        _average((getattr(network.per_fold, results.fold_form) for network in each), "arithmetic") for each in networks
    ]
    return {SINGLE_NETWORKS: _average(folds, results.fold_form), **rows}


def _average(values: Iterable[float | None], form: Literal["fisher", "arithmetic"] = "fisher") -> float | None:
    known = [value for value in values if value is not None]
    if not known:
        return None
    return fisher_average(known) if form == "fisher" else float(np.mean(known))


def fold_table(results: EvaluationResults) -> Table:
    """The performances of each fold, and what rows chose inside its training part."""
    choices = {
        name: {choice.fold: ", ".join(choice.chosen) for choice in system.chosen}  # equal for all tasks
        for name, system in results.systems.items()
        if system.chosen and system.kind != "oracle"
    }
    return Table(
        "Size of each fold, and the systems or epochs that its rows took",
        ("trained on", "held out", *choices),
        tuple(
            TableRow(part.fold, (str(part.train), str(part.test), *(row.get(part.fold) for row in choices.values())))
            for part in results.folds
        ),
        note="Performances of all tasks.",
        head="user held out" if results.users else "fold",
    )


def curve_table(points: Sequence[CurvePoint]) -> Table:
    """Error and correlation by size of the training part, with the range over the repeats."""
    rows = [
        TableRow(f"{point.trained_on:.3g}", (point.mae.value, point.mae.interval, point.rho.value, point.rho.interval))
        for point in points
    ]
    note = "Folds and networks of its own, so the last row differs from the results above."
    return Table("Learning curve", (ERROR, "range", "rho", "range of rho"), tuple(rows), note, head="trained on")
