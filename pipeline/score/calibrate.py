"""Calibrates a trained model by held-out predictions inside the training part.

    calibration, combination = calibrate(features, model)

The training part is split into folds that keep tied performances together. A few networks per fold, trained on the
other folds, predict it; all folds train together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from data.errors import DataError
from data.splits import TIED, bundle_numbers, kfold
from data.store.arrays import Floats, Rows
from pipeline.cache import software
from pipeline.checks.novelty import Novelty
from pipeline.score.calibration import HEADS, Calibration, TrainingFacts
from pipeline.score.trained_model import TrainedModel
from pipeline.score.trained_networks import TrainedNetworks
from pipeline.systems import TaskFold
from pipeline.systems.combination import NETWORK, NETWORK_ALONE, Combination
from pipeline.systems.regressors import RegressionSystem
from pipeline.train import TrainingControl, label_table
from pipeline.train.features import FeatureSet
from pipeline.train.fit import one_thread

FOLDS, RUNS = 5, 2
"""Folds of the training part and networks per fold: together as many networks as a run has by default."""


def calibrate(
    features: FeatureSet,
    model: TrainedModel,
    *,
    folds: int = FOLDS,
    kinds: Sequence[str] = TIED,
    systems: Sequence[RegressionSystem] = (),
    control: TrainingControl | None = None,
) -> tuple[Calibration, Combination]:
    """Predict every training performance with networks of other folds; also the model's combination by these tests.

    Args:
        features: contain the performances that `model` was trained on.
        folds: number of folds, each of `RUNS` networks at most; fewer where there are fewer independent performances.
        kinds: groups to keep together, such as `data.splits.forbidden(protocol)`.
        systems: those of the model's regressions. A fold's combination follows from the predictions for the other
            folds, the model's from those for all folds.

    Raises DataError if all training performances are tied together or one is not in `features`, Cancelled after
    `control.stop`.
    """
    part, group, cuts = _folds(features, model, folds, kinds)
    config = model.recipe.model_copy(update={"runs": min(RUNS, model.recipe.runs), "seed": model.recipe.seed + 1})
    parts = [train for train, _ in cuts]
    networks, _ = TrainedNetworks.fit(part, parts, model.networks.model, config, control)
    output, rows, fold = networks.output(part), np.arange(len(part)), np.zeros(len(part), dtype=np.intp)
    for number, (_, test) in enumerate(cuts):
        fold[test] = number
    with one_thread():
        combinations, whole, predicted = _combined(networks.mean(output.score)[fold, rows], part, cuts, systems, kinds)
    network = replace(model, combination=NETWORK_ALONE).predict(replace(part, settings=model.settings))
    labels = label_table(part.records)
    heads = [None if (values := getattr(output, name)) is None else networks.mean(values, column)[fold, rows]
             for column, name in enumerate(HEADS, start=1)]  # fmt: skip
    calibration = Calibration(
        networks=networks,
        truth=labels[:, 0],
        predicted=predicted,
        fold=fold,
        group=group,
        steps=network.step_scores * whole.share(NETWORK),
        duration=np.asarray(part.duration, dtype=np.float64),
        novelty=Novelty.measure(part, cuts, group),
        facts=TrainingFacts(tuple(kinds), software()),
        attention=network.attention[..., 1],
        head_truth=labels[:, 1:],
        head_predicted=np.stack([np.full(len(part), np.nan) if one is None else one for one in heads], axis=-1),
        combinations=combinations,
    )
    return calibration, replace(whole, regressions=model.combination.regressions)


def _combined(
    network: Floats,
    part: FeatureSet,
    cuts: Sequence[tuple[Rows, Rows]],
    systems: Sequence[RegressionSystem],
    kinds: Sequence[str],
) -> tuple[tuple[Combination, ...], Combination, Floats]:
    """The combinations of the folds, the one that all folds give, and the predictions (n,) for every test part.

    `network` (n,) is the network's predictions of them.
    """
    names = (NETWORK, *(system.name for system in systems))
    fitted = [Combination.of_all(names).with_regressions(systems, part.take(train)) for train, _ in cuts]
    inside = [
        np.stack([network[test], *one.others(part.take(test))]) for one, (_, test) in zip(fitted, cuts, strict=True)
    ]
    tests = [TaskFold("", str(number), train, test) for number, (train, test) in enumerate(cuts)]
    whole, *rules = Combination.validated(names, part, tests, inside, unseen_users="subject" in kinds)
    combined = np.zeros(len(part))
    for rule, (_, test), scores in zip(rules, cuts, inside, strict=True):
        combined[test] = rule.predict(list(scores))
    combinations = tuple(replace(rule, regressions=one.regressions) for one, rule in zip(fitted, rules, strict=True))
    return combinations, whole, combined


def _folds(
    features: FeatureSet, model: TrainedModel, folds: int, kinds: Sequence[str]
) -> tuple[FeatureSet, Rows, list[tuple[Rows, Rows]]]:
    """The training performances, the group of each, and (training rows, test rows) of each fold."""
    where = {name: row for row, name in enumerate(features.ids)}
    missing = [name for name in model.train_ids if name not in where]
    if missing:
        raise DataError(
            f"{len(missing)} training performance(s) are missing, such as {missing[0]}",
            fix="Calibrate on the features that the model was trained on",
        )
    part = features.take([where[name] for name in model.train_ids])
    group = bundle_numbers(part.records, kinds)
    if (independent := len(np.unique(group))) < 2:
        raise DataError(
            "all training performances are tied together, so none can be held out",
            fix="Check the groups of the records, or train with --folds 0, without intervals",
        )
    made = kfold(part.records, k=min(folds, independent), seed=model.recipe.seed, kinds=kinds)
    return part, group, [fold.indices(part.ids) for fold in made]
