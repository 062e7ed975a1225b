"""Calibrates a trained model by held-out predictions inside the training part.

    calibration, combination = calibrate(features, model, folds=5)

The training part is split into folds that keep tied performances together. For each fold, a few networks and the
model's regressions train on the other folds and predict it, as in the inner validation of an evaluation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from data.errors import DataError
from data.splits import TIED, bundle_numbers, kfold
from data.store.arrays import Floats, Rows
from models.aim_config import AimConfig
from pipeline.checks.novelty import Novelty
from pipeline.folds import Fold
from pipeline.folds.combination import NETWORK, NETWORK_ALONE, Combination, InnerPredictions
from pipeline.folds.fit_predict import without_scores
from pipeline.score.calibration import Calibration, TrainingFacts
from pipeline.score.trained_model import TrainedModel
from pipeline.systems.regressors import FittedRegression, RegressionSystem
from pipeline.train import SCORES, TrainedNetworks, TrainingControl, label_table, without_difficulty
from pipeline.train.feature_set import FeatureSet
from pipeline.train.fit import one_thread

NETWORKS = 2
"""Networks per fold; five folds have as many as a model has by default."""


def calibrate(
    features: FeatureSet,
    model: TrainedModel,
    *,
    folds: int,
    seed: int = 0,
    unsplit: Sequence[str] = TIED,
    systems: Sequence[RegressionSystem] = (),
    new_people: bool = False,
    control: TrainingControl | None = None,
) -> tuple[Calibration, Combination]:
    """Predict every training performance with networks of other folds; also choose the model's combination.

    Args:
        features: contain the performances that `model` was trained on.
        folds: number of folds, with at most `NETWORKS` networks each; fewer for fewer independent performances.
        seed: of the folds.
        unsplit: groups to keep together, such as `data.splits.unsplit_groups(protocol)`.
        systems: the model's regressions. A fold's combination follows from the predictions for the other folds, the
            model's from the predictions for all folds.
        new_people: whether `systems` are for new people.

    Raises DataError if all training performances are tied together or `features` lack one, Cancelled after
    `control.stop`.
    """
    part, group, inner = _folds(features, model, folds, seed, unsplit)
    recipe = model.recipe.model_copy(
        update={"networks": min(NETWORKS, model.recipe.networks), "seed": model.recipe.seed + 1}
    )
    learning = without_difficulty(part) if model.times_difficulty else part
    # A new video does not name its task, so every system learns from all tasks as if they were one.
    networks, _ = TrainedNetworks.fit(
        learning, [inner_fold.train for inner_fold in inner], model.networks.model, recipe, control
    )
    with one_thread():
        regressions = [
            tuple(system.fitted(learning.take(inner_fold.train)) for system in systems) for inner_fold in inner
        ]
        heads, values = _held_out(without_scores(part), inner, networks, regressions)
    values *= model.difficulty
    order, fold = np.concatenate([inner_fold.test for inner_fold in inner]), np.zeros(len(part), dtype=np.intp)
    for number, inner_fold in enumerate(inner):
        fold[inner_fold.test] = number
    names, unseen = (NETWORK, *(system.name for system in systems)), "subject" in unsplit
    tested = InnerPredictions.of(names, values[:, order], part, inner, unseen_users=unseen)
    fit = partial(Combination.fit, new_people=new_people)
    rules = tuple(fit(tested.take(fold[order] != number), own) for number, own in enumerate(regressions))
    combined, labels = np.zeros(len(part)), label_table(part.records)
    for inner_fold, rule in zip(inner, rules, strict=True):
        combined[inner_fold.test] = rule.predict([*values[:, inner_fold.test]])
    combination = fit(tested, model.combination.regressions)
    shown = replace(model, combination=NETWORK_ALONE).predict(part)
    calibration = Calibration(
        networks=networks,
        truth=labels[:, 0],
        predicted=combined,
        fold=fold,
        group=group,
        difficulty=model.difficulty,
        steps=shown.step_scores * combination.share(NETWORK),
        duration=np.asarray(part.duration, dtype=np.float64),
        novelty=Novelty.measure(part, [(inner_fold.train, inner_fold.test) for inner_fold in inner], group),
        facts=TrainingFacts(tuple(unsplit)),
        attention=shown.attention[..., 1],
        head_truth=labels[:, 1:],
        head_predicted=heads,
        combinations=rules,
    )
    return calibration, combination


def _held_out(
    features: FeatureSet,
    inner: Sequence[Fold],
    networks: TrainedNetworks[AimConfig],
    regressions: Sequence[Sequence[FittedRegression]],
) -> tuple[Floats, Floats]:
    """Predictions for each performance by the systems of the fold that holds it out.

    Returns:
        (n, 2) the heads of the networks, NaN without one; (systems, n) scores, the mean of the networks first.
    """
    by_network = np.full((len(features), len(SCORES)), np.nan)
    output, values = networks.output(features), np.empty((1 + len(regressions[0]), len(features)))
    for column, name in enumerate(SCORES):
        if (scaled := getattr(output, name)) is not None:
            for inner_fold, means in zip(inner, networks.mean(scaled, column), strict=True):
                by_network[inner_fold.test, column] = means[inner_fold.test]
    for inner_fold, fitted in zip(inner, regressions, strict=True):
        for row, regression in enumerate(fitted, start=1):
            values[row, inner_fold.test] = regression.predict(features.take(inner_fold.test)).score[0]
    values[0] = by_network[:, 0]
    return by_network[:, 1:], values


def _folds(
    features: FeatureSet, model: TrainedModel, folds: int, seed: int, unsplit: Sequence[str]
) -> tuple[FeatureSet, Rows, tuple[Fold, ...]]:
    """The training performances, their groups, and the folds."""
    where = {name: row for row, name in enumerate(features.ids)}
    missing = [name for name in model.train_ids if name not in where]
    if missing:
        raise DataError(
            f"{len(missing)} training performance(s) are missing, such as {missing[0]}",
            fix="Calibrate on the features that the model was trained on",
        )
    part = features.take([where[name] for name in model.train_ids])
    group = bundle_numbers(part.records, unsplit)
    if (independent := len(np.unique(group))) < 2:
        raise DataError(
            "all training performances are tied together, so none can be held out",
            fix="Check the groups of the records, or train with --folds 0, without intervals",
        )
    made = kfold(part.records, k=min(folds, independent), seed=seed, unsplit=unsplit)
    return part, group, tuple(Fold(fold.name, *fold.indices(part.ids)) for fold in made)
