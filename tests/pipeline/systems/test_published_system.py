"""The methods as systems: what they learn, equal bits, watched epochs, and choice by name."""

import pickle
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.method_comparison import cue_features
from data.errors import Cancelled, UsageError
from data.video import Labels
from models.aim_config import AimConfig
from models.metrics import spearman
from pipeline.evaluate.leaderboard import all_systems, chosen_systems
from pipeline.folds import Training, TrainingRunner, chosen_epoch, fit_predict, last_epoch, watching
from pipeline.folds.rows import CHOSEN
from pipeline.settings.train_config import TrainConfig
from pipeline.systems import PUBLISHED_ROWS, PublishedSystem, published_systems
from pipeline.systems.published_system import EPOCHS, JudgesRule, _partners, _voters, has_judges, judges_of
from pipeline.train.normalise import label_table
from pipeline.train.stack_training import Member
from tests.helpers.folds import predict_part

TRAIN, TEST = np.arange(60), np.arange(60, 90)
PART = TRAIN, TEST


@pytest.fixture(scope="module")
def judged():
    """Performances with judges' scores, whose difficulty no feature shows."""
    return cue_features("difficulty", 90)


def method(features, name, **settings):
    config = TrainConfig(**{"networks": 1, "epochs": 3, "scene_gain": 1.0, **settings})
    system = next(system for system in published_systems(features, config) if system.name == name)
    return replace(system, model=replace(system.model, width=32))


def rho(features, system):
    score = predict_part(system, features, *PART).score.mean(0)
    return spearman(score, label_table(features.records)[TEST, 0])


@pytest.mark.parametrize("name", PUBLISHED_ROWS)
def test_each_method_finds_a_level_that_shows_the_score(name, judged):
    features = judged if name == "MUSDL" else cue_features("level", 90)
    assert rho(features, method(features, name, epochs=EPOCHS)) > 0.8


def test_only_some_methods_learn_order_and_difficulty(judged):
    time = cue_features("time", 90)
    reached = {name: rho(time, method(time, name, epochs=EPOCHS)) for name in ("USDL", "Transformer over steps")}
    assert reached["Transformer over steps"] > 0.6
    assert reached["USDL"] < 0.4, "the mean over the steps is the same for all"
    true = label_table(judged.records)[TEST, 0]
    scores = {
        name: predict_part(method(judged, name, epochs=EPOCHS), judged, *PART).score for name in ("USDL", "MUSDL")
    }
    error = {name: np.abs(score[0] - true).mean() for name, score in scores.items()}
    assert error["MUSDL"] < 0.8 * error["USDL"], "the difficulty is in no feature"


@pytest.mark.parametrize("name", PUBLISHED_ROWS)
def test_the_same_bits_again(name, judged):
    system = method(judged, name, networks=2)
    training = Training(system, TRAIN, TEST)
    once = fit_predict(judged, training)
    (again,) = TrainingRunner()(judged, [pickle.loads(pickle.dumps(training))])
    assert np.array_equal(once.score, again.score)
    assert once.score.shape == (2, len(TEST))
    assert not np.array_equal(once.score[0], once.score[1])


def test_exemplars_come_from_the_training_part_and_share_the_difficulty(snapshot):
    """Any where none has this difficulty; nobody is a partner of itself."""
    members = [Member(number, 0, np.arange(6), seed) for number, seed in enumerate((3, 4))]
    train, test = np.array([1.0, 1, 2, 2, 2, 3]), np.array([1.0, 2, 9, np.nan])
    voters, partners = _voters(train, test, members, 4), _partners(train, np.random.Generator(np.random.SFC64(0)))
    assert [*map(str, voters.tolist()), str(partners)] == snapshot


def test_the_rule_of_the_judges_is_found():
    rng = np.random.default_rng(0)
    judges, difficulty = rng.uniform(0, 10, (40, 5)), rng.choice([1.5, 3.0], 40)
    middle = difficulty * np.sort(judges, axis=1)[:, 1:-1].sum(1)
    rule = JudgesRule.fit(judges, difficulty, middle)
    assert (rule.dropped, rule.divided) == (1, False)
    assert (rule.factor, rule.constant) == (pytest.approx(1), pytest.approx(0, abs=1e-6))
    assert rule(np.arange(10.0).reshape(1, 2, 5), np.array(2.0)) == pytest.approx(np.array([[12.0, 42.0]]))
    assert JudgesRule.fit(judges, np.ones(40), judges.sum(1)).dropped == 0
    assert JudgesRule.fit(judges, difficulty, middle / difficulty).divided


def test_panels_of_different_sizes_are_reduced_to_the_middle_judges(judged):
    panels = ((9.0, 1.0, 5.0, 6.0, 7.0), (8.0, 2.0, 3.0), ())
    records = tuple(replace(r, labels=Labels(1.0, judges=p)) for r, p in zip(judged.records, panels, strict=False))
    some = replace(judged.take(np.arange(3)), records=records)
    assert np.array_equal(judges_of(some), [[5, 6, 7], [2, 3, 8], [np.nan] * 3], equal_nan=True)
    assert not has_judges(some)
    assert has_judges(some.take(np.arange(2)))


def test_musdl_learns_from_the_performances_that_have_judges(judged):
    records = list(judged.records)
    for row in (0, 1):
        labels = records[row].labels
        assert labels is not None
        records[row] = replace(records[row], labels=replace(labels, judges=()))
    some = replace(judged, records=tuple(records))
    assert has_judges(some)
    fewer = TRAIN[2:], TEST
    scores = [predict_part(method(judged, "MUSDL"), *given).score for given in ((some, *PART), (judged, *fewer))]
    assert np.allclose(*scores, rtol=1e-4), "the rows are other ones, so sums may differ in their last digits"


def test_a_method_that_is_stopped_keeps_nothing(judged, tmp_path):
    with pytest.raises(Cancelled):
        predict_part(method(judged, "GDLT"), judged, *PART, tmp_path, stop=lambda: True)
    assert not list(tmp_path.glob("*.safetensors"))


def test_watched_epochs_end_with_the_result(judged):
    ours = watching(method(judged, "USDL", epochs=20))
    alone, whole = (predict_part(one, judged, *PART) for one in (replace(ours, watch=()), ours))
    assert np.array_equal(whole.score, alone.score)
    assert whole.by_epoch is not None
    assert whole.by_epoch.shape == (20, 1, len(TEST))
    assert np.array_equal(whole.by_epoch[-1], whole.score)


def test_systems_are_chosen_by_name(judged):
    systems = all_systems(judged, AimConfig(width=4), TrainConfig()).values()
    rows = [*map(last_epoch, systems), *(chosen_epoch(one) for one in systems if isinstance(one, PublishedSystem))]
    baselines = {system.name for system in systems if system.kind == "baseline"}

    def names(asked):
        return {system.name for system in chosen_systems(asked, rows)} - baselines

    assert names("methods") == {*PUBLISHED_ROWS, *(f"{name}, {CHOSEN}" for name in PUBLISHED_ROWS)}
    assert names("usdl, CORE") == {"USDL", "CoRe", f"USDL, {CHOSEN}", f"CoRe, {CHOSEN}"}
    assert "AIM (ours)" in names("aim")
    plain = tuple(replace(record, labels=Labels(score=1.0)) for record in judged.records)
    with pytest.raises(UsageError, match="are not enough for MUSDL"):
        chosen_systems(
            "musdl",
            [*map(last_epoch, all_systems(replace(judged, records=plain), AimConfig(width=4), TrainConfig()).values())],
        )
