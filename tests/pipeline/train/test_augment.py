"""Copies for training: what they contain, and that no network learns from a copy of a held-out performance."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from data.errors import DataError, UsageError
from data.splits import kfold
from data.store import Array, StageOutput
from data.video import Labels, Record
from models.aim_config import AimConfig
from pipeline.folds import folds_of
from pipeline.score.trained_model import TrainedModel
from pipeline.settings.train_config import TrainConfig
from pipeline.systems.aim_system import AimSystem
from pipeline.train.augment import training_set, with_exchanged
from pipeline.train.feature_set import ARRAYS, feature_set, one_per_trial
from tests.helpers.folds import predict_folds
from tests.helpers.made_features import made_features, with_records

TINY = AimConfig(width=12, regression_width=6, multi_task=True, feature_dropout=0.1)
COPIES = TrainConfig(networks=1, epochs=3, exchange_copies=True)
BODY = (
    "place.vx.mean",
    "body.left_wrist.x.mean",
    "body.left_wrist.y.mean",
    "body.right_wrist.x.mean",
    "body.right_wrist.y.mean",
    "body.right_wrist.x.std",
    "body.left_wrist.x.std",
)


@pytest.fixture(scope="module")
def features():
    made = made_features(40, channels=len(BODY), scene=9)
    return replace(made, names={"primary": BODY, "secondary": BODY})


def test_exchanged_copies_swap_the_agents_and_their_descriptors():
    made = made_features(6, channels=4, scene=3, trial=3)
    features = replace(made, names={**made.names, "trial": ("log_s", "primary.jerk", "secondary.jerk")})
    more = with_exchanged(features)
    assert np.array_equal(more.primary[6:], features.secondary[:, :, 0])
    assert np.array_equal(more.secondary[6:, :, 0], features.primary)
    assert np.array_equal(more.secondary_mask[6:, :, 0], features.primary_mask)
    assert np.array_equal(more.trial[6:], features.trial[:, [0, 2, 1]])
    assert np.array_equal(more.primary[:6], features.primary)
    assert np.array_equal(with_exchanged(more).primary[12:18], more.secondary[:6, :, 0])
    with pytest.raises(UsageError, match=r"no exchanged copies: .*\. Add --set train.exchange_copies=false"):
        with_exchanged(made_features(6, agents=2))


@pytest.mark.parametrize("exchange", [False, True])
def test_rows_of_copies_are_those_of_the_training_part(features, exchange):
    config = TrainConfig(exchange_copies=exchange)
    learning = training_set(features, config)
    more, rows = learning.features, learning.rows(np.array([3, 5]))
    assert len(more) == len(features) * (1 + exchange)
    assert len(rows) == 2 * (1 + exchange)
    assert {more.ids[row] for row in rows} == {features.ids[3], features.ids[5]}
    assert len({more.primary[row].tobytes() + more.secondary[row].tobytes() for row in rows}) == len(rows)


def two_views(features):
    """Two views of every performance, whose scenes differ; each performance is a trial."""
    first, second = (
        with_records(features, lambda r, _, view=view: {"id": f"{r.id}-{view}", "groups": {**r.groups, "trial": r.id}})
        for view in (0, 1)
    )
    return first.followed_by(replace(second, scene=features.scene + 1))


def test_a_trial_in_two_views_is_trained_on_once(features):
    config, views = TrainConfig(networks=1, epochs=3), two_views(features)
    trials, became = one_per_trial(views)
    assert trials.ids == views.ids[:40]
    assert became.tolist() == [*range(40)] * 2
    assert np.allclose(trials.scene, features.scene + 0.5, atol=1e-5)
    learning = training_set(views, config)
    assert learning.features.ids[:80] == views.ids
    assert learning.rows(np.array([3, 5, 43, 45])).tolist() == [83, 85]
    run = TrainedModel.fit(views, config, TINY)
    alone = TrainedModel.fit(trials, config, TINY)
    assert run.train_ids == views.ids
    assert all(torch.equal(run.networks.state[name], alone.networks.state[name]) for name in alone.networks.state)


def test_views_with_agents_of_their_own_stay_apart(features):
    views = two_views(features)
    views.primary[41] += 1
    assert len(one_per_trial(views)[0]) == 41
    assert one_per_trial(features)[0] is features


def test_no_copy_of_a_held_out_performance_is_learnt(features):
    """With all copies, neither labels nor features of the test part change what a network learns."""
    (fold,) = folds_of(features, kfold(features.records, k=4)[:1])
    test, primary = {*fold.test}, features.primary.copy()
    primary[fold.test[1:]] = 1e6
    spoiled = with_records(features, lambda _, row: {"labels": Labels(1e6, -1e6, 7.0)} if row in test else {})
    system = AimSystem("AIM", TINY, COPIES)
    honest, other = (
        predict_folds(system, given, [fold])[0].score for given in (features, replace(spoiled, primary=primary))
    )
    assert np.array_equal(honest[:, 0], other[:, 0])
    assert not np.array_equal(honest[:, 1], other[:, 1])


def test_performances_of_another_kind_are_named():
    """Keypoint files in 2-D and in 3-D give other channels."""
    made, outputs = made_features(2, steps=4, channels=3, scene=4, trial=2), []
    for row in range(2):
        values = {name: np.asarray(getattr(made, name)[row]) for name in ARRAYS}
        outputs.append(StageOutput({name: Array(value, ("x",) * value.ndim, "") for name, value in values.items()}))
    assert feature_set(made.records, outputs, {}).ids == made.ids
    outputs[1].arrays["primary"] = Array(np.asarray(made.primary[1][:, :-1]), ("x", "x"), "")
    with pytest.raises(DataError, match=r"flat: 'primary' has shape \(4, 2\), others \(4, 3\).*2-D or in 3-D"):
        feature_set((made.records[0], Record("flat", None)), outputs, {})
