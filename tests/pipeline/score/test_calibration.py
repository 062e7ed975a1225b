"""Intervals reach their coverage on exchangeable data; distances find performances unlike the training part."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from data.errors import DataError
from models.aim_config import AimConfig
from pipeline.checks.novelty import BLOCKS
from pipeline.checks.prediction_intervals import LEVELS, binomial_range
from pipeline.evaluate import rank_agreement
from pipeline.report.evaluation_section import section_of_training_folds
from pipeline.score.calibration import Calibration
from pipeline.score.calibration_folds import calibrate
from pipeline.score.model_card import model_card
from pipeline.score.trained_model import TrainedModel
from pipeline.settings.recipes import TrainConfig
from pipeline.train.feature_set import FeatureSet
from pipeline.train.normalise import label_table
from tests.helpers.made_features import made_features

RECIPE = TrainConfig(networks=2, epochs=30, switch_epochs=(15, 25, 30))
MODEL = AimConfig(width=12, regression_width=8, identity_start=True, difference="absolute")


@pytest.fixture(scope="module")
def features() -> FeatureSet:
    return made_features(240, channels=6, scene=8, noise=1.0)


@pytest.fixture(scope="module")
def run(features: FeatureSet) -> TrainedModel:
    return TrainedModel.fit(features, RECIPE, MODEL, rows=range(40))


@pytest.fixture(scope="module")
def calibration(features: FeatureSet, run: TrainedModel) -> Calibration:
    return calibrate(features, run, folds=5)[0]


def test_the_seed_of_the_split_draws_the_folds(features: FeatureSet, run: TrainedModel) -> None:
    def folds(model: TrainedModel, seed: int) -> np.ndarray:
        return calibrate(features, model, folds=3, seed=seed)[0].fold

    other = replace(run, recipe=RECIPE.model_copy(update={"seed": 7}))
    assert np.array_equal(folds(run, 1), folds(other, 1)), "not that of the networks"
    assert not np.array_equal(folds(run, 1), folds(run, 2))


def test_intervals_of_the_network_cover(calibration: Calibration, features: FeatureSet, run: TrainedModel) -> None:
    new = features.take(range(40, 240))
    truth = label_table(new.records)[:, 0]
    intervals = calibration.intervals(new)
    for level in LEVELS:
        ends = intervals[level]
        assert ends is not None
        covered = ((ends[:, 0] <= truth) & (truth <= ends[:, 1])).mean()
        # Calibration (40) and test part (200) both vary (beta-binomial): three deviations of both are allowed.
        error = np.sqrt(level * (1 - level) * (1 / 200 + 1 / 42))
        assert covered > level - 3 * error
    assert np.all(intervals[0.95][:, 0] <= intervals[0.80][:, 0])  # type: ignore[index]


def test_an_interval_holds_its_score(calibration: Calibration, features: FeatureSet) -> None:
    far, lowest = np.array([1e6, -1e6]), np.array([1e6, 0.0])  # no label is negative, so no end is
    for ends in calibration.intervals(features.take([50, 51]), far).values():
        assert ends is not None
        assert np.all((ends[:, 0] <= lowest) & (far <= ends[:, 1]))
        assert ends.min() == 0


def test_held_out_means_held_out(calibration: Calibration, features: FeatureSet, run: TrainedModel) -> None:
    """Every fold is tested once, tied performances stay together, and no fold saw its own labels."""
    assert sorted(np.unique(calibration.fold)) == list(range(5))
    tied = replace(
        features,
        records=tuple(replace(r, groups={"trial": str(i // 2)}) for i, r in enumerate(features.records)),
    )
    pairs = calibrate(tied, run, folds=3)[0]
    assert pairs.groups == 20
    assert np.all(pairs.fold[::2] == pairs.fold[1::2])
    first = pairs.fold == 0
    records = tuple(
        replace(r, labels=replace(r.labels, score=99.0)) if i < 40 and first[i] and r.labels else r
        for i, r in enumerate(tied.records)
    )
    other = calibrate(replace(tied, records=records), run, folds=3)[0]
    assert np.array_equal(other.predicted[first], pairs.predicted[first])
    assert not np.array_equal(other.predicted[~first], pairs.predicted[~first])


def test_saved_and_loaded_is_the_same(
    calibration: Calibration, features: FeatureSet, run: TrainedModel, tmp_path: Path
) -> None:
    replace(run, calibration=calibration).save(tmp_path)
    loaded, new = TrainedModel.load(tmp_path).calibration, features.take([100, 101])
    assert loaded is not None
    for level, ends in calibration.intervals(new).items():
        assert ends is not None
        assert ends.tobytes() == loaded.intervals(new)[level].tobytes()  # type: ignore[union-attr]
    assert loaded.novelty.ratios(new) == calibration.novelty.ratios(new)
    assert loaded.facts == calibration.facts
    run.save(tmp_path)
    assert TrainedModel.load(tmp_path).calibration is None


def test_distances_find_what_is_unlike(calibration: Calibration, features: FeatureSet) -> None:
    new = features.take(range(40, 240))
    plain = [ratio for ratio, _ in calibration.novelty.ratios(new)]
    assert np.mean(np.array(plain) > 1) <= binomial_range(200, 1 / 41)[1] / 200
    shifted = {
        "the scene": replace(new, scene=new.scene + 12),
        "the primary agent": replace(new, primary=new.primary * 8),
        "length and visibility": replace(new, duration=new.duration * 5),
    }
    for block, odd in shifted.items():
        ratios = calibration.novelty.ratios(odd)
        assert all(ratio > 1 for ratio, _ in ratios), block
        assert {name for _, name in ratios} == {block}
        assert block in BLOCKS


def test_a_distance_does_not_depend_on_the_batch(calibration: Calibration, features: FeatureSet) -> None:
    together = calibration.novelty.ratios(features.take(range(100, 110)))
    assert together == [calibration.novelty.ratios(features.take([i]))[0] for i in range(100, 110)]


@pytest.mark.parametrize("count", [2, 3, 5])
def test_tiny_training_parts(features: FeatureSet, count: int) -> None:
    small = TrainedModel.fit(features, RECIPE.model_copy(update={"epochs": 2}), MODEL, rows=range(count))
    intervals = calibrate(features, small, folds=5)[0].intervals(features.take([9]))
    assert (intervals[0.8] is None, intervals[0.95] is None) == (count < 4, True)


def test_all_tied_is_one_message(features: FeatureSet, run: TrainedModel) -> None:
    tied = replace(features, records=tuple(replace(r, groups={"group": "one"}) for r in features.records))
    with pytest.raises(DataError, match="tied together"):
        calibrate(tied, run, folds=5)


def test_the_card_says_what_was_measured(calibration: Calibration, features: FeatureSet, run: TrainedModel) -> None:
    content = replace(run, calibration=calibration)
    card = model_card(content, features, "made`*_", "folder")
    assert card == model_card(content, features, "made`*_", "folder")
    for text in ("40 labelled performances", "5 folds", "Spearman's rho", "80 % intervals reach", "## Limits"):
        assert text in card
    assert "# Model card: made\\`\\*\\_" in card
    assert "none: too few" in model_card(replace(run, not_calibrated="too few"), features, "made`*_", "folder")


def test_users_who_are_held_out_whole_are_counted_and_their_videos_ranked(
    calibration: Calibration, run: TrainedModel
) -> None:
    """A group of several performances is no performance: the page ranks what the card ranks."""
    facts = replace(calibration.facts, unsplit=(*calibration.facts.unsplit, "subject"))
    users = replace(calibration, facts=facts, group=calibration.fold * 2 + np.arange(40) % 2)
    assert str(users.accuracy).count("(10 held-out users)") == 1
    assert users.accuracy.rho == calibration.accuracy.rho
    headline = section_of_training_folds(users, run.train_ids).headline
    assert headline is not None
    assert (headline.value, headline.about) == (users.accuracy.rho, "10 held-out users in 5 folds")
    assert headline.interval == rank_agreement([users], "groups").interval
    assert headline.interval != rank_agreement([users], "folds").interval, "folds are no users"
