"""Evaluates systems by a protocol: train on every fold, predict the held-out performances, summarise with intervals.

`evaluate` returns the results as plain values, the content of `results.json` (format 1): docs/evaluation.md lists every
key. Correlations are fractions; None (null) is undefined.

Every entry has both forms of a correlation over folds: `over_folds` is per fold (under leave-one-user-out: per
user), then averaged; `together` ranks all held-out predictions of a task together. Intervals resample performances,
under leave-one-user-out users.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np

from data.errors import DataError
from data.leaks import LeakReport
from data.splits import TIED, Fold, forbidden
from data.store import read_json, write_text
from data.store.arrays import Floats, Rows
from models.metrics import DRAWS, spearman
from pipeline.checks.intervals import reach
from pipeline.evaluate.fold_summary import (
    HeldOut,
    Resampled,
    average_summary,
    difference,
    or_none,
    performance,
    resampled,
    task_summary,
)
from pipeline.evaluate.separation import separation
from pipeline.evaluate.training_pool import TrainingPool
from pipeline.systems import (
    BestOnTest,
    InnerSplit,
    NetworkSystem,
    Part,
    Predicted,
    Row,
    fold_rows,
    predict_rows,
)
from pipeline.systems.inner_folds import MIN_TRAIN
from pipeline.systems.interface import as_many_runs
from pipeline.systems.selection import by_epoch_of, errors_and_deviations, latest_best
from pipeline.train import SCORES, label_table
from pipeline.train.features import FeatureSet, one_per_trial

FORMAT = 1

Results = dict[str, Any]


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
    audit: LeakReport | None = None


def evaluate(
    features: FeatureSet,
    protocol: Protocol,
    systems: Sequence[Row],
    *,
    against: str = "",
    draws: int = DRAWS,
    pool: TrainingPool | None = None,
) -> Results:
    """Train and test every system on every fold of every task; docs/evaluation.md describes the results.

    Views of one trial that share their agents are trained on and scored once (`pipeline.train.features.one_per_trial`).

    Args:
        features: all performances of the protocol; unlabelled ones are left out.
        systems: the rows of the tables.
        against: name of the system whose lead over every other one is reported.
        draws: bootstrap resamples for the intervals; 0 leaves them out.
        pool: where the systems train; changes no result.

    Raises DataError where no fold has labelled performances on both sides, AimError where a system failed (the message
    begins with its name), Cancelled after a stop.
    """
    videos = len(features)
    features, folds = distinct(features, protocol.folds)
    parts = make_parts(features, folds)
    tasks = list(dict.fromkeys(part.task for part in parts))
    truth = label_table(features.records)
    kinds = forbidden(protocol.name) if protocol.name else TIED
    split = InnerSplit(kinds, protocol.seed, tuple(frozenset(fold.test) for fold in folds))
    training = pool or TrainingPool()
    predicted = predict_rows(
        features, fold_rows(features, parts, split), systems, lambda wanted: training.run(features, wanted)
    )
    users = sorted({part.fold for part in parts}) if protocol.name == "louo" else []
    labelled = {
        name: {task: HeldOut.of(features, parts, task, truth[:, column], users) for task in tasks}
        for column, name in enumerate(SCORES)
        if np.isfinite(truth[:, column]).any()
    }
    held = {system.name: _by_part(system, parts, predicted, truth[:, 0]) for system in systems}
    scores = {name: as_many_runs([one.score for one in each]) for name, each in held.items()}
    found = {system.name: _system(system, parts, labelled, held[system.name], draws) for system in systems}
    for name, each in held.items():
        if each[0].deviation is not None:
            found[name]["uncertainty"] = {
                task: _uncertainty(features, parts, each, truth[:, 0], task) for task in tasks
            }
    return {
        "format": FORMAT,
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "protocol": {
            "name": protocol.name,
            "folds": [{"name": fold.name, "train": len(fold.train), "test": len(fold.test)} for fold in folds],
        },
        "audit": None if protocol.audit is None else protocol.audit.as_dict(),
        "videos": videos,
        "performances": len(features),
        "left_out": [
            {"task": task, "fold": fold, "train": len(train), "test": len(test)}
            for task, fold, train, test in _by_task(features, folds)
            if len(test) and len(train) < MIN_TRAIN
        ],
        "tasks": tasks,
        "systems": found,
        "differences": {
            name: {
                task: difference(rows, scores[against], other, draws=draws) for task, rows in labelled["score"].items()
            }
            for name, other in scores.items()
            if against in scores and name != against and draws
        },
        "separation": separation(list(labelled["score"].values()), scores, against)
        if against in scores and draws
        else None,
        "predictions": _predictions(features, parts, scores, truth[:, 0]),
        "paper": {},
    }


def distinct(features: FeatureSet, folds: Sequence[Fold]) -> tuple[FeatureSet, list[Fold]]:
    """Every trial once (`pipeline.train.features.one_per_trial`), and the folds without the views that are left out."""
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


def make_parts(features: FeatureSet, folds: Sequence[Fold]) -> list[Part]:
    """Folds by task, as rows of `features`, labelled performances only.

    Raises DataError where none has at least two training rows and one test row.
    """
    parts = [
        Part(task, fold, train, test)
        for task, fold, train, test in _by_task(features, folds)
        if len(train) >= MIN_TRAIN and len(test)
    ]
    if not parts:
        raise DataError(
            "no fold has labelled performances on both sides", fix="Check the labels, the split and the protocol"
        )
    return parts


def write_results(results: Results, place: str | Path) -> None:
    """Write `results.json`, atomically."""
    write_text(Path(place), json.dumps(results, indent=1, allow_nan=False) + "\n")


def read_results(place: str | Path) -> Results:
    """Read what `write_results` wrote. Raises DataError where it is absent, damaged or of another format."""
    try:
        results = read_json(Path(place))
    except (OSError, ValueError) as error:
        raise DataError("no readable results", where=place, fix="Run 'evaluate' again") from error
    if not isinstance(results, dict) or results.get("format") != FORMAT:
        raise DataError("results of another format", where=place, fix="Run 'evaluate' again")
    return results


def _by_part(
    system: Row, parts: Sequence[Part], predicted: Mapping[tuple[str, str], Predicted], true: Floats
) -> list[Predicted]:
    """The predictions of one system for the test rows of every part, from those of all systems by fold and name."""
    by_part, passed = [], dict.fromkeys((part.fold for part in parts), 0)
    for part in parts:
        columns = passed[part.fold] + np.arange(len(part.test))
        passed[part.fold] += len(part.test)
        one = predicted[part.fold, system.name].take(columns)
        by_part.append(_best_epoch(system, one, true[part.test]) if isinstance(system, BestOnTest) else one)
    return by_part


def _best_epoch(system: BestOnTest, predicted: Predicted, true: Floats) -> Predicted:
    """The scores of the epoch that ranks these performances best: the only choice by scores of a test part."""
    by_epoch = by_epoch_of(predicted)
    best = latest_best([spearman(scores.mean(0), true) for scores in by_epoch])
    return Predicted(by_epoch[best], chosen=f"epoch {system.network.watch[best]}")


def _system(
    system: Row,
    parts: Sequence[Part],
    labelled: Mapping[str, Mapping[str, HeldOut]],
    held: Sequence[Predicted],
    draws: int,
) -> Results:
    """The results of one system, from its predictions for every part; `labelled` are test rows by score and task."""

    def summaries(name: str, drawn: Mapping[str, Resampled]) -> Results:
        values = as_many_runs([getattr(one, name) for one in held])
        return {task: task_summary(rows, values, drawn.get(task)) for task, rows in labelled[name].items()}

    values = as_many_runs([one.score for one in held])
    drawn = {
        task: resampled(rows, values, draws=draws, seed=0 if rows.users else number)
        for number, (task, rows) in enumerate(labelled["score"].items())
    }
    by_task = summaries("score", drawn)
    out: Results = {"baseline": system.baseline, "tasks": by_task, "average": average_summary(by_task, drawn)}
    for name in SCORES[1:]:
        out[name] = summaries(name, {}) if name in labelled and getattr(held[0], name) is not None else None
    by_fold = {part.fold: one for part, one in zip(parts, held, strict=True)}
    out["losses"] = _losses(list(by_fold.values()))
    pairs = zip(parts, held, strict=True)
    chosen = [{"task": part.task, "fold": part.fold, "system": one.chosen} for part, one in pairs if one.chosen]
    out["chosen"] = chosen or None
    out["inner"] = [{"fold": fold, **one.inner} for fold, one in by_fold.items() if one.inner] or None
    out["uncertainty"] = None
    out["settings"] = None
    trained, *others = system.systems
    if isinstance(trained, NetworkSystem) and not others:
        out["settings"] = {"model": asdict(trained.model), "train": trained.config.model_dump(mode="json")}
    return out


def _losses(folds: Sequence[Predicted]) -> Results | None:
    """Mean, least and greatest training loss of all networks of all folds, by epoch."""
    given = [one.losses for one in folds if one.losses is not None]
    if not given:
        return None
    losses = np.concatenate(given, axis=1)
    ends = {"mean": losses.mean(1), "low": losses.min(1), "high": losses.max(1)}
    by_epoch = {name: [or_none(value) for value in values] for name, values in ends.items()}
    return {"epochs": list(folds[0].loss_epochs), **by_epoch}


def _uncertainty(
    features: FeatureSet, parts: Sequence[Part], held: Sequence[Predicted], true: Floats, task: str
) -> Results:
    """How the predicted deviations of a task agree with the errors.

    A calibrated interval extends as many deviations as cover 90 % of the inner held-out errors of the fold's training
    part: the conformal quantile, with views and copies counted once (`pipeline.checks.intervals`).
    """
    mine = [(part, one) for part, one in zip(parts, held, strict=True) if part.task == task]
    pairs = [errors_and_deviations(one, true[part.test]) for part, one in mine]
    error, deviation = (np.concatenate(values) for values in zip(*pairs, strict=True))
    factors = [_factor(features, part, one.inside) for part, one in mine]
    finite = bool(np.isfinite(factors).all())
    within = [e <= f * d for (e, d), f in zip(pairs, factors, strict=True)] if finite else []
    return {
        "spearman": or_none(spearman(deviation, error)),
        "within90": float((error <= 1.645 * deviation).mean()),
        "mean": float(deviation.mean()),
        "calibrated90": float(np.concatenate(within).mean()) if finite else None,
        "factor": float(np.mean(factors)) if finite else None,
    }


def _factor(features: FeatureSet, part: Part, inside: Mapping[str, float]) -> float:
    """Deviations that a 90 % interval extends, from |error| / deviation `inside` the part; infinite for too few."""
    rows = [row for row in part.train if features.ids[row] in inside]
    if not rows:
        return np.inf
    ratios = np.array([inside[features.ids[row]] for row in rows])
    groups = np.unique([performance(features.records[row]) for row in rows], return_inverse=True)[1]
    return reach(ratios, groups, 0.9)


def _predictions(
    features: FeatureSet, parts: Sequence[Part], scores: Mapping[str, Sequence[Floats]], truth: Floats
) -> list[Results]:
    rows = []
    for number, part in enumerate(parts):
        for position, row in enumerate(part.test):
            entry: Results = {
                "id": features.ids[row],
                "task": part.task,
                "fold": part.fold,
                "performance": performance(features.records[row]),
                "true": or_none(float(truth[row])),
            }
            for name, predicted in scores.items():
                values = predicted[number][:, position]
                entry[name] = {"mean": float(values.mean()), "low": float(values.min()), "high": float(values.max())}
            rows.append(entry)
    return rows
