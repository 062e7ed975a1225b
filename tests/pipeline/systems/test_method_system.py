"""The methods as systems: what they find, no test label read, the same bits again, resumed, and chosen by name."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.method_comparison import cue_features
from data.errors import Cancelled, UsageError
from data.splits import Fold, kfold
from data.video import Labels
from models.aim_config import AimConfig
from models.metrics import spearman
from pipeline.evaluate.cross_validation import evaluate, make_parts
from pipeline.evaluate.leaderboard import all_systems, chosen_systems
from pipeline.evaluate.spread import Job, run_job
from pipeline.features import FeatureSet
from pipeline.recipes import fast
from pipeline.systems import METHODS, MethodSystem, Part, WithEpochs, method_systems
from pipeline.systems.interface import errors_and_deviations
from pipeline.systems.method_system import EPOCHS, JudgesRule, _partners, _voters, has_judges, judges_of
from pipeline.systems.selection import CHOSEN, ORACLE
from pipeline.train.normalise import label_table
from pipeline.train.stack import Member

TRAIN, TEST = np.arange(60), np.arange(60, 90)
PART = Part("", "fixed", TRAIN, TEST)


@pytest.fixture(scope="module")
def judged() -> FeatureSet:
    """Scores with judges and a difficulty, found by every method as far as the difficulty is not needed."""
    return cue_features("difficulty", 90)


def method(features: FeatureSet, name: str, **settings: Any) -> MethodSystem:
    config = fast(**{"runs": 1, "epochs": 3, "scene_gain": 1.0, **settings})
    system = next(system for system in method_systems(features, config) if system.name == name)
    return replace(system, model=replace(system.model, width=32))


def rho(features: FeatureSet, system: MethodSystem) -> float:
    score = system.held_out(features, [PART]).score[0].mean(0)
    return spearman(score, label_table(features.records)[TEST, 0])


@pytest.mark.parametrize("name", METHODS)
def test_each_method_finds_a_level_that_shows_the_score(name: str, judged: FeatureSet) -> None:
    features = judged if name == "MUSDL" else cue_features("level", 90)
    assert rho(features, method(features, name, epochs=EPOCHS)) > 0.8


def test_what_order_and_difficulty_need(judged: FeatureSet) -> None:
    time = cue_features("time", 90)
    reached = {name: rho(time, method(time, name, epochs=EPOCHS)) for name in ("USDL", "Transformer over steps")}
    assert reached["Transformer over steps"] > 0.6
    assert reached["USDL"] < 0.4, "the mean over the steps is the same for all"
    true = label_table(judged.records)[TEST, 0]
    scores = {name: method(judged, name, epochs=EPOCHS).held_out(judged, [PART]).score[0] for name in ("USDL", "MUSDL")}
    error = {name: np.abs(score[0] - true).mean() for name, score in scores.items()}
    assert error["MUSDL"] < 0.8 * error["USDL"], "the difficulty is in no feature"


def test_the_deviation_of_rica2_widens_with_the_noise_of_the_scores() -> None:
    from benchmarks.method_comparison import planted_cue

    features, noisy = cue_features("noise", 170), planted_cue("noise", 170).noisy
    part = Part("noise", "fixed", np.arange(110), np.arange(110, 170))
    deviation = method(features, "RICA2", epochs=EPOCHS).held_out(features, [part]).deviation[0].mean(0)
    assert deviation[noisy[110:]].mean() > 1.2 * deviation[~noisy[110:]].mean()
    result = evaluate(features, kfold(features.records, k=2), [method(features, "RICA2")], draws=0)["systems"]["RICA2"]
    plain = result["uncertainty"]["noise"]
    assert set(plain) == {"spearman", "within90", "mean", "calibrated90", "factor"}
    assert plain["factor"] is None, "nothing was held out inside the training part"


def test_inner_validation_calibrates_the_intervals_of_rica2(judged: FeatureSet) -> None:
    system, folds = WithEpochs(method(judged, "RICA2", epochs=40)), [Fold("fixed", judged.ids[:60], judged.ids[60:])]
    shown = evaluate(judged, folds, [system], draws=0)["systems"]["RICA2"]["uncertainty"]["difficulty"]
    held = system.held_out(judged, [PART])
    rows, ratios = held.inside[0]
    assert sorted(rows) == list(TRAIN), "the test part decides nothing"
    assert shown["factor"] == pytest.approx(np.sort(ratios)[54]), "of 61 with the new one, 90 % are 55"
    error, deviation = errors_and_deviations(held, 0, label_table(judged.records)[TEST, 0])
    assert shown["calibrated90"] == pytest.approx((error <= shown["factor"] * deviation).mean())
    assert shown["within90"] < 0.75 < shown["calibrated90"]


@pytest.mark.parametrize("name", METHODS)
def test_the_same_bits_again_and_no_score_of_the_test_part_is_read(name: str, judged: FeatureSet) -> None:
    system = method(judged, name, runs=2)
    once = run_job(judged, Job(name, system, (PART,)), 1)
    records = list(judged.records)
    for row in TEST:
        labels = records[row].labels
        assert labels is not None
        records[row] = replace(records[row], labels=replace(labels, score=-1e6, judges=(0.0,) * 5))
    blind = replace(judged, records=tuple(records))
    again = run_job(blind, Job(name, pickle.loads(pickle.dumps(system)), (PART,)), 2)
    assert np.array_equal(once.score[0], again.score[0])
    assert once.score[0].shape == (2, len(TEST))
    assert not np.array_equal(once.score[0][0], once.score[0][1])


def test_parts_with_the_same_training_rows_train_once_and_change_nothing(judged: FeatureSet) -> None:
    system = replace(method(judged, "CoRe"), watch=(1, 3))
    halves = [replace(PART, test=TEST[:10], fold="a"), replace(PART, test=TEST[10:], fold="b")]
    assert system.cost(halves) == system.cost([PART])
    whole, split = system.held_out(judged, [PART]), system.held_out(judged, halves)
    assert np.array_equal(np.concatenate(split.by_epoch, axis=-1), whole.by_epoch[0])
    assert np.array_equal(whole.by_epoch[0][-1], whole.score[0])
    assert split.losses.shape == whole.losses.shape


def test_exemplars_come_from_the_training_part_and_share_the_difficulty() -> None:
    members = [Member(run, 0, np.arange(6), seed) for run, seed in enumerate((3, 4))]
    train, test = np.array([1.0, 1, 2, 2, 2, 3]), np.array([1.0, 2, 9, np.nan])
    voters = _voters(train, test, members, 4).numpy()
    assert voters.shape == (2, 4, 4)
    for member in voters:
        assert set(member[0]) == {0, 1}
        assert set(member[1]) == {2, 3, 4}
        assert len(set(member[2])) == len(set(member[3])) == 4, "no exemplar of this difficulty: any"
    partners = _partners(train, np.random.Generator(np.random.SFC64(0)))
    assert (partners != np.arange(6)).all()
    assert (train[partners[:5]] == train[:5]).all()


def test_the_rule_of_the_judges_is_found() -> None:
    rng = np.random.default_rng(0)
    judges, difficulty = rng.uniform(0, 10, (40, 5)), rng.choice([1.5, 3.0], 40)
    middle = difficulty * np.sort(judges, axis=1)[:, 1:-1].sum(1)
    rule = JudgesRule.fit(judges, difficulty, middle)
    assert (rule.dropped, rule.divided) == (1, False)
    assert (rule.factor, rule.constant) == (pytest.approx(1), pytest.approx(0, abs=1e-6))
    assert rule(np.arange(10.0).reshape(1, 2, 5), np.array(2.0)) == pytest.approx(np.array([[12.0, 42.0]]))
    assert JudgesRule.fit(judges, np.ones(40), judges.sum(1)).dropped == 0
    assert JudgesRule.fit(judges, difficulty, middle / difficulty).divided


def test_panels_of_different_sizes_are_reduced_to_the_middle_judges(judged: FeatureSet) -> None:
    panels = ((9.0, 1.0, 5.0, 6.0, 7.0), (8.0, 2.0, 3.0), ())
    records = tuple(replace(r, labels=Labels(1.0, judges=p)) for r, p in zip(judged.records, panels, strict=False))
    some = replace(judged.take(np.arange(3)), records=records)
    assert np.array_equal(judges_of(some), [[5, 6, 7], [2, 3, 8], [np.nan] * 3], equal_nan=True)
    assert not has_judges(some)
    assert has_judges(some.take(np.arange(2)))


def test_musdl_learns_from_the_performances_that_have_judges(judged: FeatureSet) -> None:
    records = list(judged.records)
    for row in (0, 1):
        labels = records[row].labels
        assert labels is not None
        records[row] = replace(records[row], labels=replace(labels, judges=()))
    some = replace(judged, records=tuple(records))
    assert has_judges(some)
    fewer = Part("", "fixed", TRAIN[2:], TEST)
    scores = [method(judged, "MUSDL").held_out(*given).score[0] for given in ((some, [PART]), (judged, [fewer]))]
    assert np.array_equal(*scores)


def test_finished_folds_are_not_trained_again(judged: FeatureSet, tmp_path: Path) -> None:
    system = replace(method(judged, "GDLT"), checkpoints=tmp_path)
    other = Part("", "second", TRAIN[:40], TEST)
    calls = []

    def second_epoch() -> bool:
        calls.append(0)
        return len(calls) > 4  # three epochs of the first fold, then one of the second

    with pytest.raises(Cancelled):
        run_job(judged, Job("GDLT", system, (PART, other)), 1, stop=second_epoch)
    assert len(list(tmp_path.iterdir())) == 1
    steps: list[int] = []
    done = run_job(judged, Job("GDLT", system, (PART, other)), 1, stop=lambda: bool(steps.append(1)))
    assert len(steps) == 3, "only the second fold trains"
    assert all(map(np.array_equal, done.score, replace(system, checkpoints=None).held_out(judged, [PART, other]).score))
    shown: list[tuple[int, int]] = []
    system.held_out(judged, [PART, other], progress=lambda *steps: shown.append(steps))
    assert shown[-1][0] == shown[-1][1], "progress counts what was read from checkpoints"


def test_epochs_are_chosen_inside_the_training_part(judged: FeatureSet) -> None:
    ours = method(judged, "USDL", epochs=20)
    folds = kfold(judged.records, k=4)
    results = evaluate(judged, folds, [WithEpochs(ours, oracle=True)], draws=0)["systems"]
    assert list(results) == ["USDL", f"USDL, {CHOSEN}", f"USDL, {ORACLE}"]
    value = {
        name: result["tasks"]["difficulty"]["over_folds"]["arithmetic"]["value"] for name, result in results.items()
    }
    assert value[f"USDL, {ORACLE}"] >= max(value.values()) - 1e-9
    part = make_parts(judged, folds)[0]
    alone = replace(ours, watch=(20,)).held_out(judged, [part]).score[0]
    whole = WithEpochs(ours).held_out(judged, [part])
    assert np.array_equal(whole.score[0], alone)
    assert whole.by_epoch[0].shape == (20, 1, len(part.test))


def test_systems_are_chosen_by_name(judged: FeatureSet) -> None:
    systems = list(all_systems(judged, AimConfig(width=4), fast()).values())
    baselines = {system.name for system in systems if system.baseline}

    def names(asked: str) -> set[str]:
        return {system.name for system in chosen_systems(asked, systems)} - baselines

    assert names("methods") == set(METHODS)
    assert names("usdl, CORE") == {"USDL", "CoRe"}
    assert "AIM (ours)" in names("aim")
    with pytest.raises(UsageError, match="no system is named 'gtld'"):
        names("gtld")
    plain = tuple(replace(record, labels=Labels(score=1.0)) for record in judged.records)
    with pytest.raises(UsageError, match="cannot feed MUSDL"):
        chosen_systems("musdl", list(all_systems(replace(judged, records=plain), AimConfig(width=4), fast()).values()))
