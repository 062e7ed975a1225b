"""The combination: which systems it averages, and what it finds in planted people."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from benchmarks.combination_gain import mean_rhos
from data.splits import leave_one_out
from models.chance_test import better_than_chance
from models.metrics import spearman
from pipeline.evaluate.cross_validation import Protocol, cross_validate
from pipeline.folds import COMBINED, combination, folds_of
from pipeline.folds.combination import CHANCE, NETWORK, Combination, InnerPredictions
from pipeline.systems.regressors import regressions_for
from pipeline.systems.system import Score, SimpleSystem
from pipeline.train.feature_set import FeatureSet
from tests.helpers.folds import knowing, predict_folds
from tests.helpers.planted_people import people


def inner(values: np.ndarray[Any, Any], true: np.ndarray[Any, Any], size: int = 10, **more: Any) -> InnerPredictions:
    """Predictions (k, n) of systems a, b, ... in strata of `size` performances."""
    count = len(true)
    names = tuple("abcdefg"[: len(values)])
    strata, single, tasks = np.arange(count) // size, np.arange(count), np.full(count, "task")
    return InnerPredictions(names, values, true, tasks, strata, single, **{"unseen_users": False, **more})


def test_one_stratum_has_the_rho_and_nearly_the_p_value_of_scipy() -> None:
    from scipy.stats import spearmanr

    rng = np.random.default_rng(0)
    true = rng.normal(size=40)
    for noise in (1.0, 3.0, 10.0):
        predicted = true + noise * rng.normal(size=40)
        test = better_than_chance(predicted, true, np.zeros(40, dtype=int), np.arange(40))
        theirs = spearmanr(predicted, true, alternative="greater")
        assert test.rho == pytest.approx(theirs.statistic)
        assert test.p == pytest.approx(theirs.pvalue, abs=0.01)


def test_views_count_once_and_strata_without_order_do_not_count() -> None:
    rng = np.random.default_rng(1)
    true, predicted = rng.normal(size=(2, 20))
    zeros, single = np.zeros(20, dtype=int), np.arange(20)
    once = better_than_chance(predicted, true, zeros, single)
    twice = better_than_chance(*(np.tile(values, 2) for values in (predicted, true, zeros, single)))
    assert once == twice
    alone = np.concatenate([zeros, [1]])
    more = better_than_chance(np.append(predicted, 9.0), np.append(true, 9.0), alone, np.arange(21))
    assert more == once, "a stratum of one performance has no order"
    assert vars(better_than_chance(np.ones(20), true, zeros, single)) == {"rho": None, "p": 0.5}
    assert better_than_chance(true[:3], true[:3], single[:3], single[:3]).rho is None


@pytest.mark.parametrize("size", [2, 7, 30])
def test_useless_systems_are_averaged_about_as_often_as_the_level_says(size: int) -> None:
    """Labels with ties, predictions of folds with levels of their own, as those of a training mean have."""
    rng, taken = np.random.default_rng(2), 0
    for _ in range(500):
        strata = np.arange(60) // size
        true = rng.integers(0, 12, 60) / 2
        level = -np.array([true[strata == one].mean() for one in range(strata.max() + 1)])[strata]
        useless = 5 * level + rng.normal(size=60)
        taken += better_than_chance(useless, true, strata, np.arange(60)).p < CHANCE
    assert 0.025 < taken / 500 < 0.08


def test_the_mean_is_of_those_better_than_chance_and_the_best_alone_if_none_is() -> None:
    rng = np.random.default_rng(3)
    true = rng.normal(size=60)
    good = [true + 0.7 * rng.normal(size=60) for _ in range(2)]
    made = Combination.fit(inner(np.stack([*good, rng.normal(size=60), -true]), true))
    assert made.used == ("a", "b")
    assert (made.share("a"), made.share("c")) == (0.5, 0.0)
    assert [made.better_than_chance(name) for name in "ac"] == [True, False]
    scores = list(rng.normal(size=(4, 2, 5)))
    assert np.allclose(made.predict(scores), (scores[0] + scores[1]) / 2)
    nothing = Combination.fit(inner(np.stack([-true, np.zeros(60), -2 * true]), true))
    assert nothing.used == ("b",)
    assert not nothing.better_than_chance("b")
    assert Combination.of_all(["a", "b"]).predict(scores[:2]) == pytest.approx((scores[0] + scores[1]) / 2)


def test_where_users_are_unseen_ranks_are_averaged_and_become_scores_again() -> None:
    """One system's scores are in another unit and say much about users' levels; in ranks it counts no more."""
    rng = np.random.default_rng(4)
    true = rng.normal(size=200)
    systems = np.stack([true + 0.5 * rng.normal(size=200), 100 * np.exp(true + 0.5 * rng.normal(size=200))])
    made = Combination.fit(inner(systems, 15 + 4 * true, unseen_users=True))
    combined = made.predict(list(systems))
    assert combined.min() >= (15 + 4 * true).min()
    assert combined.max() <= (15 + 4 * true).max()
    assert combined.mean() == pytest.approx(15, abs=1)
    assert spearman(combined, true) > max(spearman(one, true) for one in systems)
    assert spearman(systems.mean(0), true) < spearman(combined, true) - 0.01
    single = np.array([made.predict([*systems[:, [row]]])[0] for row in range(200)])
    assert np.array_equal(single, combined), "each performance alone"


def test_ranks_follow_from_the_task_of_a_performance_or_from_all_together() -> None:
    """Two tasks with scores in different ranges; a task without inner predictions gets the mean of the scores."""
    rng = np.random.default_rng(4)
    true, tasks = rng.normal(size=40) + np.repeat([0, 100], 20), np.repeat(["low", "high"], 20)
    systems = true + 0.1 * rng.normal(size=(2, 40))
    gathered = replace(inner(systems, true, unseen_users=True), tasks=tasks)
    by_task, together = Combination.fit(gathered, by_task=True), Combination.fit(gathered)
    assert (set(by_task.ranks), set(together.ranks)) == ({"low", "high"}, {""})
    scores = [np.array([50.0, 50.0, 50.0])] * 2
    assert by_task.predict(scores, ("low", "high", "new")) == pytest.approx([true[:20].max(), true[20:].min(), 50])
    assert len(set(together.predict(scores))) == 1


def test_a_user_of_one_performance_is_ranked_in_its_fold() -> None:
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
        {"tests": {NETWORK: {"rho": "?", "p": 0}}},
        {"names": None},
    ],
)
def test_a_damaged_description_is_refused(change: dict[str, Any]) -> None:
    made = Combination.of_all([NETWORK])
    with pytest.raises((ValueError, LookupError, TypeError)):
        Combination.from_arrays(made.description() | change, made.arrays())


def test_damaged_arrays_are_refused() -> None:
    made = replace(Combination.of_all([NETWORK]), ranks={"": np.arange(40.0).reshape(2, 20)})
    (given,) = made.arrays().values()
    assert np.array_equal(Combination.from_arrays(made.description(), made.arrays()).ranks[""], given)
    for values in (given[:, ::-1], given[:1], given[:, :0], given[0], given * np.nan):
        with pytest.raises(ValueError, match="combination"):
            Combination.from_arrays(made.description(), {"ranks.": values})


def helpful(features: FeatureSet, recorded: list[Any] | None = None) -> list[SimpleSystem]:
    """Systems of three qualities that need no training; `recorded` gets both parts that the first is given."""
    noise = np.random.default_rng(0).normal(size=(2, len(features)))
    good = knowing("good", features, lambda scores: scores + noise[0])

    def noting(train: FeatureSet) -> Score:
        def scores(test: FeatureSet, run: int) -> Any:
            if recorded is not None:
                recorded.append((train, test))
            return good.learn(train)(test, run)

        return scores

    return [
        SimpleSystem("good", noting),
        knowing("poor", features, lambda scores: scores + 20 * noise[1]),
        knowing("wrong", features, np.negative),
    ]


def test_the_combination_finds_the_good_system_and_keeps_people_apart() -> None:
    features = people()
    asked: list[Any] = []
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


def test_bits_of_a_combination_repeat() -> None:
    features = people(people=4, tasks=2, trials=3)
    folds = leave_one_out(features.records, "subject")[:2]
    candidates = tuple(regressions_for(("trial", "subject")))
    assert len(candidates) == len(regressions_for(("trial",))) + 1 == 5
    cut = folds_of(features, folds, ("trial", "subject"))
    first, again = (predict_folds(combination(candidates, unseen_users=True), features, cut) for _ in range(2))
    for one, other in zip(first, again, strict=True):
        assert (one.chosen, one.tests) == (other.chosen, other.tests)
        assert np.array_equal(one.score, other.score)


def test_without_inner_validation_all_count_alike() -> None:
    features = people(people=4, trials=2)
    recorded: list[Any] = []
    candidates = tuple(helpful(features, recorded))
    cut = folds_of(features, leave_one_out(features.records, "subject"))
    combined = predict_folds(combination(candidates, unseen_users=True, validated=False), features, cut)
    assert not any(one.chosen for one in combined)
    tasks = len({record.task for record in features.records})
    assert len(recorded) == len(cut) * tasks, "nothing is asked for inside"
    each = [predict_folds(one, features, cut) for one in candidates]
    for number, one in enumerate(combined):
        assert np.allclose(one.score, np.mean([of[number].score for of in each], axis=0))


def test_the_combination_is_as_good_as_its_best_and_better_than_its_mean_candidate() -> None:
    """On planted people, inner validation loses little against the best system, which is not known beforehand.

    Of regressions without a search of their constants; `benchmarks/combination_gain.py` has all, and more people.
    """
    candidates = [one for one in regressions_for(("trial", "subject")) if one.model in ("ridge", "nearest")]
    means = mean_rhos(range(4), candidates, count=6, tasks=2)
    singles = [value for name, value in means.items() if name != COMBINED]
    assert len(singles) == 3
    assert means[COMBINED] > np.mean(singles)
    assert means[COMBINED] > max(singles) - 0.06


def test_a_fitted_combination_survives_storage_and_scores_each_performance_alone() -> None:
    features = people(tasks=1)
    systems, new = regressions_for(("trial", "subject")), features.take(range(20, 32))
    names = (NETWORK, *(system.name for system in systems))
    part = features.take(range(20))
    fitted = Combination.of_all(names, [system.fitted(part) for system in systems])
    fitted = replace(fitted, ranks={"": np.sort(np.random.default_rng(5).normal(size=(7, 20)))})
    network = np.arange(12.0)
    scores = fitted.predict([network, *fitted.others(new)])
    stored = Combination.from_arrays(fitted.description(), fitted.arrays())
    assert stored.predict([network, *stored.others(new)]).tobytes() == scores.tobytes()
    alone = [fitted.predict([network[[i]], *fitted.others(new.take([i]))])[0] for i in range(12)]
    assert np.array(alone).tobytes() == scores.tobytes()
    assert fitted.share(NETWORK) == pytest.approx(1 / 6)
    fewer = replace(fitted, regressions=fitted.regressions[1:])
    with pytest.raises(ValueError, match="fit its regressions"):
        Combination.from_arrays(fitted.description(), fewer.arrays())
