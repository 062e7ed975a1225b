"""A learning curve: the held-out error against the number of labelled performances.

The labelled performances are split into folds. A row of few networks, a combination with all its systems, trains on
nested subsets of each training part and predicts the fold. Nothing is chosen by these predictions, and nothing is said
of more performances than there are.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from data.errors import counted, quoted
from data.splits import bundle_numbers, kfold, unsplit_groups
from data.store import write_text
from data.store.arrays import Floats
from models.estimate import Estimate
from pipeline.checks.accuracy import estimate_text
from pipeline.checks.held_out import HeldOut
from pipeline.evaluate.cross_validation import distinct
from pipeline.evaluate.evaluation_plan import RequestedRows, protocol_systems
from pipeline.evaluate.evaluation_results import CurvePoint
from pipeline.folds import Fold, TrainingRunner, predict_folds
from pipeline.observer import Observer
from pipeline.settings.machine import WorkConfig
from pipeline.settings.method import Method
from pipeline.train import label_table
from pipeline.train.feature_set import FeatureSet

CURVE_FILE = "curve.json"
"""The file of `train --curve` in the model's folder."""

SHARES = (0.4, 0.6, 0.8, 1.0)
"""Sizes, as shares of a fold's training part."""

FOLDS, REPEATS, NETWORKS = 5, 2, 2
"""Folds, orders of adding performances, and networks per training."""

LEAST = 10
"""Fewest independent performances for a curve."""


def no_curve(features: FeatureSet, method: Method) -> str:
    """Why these performances do not allow a learning curve; empty if they do."""
    if len(tasks := sorted({record.task for record in features.records})) > 1:
        return f"no learning curve: it is of one task; choose one with {quoted('--set', f'dataset.tasks=[{tasks[0]}]')}"
    features, _ = distinct(features, ())
    labelled = [record for record in features.records if record.labels is not None]
    independent = len(np.unique(bundle_numbers(labelled, unsplit_groups(method.protocol)))) if labelled else 0
    if independent < LEAST:
        return f"no learning curve: {counted(independent, 'independent performance')}, and it needs {LEAST}"
    return ""


def noted_curve(
    features: FeatureSet, method: Method, where: WorkConfig, checkpoints: Path, observer: Observer
) -> tuple[CurvePoint, ...]:
    """The learning curve; if impossible, empty, with a note that says why."""
    if why := no_curve(features, method):
        observer.note(f"note: {why}")
        return ()
    with observer.progress("trainings of the learning curve") as progress:
        runner = TrainingRunner(where, progress, observer.stop_event().is_set, checkpoints)
        return learning_curve(features, method, runner)


def learning_curve(
    features: FeatureSet,
    method: Method,
    runner: TrainingRunner | None = None,
) -> tuple[CurvePoint, ...]:
    """Train on nested subsets and predict held-out folds: the errors by size, the smallest first.

    Args:
        features: labelled performances of one task, for which `no_curve` is empty.
        method: names the system, and the protocol whose groups stay together.

    Raises as `TrainingRunner`.
    """
    features, _ = distinct(features, ())
    features = features.take(np.flatnonzero(np.isfinite(label_table(features.records)[:, 0])))
    unsplit, seed = unsplit_groups(method.protocol), method.split.seed
    group, truth = bundle_numbers(features.records, unsplit), label_table(features.records)[:, 0]
    system = protocol_systems(method.with_networks(NETWORKS), features, RequestedRows(quick=True))[0]
    folds, places, sizes = list[Fold](), [], np.zeros((len(SHARES), REPEATS, FOLDS))
    held_out_by = np.zeros(len(features), dtype=np.intp)
    for number, fold in enumerate(kfold(features.records, k=FOLDS, seed=seed, unsplit=unsplit)):
        train, test = fold.indices(features.ids)
        held_out_by[test] = number
        for repeat in range(REPEATS):
            order = np.random.default_rng([seed, number, repeat]).permutation(np.unique(group[train]))
            for step, share in enumerate(SHARES):
                subset = order[: max(2, round(share * len(order)))]
                sizes[step, repeat, number] = len(subset)
                if share == 1 and repeat:
                    continue  # all repeats have the same whole training part
                rows = train[np.isin(group[train], subset)]
                folds.append(Fold(str(len(folds)), rows, test))
                places.append((step, repeat, test))
    predicted = np.full((len(SHARES), REPEATS, len(features)), math.nan)
    made = predict_folds(features, folds, [system], runner or TrainingRunner())
    for fold_predicted, (step, repeat, test) in zip(made.values(), places, strict=True):
        predicted[step, repeat, test] = fold_predicted.score.mean(0)
    predicted[-1, 1:] = predicted[-1, 0]
    errors = np.abs(predicted - truth).mean(-1)  # (sizes, repeats)
    rhos = np.array([[HeldOut(truth, prediction, held_out_by, group).rho for prediction in step] for step in predicted])
    return tuple(
        CurvePoint(float(size), _range(mae), Estimate(None) if np.isnan(rho).any() else _range(rho))
        for size, mae, rho in zip(sizes.mean((1, 2)), errors, rhos, strict=True)
    )


def _range(values: Floats) -> Estimate:
    """The mean and range over the repeats, without the range if all are equal, as those of one training."""
    return Estimate.of(values) if np.ptp(values) else Estimate(float(values[0]))


def curve_lines(points: Sequence[CurvePoint]) -> list[str]:
    """The curve, one line per size, and how to read it."""
    return [
        f"on average {p.trained_on:.3g} labels: error {estimate_text(p.mae, 3)}, rho {estimate_text(p.rho, 2)}"
        for p in points
    ] + ["with 20 labels or more, an error that still falls speaks for more; with fewer, the curve is mostly noise"]


def write_curve(points: Sequence[CurvePoint], path: Path) -> None:
    """Write the points as JSON, atomically."""
    write_text(path, json.dumps([asdict(point) for point in points], indent=1, allow_nan=False) + "\n")
