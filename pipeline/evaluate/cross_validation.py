"""Evaluates systems by a protocol: train on every fold, predict the held-out performances, summarise with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from data.errors import DataError
from data.leaks import LeakAudit, audit
from data.splits import MIN_TRAIN, MORE, TIED, Fold, unsplit_groups
from pipeline.cache import Cache, Contents, content_hashes, recording_hashes
from pipeline.checks.paired_test import paired_test
from pipeline.evaluate.evaluation_results import EvaluationResults, FoldSize, Leads
from pipeline.evaluate.rank_intervals import Units
from pipeline.evaluate.task_results import TaskRows, held_out_predictions, joined_scores, system_result
from pipeline.folds import Row, Training, TrainingRunner, folds_of, last_epoch, predict_folds
from pipeline.folds.fold import rows_by_task
from pipeline.settings.provenance import origin
from pipeline.systems import Predictions, System
from pipeline.train.feature_set import FeatureSet, data_digest, one_per_trial

MUST_BE_CLEAN = ("louo", "loso", "4fold")
"""Protocols for claims about new people or trials: they refuse a leaking split."""


@dataclass(frozen=True)
class Protocol:
    """How an evaluation splits performances.

    Attributes:
        folds: over the ids of all performances and tasks.
        name: of the protocol (`data.splits`).
        seed: of random inner folds, if the protocol's folds cannot be the inner ones.
        audit: the leak audit of the folds.
        contents: hashes of the performances' files; None for packed features.
    """

    folds: Sequence[Fold]
    name: str = ""
    seed: int = 0
    audit: LeakAudit | None = None
    contents: Contents | None = None

    @classmethod
    def audited(cls, folds: Sequence[Fold], features: FeatureSet, cache: Cache, name: str, seed: int = 0) -> Protocol:
        """Folds with their leak audit. Raises DataError for a leaking split under a protocol that forbids it."""
        contents, records = content_hashes(features.records, cache), features.records
        recordings = {video.id: recording_hashes(video, contents[video.id]) for video in records} if contents else None
        audited = audit(folds, records, recordings, unsplit_groups(name))
        if name in MUST_BE_CLEAN:
            audited.require()
        return cls(folds, name, seed, audited, contents)


def cross_validate(
    features: FeatureSet,
    protocol: Protocol,
    systems: Sequence[Row | System],
    *,
    against: str = "",
    runner: TrainingRunner | None = None,
) -> EvaluationResults:
    """Train and test every system on every fold of every task.

    Views of one trial that share their agents count once in training and scoring (`one_per_trial`).

    Args:
        features: all performances of the protocol; unlabelled ones are left out.
        systems: the rows of the tables; a system alone is a row of its own predictions.
        against: name of the system whose lead over every other system is reported.
        runner: where the systems train; changes no result.

    Raises DataError if no fold has labelled performances on both sides. Raises AimError if a system failed, with its
    name first in the message. Raises Cancelled after a stop.
    """
    videos, data = len(features), data_digest(features, protocol.contents)
    features, outer_folds = distinct(features, protocol.folds)
    folds = folds_of(features, outer_folds, unsplit_groups(protocol.name) if protocol.name else TIED, protocol.seed)
    if not folds:
        raise DataError(
            f"no fold has labelled performances on both sides, at least {MIN_TRAIN} to train on",
            fix=f"{MORE}, or check the labels, the split and the protocol",
        )
    rows = [last_epoch(system) if isinstance(system, System) else system for system in systems]
    runner, devices = runner or TrainingRunner(), set[str]()

    def run(features: FeatureSet, wanted: Sequence[Training]) -> list[Predictions]:
        made = runner(features, wanted)
        devices.update(predictions.device for predictions in made if predictions.device)
        return made

    predicted = predict_folds(features, folds, rows, run)
    tasks, users = TaskRows.of(features, folds), protocol.name == "louo"
    units: Units = "folds" if users else "performances"
    by_fold = {row.name: [predicted[fold.name, row.name] for fold in folds] for row in rows}
    scores = {row.name: joined_scores(tasks, row, by_fold[row.name]) for row in rows}
    ranked = {
        name: [task.held_out(predictions.mean(0)) for task, predictions in zip(tasks, each, strict=True)]
        for name, each in scores.items()
    }
    return EvaluationResults(
        origin=origin(devices, data),
        protocol=protocol.name,
        folds=tuple(FoldSize(fold.name, len(fold.train), len(fold.test)) for fold in outer_folds),
        audit=protocol.audit,
        videos=videos,
        performances=len(features),
        left_out=tuple(
            FoldSize(fold, len(train), len(test), task)
            for task, fold, train, test in rows_by_task(features, outer_folds)
            if len(test) and len(train) < MIN_TRAIN
        ),
        tasks=tuple(task.name for task in tasks),
        systems={row.name: system_result(tasks, row, by_fold[row.name], units) for row in rows},
        against=against if against in scores else rows[0].name,
        comparison=Leads(against, *paired_test(ranked, against, users=users)) if against in scores else None,
        predictions=held_out_predictions(features, tasks, scores),
    )


def distinct(features: FeatureSet, folds: Sequence[Fold]) -> tuple[FeatureSet, list[Fold]]:
    """Every trial once (`one_per_trial`), and the folds without the dropped views."""
    features = one_per_trial(features)[0]
    ids = set(features.ids)
    return features, [
        Fold(f.name, tuple(i for i in f.train if i in ids), tuple(i for i in f.test if i in ids)) for f in folds
    ]
