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
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from data.store.arrays import Floats, Rows
from data.video import Record
from models import metrics
from pipeline.systems import Part
from pipeline.train.features import FeatureSet

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


@dataclass(frozen=True)
class HeldOut:
    """The m labelled test rows of one task, from which its metrics are computed.

    Attributes:
        parts: its folds with labelled test rows, and these rows.
        columns: for each fold, its number among the folds of all tasks, and which of its test rows have labels.
        true: (n,) labels of all rows of the feature set.
        performance: (m,) number of the performance that each row shows, equal for its views and copies.
        users: of all tasks, where each fold is named after the user whom it holds out; else empty.
    """

    parts: tuple[Part, ...]
    columns: tuple[tuple[int, Any], ...]
    true: Floats
    performance: Rows
    users: tuple[str, ...]

    @classmethod
    def of(
        cls, features: FeatureSet, parts: Sequence[Part], task: str, true: Floats, users: Sequence[str] = ()
    ) -> HeldOut:
        """The rows of a task, from the folds of all tasks; `true` (n,) is NaN where a label is missing."""
        marks = [np.isfinite(true[part.test]) for part in parts]
        columns = tuple((i, mark) for i, mark in enumerate(marks) if parts[i].task == task and mark.any())
        mine = tuple(replace(parts[i], test=parts[i].test[mark]) for i, mark in columns)
        names = [performance(features.records[row]) for part in mine for row in part.test]
        numbers = {name: number for number, name in enumerate(dict.fromkeys(names))}
        return cls(mine, columns, true, np.array([numbers[name] for name in names], dtype=np.intp), tuple(users))

    def each(self, predicted: Sequence[Floats]) -> list[Floats]:
        """(runs, m of the fold) by fold, from predictions (runs, test rows) for the folds of all tasks."""
        return [predicted[number][:, mark] for number, mark in self.columns]

    def together(self, predicted: Sequence[Floats]) -> Floats:
        """(m,) means over the runs of such predictions."""
        return np.concatenate([values.mean(0) for values in self.each(predicted)])

    @cached_property
    def labels(self) -> Floats:
        """(m,) labels of the rows."""
        return np.asarray(self.true[np.concatenate([part.test for part in self.parts])])

    @cached_property
    def fold(self) -> Rows:
        """(m,) number of each row's fold."""
        return np.repeat(np.arange(len(self.parts)), [len(part.test) for part in self.parts])

    @property
    def performances(self) -> int:
        """Number of performances."""
        return int(self.performance.max()) + 1

    @cached_property
    def group(self) -> Rows:
        """(m,) number of what is resampled with each row: its user, or else its performance."""
        if not self.users:
            return self.performance
        return np.array([self.users.index(part.fold) for part in self.parts])[self.fold]

    @property
    def groups(self) -> int:
        """Number of users or performances to resample; users without a row of this task count."""
        return len(self.users) or self.performances


def resampled(held: HeldOut, predicted: Sequence[Floats], *, draws: int, seed: int = 0) -> Resampled:
    """The correlations of one task in bootstrap resamples.

    Every form resamples whole performances, except `folds_arithmetic`: it resamples folds, and draws folds of one name
    together in all tasks. Where each fold is a user, every form resamples users. The average over folds by Fisher's z
    is left out where folds have few performances.

    Args:
        predicted: (runs, m) for the folds of all tasks.
        draws: number of resamples; 0 returns nothing.
        seed: one for each task, whose performances are independent; where users are resampled, one for all.
    """
    if not draws:
        return {}
    values, true, folds = held.together(predicted), held.labels, len(held.parts)
    weights = metrics.resampled_weights(held.groups, draws=draws, seed=seed)[:, held.group]
    cell_of, count = (held.group, held.groups) if held.users else (held.fold, folds)
    cells = [cell_of == cell for cell in range(count)]
    each = np.array([metrics.spearman(values[mine], true[mine]) for mine in cells])
    of_folds = each[metrics.resamples(len(each), draws=draws)]

    out = {"together": metrics.spearman_of_samples(values, true, weights)}
    if folds > 1:
        ours, theirs = (_without_fold_means(one, held.fold, weights) for one in (values, true))
        out["centred"] = metrics.spearman_of_samples(ours, theirs, weights)
        if held.performances >= FEW * folds:
            by_fold = [metrics.spearman_of_samples(values[mine], true[mine], weights[:, mine]) for mine in cells]
            out["folds_fisher"] = metrics.fisher_means(of_folds if held.users else np.stack(by_fold, axis=-1))
        out["folds_arithmetic"] = metrics.arithmetic_means(of_folds)
    return out


def _without_fold_means(values: Floats, fold_of: Rows, weights: Floats) -> Floats:
    """(draws, m) values (m,) less their fold's mean in each sample."""
    scaled = values / max(np.abs(values).max(), np.finfo(float).tiny)
    folds = (fold_of == np.arange(fold_of.max() + 1)[:, None]).astype(float)  # (folds, m)
    means = (weights * scaled) @ folds.T / np.maximum(weights @ folds.T, 1)
    # Equal predictions stay equal: rounding errors of the means give no ranks.
    return np.asarray(np.round(scaled - means @ folds, 9))


def task_summary(held: HeldOut, predicted: Sequence[Floats], drawn: Resampled | None = None) -> Metrics:
    """Metrics of one task.

    Args:
        predicted: as for `resampled`.
        drawn: what `resampled` returned; None leaves the intervals out.

    Returns:
        Among the metrics, `interval` of all ranked together, `folds_interval` of the Fisher average over folds, and
        `mean_interval` of the arithmetic mean over folds.
    """
    parts, true, by_fold = held.parts, held.true, held.each(predicted)
    ensemble = [values.mean(0) for values in by_fold]
    folds = {}
    for part, values in zip(parts, ensemble, strict=True):
        low, high = (float(f(true[part.train])) for f in (np.nanmin, np.nanmax))
        folds[part.fold] = metrics_of(values, true[part.test], low, high)
    learned = true[np.concatenate([part.train for part in parts])]
    by_run = [_correlations(held, [values[r] for values in by_fold]) for r in range(len(by_fold[0]))]
    names = {"interval": "together", "folds_interval": "folds_fisher", "mean_interval": "folds_arithmetic"}
    intervals = {name: _ends(drawn[form]) if drawn and form in drawn else None for name, form in names.items()}
    if intervals["interval"]:
        intervals["interval"]["clusters"] = len(np.unique(held.group))
    low, high = float(np.nanmin(learned)), float(np.nanmax(learned))
    return {
        "folds": folds,
        "over_folds": _correlations(held, ensemble),
        "together": metrics_of(np.concatenate(ensemble), held.labels, low, high),
        "runs": {"count": len(by_run), **_spread(by_run)},
        **intervals,
    }


def average_summary(tasks: Mapping[str, Metrics], drawn: Mapping[str, Resampled] | None = None) -> Metrics:
    """Averages over tasks of each form of the correlation, arithmetic and by Fisher's z.

    `drawn` has the resamples of each task. The forms of `BOUNDED` get an `interval` from them.
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


def _correlations(held: HeldOut, values: Sequence[Floats]) -> Metrics:
    """All forms of the correlation of predictions (m of the fold,) by fold."""
    true = [held.true[part.test] for part in held.parts]
    each = [metrics.spearman(*pair) for pair in zip(values, true, strict=True)]
    together = metrics.spearman(np.concatenate(values), held.labels)
    apart = (np.concatenate([v - v.mean() for v in by_fold]) for by_fold in (values, true))
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


def difference(held: HeldOut, ours: Sequence[Floats], other: Sequence[Floats], *, draws: int) -> Metrics:
    """The lead of one system over another in ranking the same held-out performances of one task.

    Both predictions are as for `resampled`, and resampled alike.

    Returns:
        `value`, Spearman's rho together of ours less the other's, and the ends of its 95 % interval, or None.
    """
    weights = metrics.resampled_weights(held.groups, draws=draws)[:, held.group]
    both = [held.together(each) for each in (ours, other)]
    lead, against = (metrics.spearman_of_samples(each, held.labels, weights) for each in both)
    first, second = (metrics.spearman(each, held.labels) for each in both)
    return {"value": or_none(first - second), **_ends(lead - against)}


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
