"""Copies for training: what they contain, and that no network learns from a copy of a held-out performance."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from data.errors import UsageError
from data.splits import kfold
from data.video.records import Labels
from models.aim_config import AimConfig
from pipeline.folds import folds_of
from pipeline.score.calibration_folds import calibrate
from pipeline.score.trained_model import TrainedModel
from pipeline.settings.recipes import TrainConfig
from pipeline.systems.aim_system import AimSystem
from pipeline.train.augment import training_set, with_exchanged, with_mirrored
from pipeline.train.feature_set import FeatureSet, one_per_trial
from tests.helpers.folds import predict_folds
from tests.helpers.made_features import made_features

TINY = AimConfig(width=12, regression_width=6, multi_task=True, feature_dropout=0.1)
BOTH = TrainConfig(networks=1, epochs=3, exchange_copies=True, mirror_copies=True)
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
def features() -> FeatureSet:
    made = made_features(40, channels=len(BODY), scene=9)
    return replace(made, names={"primary": BODY, "secondary": BODY})


def test_exchanged_copies_swap_the_agents_and_their_descriptors() -> None:
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


def test_training_on_exchanged_copies(features: FeatureSet) -> None:
    config = TrainConfig(networks=1, epochs=3, exchange_copies=True)
    run = TrainedModel.fit(features, config, TINY, rows=np.arange(10))
    assert run.train_ids == features.ids[:10]
    assert run.train_labels.shape == (10, 3)
    assert run.predict(features).score.shape == (40,)
    plain = TrainedModel.fit(features, TrainConfig(networks=1, epochs=3), TINY, rows=np.arange(10))
    assert not torch.equal(run.networks.state["encoder.weight"], plain.networks.state["encoder.weight"])


def test_mirrored_copies_swap_left_and_right(features: FeatureSet) -> None:
    more = with_mirrored(features)
    assert len(more) == 80
    assert more.ids == features.ids * 2
    assert np.array_equal(more.primary[:40], features.primary)
    mirrored = more.primary[40:]
    assert np.array_equal(mirrored[..., 0], -features.primary[..., 0])
    assert np.array_equal(mirrored[..., 1], -features.primary[..., 3])
    assert np.array_equal(mirrored[..., 2], features.primary[..., 4])
    assert np.array_equal(mirrored[..., 5], features.primary[..., 6])
    assert np.array_equal(more.scene[40:], features.scene)
    assert np.array_equal(with_mirrored(more.take(range(40, 80))).secondary[40:], features.secondary)


@pytest.mark.parametrize("names", [("left_x_m.mean",) * 7, ("cell.00.u.mean",) * 7, (), BODY[:3]])
def test_tools_and_cells_have_no_mirrored_copies(features: FeatureSet, names: tuple[str, ...]) -> None:
    with pytest.raises(UsageError, match=r"no mirrored copies: .*\. Add --set train.mirror_copies=false"):
        with_mirrored(replace(features, names={"primary": names, "secondary": BODY}))


@pytest.mark.parametrize("exchange", [False, True])
@pytest.mark.parametrize("mirror", [False, True])
def test_rows_of_copies_are_those_of_the_training_part(features: FeatureSet, exchange: bool, mirror: bool) -> None:
    config = TrainConfig(exchange_copies=exchange, mirror_copies=mirror)
    learning = training_set(features, config)
    more, rows = learning.features, learning.rows(np.array([3, 5]))
    assert len(more) == len(features) * (1 + exchange) * (1 + mirror)
    assert len(rows) == 2 * (1 + exchange) * (1 + mirror)
    assert {more.ids[row] for row in rows} == {features.ids[3], features.ids[5]}
    assert len({more.primary[row].tobytes() + more.secondary[row].tobytes() for row in rows}) == len(rows)


def two_views(features: FeatureSet) -> FeatureSet:
    """Two views of every performance, whose scenes differ; each performance is a trial."""
    views = []
    for view in (0, 1):
        records = tuple(replace(r, id=f"{r.id}-{view}", groups={**r.groups, "trial": r.id}) for r in features.records)
        views.append(replace(features, records=records, scene=features.scene + view))
    return views[0].followed_by(views[1])


def test_a_trial_in_two_views_is_trained_on_once(features: FeatureSet) -> None:
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


def test_views_with_agents_of_their_own_stay_apart(features: FeatureSet) -> None:
    views = two_views(features)
    views.primary[41] += 1
    assert len(one_per_trial(views)[0]) == 41
    assert one_per_trial(features)[0] is features


def test_no_copy_of_a_held_out_performance_is_learnt(features: FeatureSet) -> None:
    """With all copies, neither labels nor features of the test part change what a network learns."""
    (fold,) = folds_of(features, kfold(features.records, k=4)[:1])
    test = fold.test
    records, primary = list(features.records), features.primary.copy()
    for row in test:
        records[row] = replace(records[row], labels=Labels(1e6, -1e6, 7.0))
    primary[test[1:]] = 1e6
    system = AimSystem("AIM", TINY, BOTH)
    honest = predict_folds(system, features, [fold])[0].score
    other = predict_folds(system, replace(features, records=tuple(records), primary=primary), [fold])[0].score
    assert np.array_equal(honest[:, 0], other[:, 0])
    assert not np.array_equal(honest[:, 1], other[:, 1])


def test_calibration_learns_copies_of_the_other_folds_only(features: FeatureSet) -> None:
    run = TrainedModel.fit(features, BOTH, TINY)
    plain = replace(run, recipe=TrainConfig(networks=1, epochs=3))
    calibration = calibrate(features, run, folds=4)[0]
    assert calibration.predicted.shape == (40,)
    assert not np.array_equal(calibration.predicted, calibrate(features, plain, folds=4)[0].predicted)
    fold = calibration.fold
    records = tuple(
        replace(r, labels=Labels(r.labels.score + 100.0)) if fold[i] == 0 and r.labels and r.labels.score else r
        for i, r in enumerate(features.records)
    )
    spoiled = calibrate(replace(features, records=records), run, folds=4)[0]
    assert np.array_equal(spoiled.fold, fold)
    assert np.array_equal(spoiled.predicted[fold == 0], calibration.predicted[fold == 0])
    assert not np.array_equal(spoiled.predicted[fold == 1], calibration.predicted[fold == 1])
