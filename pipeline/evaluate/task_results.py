"""From predictions to results: every row of a table is a function of the predictions for each fold."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from data.store.arrays import Floats, Rows
from data.video import Record
from models import metrics
from models.estimate import Estimate
from pipeline.checks.held_out import HeldOut
from pipeline.evaluate.evaluation_results import (
    AverageResult,
    Choice,
    FoldAverage,
    HeldOutPrediction,
    Losses,
    MetricValues,
    NetworkCorrelations,
    SystemResult,
    TaskResult,
)
from pipeline.evaluate.rank_intervals import Units, rank_agreement
from pipeline.folds import Fold, Row
from pipeline.folds.rows import by_epoch_of, latest_best
from pipeline.systems import Predictions
from pipeline.systems.system import as_many_networks
from pipeline.train import SCORES, label_table
from pipeline.train.feature_set import FeatureSet

CLUSTERS = ("original", "trial")
"""Groups of one performance, whose views and copies count once."""


def or_none(value: float) -> float | None:
    """`value`, or None (JSON null) where it is undefined."""
    return None if math.isnan(value) else float(value)


def performance(record: Record) -> str:
    """Name of a record's performance, equal for views and copies."""
    return next((f"{kind}:{record.groups[kind]}" for kind in CLUSTERS if kind in record.groups), f"id:{record.id}")


@dataclass(frozen=True)
class TaskRows:
    """The m test rows of one task, fold by fold.

    Attributes:
        folds: the rows of this task in each fold that tests it.
        numbers: numbers of these folds; folds with the same name have the same number in all tasks.
        columns: by fold, the positions of the task's test rows among the fold's.
    """

    name: str
    features: FeatureSet
    folds: tuple[Fold, ...]
    numbers: tuple[int, ...]
    columns: tuple[Rows, ...]

    @classmethod
    def of(cls, features: FeatureSet, folds: Sequence[Fold]) -> list[TaskRows]:
        """The rows of every task that a fold tests, by name."""
        tasks = np.array([record.task for record in features.records])
        made = []
        for name in sorted({str(task) for fold in folds for task in tasks[fold.test]}):
            parts = [
                (Fold(fold.name, *(rows[tasks[rows] == name] for rows in (fold.train, fold.test))),
                 number, np.flatnonzero(tasks[fold.test] == name))
                for number, fold in enumerate(folds)
                if (tasks[fold.test] == name).any()
            ]  # fmt: skip
            made.append(cls(name, features, *zip(*parts, strict=True)))
        return made

    @cached_property
    def rows(self) -> Rows:
        """(m,) rows of the features."""
        return np.concatenate([fold.test for fold in self.folds])

    @cached_property
    def fold(self) -> Rows:
        """(m,) number of the fold."""
        return np.repeat(self.numbers, [len(fold.test) for fold in self.folds])

    @cached_property
    def labels(self) -> Floats:
        """(n, 3) labels of all rows of the features."""
        return label_table(self.features.records)

    @cached_property
    def performance(self) -> Rows:
        """(m,) number of the performance, equal for its views and copies."""
        names = [performance(self.features.records[row]) for row in self.rows]
        numbers = {name: number for number, name in enumerate(dict.fromkeys(names))}
        return np.array([numbers[name] for name in names], dtype=np.intp)

    def held_out(self, predicted: Floats, column: int = 0) -> HeldOut:
        """Predictions (m,) of label `column`, without unlabelled rows."""
        truth = self.labels[self.rows, column]
        held_out = HeldOut(truth, predicted, self.fold, self.performance)
        return held_out.take(np.isfinite(truth))

    def parts(self, row: Row, by_fold: Sequence[Predictions]) -> list[Predictions]:
        """The predictions of a row for each of `folds`, from its predictions for all folds and tasks."""
        parts = [by_fold[number].take(columns) for number, columns in zip(self.numbers, self.columns, strict=True)]
        if row.kind != "oracle":
            return parts
        true = self.labels[:, 0]
        return [_best_epoch(part, true[fold.test]) for part, fold in zip(parts, self.folds, strict=True)]


def joined_scores(
    tasks: Sequence[TaskRows], row: Row, by_fold: Sequence[Predictions], name: str = SCORES[0]
) -> list[Floats]:
    """(networks, m) scores by task, from the predictions of a row for all folds."""
    each = [task.parts(row, by_fold) for task in tasks]
    scores = iter(as_many_networks([getattr(part, name) for parts in each for part in parts]))
    # Keep the networks of a performance contiguous: the bits of their mean depend on the memory layout.
    return [np.asfortranarray(np.concatenate([next(scores) for _ in parts], axis=1)) for parts in each]


def _best_epoch(predicted: Predictions, true: Floats) -> Predictions:
    """The scores of the epoch that ranks these performances best: the only choice that uses test scores."""
    by_epoch = by_epoch_of(predicted)
    best = latest_best([metrics.spearman(scores.mean(0), true) for scores in by_epoch])
    return Predictions(by_epoch[best], chosen=(predicted.chosen[best],))


def metric_values(part: HeldOut) -> MetricValues:
    """Every metric of these predictions."""
    each = (metrics.spearman, metrics.kendall, metrics.mse, metrics.mae)
    return MetricValues(len(part.truth), *(or_none(metric(part.predicted, part.truth)) for metric in each))


def fold_average(correlations: Sequence[float | None]) -> FoldAverage:
    """Both averages of the defined correlations."""
    defined = [value for value in correlations if value is not None and not math.isnan(value)]
    return FoldAverage(or_none(metrics.fisher_average(defined)), or_none(metrics.arithmetic_average(defined)))


def task_result(task: TaskRows, scores: Floats, column: int, units: Units) -> TaskResult:
    """The result of one task, from predictions (networks, m) of label `column`."""
    whole, labels = task.held_out(scores.mean(0), column), task.labels[:, column]
    learnt = {number: labels[fold.train] for number, fold in zip(task.numbers, task.folds, strict=True)}
    names = {number: fold.name for number, fold in zip(task.numbers, task.folds, strict=True)}
    folds = {names[number]: metric_values(part) for number, part in _by_fold(whole).items()}
    return TaskResult(
        rho=rank_agreement([whole], units),
        performances=len(np.unique(whole.group)),
        per_fold=fold_average([fold_metrics.spearman for fold_metrics in folds.values()]),
        metrics=metric_values(whole),
        folds=folds,
        networks=tuple(_of_network(task.held_out(score, column)) for score in scores),
        between=_between_users(whole, learnt) if units == "folds" else None,
    )


def _between_users(whole: HeldOut, learnt: Mapping[int, Floats]) -> float | None:
    """Spearman's rho over users, between the mean prediction minus the mean training score, and the mean label."""
    parts = _by_fold(whole)
    predicted = [part.predicted.mean() - np.nanmean(learnt[number]) for number, part in parts.items()]
    return or_none(metrics.spearman(np.round(predicted, 9), np.array([part.truth.mean() for part in parts.values()])))


def _by_fold(whole: HeldOut) -> dict[int, HeldOut]:
    """The held-out predictions of each fold, by its number."""
    return {number: whole.take(whole.fold == number) for number in dict.fromkeys(whole.fold.tolist())}


def _of_network(network: HeldOut) -> NetworkCorrelations:
    each = [metrics.spearman(part.predicted, part.truth) for part in _by_fold(network).values()]
    return NetworkCorrelations(or_none(network.once().rho), fold_average(each))


def average_result(tasks: Mapping[str, TaskResult], ranked: Sequence[HeldOut], units: Units) -> AverageResult:
    """Averages over the tasks."""
    each = [task.per_fold for task in tasks.values()]
    per_fold = FoldAverage(
        fold_average([mean.fisher for mean in each]).fisher, fold_average([mean.arithmetic for mean in each]).arithmetic
    )
    errors, between = [result.metrics.mae for result in tasks.values()], [result.between for result in tasks.values()]
    means = (float(np.mean(known)) if (known := [v for v in values if v is not None]) else None
             for values in (errors, between))  # fmt: skip
    return AverageResult(rank_agreement(ranked, units), per_fold, *means)


def system_result(tasks: Sequence[TaskRows], row: Row, by_fold: Sequence[Predictions], units: Units) -> SystemResult:
    """The results of one row, from its predictions for every fold; intervals are over `units`."""

    def results(column: int) -> dict[str, TaskResult] | None:
        if getattr(by_fold[0], SCORES[column]) is None or not np.isfinite(tasks[0].labels[:, column]).any():
            return None
        scores = zip(tasks, joined_scores(tasks, row, by_fold, SCORES[column]), strict=True)
        return {
            task.name: task_result(task, values, column, units)
            for task, values in scores
            if np.isfinite(task.labels[task.rows, column]).any()
        }

    by_task = results(0) or {}
    ranked = [
        task.held_out(values.mean(0)) for task, values in zip(tasks, joined_scores(tasks, row, by_fold), strict=True)
    ]
    chosen = [
        Choice(task.name, fold.name, part.chosen, part.tests)
        for task in tasks
        for fold, part in zip(task.folds, task.parts(row, by_fold), strict=True)
        if part.chosen
    ]
    return SystemResult(
        kind=row.kind,
        epoch=row.epoch,
        tasks=by_task,
        average=average_result(by_task, ranked, units),
        execution=results(1),
        synchronisation=results(2),
        losses=_losses(by_fold),
        chosen=tuple(chosen),
    )


def _losses(by_fold: Sequence[Predictions]) -> Losses | None:
    """Mean, minimum and maximum training loss of all networks of all folds, by epoch."""
    fold_losses = [predictions.losses for predictions in by_fold if predictions.losses is not None]
    if not fold_losses:
        return None
    losses = np.concatenate(fold_losses, axis=1)
    ends = (losses.mean(1), losses.min(1), losses.max(1))
    return Losses(tuple(by_fold[0].loss_epochs), *(tuple(or_none(value) for value in values) for values in ends))


def held_out_predictions(
    features: FeatureSet, tasks: Sequence[TaskRows], scores: Mapping[str, Sequence[Floats]]
) -> tuple[HeldOutPrediction, ...]:
    """Every held-out video with each system's prediction; `scores` are (networks, m) by task."""
    return tuple(
        HeldOutPrediction(
            features.ids[row], task.name, fold.name, performance(features.records[row]), float(task.labels[row, 0]),
            {name: Estimate.of(values[number][:, column]) for name, values in scores.items()},
        )
        for number, task in enumerate(tasks)
        for column, (fold, row) in enumerate((fold, row) for fold in task.folds for row in fold.test)
    )  # fmt: skip
