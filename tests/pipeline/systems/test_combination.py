"""Regressions and their combination: what they find in planted data, and what they cannot find."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from data.splits import kfold, leave_one_out
from data.video.records import Labels
from pipeline.evaluate.cross_validation import Protocol, evaluate, fold_jobs, make_parts
from pipeline.evaluate.spread import run_job
from pipeline.systems.combination import BEST_SINGLE, COMBINED, Combined, InnerPredictions, regressions_for
from pipeline.systems.inner_folds import Cuts, inner_folds
from pipeline.systems.interface import SimpleSystem
from pipeline.systems.regressors import (
    GAUSSIAN_PROCESS,
    GRID,
    PENALTIES,
    POOLED_RIDGE,
    SUPPORT_VECTORS,
    FittedRegression,
    RegressionSystem,
    trial_regressions,
)
from pipeline.systems.selection import Selected
from pipeline.train.features import FeatureSet
from pipeline.train.normalise import label_table
from tests.helpers.folds import knowing
from tests.helpers.made_features import made_features

DESCRIPTORS, USEFUL = 24, 6
"""Number of the descriptors of `people`, and of those that show the quality of a trial; the others show the person."""


def people(seed: int = 0, *, people: int = 8, tasks: int = 3, trials: int = 4, style: float = 0.7) -> FeatureSet:
    """Trials of several people: trial-level descriptors with planted causes; the agents are noise.

    A score is the person's skill plus the trial's luck, and each task has an offset of its own. The first `USEFUL`
    descriptors move with the quality of the trial, in the same direction in every task. All carry the person's style
    (its deviation `style` is in units of the effect of the quality), the task's level and noise. With few people
    style and skill agree by chance, so a model that reads the style is right about people of the training part and
    wrong about others. `trials` are of each person in each task.
    """
    rng = np.random.default_rng([seed, people, tasks, trials, DESCRIPTORS])
    task, person, _ = (index.ravel() for index in np.indices((tasks, people, trials)))
    skill = rng.normal(size=(people, 1)) + 0.4 * rng.normal(size=(people, tasks))
    quality = skill[person, task] + 0.7 * rng.normal(size=len(task))
    effect = np.where(np.arange(DESCRIPTORS) < USEFUL, rng.choice([-1.0, 1.0], DESCRIPTORS), 0.0)
    shown = quality[:, None] * effect + style * rng.normal(size=(people, DESCRIPTORS))[person]
    level = 3.0 * rng.normal(size=(tasks, DESCRIPTORS))
    trial = (shown + level[task] + 1.2 * rng.normal(size=shown.shape)).astype(np.float32)
    score = 15 + 4 * quality + np.array([-3.0, 0.0, 3.0])[task % 3]
    noise = made_features(len(score), channels=3, scene=0, seed=seed)
    records = tuple(
        replace(
            record,
            id=f"trial-{i:03d}",
            task=f"task {task[i]}",
            labels=Labels(float(score[i])),
            groups={"subject": f"p{person[i]}", "trial": f"t{i}"},
        )
        for i, record in enumerate(noise.records)
    )
    return replace(noise, records=records, trial=trial)


def two_views(features: FeatureSet) -> FeatureSet:
    second = tuple(replace(record, id=f"{record.id}-b") for record in features.records)
    return features.followed_by(replace(features, records=second))


def scores_of(features: FeatureSet) -> np.ndarray[Any, Any]:
    return label_table(features.records)[:, 0]


def test_support_vectors_are_those_of_the_library_with_constants_by_inner_validation() -> None:
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVR

    features, rows, new = people(tasks=1, trials=8), np.arange(40), np.arange(40, 64)
    table, scores = features.trial.astype(float), scores_of(features)
    unit = (scores[rows] - scores[rows].mean()) / scores[rows].std()
    inside = StandardScaler().fit_transform(table[rows])
    errors = []
    for kernel, c, epsilon in GRID:
        model, error = SVR(kernel=kernel, C=c, epsilon=epsilon), 0.0
        for part in inner_folds(features.take(rows)):
            model.fit(inside[part.train], unit[part.train])
            error += np.square(model.predict(inside[part.test]) - unit[part.test]).sum()
        errors.append(error)
    kernel, c, epsilon = GRID[int(np.argmin(errors))]
    model = make_pipeline(StandardScaler(), SVR(kernel=kernel, C=c, epsilon=epsilon))
    expected = model.fit(table[rows], unit).predict(table[new]) * scores[rows].std() + scores[rows].mean()
    assert (GRID[0], SVR().kernel, SVR().C, SVR().epsilon) == (("rbf", 1.0, 0.1), "rbf", 1.0, 0.1)
    predicted = replace(SUPPORT_VECTORS, describe="trial").fitted(features.take(rows)).predict(features.take(new))
    assert np.allclose(predicted, expected, atol=1e-4)


def test_the_pooled_ridge_is_the_one_of_the_trials() -> None:
    """All tasks standardised together, task columns of weight 3, scores as they are, 20 penalties from .1 to 1e4."""
    from sklearn.linear_model import RidgeCV

    features = people()
    rows, new = np.arange(0, 96, 2), np.arange(1, 96, 2)
    assert (len(PENALTIES), PENALTIES[0], PENALTIES[-1]) == (20, 0.1, 1e4)
    table, scores = features.trial.astype(float), scores_of(features)
    task = np.array([record.task for record in features.records])
    marks = 3.0 * (task[:, None] == np.unique(task))
    scaled = (table - table[rows].mean(0)) / table[rows].std(0)
    columns = np.concatenate([scaled, marks], axis=1)
    expected = RidgeCV(alphas=PENALTIES).fit(columns[rows], scores[rows]).predict(columns[new])
    assert np.allclose(POOLED_RIDGE.fitted(features.take(rows)).predict(features.take(new)), expected, atol=1e-4)


@pytest.mark.parametrize(
    "system", [SUPPORT_VECTORS, GAUSSIAN_PROCESS, POOLED_RIDGE, *trial_regressions()[1:]], ids=lambda s: s.name
)
def test_views_of_a_trial_count_once_and_numbers_survive_storage(system: RegressionSystem) -> None:
    features = people(trials=2)
    views = two_views(features)
    count = len(features)
    rows = np.arange(count)
    once, twice = system.fitted(features), system.fitted(views)
    assert np.allclose(once.predict(features), twice.predict(features), atol=1e-9)
    stored = FittedRegression.from_arrays(once.description(), once.arrays())
    assert np.array_equal(stored.predict(features), once.predict(features))
    alone = np.concatenate([once.predict(features.take([row])) for row in rows])
    assert np.array_equal(alone, once.predict(features))
    assert np.array_equal(system.fitted(features).predict(features), once.predict(features))
    with pytest.raises(ValueError, match="fit together"):
        FittedRegression.from_arrays(once.description(), {**once.arrays(), "centre": np.zeros((1, 2))})
    with pytest.raises(ValueError, match="another form"):
        FittedRegression.from_arrays({**once.description(), "kernel": "cubic"}, once.arrays())


def test_what_carries_over_between_people_is_found() -> None:
    """Six descriptors show the quality; all show the person's style and the task's level too."""
    correlations: dict[str, list[float]] = {}
    for seed in range(3):
        features = people(seed)
        results = evaluate(
            features,
            Protocol(leave_one_out(features.records, "subject"), "louo"),
            [*trial_regressions(), SUPPORT_VECTORS],
            draws=0,
        )
        for name, result in results["systems"].items():
            correlations.setdefault(name, []).append(result["average"]["together"]["fisher"]["value"])
    for system in trial_regressions():
        assert np.mean(correlations[system.name]) > 0.75, system.name
    pooled, vectors = (np.mean(correlations[system.name]) for system in (POOLED_RIDGE, SUPPORT_VECTORS))
    assert vectors < pooled - 0.05, "noise channels count as much there, even with constants from inner validation"


def test_what_only_shows_the_person_is_not_found_in_new_people() -> None:
    """Descriptors of style alone rank trials of people in the training part, but of nobody else."""
    rng = np.random.default_rng(0)
    features = people(tasks=1, people=10, trials=8)
    person = np.array([int(record.groups["subject"][1:]) for record in features.records])
    style = rng.normal(size=(10, 12))[person] + 0.2 * rng.normal(size=(80, 12))
    features = replace(features, trial=style.astype(np.float32))
    result = evaluate(features, Protocol(kfold(features.records, k=4)), [GAUSSIAN_PROCESS], draws=0)["systems"][
        GAUSSIAN_PROCESS.name
    ]
    new = evaluate(
        features, Protocol(leave_one_out(features.records, "subject"), "louo"), trial_regressions(), draws=0
    )["systems"]
    assert result["average"]["together"]["fisher"]["value"] > 0.6
    assert all(result["average"]["folds_arithmetic"]["arithmetic"]["value"] < 0.3 for result in new.values())


def test_weights_prefer_what_predicts_and_stay_near_equal_with_few_performances() -> None:
    rng = np.random.default_rng(0)

    def given(count: int, *errors: float) -> InnerPredictions:
        true = rng.normal(size=count)
        values = np.stack([0.7 * true + error * rng.normal(size=count) for error in errors], axis=1)
        texts = [np.array([f"{i // 10}" for i in range(count)])] * 2
        names = np.array([str(i) for i in range(count)])
        return InnerPredictions(values, true, np.full(count, "a"), *texts, names, by_user=False)

    clear = given(300, 0.3, 0.3, 2.0).weights()
    assert clear.sum() == pytest.approx(1)
    assert clear.min() >= 0
    assert clear[2] < 0.05
    assert abs(clear[0] - clear[1]) < 0.15
    few = np.mean([given(10, 0.5, 0.5).weights()[0] for _ in range(20)])
    assert few == pytest.approx(0.5, abs=0.1)
    figures = given(100, 0.1, 1.0).figures()
    assert figures[0]["together"] > figures[1]["together"]
    assert 0 < figures[0]["together_error"] < figures[1]["together_error"]
    assert len(figures) == 3


def by_users(true: np.ndarray[Any, Any], *values: np.ndarray[Any, Any]) -> InnerPredictions:
    """Inner predictions of ten trials a user, each user an inner fold of one task."""
    users = np.array([f"{i // 10}" for i in range(len(true))])
    names = np.array([str(i) for i in range(len(true))])
    tasks = np.full(len(true), "a")
    return InnerPredictions(np.stack(values, axis=1), true, tasks, users, users, names, by_user=True)


def test_a_candidate_that_ranks_trials_of_a_user_no_better_than_chance_has_no_weight() -> None:
    """This holds for a candidate that knows each user's level, too: the level says nothing about a new user."""
    rng = np.random.default_rng(0)
    level, within = np.repeat(rng.normal(size=8), 10), rng.normal(size=80)
    true = 3 * level + within
    good = [within + 0.7 * rng.normal(size=80) for _ in range(2)]
    given = by_users(true, *good, 3 * level + rng.normal(size=80), rng.normal(size=80), -within)
    assert (given.weights()[2:] == 0).all()
    assert given.weights()[:2].min() > 0.3
    figures = given.figures()
    assert figures[-1]["users"] >= max(one["users"] for one in figures[:2])  # type: ignore[type-var, operator]


def test_the_combination_is_its_best_part_where_the_mean_ranks_worse() -> None:
    rng = np.random.default_rng(0)
    true = rng.normal(size=80)
    perfect, loud = 0.01 * np.exp(true), true + 2 * rng.normal(size=80)
    given = by_users(true, perfect, loud)
    assert given.rank(given.crossed()) < given.rank(perfect)
    assert given.weights().tolist() == [1, 0]
    nothing = by_users(true, rng.normal(size=80), -true)
    assert nothing.weights().tolist() == [1, 0], "none is better than chance"


def helpful(features: FeatureSet, recorded: list[Any] | None = None) -> list[SimpleSystem]:
    """Systems of three qualities that need no training; `recorded` gets both parts that the first is given."""
    noise = np.random.default_rng(0).normal(size=(2, len(features)))
    good = knowing("good", features, lambda scores: scores + noise[0])

    def noting(train: FeatureSet, test: FeatureSet, run: int) -> Any:
        if recorded is not None:
            recorded.append((train, test))
        return good.score(train, test, run)

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
    rows = [Combined(candidates), *candidates, Selected(BEST_SINGLE, candidates)]
    result = evaluate(features, Protocol(folds, "louo"), rows, draws=0)["systems"]
    assert list(result) == [COMBINED, "good", "poor", "wrong", BEST_SINGLE]
    assert {entry["system"] for entry in result[BEST_SINGLE]["chosen"]} == {"good"}
    for choice in result[COMBINED]["inner"]:
        assert choice["weights"]["good"] > 0.7
        assert choice["weights"]["wrong"] < 0.1
        assert choice["figures"]["good"]["users"] > 0.5
    users = [tuple({r.groups["subject"] for r in part.records} for part in pair) for pair in asked]
    assert any(len(train | test) < 8 for train, test in users), "the inner folds of a fold leave its user out"
    assert not any(train & test for train, test in users)


def test_bits_of_a_combination_repeat() -> None:
    features = people(people=6, trials=3)
    folds = leave_one_out(features.records, "subject")[:2]
    candidates = tuple(regressions_for(features, ("trial", "subject")))
    assert {"trial descriptors, pooled ridge on ranks", "DCT+DFT+ApEn"} <= {one.name for one in candidates}
    assert len(regressions_for(features, ("trial",))) == 5
    cuts = Cuts(("trial", "subject"))
    job, *_ = fold_jobs(make_parts(features, folds), [Combined(candidates)], cuts=cuts)
    first, again = (run_job(features, job)[0] for _ in range(2))
    assert first.weighting == again.weighting
    assert np.array_equal(again.score, first.score)


def test_without_inner_validation_all_count_alike() -> None:
    features = people(people=4, trials=2)
    recorded: list[Any] = []
    system = Combined(tuple(helpful(features, recorded)), validate=False)
    jobs = fold_jobs(make_parts(features, leave_one_out(features.records, "subject")), [system])
    for job in jobs:
        (predicted,) = run_job(features, job)
        assert not predicted.weighting
        each = run_job(features, replace(job, systems=tuple(helpful(features))))
        assert np.allclose(predicted.score, np.mean([one.score for one in each], axis=0))
    tasks = len({record.task for record in features.records})
    assert len(recorded) == len(jobs) * tasks, "nothing is asked for inside"


def test_the_combination_is_as_good_as_its_best_and_better_than_its_mean_candidate() -> None:
    """On planted people, inner validation loses little against the best system, which is not known beforehand."""
    totals: dict[str, list[float]] = {}
    for seed in range(2):
        features = people(seed, style=1.0)
        candidates = regressions_for(features, ("trial", "subject"))
        rows = [Combined(candidates), *candidates]
        for name, result in evaluate(
            features, Protocol(leave_one_out(features.records, "subject"), "louo"), rows, draws=0
        )["systems"].items():
            totals.setdefault(name, []).append(result["average"]["together"]["fisher"]["value"] or 0.0)
    means = {name: float(np.mean(values)) for name, values in totals.items()}
    singles: Sequence[float] = [value for name, value in means.items() if name != COMBINED]
    assert means[COMBINED] > np.mean(singles) + 0.1
    assert means[COMBINED] > max(singles) - 0.06


def test_under_leave_one_user_out_intervals_resample_users() -> None:
    features = people(people=6, trials=4)
    absent = (features.records[0].task, features.records[0].groups["subject"])  # a user without trials of one task
    kept = [i for i, r in enumerate(features.records) if (r.task, r.groups["subject"]) != absent]
    features = features.take(kept)
    perfect = knowing("perfect", features)
    guess = SimpleSystem("guess", lambda train, test, run: np.random.default_rng(len(test)).normal(size=len(test)))
    result = evaluate(
        features, Protocol(leave_one_out(features.records, "subject"), "louo"), [perfect, guess], draws=200
    )["systems"]
    one = pytest.approx(1, abs=1e-3)
    for form, over in (("folds_arithmetic", "arithmetic"), ("together", "fisher")):
        perfect = result["perfect"]["average"][form][over]
        assert perfect["interval"] == {"level": 0.95, "low": one, "high": one}
        chance = result["guess"]["average"][form][over]
        assert chance["interval"]["low"] <= chance["value"] <= chance["interval"]["high"]
    assert {task["interval"]["clusters"] for task in result["perfect"]["tasks"].values()} == {5, 6}
