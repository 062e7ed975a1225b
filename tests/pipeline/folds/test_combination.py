"""The combination: which systems it averages, and what it finds in planted people."""

from dataclasses import replace

import numpy as np
import pytest

from data.splits import leave_one_out
from models.chance_test import InnerTest, chance_p
from pipeline.evaluate.cross_validation import Protocol, cross_validate
from pipeline.folds import COMBINED, combination, folds_of
from pipeline.folds.combination import CHANCE, NETWORK, Combination, InnerPredictions
from pipeline.systems.regressors import regressions_for
from pipeline.systems.system import SimpleSystem
from tests.helpers.folds import knowing, predict_folds
from tests.helpers.planted_people import people


def inner(values, true, size=10, **more):
    """Predictions (k, n) of systems a, b, ... in strata of `size` performances."""
    count = len(true)
    names = tuple("abcdefg"[: len(values)])
    strata, single, tasks = np.arange(count) // size, np.arange(count), np.full(count, "task")
    return InnerPredictions(names, values, true, tasks, strata, single, **{"users": 5, **more})


def test_one_stratum_has_the_rho_and_nearly_the_p_value_of_scipy():
    from scipy.stats import spearmanr

    rng = np.random.default_rng(0)
    true = rng.normal(size=40)
    for noise in (1.0, 3.0, 10.0):
        predicted = true + noise * rng.normal(size=40)
        (test,) = Combination.fit(inner(predicted[None], true, 40), new_people=False).tests.values()
        theirs = spearmanr(predicted, true, alternative="greater")
        assert test.rho == pytest.approx(theirs.statistic)
        assert test.p == pytest.approx(theirs.pvalue, abs=0.01)


def test_views_count_once_and_strata_without_order_do_not_count():
    rng = np.random.default_rng(1)
    true, predicted = rng.normal(size=(2, 20))

    def tested(predicted, true, **more):
        made = replace(inner(predicted[None], true, 20), **more)
        return Combination.fit(made, new_people=False).tests["a"]

    once, single = tested(predicted, true), np.arange(20)
    zeros = np.zeros(40, dtype=int)
    assert tested(np.tile(predicted, 2), np.tile(true, 2), performance=np.tile(single, 2), strata=zeros) == once
    assert tested(np.append(predicted, 9.0), np.append(true, 9.0)).p == once.p, "a stratum of one has no order"
    assert tested(np.ones(20), true) == tested(true, np.ones(20)) == InnerTest(None, 0.5)


@pytest.mark.parametrize("size", [2, 7, 30])
def test_useless_systems_are_averaged_about_as_often_as_the_level_says(size):
    """Labels with ties, predictions of folds with levels of their own, as those of a training mean have."""
    rng, taken = np.random.default_rng(2), 0
    for _ in range(500):
        strata = np.arange(60) // size
        true = rng.integers(0, 12, 60) / 2
        level = -np.array([true[strata == one].mean() for one in range(strata.max() + 1)])[strata]
        useless = 5 * level + rng.normal(size=60)
        taken += chance_p(useless, true, strata) < CHANCE
    assert 0.025 < taken / 500 < 0.08


def test_the_mean_is_of_the_best_and_of_those_no_worse_than_it():
    """A system that ranks better than chance, and worse than the best, would pull the mean down."""
    rng = np.random.default_rng(3)
    true = rng.normal(size=120)
    good = [true + 0.4 * rng.normal(size=120) for _ in range(2)]
    values = np.stack([*good, true + 2 * rng.normal(size=120), -true, np.zeros(120)])
    made = Combination.fit(inner(values, true), new_people=False)
    assert made.used == ("a", "b")
    assert made.tests["c"].p < CHANCE, "it is left out although it is better than chance"
    assert (made.share("a"), made.share("c")) == (0.5, 0.0)
    assert [made.better_than_chance(name) for name in "ac"] == [True, False]
    scores = list(rng.normal(size=(5, 2, 5)))
    assert np.allclose(made.predict(scores), (scores[0] + scores[1]) / 2)


def test_without_a_system_better_than_chance_the_best_is_alone():
    rng = np.random.default_rng(4)
    true = rng.normal(size=60)
    values = np.stack([-true, 0.1 * true - true * rng.normal(size=60), np.zeros(60)])
    made = Combination.fit(inner(values, true), new_people=False)
    assert len(made.used) == 1
    assert not made.better_than_chance(made.used[0])
    equal = Combination.fit(inner(rng.normal(size=(2, 60)), np.ones(60)), new_people=False)
    assert equal.used == ("a",), "equal labels rank nothing"


@pytest.mark.parametrize(("users", "noise", "joins"), [(19, 0.3, False), (20, 0.3, True), (20, 50.0, False)])
def test_for_new_people_the_network_joins_from_twenty_users_if_better_than_chance(users, noise, joins):
    rng = np.random.default_rng(5)
    true = rng.normal(size=60)
    values = np.stack([true + noise * rng.normal(size=60), rng.normal(size=60)])
    made = Combination.fit(inner(values, true, users=users), new_people=True)
    assert made.used == (("a", "b") if joins else ("b",))
    assert Combination.of_all("ab", new_people=True).used == ("b",), "without inner validation too"


def test_a_user_of_one_performance_is_ranked_in_its_fold():
    features = people(tasks=1, people=4, trials=3)
    records = [replace(r, groups={"subject": "0" if i < 3 else f"{i}"}) for i, r in enumerate(features.records)]
    given = replace(features, records=tuple(records))
    folds = leave_one_out(given.records, "subject")
    fold = folds_of(given, folds, ("subject",))[0]
    values = np.zeros((1, len(fold.inner_test)))
    gathered = InnerPredictions.of(["a"], values, given, fold.inner, unseen_users=True)
    _, counts = np.unique(gathered.strata, return_counts=True)
    assert counts.max() > 1


@pytest.mark.parametrize(
    "change",
    [
        {"used": [NETWORK, "z"]},
        {"used": []},
    ],
)
def test_a_damaged_description_is_refused(change):
    made = Combination.of_all([NETWORK], new_people=False)
    with pytest.raises(ValueError, match="systems that it does not have"):
        Combination.from_arrays(made.description() | change, made.arrays())


def helpful(features, recorded=None):
    """Systems of three qualities that need no training; `recorded` gets both parts that the first is given."""
    noise = np.random.default_rng(0).normal(size=(2, len(features)))
    good = knowing("good", features, lambda scores: scores + noise[0])

    def noting(train):
        def scores(test, run):
            if recorded is not None:
                recorded.append((train, test))
            return good.learn(train)(test, run)

        return scores

    return [
        SimpleSystem("good", noting),
        knowing("poor", features, lambda scores: scores + 20 * noise[1]),
        knowing("wrong", features, np.negative),
    ]


def test_the_combination_finds_the_good_system_and_keeps_people_apart():
    features = people()
    asked = []
    folds = leave_one_out(features.records, "subject")
    candidates = tuple(helpful(features, asked))
    result = cross_validate(
        features, Protocol(folds, "louo"), [combination(candidates, unseen_users=True), *candidates]
    ).systems
    assert list(result) == [COMBINED, "good", "poor", "wrong"]
    for choice in result[COMBINED].chosen:
        assert "good" in choice.chosen
        assert "wrong" not in choice.chosen
        assert (choice.tests["good"].rho or 0.0) > 0.5
    users = [tuple({r.groups["subject"] for r in part.records} for part in pair) for pair in asked]
    assert any(len(train | test) < 8 for train, test in users), "the inner folds of a fold leave its user out"
    assert not any(train & test for train, test in users)


def test_without_inner_validation_all_count_alike():
    features = people(people=4, trials=2)
    recorded = []
    candidates = tuple(helpful(features, recorded))
    cut = folds_of(features, leave_one_out(features.records, "subject"))
    combined = predict_folds(combination(candidates, unseen_users=True, validated=False), features, cut)
    assert all(one.chosen == ("good", "poor", "wrong") and not one.tests for one in combined)
    tasks = len({record.task for record in features.records})
    assert len(recorded) == len(cut) * tasks, "nothing is asked for inside"
    each = [predict_folds(candidate, features, cut) for candidate in candidates]
    for number, one in enumerate(combined):
        assert np.allclose(one.score, np.mean([of[number].score for of in each], axis=0))


def test_a_fitted_combination_survives_storage_and_scores_each_performance_alone():
    features = people(tasks=1)
    systems, new = regressions_for(("trial",), features), features.take(range(20, 32))
    names = (NETWORK, *(system.name for system in systems))
    part = features.take(range(20))
    fitted = Combination.of_all(names, [system.fitted(part) for system in systems], new_people=False)
    network = np.arange(12.0)
    scores = fitted.predict([network, *fitted.others(new)])
    stored = Combination.from_arrays(fitted.description(), fitted.arrays())
    assert stored.predict([network, *stored.others(new)]).tobytes() == scores.tobytes()
    alone = [fitted.predict([network[[i]], *fitted.others(new.take([i]))])[0] for i in range(12)]
    assert np.array(alone).tobytes() == scores.tobytes()
    assert fitted.share(NETWORK) == pytest.approx(1 / 4)
    fewer = replace(fitted, regressions=fitted.regressions[1:])
    with pytest.raises(ValueError, match="fit its regressions"):
        Combination.from_arrays(fitted.description(), fewer.arrays())
