"""Held-out predictions of inner folds: an evaluation and a calibration have them from one list of trainings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from data.splits import kfold
from models.aim_config import AimConfig
from pipeline.evaluate.cross_validation import folds_by_task
from pipeline.score.calibration_folds import calibrate
from pipeline.score.trained_model import TrainedModel
from pipeline.settings.recipes import TrainConfig
from pipeline.systems import (
    FoldPredictions,
    InnerSplit,
    Predictions,
    Selected,
    Training,
    join_tasks,
    predict_inner,
    predict_rows,
    run_training,
)
from pipeline.systems.regressors import REGRESSIONS
from pipeline.train.features import FeatureSet
from tests.helpers.made_features import made_features


def in_two_tasks(features: FeatureSet, second: int) -> FeatureSet:
    records = [replace(one, task="b" if row < second else "a") for row, one in enumerate(features.records)]
    return replace(features, records=tuple(records))


def test_inner_predictions_are_those_that_a_row_of_an_evaluation_reads() -> None:
    features = in_two_tasks(made_features(24, channels=3, scene=4), 10)
    (fold, *_) = join_tasks(features, folds_by_task(features, kfold(features.records, k=3)), InnerSplit())
    read, lists = list[Predictions](), list[int]()

    class Row(Selected):
        def read(self, fold: FoldPredictions) -> Predictions:
            read.extend(fold.inside(self.candidates[0]))
            return super().read(fold)

    def run(wanted: Sequence[Training]) -> list[Predictions]:
        lists.append(len(wanted))
        return [run_training(features, one) for one in wanted]

    ridge, nearest = REGRESSIONS[0], REGRESSIONS[3]
    predict_rows(features, [fold], [Row("row", (ridge, nearest))], run)
    lists.clear()
    held_out = predict_inner(features, fold, (ridge, nearest), run)
    assert len(lists) == 1, "one list of trainings"
    assert len(read) == len(fold.inner) > 1
    for one, other in zip(read, held_out.inside(ridge), strict=True):
        assert np.array_equal(one.score, other.score)


def test_a_calibration_counts_all_tasks_as_one() -> None:
    """A task that one fold holds out whole gets predictions too."""
    features = in_two_tasks(made_features(12, channels=3, scene=4), 1)
    recipe = TrainConfig(networks=2, epochs=2, switch_epochs=(2,), learning_rates=(1e-3,))
    model = TrainedModel.fit(
        features, recipe, AimConfig(system="aim", width=4, regression_width=4), systems=REGRESSIONS[:1]
    )
    made, combination = calibrate(features, model, folds=3, systems=REGRESSIONS[:1])
    assert np.isfinite(made.predicted).all()
    assert combination.regressions == model.combination.regressions
    one_task = replace(features, records=tuple(replace(record, task="") for record in features.records))
    again = calibrate(one_task, model, folds=3, systems=REGRESSIONS[:1])[0]
    assert np.array_equal(again.networks.mean(again.networks.output(features).score),
                          made.networks.mean(made.networks.output(features).score))  # fmt: skip
