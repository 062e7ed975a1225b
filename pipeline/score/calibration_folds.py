"""Calibrates a trained model by held-out predictions inside the training part.

    calibration, combination = calibrate(features, model)

The training part is split into folds that keep tied performances together. A few networks per fold, and the model's
regressions, train on the other folds and predict it, as in the inner validation of an evaluation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from data.errors import DataError
from data.splits import TIED, bundle_numbers, kfold
from data.store.arrays import Floats, Rows
from models.aim_config import AimConfig
from pipeline.cache import software
from pipeline.checks.novelty import Novelty
from pipeline.score.calibration import HEADS, Calibration, TrainingFacts
from pipeline.score.trained_model import TrainedModel
from pipeline.score.trained_networks import TrainedNetworks
from pipeline.settings.recipes import TrainConfig
from pipeline.systems import (
    AimSystem,
    FoldPredictions,
    JoinedFold,
    Predictions,
    System,
    TaskFold,
    Training,
    predict_inner,
)
from pipeline.systems.combination import NETWORK, NETWORK_ALONE, Combination
from pipeline.systems.interface import without_scores
from pipeline.systems.regressors import FittedRegression, RegressionSystem
from pipeline.train import SCORES, TrainingControl, label_table
from pipeline.train.features import FeatureSet
from pipeline.train.fit import one_thread
from pipeline.train.stack_training import NO_ROWS

FOLDS, NETWORKS = 5, 2
"""Folds of the training part and networks per fold: together as many networks as a model has by default."""


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
        folds: number of folds, each of at most `NETWORKS` networks; fewer for fewer independent performances.
        kinds: groups to keep together, such as `data.splits.forbidden(protocol)`.
        systems: those of the model's regressions. A fold's combination follows from the predictions for the other
            folds, the model's from those for all folds.

    Raises DataError if all training performances are tied together or one is not in `features`, Cancelled after
    `control.stop`.
    """
    part, group, inner = _folds(features, model, folds, kinds)
    recipe = model.recipe.model_copy(
        update={"networks": min(NETWORKS, model.recipe.networks), "seed": model.recipe.seed + 1}
    )
    candidates = (AimSystem(NETWORK, model.networks.model, recipe), *systems)
    fitted = _FittedFolds(part, inner, model.networks.model, recipe, control)
    whole = JoinedFold("", np.arange(len(part)), NO_ROWS, inner, "subject" in kinds)
    # A new video does not name its task, so that every system learns from all tasks as if they were one.
    one_task = replace(part, records=tuple(replace(record, task="") for record in part.records))
    held_out = replace(predict_inner(one_task, whole, candidates, fitted.run), train=part)
    combination, *others = Combination.validated(held_out, candidates)
    rules = [
        replace(rule, regressions=tuple(own[system.name] for system in systems))
        for rule, own in zip(others, fitted.regressions, strict=True)
    ]
    network = replace(model, combination=NETWORK_ALONE).predict(replace(part, stages=model.stages))
    labels, fold = label_table(part.records), np.zeros(len(part), dtype=np.intp)
    for number, one in enumerate(inner):
        fold[one.test] = number
    calibration = Calibration(
        networks=fitted.networks,
        truth=labels[:, 0],
        predicted=_combined(held_out, candidates, rules),
        fold=fold,
        group=group,
        steps=network.step_scores * combination.share(NETWORK),
        duration=np.asarray(part.duration, dtype=np.float64),
        novelty=Novelty.measure(part, [(one.train, one.test) for one in inner], group),
        facts=TrainingFacts(tuple(kinds), software()),
        attention=network.attention[..., 1],
        head_truth=labels[:, 1:],
        head_predicted=np.stack([_of_folds(held_out, candidates[0], name) for name in HEADS], axis=-1),
        combinations=tuple(rules),
    )
    return calibration, replace(combination, regressions=model.combination.regressions)


@dataclass
class _FittedFolds:
    """Runs the trainings of the folds, and keeps what they fitted: it gives new performances their intervals.

    Attributes:
        networks: those of every fold, in the order of `inner`.
        regressions: of every fold, by name.
    """

    part: FeatureSet
    inner: Sequence[TaskFold]
    model: AimConfig
    recipe: TrainConfig
    control: TrainingControl | None
    networks: TrainedNetworks = field(init=False)
    regressions: list[dict[str, FittedRegression]] = field(init=False)

    def run(self, trainings: Sequence[Training]) -> list[Predictions]:
        """The predictions of the trainings; the networks of all folds train as one stack."""
        parts = [one.train for one in self.inner]
        self.networks, _ = TrainedNetworks.fit(self.part, parts, self.model, self.recipe, self.control)
        self.regressions = [{} for _ in self.inner]
        folds, unscored = {one.tobytes(): number for number, one in enumerate(parts)}, without_scores(self.part)
        output, predicted = self._mean_outputs(unscored), list[Predictions]()
        with one_thread():
            for training in trainings:
                fold, rows = folds[training.train.tobytes()], training.to_predict
                if isinstance(training.system, RegressionSystem):
                    fitted = training.system.fitted(self.part.take(training.train))
                    self.regressions[fold][training.system.name] = fitted
                    predicted.append(fitted.predict(unscored.take(rows)))
                else:
                    predicted.append(Predictions(**{name: one[None, fold, rows] for name, one in output.items()}))
        return predicted

    def _mean_outputs(self, features: FeatureSet) -> dict[str, Any]:
        """(folds, n) means of each score over the networks of a fold."""
        output, means = self.networks.output(features), dict[str, Any]()
        for column, name in enumerate(SCORES):
            if (values := getattr(output, name)) is not None:
                means[name] = self.networks.mean(values, column)
        return means


def _of_folds(held_out: FoldPredictions, system: System, name: str) -> Floats:
    """(n,) the held-out predictions of a score by a system; NaN where it has none."""
    scores = np.full(len(held_out.train), np.nan)
    for one, predicted in zip(held_out.inner, held_out.inside(system), strict=True):
        if (values := getattr(predicted, name)) is not None:
            scores[one.test] = values.mean(0)
    return scores


def _combined(held_out: FoldPredictions, systems: Sequence[System], rules: Sequence[Combination]) -> Floats:
    """(n,) the held-out predictions by the combination of each fold."""
    scores, combined = [_of_folds(held_out, system, "score") for system in systems], np.zeros(len(held_out.train))
    for rule, one in zip(rules, held_out.inner, strict=True):
        combined[one.test] = rule.predict([values[one.test] for values in scores])
    return combined


def _folds(
    features: FeatureSet, model: TrainedModel, folds: int, kinds: Sequence[str]
) -> tuple[FeatureSet, Rows, tuple[TaskFold, ...]]:
    """The training performances, the group of each, and the folds."""
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
    return part, group, tuple(TaskFold("", fold.name, *fold.indices(part.ids)) for fold in made)
