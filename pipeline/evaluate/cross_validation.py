"""Evaluates systems by a protocol: train on every fold, predict the held-out performances, summarise with intervals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from data.errors import DataError
from data.leaks import LeakAudit
from data.splits import MIN_TRAIN, MORE, TIED, Fold, unsplit_groups
from data.store.arrays import Floats, Rows
from models.metrics import spearman
from pipeline.evaluate.evaluation_results import EvaluationResults, FoldSize, ProtocolUsed
from pipeline.evaluate.origin import origin
from pipeline.evaluate.rank_intervals import Units
from pipeline.evaluate.separation import compare_systems
from pipeline.evaluate.summaries import TaskRows, predictions, system_result
from pipeline.evaluate.training_runner import TrainingRunner
from pipeline.systems import InnerSplit, Predictions, ResultRow, TaskFold, Training, join_tasks, predict_rows
from pipeline.systems.chosen_epoch import by_epoch_of, latest_best
from pipeline.systems.interface import as_many_networks
from pipeline.train import label_table
from pipeline.train.feature_set import FeatureSet, one_per_trial


@dataclass(frozen=True)
class Protocol:
    """How an evaluation splits performances.

    Attributes:
        folds: over the ids of all performances, all tasks at once.
        name: of the protocol (`data.splits`).
        seed: of random inner folds, where those of the protocol cannot be the inner ones.
        audit: the leak audit of the folds.
    """

    folds: Sequence[Fold]
    name: str = ""
    seed: int = 0
    audit: LeakAudit | None = None


def cross_validate(
    features: FeatureSet,
    protocol: Protocol,
    systems: Sequence[ResultRow],
    *,
    against: str = "",
    runner: TrainingRunner | None = None,
) -> EvaluationResults:
    """Train and test every system on every fold of every task.

    Views of one trial that share their agents are trained on and scored once (`one_per_trial`).

    Args:
        features: all performances of the protocol; unlabelled ones are left out.
        systems: the rows of the tables.
        against: name of the system whose lead over every other one is reported.
        runner: where the systems train; changes no result.

    Raises DataError where no fold has labelled performances on both sides, AimError where a system failed (the message
    begins with its name), Cancelled after a stop.
    """
    videos = len(features)
    features, folds = distinct(features, protocol.folds)
    task_folds = folds_by_task(features, folds)
    tasks = list(dict.fromkeys(task_fold.task for task_fold in task_folds))
    truth = label_table(features.records)
    unsplit = unsplit_groups(protocol.name) if protocol.name else TIED
    split = InnerSplit(unsplit, protocol.seed, tuple(frozenset(fold.test) for fold in folds))
    runner, devices = runner or TrainingRunner(), set[str]()

    def run(wanted: Sequence[Training]) -> list[Predictions]:
        made = runner(features, wanted)
        devices.update(one.device for one in made if one.device)
        return made

    predicted = predict_rows(features, join_tasks(features, task_folds, split), systems, run)
    held = {system.name: _by_fold(system, task_folds, predicted, truth[:, 0]) for system in systems}
    scores = {name: as_many_networks([one.score for one in each]) for name, each in held.items()}
    users = protocol.name == "louo"
    units: Units = "folds" if users else "performances"
    rows = [TaskRows.of(features, task_folds, task, truth[:, 0]) for task in tasks]
    ranked = {name: [one.held_out(each) for one in rows] for name, each in scores.items()}
    return EvaluationResults(
        origin=origin(devices),
        protocol=ProtocolUsed(
            protocol.name, tuple(FoldSize(fold.name, len(fold.train), len(fold.test)) for fold in folds)
        ),
        audit=protocol.audit,
        videos=videos,
        performances=len(features),
        left_out=tuple(
            FoldSize(fold, len(train), len(test), task)
            for task, fold, train, test in _by_task(features, folds)
            if len(test) and len(train) < MIN_TRAIN
        ),
        tasks=tuple(tasks),
        systems={one.name: system_result(features, one, task_folds, held[one.name], units) for one in systems},
        against=against if against in scores else systems[0].name,
        comparison=compare_systems(ranked, against, users=users) if against in scores else None,
        predictions=predictions(features, task_folds, scores),
    )


def distinct(features: FeatureSet, folds: Sequence[Fold]) -> tuple[FeatureSet, list[Fold]]:
    """Every trial once (`one_per_trial`), and the folds without the views that are left out."""
    features = one_per_trial(features)[0]
    ids = set(features.ids)
    return features, [
        Fold(f.name, tuple(i for i in f.train if i in ids), tuple(i for i in f.test if i in ids)) for f in folds
    ]


def _by_task(features: FeatureSet, folds: Sequence[Fold]) -> Iterator[tuple[str, str, Rows, Rows]]:
    """(task, fold, labelled training rows, labelled test rows)."""
    labelled = np.isfinite(label_table(features.records)[:, 0])
    tasks = np.array([record.task for record in features.records])
    for task in sorted(set(tasks.tolist())):
        mine = labelled & (tasks == task)
        for fold in folds:
            train, test = (rows[mine[rows]] for rows in fold.indices(features.ids))
            yield task, fold.name, train, test


def folds_by_task(features: FeatureSet, folds: Sequence[Fold]) -> list[TaskFold]:
    """Folds by task, as rows of `features`, labelled performances only.

    Raises DataError where none has at least two training rows and one test row.
    """
    task_folds = [
        TaskFold(task, fold, train, test)
        for task, fold, train, test in _by_task(features, folds)
        if len(train) >= MIN_TRAIN and len(test)
    ]
    if not task_folds:
        raise DataError(
            f"no fold has labelled performances on both sides, at least {MIN_TRAIN} to train on",
            fix=f"{MORE}, or check the labels, the split and the protocol",
        )
    return task_folds


def _by_fold(
    system: ResultRow, task_folds: Sequence[TaskFold], predicted: Mapping[tuple[str, str], Predictions], true: Floats
) -> list[Predictions]:
    """The predictions of one system for the test rows of every fold, from those of all systems by fold and name."""
    by_fold, passed = [], dict.fromkeys((task_fold.fold for task_fold in task_folds), 0)
    for task_fold in task_folds:
        columns = passed[task_fold.fold] + np.arange(len(task_fold.test))
        passed[task_fold.fold] += len(task_fold.test)
        one = predicted[task_fold.fold, system.name].take(columns)
        by_fold.append(_best_epoch(one, true[task_fold.test]) if system.kind == "oracle" else one)
    return by_fold


def _best_epoch(predicted: Predictions, true: Floats) -> Predictions:
    """The scores of the epoch that ranks these performances best: the only choice by scores of a test part."""
    by_epoch = by_epoch_of(predicted)
    best = latest_best([spearman(scores.mean(0), true) for scores in by_epoch])
    return Predictions(by_epoch[best], chosen=(predicted.chosen[best],))
