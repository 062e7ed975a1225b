"""Evaluates systems by a protocol: train on every fold, predict the held-out performances, summarise with intervals.

`evaluate` returns the results as plain values, written to `results.json` (format 1):

    format, created       1, and when
    protocol              {name, folds: [{name, train, test}] with counts of performances}
    videos, performances  numbers; views of one trial that share their agents are one performance
    audit                 the leak audit (`data.leaks.LeakReport.as_dict`), or null where none was run
    tasks                 names, in the order of the tables
    systems               {name: {baseline, tasks: {task: ...}, average, execution, synchronisation, losses}}
        tasks[t]          see `pipeline.evaluate.fold_summary.task_summary`: folds, over_folds, together, runs, interval
        average           see `pipeline.evaluate.fold_summary.average_summary`
        execution,
        synchronisation   {task: ...} likewise for the other scores of a multi-task model, or null
        users             {count, mean, together} with intervals over people under leave-one-user-out
                          (`pipeline.evaluate.fold_summary.user_summary`), else null
        losses            {epochs, mean, low, high}: training loss over the epochs and its range over members, or null
        settings          model and recipe of a system with networks, or null
        uncertainty       {task: {spearman, within90, mean, calibrated90, factor}} of a system that predicts a
                          deviation: its rank correlation with the absolute error, share of true scores within 1.645
                          deviations, mean deviation; the share within calibrated 90 % intervals and the deviations that
                          these extend, mean over the folds, null without inner validation (`_uncertainty`); or null
        chosen            [{task, fold, system}] the system or epoch chosen for each fold; or null
        inner             [{fold, weights, figures}] of a combination: weight of each system, and by system the inner
                          figures that it had inside the training part (`pipeline.systems.combination`); or null
    differences           {system: {task: see `pipeline.evaluate.fold_summary.difference`}}: lead of the system
                          `against` over each other, with intervals; empty without `against`
    left_out              [{task, fold, train, test}]: tasks and folds with too few training performances, with counts;
                          their test performances are in no result
    predictions           [{id, task, fold, performance, true, system: {mean, low, high}}]: held-out performances;
                          `performance` is equal for views and copies; low and high are the lowest and highest run
    paper                 {system: {task: percent}} the paper's rows for this data set, or empty

Results are those of the last epoch, unless the name of a row of `pipeline.systems.selection` says otherwise.
Correlations are fractions; None (null) is undefined.

Every entry has both forms of a correlation over folds: `over_folds` is per fold (under leave-one-user-out: per
user), then averaged; `together` ranks all held-out predictions of a task together.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
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
    predictions_of,
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
    """Train and test every system on every fold of every task; the module's docstring describes the results.

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
    folds = [_of(fold, set(features.ids)) for fold in folds]
    parts = make_parts(features, folds)
    rows: dict[str, tuple[System, HeldOut]] = {}
    for system, held_out in zip(systems, run_systems(features, parts, systems, run, progress, stop), strict=True):
        rows |= {row.name: (row, held) for row, held in ((system, held_out), *held_out.variants)}
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
        "left_out": left_out(features, folds),
        **_summaries(features, parts, rows, draws, against, by_user=protocol == "louo"),
        "paper": {},
    }


def _of(fold: Fold, ids: Collection[str]) -> Fold:
    """The fold without records that became a part of another."""
    train, test = (tuple(name for name in part if name in ids) for part in (fold.train, fold.test))
    return Fold(fold.name, train, test)


def _summaries(
    features: FeatureSet,
    parts: Sequence[Part],
    rows: Mapping[str, tuple[System, HeldOut]],
    draws: int,
    against: str,
    *,
    by_user: bool,
) -> Results:
    tasks = list(dict.fromkeys(part.task for part in parts))
    truth = label_table(features.records)
    held = {name: held_out for name, (_, held_out) in rows.items()}
    return {
        "tasks": tasks,
        "systems": {
            name: _system(features, row, parts, tasks, held[name], truth, draws)
            | {"users": user_summary(parts, held[name].score, truth[:, 0], draws=draws) if by_user else None}
            for name, (row, _) in rows.items()
        },
        "differences": _differences(features, parts, tasks, held, truth[:, 0], against, draws),
        "predictions": _predictions(features, parts, held, truth[:, 0]),
    }


def left_out(features: FeatureSet, folds: Sequence[Fold]) -> list[Results]:
    """Tasks and folds with labelled test performances and too few labelled training performances."""
    return [
        {"task": task, "fold": fold, "train": len(train), "test": len(test)}
        for task, fold, train, test in _by_task(features, folds)
        if len(test) and len(train) < MIN_TRAIN
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


def _system(
    features: FeatureSet,
    system: System,
    parts: Sequence[Part],
    tasks: Sequence[str],
    held_out: HeldOut,
    truth: Floats,
    draws: int,
) -> Results:
    by_task = {
        task: task_summary(features, *predictions_of(held_out, parts, task), truth[:, 0], draws=draws) for task in tasks
    }
    out: Results = {"baseline": system.baseline, "tasks": by_task, "average": average_summary(by_task)}
    for column, name in enumerate(SCORES[1:], start=1):
        values = getattr(held_out, name)
        out[name] = None
        if values and np.isfinite(truth[:, column]).any():
            other = HeldOut(score=values)
            out[name] = {
                task: task_summary(features, *predictions_of(other, parts, task), truth[:, column], draws=0)
                for task in tasks
            }
    out["losses"] = _losses(held_out)
    out["chosen"] = [
        {"task": p.task, "fold": p.fold, "system": n} for p, n in zip(parts, held_out.chosen, strict=False)
    ] or None
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


def _differences(
    features: FeatureSet,
    parts: Sequence[Part],
    tasks: Sequence[str],
    held: Mapping[str, HeldOut],
    true: Floats,
    against: str,
    draws: int,
) -> Results:
    if against not in held or draws == 0:
        return {}
    out: Results = {}
    for name in held:
        for task in tasks if name != against else ():
            mine, ours = predictions_of(held[against], parts, task)
            other = predictions_of(held[name], parts, task)[1]
            lead = difference(features, mine, ours, other, true, draws=draws)
            out.setdefault(name, {})[task] = lead
    return out


def _losses(held_out: HeldOut) -> Results | None:
    if held_out.losses.size == 0:
        return None
    columns = {"mean": held_out.losses.mean(1), "low": held_out.losses.min(1), "high": held_out.losses.max(1)}
    return {"epochs": list(held_out.loss_epochs), **{name: [or_none(v) for v in c] for name, c in columns.items()}}


def _predictions(
    features: FeatureSet, parts: Sequence[Part], held: Mapping[str, HeldOut], truth: Floats
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
            for name, held_out in held.items():
                values = held_out.score[number][:, position]
                entry[name] = {"mean": float(values.mean()), "low": float(values.min()), "high": float(values.max())}
            rows.append(entry)
    return rows
