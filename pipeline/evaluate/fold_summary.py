"""Metrics of one system: per fold, per task, averaged both ways, with spread over runs and intervals.

For one task, the correlation of a set of predictions has three forms, all of them reported:

    folds     Spearman in each fold, then averaged over the folds (arithmetic, and by Fisher's z). A fold of three with
              a correlation of 1 counts as z = 4.95, so with few performances a fold the arithmetic mean comes first
    together  Spearman over all held-out predictions of the task ranked together; where folds have different means it is
              biased downward, so `centred` is the same after each fold's mean is taken from predictions and labels
    runs      the same two for every run on its own; the rest is for the ensemble, the mean over the runs
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from data.store.arrays import Floats, Rows
from data.video import Record
from models import metrics
from pipeline.features import FeatureSet
from pipeline.systems import Part

Metrics = dict[str, Any]

Resampled = dict[str, Floats]
"""By form of the correlation, its value in each bootstrap resample (draws,); NaN where undefined."""

AVERAGES = {"fisher": metrics.fisher_average, "arithmetic": metrics.arithmetic_average}
MEANS = {"fisher": metrics.fisher_means, "arithmetic": metrics.arithmetic_means}

BOUNDED = (
    ("folds_fisher", "fisher"),
    ("folds_arithmetic", "arithmetic"),
    ("together", "fisher"),
    ("together", "arithmetic"),
    ("centred", "fisher"),
)
"""Forms and their averages over tasks that tables show, each with an interval."""

FEW = 5
"""With fewer held-out performances a fold, a correlation within a fold is mostly noise."""

CLUSTERS = ("original", "trial")
"""Groups of one performance: intervals resample these, not single views or copies."""


def metrics_of(predicted: Floats, true: Floats, low: float, high: float) -> Metrics:
    """Every metric of one set of predictions (m,); undefined ones are None.

    `low` and `high` are the least and greatest training score, the range of the relative L2.
    """
    values = {
        "spearman": metrics.spearman(predicted, true),
        "kendall": metrics.kendall(predicted, true),
        "relative_l2": metrics.relative_l2(predicted, true, low, high),
        "mse": metrics.mse(predicted, true),
        "mae": metrics.mae(predicted, true),
    }
    return {"count": len(true), "range": [low, high], **{name: or_none(value) for name, value in values.items()}}


def resampled(
    features: FeatureSet,
    parts: Sequence[Part],
    task: str,
    predicted: Sequence[Floats],
    true: Floats,
    *,
    draws: int,
    seed: int = 0,
    users: Sequence[str] = (),
) -> Resampled:
    """The correlations of one task in bootstrap resamples.

    All resample whole performances, but `folds_arithmetic` folds, those of one name together in all tasks. Where each
    fold is a user, all resample users. The average over folds by Fisher's z is left out where folds have few
    performances.

    Args:
        features: for the groups of the records.
        parts: the folds of all tasks.
        predicted: (runs, m) per part.
        true: (n,) labels of all rows; NaN where missing, those test rows are left out.
        draws: how many resamples; 0: nothing is returned.
        seed: another one for each task, whose performances are independent; the same one for users.
        users: those of all tasks, by whom the folds are named; empty where folds are no users.
    """
    if not draws:
        return {}
    parts, predicted = labelled(parts, predicted, true, task)
    rows, values = np.concatenate([part.test for part in parts]), np.concatenate([v.mean(0) for v in predicted])
    group, count = _resampled_of(features, parts, users)
    weights = metrics.resampled_weights(count, draws=draws, seed=seed)[:, group]
    fold_of = np.repeat(np.arange(len(parts)), [len(part.test) for part in parts])
    cells = [group == user for user in range(count)] if users else [fold_of == fold for fold in range(len(parts))]
    each = np.array([metrics.spearman(values[mine], true[rows][mine]) for mine in cells])
    of_folds = each[metrics.resamples(len(each), draws=draws)]

    out = {"together": metrics.spearman_of_samples(values, true[rows], weights)}
    if len(parts) > 1:
        ours, theirs = (_without_fold_means(one, fold_of, weights) for one in (values, true[rows]))
        out["centred"] = metrics.spearman_of_samples(ours, theirs, weights)
        if len(set(cluster_numbers(features, rows).tolist())) >= FEW * len(parts):
            by_fold = [metrics.spearman_of_samples(values[mine], true[rows][mine], weights[:, mine]) for mine in cells]
            out["folds_fisher"] = metrics.fisher_means(of_folds if users else np.stack(by_fold, axis=-1))
        out["folds_arithmetic"] = metrics.arithmetic_means(of_folds)
    return out


def _resampled_of(features: FeatureSet, parts: Sequence[Part], users: Sequence[str]) -> tuple[Rows, int]:
    """The number of each test row's user or else performance, which is resampled, and how many there are."""
    if users:
        folds = [part.fold for part in parts for _ in part.test]
        return np.array([users.index(fold) for fold in folds]), len(users)
    group = cluster_numbers(features, np.concatenate([part.test for part in parts]))
    return group, len(set(group.tolist()))


def _without_fold_means(values: Floats, fold_of: Rows, weights: Floats) -> Floats:
    """(draws, m) values (m,) less their fold's mean in each sample."""
    scaled = values / max(np.abs(values).max(), np.finfo(float).tiny)
    folds = (fold_of == np.arange(fold_of.max() + 1)[:, None]).astype(float)  # (folds, m)
    means = (weights * scaled) @ folds.T / np.maximum(weights @ folds.T, 1)
    # Equal predictions stay equal: rounding errors of the means give no ranks.
    return np.asarray(np.round(scaled - means @ folds, 9))


def task_summary(
    features: FeatureSet,
    parts: Sequence[Part],
    task: str,
    predicted: Sequence[Floats],
    true: Floats,
    drawn: Resampled | None = None,
    users: Sequence[str] = (),
) -> Metrics:
    """Metrics of one task.

    Args as for `resampled`, which gives `drawn`; None leaves the intervals out.

    Returns:
        Among the metrics, `interval` of all ranked together, `folds_interval` of the Fisher average over folds, and
        `mean_interval` of the arithmetic mean over folds.
    """
    parts, predicted = labelled(parts, predicted, true, task)
    ensemble = [values.mean(0) for values in predicted]
    folds = {}
    for part, values in zip(parts, ensemble, strict=True):
        low, high = (float(f(true[part.train])) for f in (np.nanmin, np.nanmax))
        folds[part.fold] = metrics_of(values, true[part.test], low, high)
    rows, together = np.concatenate([part.test for part in parts]), np.concatenate(ensemble)
    learned = true[np.concatenate([part.train for part in parts])]
    by_run = [_correlations(parts, [values[r] for values in predicted], true) for r in range(len(predicted[0]))]
    names = {"interval": "together", "folds_interval": "folds_fisher", "mean_interval": "folds_arithmetic"}
    intervals = {name: _ends(drawn[form]) if drawn and form in drawn else None for name, form in names.items()}
    if intervals["interval"]:
        intervals["interval"]["clusters"] = len(set(_resampled_of(features, parts, users)[0].tolist()))
    return {
        "folds": folds,
        "over_folds": _correlations(parts, ensemble, true),
        "together": metrics_of(together, true[rows], float(np.nanmin(learned)), float(np.nanmax(learned))),
        "runs": {"count": len(by_run), **_spread(by_run)},
        **intervals,
    }


def average_summary(tasks: Mapping[str, Metrics], drawn: Mapping[str, Resampled] | None = None) -> Metrics:
    """Averages over tasks of each form of the correlation, arithmetic and by Fisher's z.

    `drawn` has the resamples of each task, from which those of `BOUNDED` have an `interval`.
    """
    forms = {
        "folds_fisher": [task["over_folds"]["fisher"]["value"] for task in tasks.values()],
        "folds_arithmetic": [task["over_folds"]["arithmetic"]["value"] for task in tasks.values()],
        "together": [task["together"]["spearman"] for task in tasks.values()],
        "centred": [task["over_folds"]["centred"] for task in tasks.values()],
        "runs_folds_fisher": [task["runs"]["folds_fisher"]["mean"] for task in tasks.values()],
        "runs_folds_arithmetic": [task["runs"]["folds_arithmetic"]["mean"] for task in tasks.values()],
        "runs_together": [task["runs"]["together"]["mean"] for task in tasks.values()],
    }
    out = {name: _both_averages(values) for name, values in forms.items()}
    for form, over in BOUNDED:
        if drawn and all(form in resamples for resamples in drawn.values()):
            values = np.stack([resamples[form] for resamples in drawn.values()], axis=1)
            out[form][over]["interval"] = _ends(MEANS[over](values))
    return out


def or_none(value: float) -> float | None:
    """`value`, or None (JSON null) where it is undefined."""
    return None if math.isnan(value) else float(value)


def labelled(
    parts: Sequence[Part], predicted: Sequence[Floats], true: Floats, task: str | None = None
) -> tuple[list[Part], list[Floats]]:
    """The labelled test rows of one task, or of all, and their predictions."""
    kept = []
    for part, values in zip(parts, predicted, strict=True):
        has = np.isfinite(true[part.test])
        if has.any() and task in (None, part.task):
            kept.append((replace(part, test=part.test[has]), values[:, has]))
    return [part for part, _ in kept], [values for _, values in kept]


def _correlations(parts: Sequence[Part], values: Sequence[Floats], true: Floats) -> Metrics:
    each = [metrics.spearman(v, true[part.test]) for part, v in zip(parts, values, strict=True)]
    rows = np.concatenate([part.test for part in parts])
    together = metrics.spearman(np.concatenate(values), true[rows])
    apart = (np.concatenate([v - v.mean() for v in each]) for each in (values, [true[part.test] for part in parts]))
    return {**_both_averages(each), "together": or_none(together), "centred": or_none(metrics.spearman(*apart))}


def _both_averages(values: Sequence[float | None]) -> Metrics:
    given = [math.nan if value is None else value for value in values]
    averages = {name: average(given) for name, average in AVERAGES.items()}
    return {name: {**asdict(average), "value": or_none(average.value)} for name, average in averages.items()}


def _spread(by_run: Sequence[Metrics]) -> Metrics:
    forms = {
        "folds_fisher": [run["fisher"]["value"] for run in by_run],
        "folds_arithmetic": [run["arithmetic"]["value"] for run in by_run],
        "together": [run["together"] for run in by_run],
    }
    out: Metrics = {}
    for name, values in forms.items():
        defined = np.array([value for value in values if value is not None])
        mean = float(defined.mean()) if len(defined) else math.nan
        deviation = float(defined.std(ddof=1)) if len(defined) > 1 else math.nan
        undefined = len(values) - len(defined)
        out[name] = {"mean": or_none(mean), "deviation": or_none(deviation), "undefined": undefined, "values": values}
    return out


def difference(
    features: FeatureSet,
    parts: Sequence[Part],
    task: str,
    ours: Sequence[Floats],
    other: Sequence[Floats],
    true: Floats,
    *,
    draws: int,
    users: Sequence[str] = (),
) -> Metrics:
    """The lead of one system over another in ranking the same held-out performances of one task.

    Args as for `resampled`; `other` is like `ours`, and both are resampled alike.

    Returns:
        `value`, Spearman's rho together of ours less the other's, and the ends of its 95 % interval, or None.
    """
    mine, a = labelled(parts, ours, true, task)
    _, b = labelled(parts, other, true, task)
    rows = np.concatenate([part.test for part in mine])
    first, second = (np.concatenate([values.mean(0) for values in each]) for each in (a, b))
    group, count = _resampled_of(features, mine, users)
    weights = metrics.resampled_weights(count, draws=draws)[:, group]
    lead, against = (metrics.spearman_of_samples(each, true[rows], weights) for each in (first, second))
    value = metrics.spearman(first, true[rows]) - metrics.spearman(second, true[rows])
    return {"value": or_none(value), **_ends(lead - against)}


def _ends(values: Floats) -> Metrics:
    low, high = metrics.percentile_interval(values)
    return {"level": 0.95, "low": or_none(low), "high": or_none(high)}


def users_of(results: Metrics) -> int:
    """Users of an evaluation in which each is held out in turn; 0 under other protocols."""
    return len({entry["fold"] for entry in results["predictions"]}) if results["protocol"]["name"] == "louo" else 0


def held_out_a_fold(results: Metrics) -> float:
    """Held-out performances in a fold on average, of the task with the fewest; views and copies count once."""
    held: dict[str, dict[str, set[str]]] = {}
    for entry in results["predictions"]:
        held.setdefault(entry["task"], {}).setdefault(entry["fold"], set()).add(entry["performance"])
    return min((sum(map(len, folds.values())) / len(folds) for folds in held.values()), default=math.inf)


def performance(record: Record) -> str:
    """Name of the performance that a record shows, equal for its views and copies."""
    return next((f"{kind}:{record.groups[kind]}" for kind in CLUSTERS if kind in record.groups), f"id:{record.id}")


def cluster_numbers(features: FeatureSet, rows: Rows) -> Rows:
    """(m,) number of the performance that each row shows, equal for its views and copies, in their order."""
    names = [performance(features.records[row]) for row in rows]
    numbers = {name: number for number, name in enumerate(dict.fromkeys(names))}
    return np.array([numbers[name] for name in names], dtype=np.intp)
