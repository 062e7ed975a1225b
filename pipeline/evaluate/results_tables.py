"""The tables of an evaluation: one row a system, the best first, baselines last. Terminal, page and files show them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from data.errors import counted
from models.estimate import Estimate
from models.metrics import fisher_average
from pipeline.evaluate.evaluation_results import CurvePoint, EvaluationResults, FoldAverage, SystemResult
from pipeline.evaluate.leaderboard import OURS
from pipeline.evaluate.system_table import Better, Kind, Table, TableRow, by_result
from pipeline.folds import COMBINED

INTERVAL, ERROR, WITHIN, BETWEEN = "95 % interval", "MAE", "within users", "between users"

SINGLE_NETWORKS = f"{OURS}, mean of single networks"
"""Row beside the paper's, which are means over single networks; the other rows are of the networks' mean prediction."""


def row_kind(results: EvaluationResults, name: str) -> Kind:
    """The kind of a row."""
    if name in results.systems:
        return results.systems[name].kind
    return "ours" if name == SINGLE_NETWORKS else "paper"


@dataclass(frozen=True)
class _Line:
    """The values of a row before they are cells."""

    name: str
    rho: Estimate
    per_fold: float | None
    error: float | None = None
    between: float | None = None


def main_table(results: EvaluationResults) -> Table:
    """One row a system: the result of all tasks."""
    lines = [
        _Line(name, one.rho, _shown(results, one.per_fold), one.mae, one.between)
        for name, one in ((name, system.average) for name, system in results.systems.items())
    ]
    if results.paper and OURS in results.systems:
        lines.append(_single_networks(results, results.systems[OURS], results.tasks))
    lines += [_printed(results, name, [given.get(task) for task in results.tasks])
              for name, given in results.paper.items()]  # fmt: skip
    tasks = f", average over {counted(len(results.tasks), 'task')}" if len(results.tasks) > 1 else ""
    title = f"Rank correlation with the judges{tasks}, n {results.held_out_count()}"
    return _table(results, title, lines, results.tasks, compared=True)


def task_tables(results: EvaluationResults) -> list[Table]:
    """The same for each task; none where there is one task."""
    return [_task_table(results, task) for task in results.tasks] if len(results.tasks) > 1 else []


def _task_table(results: EvaluationResults, task: str) -> Table:
    lines = []
    for name, system in results.systems.items():
        if (given := system.tasks.get(task)) is not None:
            per_fold = _shown(results, given.per_fold)
            lines.append(_Line(name, given.rho, per_fold, given.metrics.mae, given.between))
    if results.paper and OURS in results.systems:
        lines.append(_single_networks(results, results.systems[OURS], [task]))
    lines += [_printed(results, name, [given.get(task)]) for name, given in results.paper.items()]
    return _table(results, f"{task}, n {results.held_out_count(task)}", lines, [task], compared=False)


def _table(
    results: EvaluationResults, title: str, lines: Iterable[_Line], tasks: Sequence[str], *, compared: bool
) -> Table:
    one_fold, compared = len(results.protocol.folds) == 1, compared and results.comparison is not None
    users = results.users > 0
    per_fold = [] if one_fold else [WITHIN, BETWEEN] if users else ["per fold"]
    lines = list(lines)
    known = [INTERVAL] if any(line.rho.interval for line in lines) else []
    columns = ("rho", *known, *per_fold, ERROR, *([f"beside {results.against}"] if compared else []))
    good: dict[str, Better] = {"rho": "high", "per fold": "high", WITHIN: "high", BETWEEN: "high", ERROR: "low"}
    rows = [
        TableRow(
            line.name,
            (line.rho.value, *([line.rho.interval] if known else []),
             *([] if one_fold else [line.per_fold, line.between] if users else [line.per_fold]), line.error,
             *([_verdict(results, line.name)] if compared else [])),
            row_kind(results, line.name),
        )
        for line in lines
    ]  # fmt: skip
    return Table(
        title,
        columns,
        by_result(rows),
        note=_note(results, tasks, bool(known)),
        better=tuple(good.get(name, "neither") for name in columns),
    )


def _note(results: EvaluationResults, tasks: Sequence[str], intervals: bool) -> str:
    """How the numbers of a table of these tasks were computed."""
    unit = f"over {counted(results.users, 'user')}" if results.users else "over performances"
    interval = (
        f"interval {unit}" if intervals else f"too few {'users' if results.users else 'performances'} for intervals"
    )
    if len(
        {(prediction.task, prediction.true) for prediction in results.predictions if prediction.task in tasks}
    ) == len(tasks):
        interval = "all scores are equal, so there is no correlation"
    many = len(results.protocol.folds) > 1
    form = "Fisher's z" if results.fold_form == "fisher" else "their arithmetic mean"
    folds = (
        f"Within users: correlations of a user's own performances, averaged by {form}, as papers print them. "
        "Between users: of the users' mean predictions, each less the mean score of its training part."
        if results.users
        else f"Per fold: correlations of single folds, averaged by {form}, as papers print them."
    )
    return " ".join(
        [
            f"rho: Spearman's correlation of all held-out predictions{', fold means removed' if many else ''}; "
            f"{interval}.",
            *([folds] if many else []),
            "Mean prediction of the networks; last epoch, unless a row says otherwise.",
        ]
    )


def _shown(results: EvaluationResults, average: FoldAverage) -> float | None:
    return average.fisher if results.fold_form == "fisher" else average.arithmetic


def _verdict(results: EvaluationResults, name: str) -> str | None:
    assert results.comparison is not None
    lead = results.comparison.rows.get(name)
    return None if lead is None else lead.verdict


def _single_networks(results: EvaluationResults, system: SystemResult, tasks: Sequence[str]) -> _Line:
    """The mean of single networks in place of the networks' mean prediction."""
    networks = [system.tasks[task].networks for task in tasks if task in system.tasks]
    rho = _over_tasks([_mean(network.rho for network in each) for each in networks])
    folds = [_mean(_shown(results, network.per_fold) for network in each) for each in networks]
    return _Line(SINGLE_NETWORKS, Estimate(rho), _over_tasks(folds, results.fold_form))


def _printed(results: EvaluationResults, name: str, given: Sequence[float | None]) -> _Line:
    """A row of the paper, whose correlations are per fold."""
    value = _over_tasks([None if one is None else one / 100 for one in given], results.fold_form)
    one_fold = len(results.protocol.folds) == 1
    return _Line(name, Estimate(value if one_fold else None), None if one_fold else value)


def _over_tasks(values: Sequence[float | None], form: Literal["fisher", "arithmetic"] = "fisher") -> float | None:
    known = [value for value in values if value is not None]
    if not known:
        return None
    return fisher_average(known) if form == "fisher" else float(np.mean(known))


def _mean(values: Iterable[float | None]) -> float | None:
    given = [value for value in values if value is not None]
    return float(np.mean(given)) if given else None


def inner_table(results: EvaluationResults) -> Table | None:
    """In how many folds each system is part of the combination, and its correlation in inner validation."""
    system = results.systems.get(COMBINED)
    given = () if system is None else system.chosen
    folds = {choice.fold: choice for choice in given if choice.tests}  # one choice for all tasks
    if not folds:
        return None
    rows = []
    for name in next(iter(folds.values())).tests:
        rho = _mean(choice.tests[name].rho for choice in folds.values())
        used = sum(name in choice.chosen for choice in folds.values())
        rows.append(TableRow(name, (rho, f"{used} of {len(folds)}")))
    title = "Inner validation of the combination, mean over the training parts"
    return Table(title, ("rho", "averaged in"), tuple(rows), better=("high", "neither"))


def curve_table(points: Sequence[CurvePoint]) -> Table:
    """Error and correlation by size of the training part, with the range over the repeats."""
    rows = [
        TableRow(f"{point.trained_on:.3g}", (point.mae.value, point.mae.interval, point.rho.value, point.rho.interval))
        for point in points
    ]
    return Table("Learning curve", (ERROR, "range", "rho", "range of rho"), tuple(rows), head="trained on")


def networks_table(results: EvaluationResults) -> Table:
    """The correlation of every network, to download."""
    rows = [
        (f"{name}, {task}" if task else name, tuple(network.rho for network in given.networks))
        for name, system in results.systems.items()
        for task, given in system.tasks.items()
    ]
    most = max((len(values) for _, values in rows), default=0)
    columns = tuple(f"network_{number}" for number in range(1, most + 1))
    filled = ((name, (*values, *(None,) * (most - len(values)))) for name, values in rows)
    return Table("Networks", columns, tuple(TableRow(name, values) for name, values in filled))
