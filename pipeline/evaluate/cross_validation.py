"""Evaluates systems by a protocol: train on every fold, predict the held-out performances, summarise with intervals.

`evaluate` returns the results as plain values, the content of `results.json` (format 1): docs/results.md lists every
key. Correlations are fractions; None (null) is undefined.

Every entry has both forms of a correlation over folds: `over_folds` is per fold (under leave-one-user-out: per
user), then averaged; `together` ranks all held-out predictions of a task together.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np

from data.errors import DataError
from data.leaks import LeakReport
from data.splits import Fold
from data.store import read_json, write_text
from data.store.arrays import Floats, Rows
from models.metrics import spearman
from pipeline.evaluate.conformal import group_weights, upper_quantile
from pipeline.evaluate.fold_summary import (
    average_summary,
    difference,
    or_none,
    performance,
    task_summary,
    user_summary,
)
from pipeline.evaluate.spread import Run, run_here, run_systems
from pipeline.features import FeatureSet, one_per_trial
from pipeline.observer import Progress
from pipeline.systems import HeldOut, NetworkSystem, Part, System, TimesDifficulty, WithEpochs
from pipeline.systems.interface import errors_and_deviations
from pipeline.train import SCORES, Stop, label_table

FORMAT = 1

MIN_TRAIN = 2
"""Fewest training performances of a task for a fold to be evaluated."""

Results = dict[str, Any]


def evaluate(
    features: FeatureSet,
    folds: Sequence[Fold],
    systems: Sequence[System],
    *,
    protocol: str = "",
    audit: LeakReport | None = None,
    draws: int = 1000,
    against: str = "",
    run: Run = run_here,
    progress: Progress | None = None,
    stop: Stop | None = None,
) -> Results:
    """Train and test every system on every fold of every task; docs/results.md describes the results.

    Views of one trial that share their agents are trained on and scored once (`pipeline.features.one_per_trial`).

    Args:
        features: all performances of the protocol; unlabelled ones are left out.
        folds: over the ids of `features`, all tasks at once.
        protocol, audit: of these folds, for the record.
        draws: bootstrap resamples for the intervals; 0 leaves them out.
        against: name of the system whose lead over every other one is reported.
        run: where the systems train (`pipeline.evaluate.spread.pick_run`). Changes no result.

    Raises DataError where no fold has labelled performances on both sides, AimError where a system failed (the message
    begins with its name), Cancelled after `stop`.
    """
    videos = len(features)
    features = one_per_trial(features)[0]
    kept = set(features.ids)
    folds = [Fold(f.name, tuple(i for i in f.train if i in kept), tuple(i for i in f.test if i in kept)) for f in folds]
    parts = make_parts(features, folds)
    tasks = list(dict.fromkeys(part.task for part in parts))
    truth = label_table(features.records)
    rows: dict[str, tuple[System, HeldOut]] = {}
    for system, held_out in zip(systems, run_systems(features, parts, systems, run, progress, stop), strict=True):
        rows |= {row.name: (row, held) for row, held in ((system, held_out), *held_out.variants)}
    scores = {name: held.score for name, (_, held) in rows.items()}
    return {
        "format": FORMAT,
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "protocol": {
            "name": protocol,
            "folds": [{"name": fold.name, "train": len(fold.train), "test": len(fold.test)} for fold in folds],
        },
        "audit": None if audit is None else audit.as_dict(),
        "videos": videos,
        "performances": len(features),
        "left_out": [
            {"task": task, "fold": fold, "train": len(train), "test": len(test)}
            for task, fold, train, test in _by_task(features, folds)
            if len(test) and len(train) < MIN_TRAIN
        ],
        "tasks": tasks,
        "systems": {
            name: _system(features, row, parts, tasks, held, truth, draws)
            | {"users": user_summary(parts, held.score, truth[:, 0], draws=draws) if protocol == "louo" else None}
            for name, (row, held) in rows.items()
        },
        "differences": {
            name: {
                task: difference(features, parts, task, scores[against], other, truth[:, 0], draws=draws)
                for task in tasks
            }
            for name, other in scores.items()
            if against in scores and name != against and draws
        },
        "predictions": _predictions(features, parts, scores, truth[:, 0]),
        "paper": {},
    }


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


def _system(
    features: FeatureSet,
    system: System,
    parts: Sequence[Part],
    tasks: Sequence[str],
    held_out: HeldOut,
    truth: Floats,
    draws: int,
) -> Results:
    def summaries(values: Sequence[Floats], column: int, draws: int) -> Results:
        return {task: task_summary(features, parts, task, values, truth[:, column], draws=draws) for task in tasks}

    by_task = summaries(held_out.score, 0, draws)
    out: Results = {"baseline": system.baseline, "tasks": by_task, "average": average_summary(by_task)}
    for column, name in enumerate(SCORES[1:], start=1):
        values = getattr(held_out, name)
        out[name] = summaries(values, column, 0) if values and np.isfinite(truth[:, column]).any() else None
    losses: dict[str, Floats] = {}
    if held_out.losses.size:
        losses = {"mean": held_out.losses.mean(1), "low": held_out.losses.min(1), "high": held_out.losses.max(1)}
    by_epoch = {name: [or_none(value) for value in values] for name, values in losses.items()}
    out["losses"] = {"epochs": list(held_out.loss_epochs), **by_epoch} if losses else None
    pairs = zip(parts, held_out.chosen, strict=False)
    out["chosen"] = [{"task": part.task, "fold": part.fold, "system": name} for part, name in pairs] or None
    out["inner"] = list(held_out.inner) or None
    out["uncertainty"] = (
        {t: _uncertainty(features, parts, held_out, truth[:, 0], t) for t in tasks} if held_out.deviation else None
    )
    out["settings"] = None
    trained = system.system if isinstance(system, (WithEpochs, TimesDifficulty)) else system
    if isinstance(trained, NetworkSystem):
        out["settings"] = {"model": asdict(trained.model), "train": trained.config.model_dump(mode="json")}
    return out


def _uncertainty(features: FeatureSet, parts: Sequence[Part], held_out: HeldOut, true: Floats, task: str) -> Results:
    """How the predicted deviations of a task agree with the errors.

    A calibrated interval extends as many deviations as 90 % of the inner held-out errors of the fold's training part,
    by the conformal quantile with views and copies counted once (`pipeline.evaluate.conformal`).
    """
    mine = [i for i, part in enumerate(parts) if part.task == task]
    pairs = [errors_and_deviations(held_out, i, true[parts[i].test]) for i in mine]
    error, deviation = (np.concatenate(values) for values in zip(*pairs, strict=True))
    factors = [_factor(features, *held_out.inside[i]) for i in mine] if held_out.inside else [np.inf]
    finite = bool(np.isfinite(factors).all())
    within = [e <= f * d for (e, d), f in zip(pairs, factors, strict=True)] if finite else []
    return {
        "spearman": or_none(spearman(deviation, error)),
        "within90": float((error <= 1.645 * deviation).mean()),
        "mean": float(deviation.mean()),
        "calibrated90": float(np.concatenate(within).mean()) if finite else None,
        "factor": float(np.mean(factors)) if finite else None,
    }


def _factor(features: FeatureSet, rows: Rows, ratios: Floats) -> float:
    """Deviations that a 90 % interval extends, from |error| / deviation (k,) of rows (k,); infinite for too few."""
    if len(rows) == 0:
        return np.inf
    groups = np.unique([performance(features.records[row]) for row in rows], return_inverse=True)[1]
    return float(upper_quantile(ratios[:, None], group_weights(groups), 0.9)[0])


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
