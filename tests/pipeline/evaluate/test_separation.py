"""Which rows the data separate: Holm's correction, permutation tests, and the sentence below a table."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from data.splits import Fold, kfold
from data.store.arrays import Rows
from models.metrics import percentile_interval, spearman
from pipeline.evaluate.cross_validation import Protocol, evaluate
from pipeline.evaluate.fold_summary import BOUNDED, HeldOut, average_summary, difference, resampled, task_summary
from pipeline.evaluate.separation import holm, separation_line
from pipeline.systems import Part
from tests.helpers.folds import knowing
from tests.helpers.made_features import made_features


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_a_better_row_is_separated_and_an_equal_one_is_a_tie() -> None:
    features = made_features(60, channels=2, scene=2)
    rng = np.random.default_rng(0)
    noise, other, much = (rng.normal(0, size, 60) for size in (1, 1, 50))
    systems = [
        knowing("ours", features, lambda scores: scores + noise),
        knowing("equal", features, lambda scores: scores + other),
        knowing("noise", features, lambda scores: scores + much),
        knowing("constant", features, lambda scores: 0 * scores),
    ]
    folds = kfold(features.records, k=3)
    results, again = (evaluate(features, Protocol(folds), systems, against="ours", draws=10) for _ in range(2))
    assert {**again, "created": ""} == {**results, "created": ""}, "resamples and permutations are the same again"
    rows = results["separation"]["rows"]
    assert set(rows) == {"equal", "noise"}, "a constant prediction has no correlation"
    assert rows["noise"]["holm"] == pytest.approx(2 / 5000 * 2, rel=1)
    assert rows["equal"]["holm"] > 0.05
    line = separation_line(results)
    assert line.startswith("note: the data separate ours from noise; the other one is a tie (paired permutation test")
    assert "correction for 2 rows" in line
    assert separation_line({"separation": None}) == separation_line({}) == ""


def test_views_of_one_performance_are_no_further_evidence() -> None:
    """Twelve copies of five performances separate nothing: 2 of 32 exchanges are as extreme."""
    features = made_features(60, channels=2, scene=2)
    groups = [replace(r, groups={"original": f"o{i % 5}"}) for i, r in enumerate(features.records)]
    features = replace(features, records=tuple(groups))
    systems = [
        knowing("ours", features),
        knowing("reversed", features, lambda scores: -scores),
    ]
    folds = [Fold("f", features.ids[:10], features.ids[10:])]
    results = evaluate(features, Protocol(folds), systems, against="ours", draws=10)
    assert results["separation"]["rows"]["reversed"]["p"] == pytest.approx(2 / 32)
    assert "separate no row from ours" in separation_line(results)


def test_means_of_folds_do_not_lower_the_correlation_without_them() -> None:
    """Within each fold the ranking is right, and the fold with the higher labels is predicted lower."""
    features = made_features(12, channels=2, scene=2)
    true = np.r_[np.arange(6.0), np.arange(6.0) + 10]
    parts = [Part("made", str(k), np.arange(12), np.arange(6) + 6 * k) for k in range(2)]
    predicted = [(true[part.test] - true[part.test].mean() - 20 * k)[None] for k, part in enumerate(parts)]
    over = task_summary(HeldOut.of(features, parts, "made", true), predicted)["over_folds"]
    assert over["together"] < 0
    assert over["centred"] == pytest.approx(1)
    assert over["arithmetic"]["value"] == pytest.approx(1)


def test_the_interval_without_fold_means_holds_the_value_and_constant_predictions_have_none() -> None:
    """Both tasks rank right except for noise; fold means are far apart, which changes no rank within a fold."""
    rng = np.random.default_rng(1)
    features = made_features(48, channels=2, scene=2)
    true = rng.normal(0, 1, 48) + np.repeat(np.arange(4.0), 12) * 10
    folds = [np.arange(12) + 12 * k for k in range(4)]
    parts = [Part("ab"[k // 2], str(k % 2), np.arange(48), rows) for k, rows in enumerate(folds)]
    noise = rng.normal(0, 0.3, 48)
    good = [(true[rows] + noise[rows])[None] for rows in folds]
    held = HeldOut.of(features, parts, "a", true)
    low, high = percentile_interval(resampled(held, good, draws=100)["centred"])
    value = task_summary(held, good)["over_folds"]["centred"]
    assert 0.5 < low < value < high
    constant = [np.full((1, 12), 0.1 * (k + 1)) for k in range(4)]
    drawn = resampled(held, constant, draws=100)["centred"]
    assert np.isnan(drawn).all(), "every prediction is its fold's mean"


def test_intervals_of_averages_over_tasks_hold_the_averages() -> None:
    """One task is ranked right except for noise, the other at random: the average is between."""
    rng = np.random.default_rng(2)
    features = made_features(80, channels=2, scene=2)
    true = rng.normal(0, 1, 80)
    folds = [np.arange(20) + 20 * k for k in range(4)]
    parts = [Part("ab"[k // 2], str(k % 2), np.arange(80), rows) for k, rows in enumerate(folds)]
    noise = np.r_[rng.normal(0, 0.3, 40), rng.normal(0, 30, 40)]
    predicted = [(true[rows] + noise[rows])[None] for rows in folds]
    held = {t: HeldOut.of(features, parts, t, true) for t in "ab"}
    drawn = {t: resampled(held[t], predicted, draws=200, seed=i) for i, t in enumerate("ab")}
    tasks = {t: task_summary(held[t], predicted, drawn[t]) for t in "ab"}
    averages, width = average_summary(tasks, drawn), {}
    for form, over in BOUNDED:
        average = averages[form][over]
        low, high = (average["interval"][end] for end in ("low", "high"))
        assert low < average["value"] < high, (form, over)
        width[form, over] = high - low
    of_task = {t: tasks[t]["interval"]["high"] - tasks[t]["interval"]["low"] for t in "ab"}
    independent = 0.5 * (of_task["a"] ** 2 + of_task["b"] ** 2) ** 0.5
    assert width["together", "arithmetic"] == pytest.approx(independent, rel=0.15)
    few = [
        Part(part.task, f"{part.fold}{i}", part.train, rows)
        for part in parts
        for i, rows in enumerate(np.split(part.test, 5))
    ]
    predicted = [(true[part.test] + noise[part.test])[None] for part in few]
    assert "folds_fisher" not in resampled(HeldOut.of(features, few, "a", true), predicted, draws=10), "four a fold"


def test_where_folds_are_users_a_lead_resamples_users() -> None:
    """Two users give three samples: either one twice, or both."""
    features = made_features(20, channels=2, scene=2)
    rng = np.random.default_rng(0)
    true, ours, other = rng.normal(size=(3, 20))
    users = [Part("made", "a", np.arange(10, 20), np.arange(10)), Part("made", "b", np.arange(10), np.arange(10, 20))]
    given = [[values[None, part.test] for part in users] for values in (ours, other)]
    lead = difference(HeldOut.of(features, users, "made", true, ("a", "b")), *given, draws=100)

    def on(rows: Rows) -> float:
        return spearman(ours[rows], true[rows]) - spearman(other[rows], true[rows])

    samples = [on(part.test) for part in users] + [on(np.arange(20))]
    assert (lead["low"], lead["high"]) == (pytest.approx(min(samples)), pytest.approx(max(samples)))
