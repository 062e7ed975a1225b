"""An evaluation, a model and its calibration predict alike."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from models.aim_config import AimConfig
from pipeline.score.calibration_folds import calibrate
from pipeline.score.trained_model import TrainedModel
from pipeline.settings.recipes import TrainConfig
from pipeline.systems import AimSystem
from pipeline.systems.regressors import FOR_KNOWN_PEOPLE
from pipeline.train import TrainingControl
from pipeline.train.feature_set import FeatureSet
from tests.helpers.made_features import made_features


def in_two_tasks(features: FeatureSet, second: int) -> FeatureSet:
    records = [replace(record, task="b" if row < second else "a") for row, record in enumerate(features.records)]
    return replace(features, records=tuple(records))


def test_a_network_predicts_in_an_evaluation_as_in_a_model() -> None:
    features = made_features(24, channels=3, scene=4)
    train, network = features.take(range(16)), AimConfig(width=4, regression_width=4)
    recipe = TrainConfig(networks=2, epochs=2, switch_epochs=(2,), learning_rates=(1e-3,))
    evaluated = AimSystem("AIM", network, recipe).fit(train, None, TrainingControl())(features)
    model = TrainedModel.fit(train, recipe, network)
    assert np.array_equal(evaluated.score, model.predict(features).members)
    alone = model.predict(features.take([20])).members
    assert np.array_equal(evaluated.score[:, [20]], alone), "not by the other performances"


def test_a_calibration_counts_all_tasks_as_one() -> None:
    """A task that one fold holds out whole gets predictions too."""
    features = in_two_tasks(made_features(12, channels=3, scene=4), 1)
    recipe = TrainConfig(networks=2, epochs=2, switch_epochs=(2,), learning_rates=(1e-3,))
    model = TrainedModel.fit(features, recipe, AimConfig(width=4, regression_width=4), systems=FOR_KNOWN_PEOPLE[:1])
    made, combination = calibrate(features, model, folds=3, systems=FOR_KNOWN_PEOPLE[:1])
    assert np.isfinite(made.predicted).all()
    assert combination.regressions == model.combination.regressions
    one_task = replace(features, records=tuple(replace(record, task="") for record in features.records))
    again = calibrate(one_task, model, folds=3, systems=FOR_KNOWN_PEOPLE[:1])[0]
    assert np.array_equal(again.networks.mean(again.networks.output(features).score),
                          made.networks.mean(made.networks.output(features).score))  # fmt: skip
