"""Evaluation: figures by hand, baselines, pooling, no label of a test part is ever read."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data.errors import Cancelled, DataError
from data.leaks import audit
from data.splits import Fold, kfold, leave_one_out
from data.video.records import Labels
from models import metrics
from models.aim_config import AimConfig
from pipeline.evaluate.cross_validation import evaluate, make_parts, read_results, write_results
from pipeline.features import FeatureSet
from pipeline.recipes import fast
from pipeline.systems.aim_system import AimSystem
from pipeline.systems.baselines import duration, random_scores, subject_mean, training_mean, trivial_baselines
from pipeline.systems.interface import Part, SimpleSystem
from pipeline.systems.selection import CHOSEN, ORACLE, Selected, WithEpochs, inner_parts, watched_epochs
from tests.helpers.made_features import made_features

MODEL = AimConfig(width=10, regression_width=5, multi_task=True)


def two_tasks(count: int = 32) -> FeatureSet:
    """A synthetic set whose halves are tasks, with two views of every performance."""
    made = made_features(count, channels=5, scene=6)
    records = tuple(
        replace(r, task="ab"[i % 2], groups={**r.groups, "trial": f"t{i // 4}{i % 2}"})
        for i, r in enumerate(made.records)
    )
    return replace(made, records=records)


@pytest.fixture(scope="module")
def features() -> FeatureSet:
    return two_tasks()


@pytest.fixture(scope="module")
def results(features: FeatureSet) -> dict[str, Any]:
    folds = kfold(features.records, k=3)
    systems = (AimSystem("AIM", MODEL, fast(runs=3, epochs=4)), *trivial_baselines(features))
    report = audit(folds, features.records, forbid=("trial",))
    return evaluate(features, folds, systems, protocol="kfold", audit=report, draws=50)


def test_predictions_name_the_performance_that_they_show(results: dict[str, Any], features: FeatureSet) -> None:
    """Views of one performance share the name, so that the intervals of the report count it once."""
    shown = {row["id"]: row["performance"] for row in results["predictions"]}
    assert shown == {record.id: f"trial:{record.groups['trial']}" for record in features.records}
    assert len(set(shown.values())) == len(shown) / 2


def test_figures_follow_from_the_predictions(results: dict[str, Any]) -> None:
    for task in ("a", "b"):
        rows = [row for row in results["predictions"] if row["task"] == task]
        result = results["systems"]["AIM"]["tasks"][task]
        each = []
        for fold in ("1", "2", "3"):
            mine = [row for row in rows if row["fold"] == fold]
            rho = metrics.spearman([row["AIM"]["mean"] for row in mine], [row["true"] for row in mine])
            assert result["folds"][fold]["spearman"] == pytest.approx(rho)
            each.append(rho)
        assert result["over_folds"]["fisher"]["value"] == pytest.approx(metrics.fisher_average(each).value)
        assert result["over_folds"]["arithmetic"]["value"] == pytest.approx(np.mean(each))
        together = metrics.spearman([row["AIM"]["mean"] for row in rows], [row["true"] for row in rows])
        assert result["together"]["spearman"] == pytest.approx(together)
        assert result["interval"]["low"] <= together <= result["interval"]["high"]
        assert result["runs"]["count"] == 3
    average = results["systems"]["AIM"]["average"]["together"]["fisher"]["value"]
    correlations = [results["systems"]["AIM"]["tasks"][task]["together"]["spearman"] for task in ("a", "b")]
    assert average == pytest.approx(metrics.fisher_average(correlations).value)


def test_every_performance_is_predicted_once(results: dict[str, Any], features: FeatureSet) -> None:
    assert sorted(row["id"] for row in results["predictions"]) == sorted(features.ids)
    assert results["tasks"] == ["a", "b"]
    assert results["audit"]["ok"] is True


def test_multi_task_and_baseline_entries(results: dict[str, Any]) -> None:
    aim = results["systems"]["AIM"]
    assert set(aim["execution"]) == {"a", "b"}
    assert aim["settings"]["model"]["width"] == 10
    assert len(aim["losses"]["epochs"]) == 4
    assert not aim["baseline"]
    for name in ("training mean", "duration", "subject mean", "random"):
        assert results["systems"][name]["baseline"]
        assert results["systems"][name]["execution"] is None
    mean = results["systems"]["training mean"]["tasks"]["a"]
    assert mean["folds"]["1"]["spearman"] is None
    assert mean["over_folds"]["fisher"] == {"value": None, "undefined": 3, "clipped": 0}


def test_results_survive_the_disk(results: dict[str, Any], tmp_path: Path) -> None:
    place = tmp_path / "out" / "results.json"
    write_results(results, place)
    assert read_results(place) == json.loads(json.dumps(results))
    for wrong in ("{", "[]", '{"format": 99}'):
        place.write_text(wrong)
        with pytest.raises(DataError):
            read_results(place)


def test_no_label_of_a_test_part_is_read(features: FeatureSet) -> None:
    """Predictions stay the same when test labels are replaced by nonsense."""
    folds = kfold(features.records, k=3)[:1]
    test = set(folds[0].test)
    spoiled = tuple(replace(r, labels=Labels(1e6, -1e6, 7.0)) if r.id in test else r for r in features.records)
    systems = (
        AimSystem("AIM", MODEL, fast(runs=2, epochs=3)),
        AimSystem("pooled", MODEL, fast(runs=2, epochs=3), pool=True),
    )
    for system in (*systems, *trivial_baselines(features)):
        parts = make_parts(features, folds)
        honest = system.held_out(features, parts)
        other = system.held_out(replace(features, records=spoiled), parts)
        assert all(np.array_equal(a, b) for a, b in zip(honest.score, other.score, strict=True)), system.name


def test_a_fold_does_not_depend_on_the_others(features: FeatureSet) -> None:
    """All folds train at once, and each as if alone."""
    system = AimSystem("AIM", MODEL, fast(runs=2, epochs=3))
    parts = make_parts(features, kfold(features.records, k=3))
    together = system.held_out(features, parts)
    alone = system.held_out(features, parts[:1])
    assert np.allclose(together.score[0], alone.score[0], atol=1e-4)


def test_pooled_tasks_share_networks_and_keep_their_scales() -> None:
    made = two_tasks(40)
    records = tuple(
        replace(r, labels=Labels(r.labels.score * 100 + 5000)) if r.task == "b" and r.labels and r.labels.score else r
        for r in made.records
    )
    features = replace(made, records=records)
    parts = make_parts(features, leave_one_out(features.records, "subject"))
    held = AimSystem("pooled", MODEL, fast(runs=2, epochs=30, switch_epochs=(10, 20, 30)), pool=True).held_out(
        features, parts
    )
    assert held.losses.shape[1] == 2 * len({part.fold for part in parts})
    for part, values in zip(parts, held.score, strict=True):
        assert ((values > 3000) == (part.task == "b")).all()


def test_baselines_by_hand(features: FeatureSet) -> None:
    scores = np.array([r.labels.score for r in features.records if r.labels is not None], dtype=float)
    train, test = np.arange(0, 24), np.arange(24, 32)
    assert np.allclose(training_mean(features, train, test), scores[train].mean())
    subjects = [r.groups["subject"] for r in features.records]
    same = [row for row in train if subjects[row] == subjects[24]]
    assert subject_mean(features, train, test)[0] == pytest.approx(scores[same].mean())
    stranger = replace(features, records=tuple(replace(r, groups={}) for r in features.records))
    assert np.allclose(subject_mean(stranger, train, test), scores[train].mean())
    timed = replace(features, duration=np.exp(scores))
    assert np.allclose(duration(timed, train, test), scores[test])
    still = replace(features, duration=np.full(32, 3.0))
    assert np.allclose(duration(still, train, test), scores[train].mean())
    drawn = random_scores(features, train, test, 0)
    assert np.array_equal(drawn, random_scores(features, train, test, 0))
    assert not np.array_equal(drawn, random_scores(features, train, test, 1))
    assert drawn.min() >= scores[train].min()
    assert drawn.max() <= scores[train].max()


def test_perfect_and_unlabelled(features: FeatureSet) -> None:
    records = tuple(replace(r, labels=None) if i % 4 == 0 else r for i, r in enumerate(features.records))
    given = replace(features, records=records)
    scores = np.array([r.labels.score for r in features.records if r.labels is not None], dtype=float)
    oracle = SimpleSystem("oracle", lambda f, train, test, run: scores[test])
    results = evaluate(given, kfold(given.records, k=3), [oracle], draws=20)
    assert len(results["predictions"]) == 24
    together = results["systems"]["oracle"]["tasks"]["a"]["together"]
    assert together["spearman"] == pytest.approx(1)
    assert together["mse"] == 0
    assert results["systems"]["oracle"]["average"]["together"]["fisher"]["clipped"] == 2
    with pytest.raises(DataError, match="no fold has labelled"):
        evaluate(given, [Fold("1", (given.ids[0],), (given.ids[4],))], [oracle])


def test_intervals_resample_performances_not_views(features: FeatureSet) -> None:
    results = evaluate(features, kfold(features.records, k=3), trivial_baselines(features)[1:2], draws=20)
    assert results["systems"]["duration"]["tasks"]["a"]["interval"]["clusters"] == 8
    assert not math.isnan(results["systems"]["duration"]["tasks"]["a"]["interval"]["low"])


def test_views_that_share_their_agents_are_trained_on_and_scored_once(features: FeatureSet) -> None:
    half = features.take(np.arange(16))
    other = replace(half, records=tuple(replace(r, id=f"{r.id}-2") for r in half.records), scene=half.scene + 1)
    trials = tuple(replace(r, groups={"trial": r.id.removesuffix("-2")}) for r in (*half.records, *other.records))
    two_tasks = replace(half.followed_by(other), records=trials)
    mean = replace(half, records=trials[:16], scene=half.scene + np.float32(0.5))
    systems = (AimSystem("AIM", MODEL, fast(runs=1, epochs=2)), *trivial_baselines(features))
    twice, once = (evaluate(f, kfold(f.records, k=2), systems, draws=0) for f in (two_tasks, mean))
    assert (twice["videos"], twice["performances"], once["videos"]) == (32, 16, 16)
    assert [row["id"] for row in twice["predictions"]] == [row["id"] for row in once["predictions"]]
    assert [fold["test"] for fold in twice["protocol"]["folds"]] == [8, 8]
    for mine, theirs in zip(twice["predictions"], once["predictions"], strict=True):
        assert mine["AIM"]["mean"] == pytest.approx(theirs["AIM"]["mean"], abs=1e-3)


def test_selection_prefers_what_ranks_inside_the_training_part(features: FeatureSet) -> None:
    scores = np.array([r.labels.score for r in features.records if r.labels is not None], dtype=float)
    read: list[np.ndarray] = []

    def good(f: FeatureSet, train: np.ndarray, test: np.ndarray, run: int) -> np.ndarray:
        read.append(test)
        return scores[test]

    candidates = (
        SimpleSystem("bad", lambda f, train, test, run: -scores[test]),
        SimpleSystem("good", good),
        SimpleSystem("flat", training_mean),
    )
    parts = make_parts(features, leave_one_out(features.records, "subject"))
    system = Selected("selected", candidates, kinds=("subject",))
    assert set(system.choose(features, parts)) == {"good"}
    subjects = np.array([r.groups["subject"] for r in features.records])
    for inner in read:
        assert len(set(subjects[inner])) < 8
    held = system.held_out(features, parts)
    assert all(np.array_equal(v[0], scores[p.test]) for v, p in zip(held.score, parts, strict=True))
    assert held.chosen == ("good",) * len(parts)


def test_inner_folds_stay_in_the_training_part_and_keep_people_together(features: FeatureSet) -> None:
    asked: list[tuple[np.ndarray, np.ndarray]] = []

    def spy(f: FeatureSet, train: np.ndarray, test: np.ndarray, run: int) -> np.ndarray:
        asked.append((train, test))
        return np.zeros(len(test))

    parts = [part for part in make_parts(features, leave_one_out(features.records, "subject")) if part.fold == "s3"]
    Selected("selected", (SimpleSystem("spy", spy),), kinds=("subject",)).choose(features, parts)
    subjects = np.array([r.groups["subject"] for r in features.records])
    assert asked
    for train, test in asked:
        assert not set(subjects[train]) & set(subjects[test])
        assert "s3" not in set(subjects[train]) | set(subjects[test])


@pytest.mark.parametrize("folds", [4, 8])
def test_inner_trainings_are_shared_by_outer_folds(features: FeatureSet, folds: int) -> None:
    """Six a task; each performance of a training part is tested once inside, by networks without its own block."""
    outer = kfold(features.records, k=4) if folds == 4 else leave_one_out(features.records, "subject")
    parts = make_parts(features, outer)
    inner = inner_parts(features, parts, kinds=("trial",))
    assert len({(cut.task, cut.train.tobytes()) for cuts in inner.values() for cut in cuts}) == 6 * 2
    for part in parts:
        mine = [cut for cut in inner[part.fold] if cut.task == part.task]
        assert sorted(np.concatenate([cut.test for cut in mine])) == sorted(part.train)
        assert len(mine) == 3
        for cut in mine:
            assert not set(cut.train) & {*cut.test, *part.test}


def test_equal_training_parts_train_once(features: FeatureSet) -> None:
    train, system = np.arange(0, 20, 2), AimSystem("AIM", MODEL, fast(runs=2, epochs=2), watch=(1, 2))
    first, second = Part("a", "1", train, np.array([20, 22])), Part("a", "2", train, np.array([24, 26, 28]))
    whole = system.held_out(features, [Part("a", "1", train, np.arange(20, 30, 2))])
    halves = system.held_out(features, [first, second])
    assert halves.losses.shape[1] == 2
    assert np.allclose(np.concatenate(halves.score, axis=1), whole.score[0], atol=1e-4)
    assert np.allclose(np.concatenate(halves.by_epoch, axis=2), whole.by_epoch[0], atol=1e-4)
    assert system.cost([first, second]) == 2 * 2 * 10


def test_leads_over_other_systems_have_intervals(features: FeatureSet) -> None:
    scores = np.array([r.labels.score for r in features.records if r.labels is not None], dtype=float)
    systems = [
        SimpleSystem("oracle", lambda f, train, test, run: scores[test]),
        SimpleSystem("same", lambda f, train, test, run: 2 * scores[test] + 1),
        SimpleSystem("worse", lambda f, train, test, run: scores[test] * np.where(test % 3 == 0, -1, 1)),
    ]
    differences = evaluate(features, kfold(features.records, k=3), systems, draws=100, against="oracle")["differences"]
    assert set(differences) == {"same", "worse"}
    assert differences["same"]["a"] == {"value": 0.0, "level": 0.95, "low": 0.0, "high": 0.0}
    assert differences["worse"]["b"]["low"] > 0


def test_the_last_epoch_counts_and_others_stand_beside_it(features: FeatureSet) -> None:
    """One training gives three rows: last epoch, chosen by inner validation, best on the test part on request."""
    folds, ours = kfold(features.records, k=3), AimSystem("AIM", MODEL, fast(runs=2, epochs=40))
    plain = evaluate(features, folds, [ours], draws=0)["systems"]["AIM"]["tasks"]
    asked = evaluate(features, folds, [WithEpochs(ours)], draws=0)["systems"]
    assert list(asked) == ["AIM", f"AIM, {CHOSEN}"]
    evaluated = evaluate(features, folds, [WithEpochs(ours, oracle=True)], draws=0)["systems"]
    assert list(evaluated) == ["AIM", f"AIM, {CHOSEN}", f"AIM, {ORACLE}"]
    assert evaluated["AIM"]["tasks"] == asked["AIM"]["tasks"] == plain
    assert "oracle" in ORACLE
    for task in plain:
        for fold, fold_result in evaluated[f"AIM, {ORACLE}"]["tasks"][task]["folds"].items():
            others = [evaluated[name]["tasks"][task]["folds"][fold]["spearman"] for name in list(evaluated)[:2]]
            assert fold_result["spearman"] >= max(others)
    chosen = {entry["system"] for entry in evaluated[f"AIM, {CHOSEN}"]["chosen"]}
    assert chosen <= {f"epoch {epoch}" for epoch in watched_epochs(40)}


def test_watched_epochs_end_with_the_last() -> None:
    assert watched_epochs(40) == tuple(range(2, 41, 2))
    assert watched_epochs(3) == (1, 2, 3)
    assert watched_epochs(1) == (1,)
    assert watched_epochs(3000)[-1] == 3000


def test_no_test_label_decides_the_chosen_epoch(features: FeatureSet) -> None:
    folds = kfold(features.records, k=3)[:1]
    test = set(folds[0].test)
    spoiled = tuple(
        replace(r, labels=Labels(-r.labels.score)) if r.id in test and r.labels else r for r in features.records
    )
    system = WithEpochs(AimSystem("AIM", MODEL, fast(runs=1, epochs=20)), ("trial",))
    parts = make_parts(features, folds)
    honest, other = (system.held_out(replace(features, records=r), parts) for r in (features.records, spoiled))
    assert honest.variants[0][1].chosen == other.variants[0][1].chosen
    assert all(np.array_equal(a, b) for a, b in zip(honest.score, other.score, strict=True))
    asked = WithEpochs(system.system, ("trial",), oracle=True)
    rows = [
        asked.held_out(replace(features, records=r), parts).variants[1][1].chosen for r in (features.records, spoiled)
    ]
    assert rows[0] != rows[1]


def test_epochs_by_epoch_end_as_trained(features: FeatureSet, tmp_path: Path) -> None:
    """What is watched at the last epoch is the result; watching changes nothing and survives an interruption."""
    parts = make_parts(features, kfold(features.records, k=3))
    ours = AimSystem("AIM", MODEL, fast(runs=2, epochs=6, checkpoint_every=2), watch=(1, 3, 6))
    held = ours.held_out(features, parts)
    assert [values.shape for values in held.by_epoch] == [(3, 2, len(part.test)) for part in parts]
    assert all(np.allclose(epochs[-1], score) for epochs, score in zip(held.by_epoch, held.score, strict=True))
    assert not np.allclose(held.by_epoch[0][0], held.score[0])
    asked = iter(range(100))
    with pytest.raises(Cancelled):
        replace(ours, checkpoints=tmp_path).held_out(features, parts, stop=lambda: next(asked) > 7)
    resumed = replace(ours, checkpoints=tmp_path).held_out(features, parts)
    assert all(np.array_equal(a, b) for a, b in zip(held.by_epoch, resumed.by_epoch, strict=True))
