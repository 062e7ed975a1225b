"""Intervals reach their coverage on exchangeable data; distances find performances unlike the training part."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binom

from data.errors import DataError
from data.video import Labels
from models.aim_config import AimConfig
from pipeline.checks.novelty import BLOCKS
from pipeline.checks.prediction_intervals import LEVELS
from pipeline.evaluate import rank_agreement
from pipeline.report.evaluation_section import section_of_training_folds
from pipeline.score.calibration_folds import calibrate
from pipeline.score.model_card import model_card
from pipeline.score.trained_model import TrainedModel
from pipeline.settings.train_config import TrainConfig
from pipeline.systems import AimSystem
from pipeline.systems.regressors import FOR_KNOWN_PEOPLE
from pipeline.train import TrainingControl
from pipeline.train.normalise import label_table
from tests.helpers.made_features import made_features, with_records
from tests.helpers.world import TRAINED

RECIPE = TrainConfig(networks=2, epochs=2)
NETWORK = AimConfig(width=4, regression_width=4)


@pytest.fixture
def calibration(world):
    """That of the planted model."""
    assert world.planted_bundle.calibration is not None
    return world.planted_bundle.calibration


@pytest.fixture
def new(world):
    """Planted performances that the model was not trained on."""
    return world.planted.take(range(TRAINED, 300))


@pytest.fixture(scope="module")
def quick(world):
    """A network of little training on the first 24 planted performances."""
    return TrainedModel.fit(world.planted.take(range(24)), RECIPE, NETWORK)


def grouped(features, **groups):
    """The features with these groups; `{pair}` is the number of a pair of performances."""
    return with_records(
        features, lambda _, row: {"groups": {kind: name.format(pair=row // 2) for kind, name in groups.items()}}
    )


def test_intervals_cover_new_performances(calibration, world, new):
    truth = label_table(new.records)[:, 0]
    intervals = calibration.intervals(new, world.planted_bundle.predict(new).score)
    for level in LEVELS:
        ends = intervals[level]
        covered = ((ends[:, 0] <= truth) & (truth <= ends[:, 1])).mean()
        # Calibration (48) and test part (252) both vary (beta-binomial): three deviations of both are allowed.
        assert covered > level - 3 * np.sqrt(level * (1 - level) * (1 / 252 + 1 / 50))
    assert np.all(intervals[0.95][:, 0] <= intervals[0.80][:, 0])  # type: ignore[index]


def test_an_interval_holds_its_score(calibration, new):
    """No label is negative, so no end is; where one is, ends may be."""
    far, below = np.array([1e6, -1e6]), replace(calibration, truth=calibration.truth - 1000)
    for lowest, given in ((0.0, calibration), (-np.inf, below)):
        for ends in given.intervals(new.take([0, 1]), far).values():
            assert np.all((ends[:, 0] <= np.maximum(far, lowest)) & (far <= ends[:, 1]))
            assert (ends.min() == 0) == (lowest == 0)


def test_held_out_means_held_out(world, quick):
    """Every fold is tested once, tied performances stay together, no fold saw its own labels, the seed draws folds."""
    tied = grouped(world.planted, trial="{pair}")
    pairs = calibrate(tied, quick, folds=3)[0]
    assert pairs.groups == 12
    assert sorted(np.unique(pairs.fold)) == [0, 1, 2]
    assert np.all(pairs.fold[::2] == pairs.fold[1::2])
    first = np.r_[pairs.fold == 0, np.zeros(276, bool)]
    spoiled = with_records(tied, lambda r, row: {"labels": Labels(99.0)} if first[row] else {})
    first, other = first[:24], calibrate(spoiled, quick, folds=3)[0]
    assert np.array_equal(other.predicted[first], pairs.predicted[first])
    assert not np.array_equal(other.predicted[~first], pairs.predicted[~first])
    seeded = replace(quick, recipe=RECIPE.model_copy(update={"seed": 7}))
    assert np.array_equal(calibrate(tied, seeded, folds=3)[0].fold, pairs.fold), "not the seed of the networks"
    assert not np.array_equal(calibrate(tied, quick, folds=3, seed=2)[0].fold, pairs.fold)
    with pytest.raises(DataError, match="tied together"):
        calibrate(grouped(world.planted, group="one"), quick, folds=3)


def test_distances_find_what_is_unlike_whatever_the_batch(calibration, new):
    ratios = calibration.novelty.ratios(new)
    assert np.mean(np.array([ratio for ratio, _ in ratios]) > 1) <= binom.ppf(0.975, 252, 1 / 49) / 252
    assert ratios[:3] == [calibration.novelty.ratios(new.take([i]))[0] for i in range(3)]
    shifted = {
        "the whole picture": replace(new, scene=new.scene + 12),
        "the primary agent": replace(new, primary=new.primary * 8),
        "length and visibility": replace(new, duration=new.duration * 5),
    }
    for block, odd in shifted.items():
        ratios = calibration.novelty.ratios(odd)
        assert all(ratio > 1 for ratio, _ in ratios), block
        assert {name for _, name in ratios} == {block}
        assert block in BLOCKS


@pytest.mark.parametrize("count", [2, 3, 5])
def test_tiny_training_parts(world, count):
    small = TrainedModel.fit(world.planted.take(range(count)), RECIPE, NETWORK)
    intervals = calibrate(world.planted, small, folds=5)[0].intervals(world.planted.take([9]))
    assert (intervals[0.8] is None, intervals[0.95] is None) == (count < 4, True)


def test_heads_keep_their_held_out_predictions_and_one_without_labels_has_no_accuracy():
    made = made_features(24, channels=3, scene=4)
    features = with_records(made, lambda r, _: {"labels": replace(r.labels, synchronisation=None)})
    run = TrainedModel.fit(features, RECIPE, replace(NETWORK, multi_task=True))
    accuracies = calibrate(features, run, folds=3)[0].head_accuracies
    assert {name: accuracy.performances for name, accuracy in accuracies.items()} == {"execution": 24}


def test_users_who_are_held_out_whole_are_counted_and_their_videos_ranked(calibration, world):
    """A group of several performances is not a performance: the page ranks what the card ranks."""
    facts = replace(calibration.facts, unsplit=(*calibration.facts.unsplit, "subject"))
    users = replace(calibration, facts=facts, group=calibration.fold * 2 + np.arange(TRAINED) % 2)
    assert str(users.accuracy).count("on 8 held-out training users") == 1
    assert users.accuracy.rho == calibration.accuracy.rho
    page = section_of_training_folds(users, world.planted_bundle.train_ids)
    assert (page.rho.value, page.rho_about) == (users.accuracy.rho, "8 held-out training users in 4 folds")
    assert page.rho.interval == rank_agreement([users], "groups").interval
    assert page.rho.interval != rank_agreement([users], "folds").interval, "folds are not users"


def test_the_name_of_a_data_set_is_escaped_in_the_card(world):
    bare = replace(world.planted_bundle, calibration=None, not_calibrated="too few")
    card = model_card(bare, world.planted, "made`*_", "folder", "0" * 64)
    assert "# Model card: made\\`\\*\\_" in card
    assert "no intervals: too few" in card


def test_a_network_predicts_in_an_evaluation_as_in_a_model(world, quick):
    train = world.planted.take(range(24))
    evaluated = AimSystem("AIM", NETWORK, RECIPE).fit(train, None, TrainingControl())(world.planted)
    assert np.array_equal(evaluated.score, quick.predict(world.planted).members)
    alone = quick.predict(world.planted.take([30])).members
    assert np.array_equal(evaluated.score[:, [30]], alone), "not by the other performances"


def test_a_calibration_counts_all_tasks_as_one():
    """A task that one fold holds out whole gets predictions too."""
    features, systems = made_features(12, channels=3, scene=4), FOR_KNOWN_PEOPLE[:1]
    tasks, one_task = (
        with_records(features, lambda _, row, names=names: {"task": names[row > 0]}) for names in ("ba", ("", ""))
    )
    model = TrainedModel.fit(tasks, RECIPE, NETWORK, systems=systems)
    made, combination = calibrate(tasks, model, folds=3, systems=systems)
    assert np.isfinite(made.predicted).all()
    assert combination.regressions == model.combination.regressions
    again = calibrate(one_task, model, folds=3, systems=systems)[0]
    first, second = (one.networks.mean(one.networks.output(features).score) for one in (made, again))
    assert np.array_equal(first, second)
