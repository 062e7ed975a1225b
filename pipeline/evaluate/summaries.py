"""From predictions to results: every row of the table is a plain function of the predictions for each fold."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from data.store.arrays import Floats, Rows
from data.video import Record
from models import metrics
from pipeline.checks.held_out import HeldOut
from pipeline.checks.prediction_intervals import reach
from pipeline.evaluate.evaluation_results import (
    AverageResult,
    Choice,
    FoldAverage,
    HeldOutPrediction,
    Losses,
    MeanAndEnds,
    MetricValues,
    NetworkCorrelations,
    SystemResult,
    TaskResult,
    Uncertainty,
)
from pipeline.evaluate.rank_intervals import Units, rank_agreement
from pipeline.systems import Predictions, ResultRow, TaskFold
from pipeline.systems.deviation_ratios import errors_and_deviations
from pipeline.systems.interface import as_many_networks
from pipeline.train import SCORES, label_table
from pipeline.train.feature_set import FeatureSet

CLUSTERS = ("original", "trial")
"""Groups of one performance, whose views and copies count once."""


def or_none(value: float) -> float | None:
    """`value`, or None (JSON null) where it is undefined."""
    return None if math.isnan(value) else float(value)


def performance(record: Record) -> str:
    """Name of the performance that a record shows, equal for its views and copies."""
    return next((f"{kind}:{record.groups[kind]}" for kind in CLUSTERS if kind in record.groups), f"id:{record.id}")


@dataclass(frozen=True)
class TaskRows:
    """The m labelled test rows of one task, from which its metrics are computed.

    Attributes:
        folds: those with labelled test rows, and these rows.
        columns: for each fold, its number among the folds of all tasks, and which of its test rows have labels.
        true: (n,) labels of all rows of the feature set.
        performance: (m,) number of the performance that each row shows, equal for its views and copies.
        fold: (m,) number of each row's fold, equal in all tasks for folds of one name.
    """

    folds: tuple[TaskFold, ...]
    columns: tuple[tuple[int, Any], ...]
    true: Floats
    performance: Rows
    fold: Rows

    @classmethod
    def of(cls, features: FeatureSet, task_folds: Sequence[TaskFold], task: str, true: Floats) -> TaskRows:
        """The rows of a task, from the folds of all tasks; `true` (n,) is NaN where a label is missing."""
        marks = [np.isfinite(true[task_fold.test]) for task_fold in task_folds]
        columns = tuple((i, mark) for i, mark in enumerate(marks) if task_folds[i].task == task and mark.any())
        mine = tuple(replace(task_folds[i], test=task_folds[i].test[mark]) for i, mark in columns)
        names = [performance(features.records[row]) for task_fold in mine for row in task_fold.test]
        numbers = {name: number for number, name in enumerate(dict.fromkeys(names))}
        folds = {name: number for number, name in enumerate(dict.fromkeys(task_fold.fold for task_fold in task_folds))}
        fold = np.repeat([folds[task_fold.fold] for task_fold in mine], [len(task_fold.test) for task_fold in mine])
        return cls(mine, columns, true, np.array([numbers[name] for name in names], dtype=np.intp), fold)

    def each(self, predicted: Sequence[Floats]) -> list[Floats]:
        """(networks, m of the fold) by fold, from predictions (networks, test rows) for the folds of all tasks."""
        return [predicted[number][:, mark] for number, mark in self.columns]

    def held_out(self, predicted: Sequence[Floats], network: int | None = None) -> HeldOut:
        """The rows with the mean of such predictions over the networks, or with those of one."""
        by_fold = [values.mean(0) if network is None else values[network] for values in self.each(predicted)]
        return HeldOut(self.labels, np.concatenate(by_fold), self.fold, self.performance)

    @cached_property
    def labels(self) -> Floats:
        """(m,) labels of the rows."""
        return np.asarray(self.true[np.concatenate([task_fold.test for task_fold in self.folds])])


def metric_values(predicted: Floats, true: Floats, low: float, high: float) -> MetricValues:
    """Every metric of predictions (m,); `low` and `high` are the least and greatest training score."""
    values = {
        "spearman": metrics.spearman(predicted, true),
        "kendall": metrics.kendall(predicted, true),
        "relative_l2": metrics.relative_l2(predicted, true, low, high),
        "mse": metrics.mse(predicted, true),
        "mae": metrics.mae(predicted, true),
    }
    return MetricValues(len(true), (low, high), **{name: or_none(value) for name, value in values.items()})


def fold_average(correlations: Sequence[float | None]) -> FoldAverage:
    """Both averages of the defined correlations."""
    given = [math.nan if value is None else value for value in correlations]
    fisher, arithmetic = metrics.fisher_average(given), metrics.arithmetic_average(given)
    return FoldAverage(or_none(fisher.value), or_none(arithmetic.value), fisher.undefined, fisher.clipped)


def task_result(rows: TaskRows, predicted: Sequence[Floats], units: Units) -> TaskResult:
    """The result of one task, from predictions (networks, test rows) for the folds of all tasks."""
    task_folds, true, by_fold = rows.folds, rows.true, rows.each(predicted)
    folds = {}
    for task_fold, values in zip(task_folds, by_fold, strict=True):
        folds[task_fold.fold] = metric_values(values.mean(0), true[task_fold.test], *_range(true[task_fold.train]))
    whole = rows.held_out(predicted)
    learned = true[np.concatenate([task_fold.train for task_fold in task_folds])]
    of_all = metric_values(whole.predicted, whole.truth, *_range(learned))
    return TaskResult(
        rho=rank_agreement([whole], units),
        performances=len(np.unique(rows.performance)),
        per_fold=fold_average([one.spearman for one in folds.values()]),
        together=of_all.spearman,
        metrics=of_all,
        folds=folds,
        networks=tuple(_of_network(rows, predicted, one) for one in range(len(by_fold[0]))),
    )


def _range(labels: Floats) -> tuple[float, float]:
    return float(np.nanmin(labels)), float(np.nanmax(labels))


def _of_network(rows: TaskRows, predicted: Sequence[Floats], network: int) -> NetworkCorrelations:
    pairs = zip(rows.folds, rows.each(predicted), strict=True)
    each = [metrics.spearman(values[network], rows.true[task_fold.test]) for task_fold, values in pairs]
    return NetworkCorrelations(or_none(rows.held_out(predicted, network).once().rho), fold_average(each))


def average_result(tasks: Mapping[str, TaskResult], ranked: Sequence[HeldOut], units: Units) -> AverageResult:
    """Averages over the tasks."""
    each = [task.per_fold for task in tasks.values()]
    per_fold = FoldAverage(
        fold_average([one.fisher for one in each]).fisher, fold_average([one.arithmetic for one in each]).arithmetic
    )
    errors = [task.metrics.mae for task in tasks.values() if task.metrics.mae is not None]
    return AverageResult(rank_agreement(ranked, units), per_fold, float(np.mean(errors)) if errors else None)


def system_result(
    features: FeatureSet,
    system: ResultRow,
    task_folds: Sequence[TaskFold],
    held: Sequence[Predictions],
    units: Units,
) -> SystemResult:
    """The results of one system, from its predictions for every fold; intervals are over `units`."""
    truth = label_table(features.records)
    tasks = list(dict.fromkeys(task_fold.task for task_fold in task_folds))

    def rows_of(column: int) -> dict[str, TaskRows]:
        return {task: TaskRows.of(features, task_folds, task, truth[:, column]) for task in tasks}

    def results(column: int) -> dict[str, TaskResult] | None:
        values = [getattr(one, SCORES[column]) for one in held]
        if values[0] is None or not np.isfinite(truth[:, column]).any():
            return None
        scores = as_many_networks(values)
        return {task: task_result(rows, scores, units) for task, rows in rows_of(column).items() if rows.folds}

    by_task, scores = results(0) or {}, as_many_networks([one.score for one in held])
    by_fold = {task_fold.fold: one for task_fold, one in zip(task_folds, held, strict=True)}
    deviations = held[0].deviation is not None
    return SystemResult(
        kind=system.kind,
        epoch=system.epoch,
        tasks=by_task,
        average=average_result(by_task, [rows.held_out(scores) for rows in rows_of(0).values()], units),
        execution=results(1),
        synchronisation=results(2),
        losses=_losses(list(by_fold.values())),
        chosen=tuple(
            Choice(task_fold.task, task_fold.fold, one.chosen, one.tests)
            for task_fold, one in zip(task_folds, held, strict=True)
            if one.chosen
        ),
        uncertainty={task: _uncertainty(features, task_folds, held, truth[:, 0], task) for task in tasks}
        if deviations
        else None,
    )


def _losses(folds: Sequence[Predictions]) -> Losses | None:
    """Mean, least and greatest training loss of all networks of all folds, by epoch."""
    given = [one.losses for one in folds if one.losses is not None]
    if not given:
        return None
    losses = np.concatenate(given, axis=1)
    ends = (losses.mean(1), losses.min(1), losses.max(1))
    return Losses(tuple(folds[0].loss_epochs), *(tuple(or_none(value) for value in values) for values in ends))


def _uncertainty(
    features: FeatureSet, task_folds: Sequence[TaskFold], held: Sequence[Predictions], true: Floats, task: str
) -> Uncertainty:
    """How the predicted deviations of a task agree with the errors.

    A calibrated interval extends as many deviations as cover 90 % of the inner held-out errors of the fold's training
    part: the conformal quantile, with views and copies counted once (`pipeline.checks.prediction_intervals`).
    """
    mine = [(task_fold, one) for task_fold, one in zip(task_folds, held, strict=True) if task_fold.task == task]
    pairs = [errors_and_deviations(one, true[task_fold.test]) for task_fold, one in mine]
    error, deviation = (np.concatenate(values) for values in zip(*pairs, strict=True))
    factors = [_factor(features, task_fold, one.inner_ratios) for task_fold, one in mine]
    finite = bool(np.isfinite(factors).all())
    within = [e <= f * d for (e, d), f in zip(pairs, factors, strict=True)] if finite else []
    return Uncertainty(
        spearman=or_none(metrics.spearman(deviation, error)),
        within90=float((error <= 1.645 * deviation).mean()),
        mean=float(deviation.mean()),
        calibrated90=float(np.concatenate(within).mean()) if finite else None,
        factor=float(np.mean(factors)) if finite else None,
    )


def _factor(features: FeatureSet, task_fold: TaskFold, inner: Mapping[str, float]) -> float:
    """Deviations that a 90 % interval extends, from the `inner` |error| / deviation by id; infinite for too few."""
    rows = [row for row in task_fold.train if features.ids[row] in inner]
    ratios = np.array([inner[features.ids[row]] for row in rows])
    groups = np.array([performance(features.records[row]) for row in rows])
    return reach(ratios, groups, 0.9) if rows else math.inf


def predictions(
    features: FeatureSet, task_folds: Sequence[TaskFold], scores: Mapping[str, Sequence[Floats]]
) -> tuple[HeldOutPrediction, ...]:
    """Every held-out video with the prediction of each system; `scores` are (networks, test rows) by fold."""
    true = label_table(features.records)[:, 0]
    return tuple(
        HeldOutPrediction(
            features.ids[row], task_fold.task, task_fold.fold, performance(features.records[row]), float(true[row]),
            {name: MeanAndEnds.of(values[number][:, position]) for name, values in scores.items()},
        )
        for number, task_fold in enumerate(task_folds)
        for position, row in enumerate(task_fold.test)
    )  # fmt: skip
