"""Evaluation: metrics by hand, baselines, pooling; no label of a test part is ever read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data.errors import Cancelled, DataError
from data.leaks import audit
from data.splits import Fold, kfold, leave_one_out, make_folds
from data.video.records import Labels
from models import metrics
from models.aim_config import AimConfig
from pipeline.evaluate.cross_validation import Protocol, cross_validate, folds_by_task
from pipeline.evaluate.evaluation_results import Estimate, EvaluationResults, FoldAverage
from pipeline.evaluate.training_runner import TrainingRunner
from pipeline.pack.pack_file import write_pack
from pipeline.score.trained_model import TrainedModel
from pipeline.settings.machine import WorkConfig
from pipeline.settings.recipes import TrainConfig
from pipeline.systems.aim_system import AimSystem
from pipeline.systems.baselines import duration, random_scores, subject_mean, training_mean, trivial_baselines
from pipeline.systems.chosen_candidate import Selected
from pipeline.systems.chosen_epoch import CHOSEN, ORACLE, BestOnTest, ChosenEpoch, watched_epochs, watching
from pipeline.systems.combination import Combined
from pipeline.systems.fold_predictions import join_tasks
from pipeline.systems.inner_folds import MOST_FOLDS, InnerSplit, inner_folds
from pipeline.systems.interface import ResultRow, SimplePredictor, SimpleSystem
from pipeline.systems.regressors import regressions_for
from pipeline.systems.training_list import run_training, trainings_of
from pipeline.train import TrainingControl, label_table
from pipeline.train.feature_set import FeatureSet
from tests.helpers.doc_pages import code_of
from tests.helpers.folds import knowing, predict_folds, predict_part
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
def results(features: FeatureSet) -> EvaluationResults:
    folds = kfold(features.records, k=3)
    systems = (AimSystem("AIM", MODEL, TrainConfig(networks=3, epochs=4)), *trivial_baselines(features))
    report = audit(folds, features.records, forbid=("trial",))
    return cross_validate(features, Protocol(folds, "kfold", audit=report), systems)


def test_predictions_name_the_performance_that_they_show(results: EvaluationResults, features: FeatureSet) -> None:
    """Views of one performance share the name, so that the intervals of the report count it once."""
    shown = {one.id: one.performance for one in results.predictions}
    assert shown == {record.id: f"trial:{record.groups['trial']}" for record in features.records}
    assert len(set(shown.values())) == len(shown) / 2


def test_metrics_follow_from_the_predictions(results: EvaluationResults) -> None:
    for task in ("a", "b"):
        rows = [one for one in results.predictions if one.task == task]
        result = results.systems["AIM"].tasks[task]
        each, centred = [], []
        for fold in ("1", "2", "3"):
            mine = [one for one in rows if one.fold == fold]
            pairs = np.array([(one.systems["AIM"].mean, one.true) for one in mine])
            each.append(metrics.spearman(*pairs.T))
            assert result.folds[fold].spearman == pytest.approx(each[-1])
            shown = sorted({one.performance for one in mine})
            views = [pairs[[one.performance == name for one in mine]].mean(0) for name in shown]
            centred.append(np.array(views) - pairs.mean(0))
        assert result.per_fold.fisher == pytest.approx(metrics.fisher_average(each).value)
        assert result.per_fold.arithmetic == pytest.approx(np.mean(each))
        together = metrics.spearman([one.systems["AIM"].mean for one in rows], [one.true for one in rows])
        assert result.together == result.metrics.spearman == pytest.approx(together)
        rho = metrics.spearman(*np.concatenate(centred).round(9).T)
        assert result.rho.value == pytest.approx(rho)
        assert result.rho.interval is None, "eight performances less two fold means are too few"
        assert (result.performances, len(result.networks)) == (len(rows) / 2, 3)
    average = results.systems["AIM"].average
    assert average.rho.value == pytest.approx(
        metrics.fisher_average([results.systems["AIM"].tasks[task].rho.value or 0.0 for task in ("a", "b")]).value
    )


def test_every_performance_is_predicted_once(results: EvaluationResults, features: FeatureSet) -> None:
    assert sorted(one.id for one in results.predictions) == sorted(features.ids)
    assert results.tasks == ("a", "b")
    assert results.audit is not None
    assert results.audit.ok


def test_multi_task_and_baseline_entries(results: EvaluationResults) -> None:
    aim = results.systems["AIM"]
    assert aim.execution is not None
    assert set(aim.execution) == {"a", "b"}
    assert aim.losses is not None
    assert len(aim.losses.epochs) == 4
    assert aim.kind != "baseline"
    for name in ("training mean", "duration", "subject mean", "random"):
        assert results.systems[name].kind == "baseline"
        assert results.systems[name].execution is None
    mean = results.systems["training mean"].tasks["a"]
    assert mean.folds["1"].spearman is None
    assert mean.per_fold == FoldAverage(None, None, 3, 0)
    assert mean.rho == Estimate(None)


def test_what_made_the_results_is_in_them(results: EvaluationResults) -> None:
    assert results.origin.date.endswith("+00:00")
    assert {"aqa", "numpy", "torch"} <= set(results.origin.versions)
    assert results.origin.command


def test_no_label_of_a_test_part_is_read(features: FeatureSet) -> None:
    """Predictions stay the same when test labels are replaced by nonsense."""
    folds = kfold(features.records, k=3)[:1]
    test = set(folds[0].test)
    spoiled = tuple(replace(r, labels=Labels(1e6, -1e6, 7.0)) if r.id in test else r for r in features.records)
    recipe = TrainConfig(networks=2, epochs=3)
    network = watching(AimSystem("watched", MODEL, recipe))
    rows: list[ResultRow] = [
        AimSystem("AIM", MODEL, recipe),
        AimSystem("pooled", MODEL, recipe, joins_tasks=True),
        Selected("selected", (network, *trivial_baselines(features))),
        ChosenEpoch(network),
        BestOnTest(network),
        Combined((network, *regressions_for(("trial",)))),
        *trivial_baselines(features),
    ]
    cut = join_tasks(features, folds_by_task(features, folds), InnerSplit(("trial",)))
    for row in rows:
        honest, other = (predict_folds(row, replace(features, records=r), cut) for r in (features.records, spoiled))
        assert np.array_equal(honest[0].score, other[0].score), row.name


def test_a_system_is_given_no_score_of_a_test_part(features: FeatureSet) -> None:
    """A system's function that asks for labels of the test part gets none."""
    asked: list[FeatureSet] = []

    def reading(train: FeatureSet) -> SimplePredictor:
        def scores(test: FeatureSet, run: int) -> np.ndarray:
            asked.append(test)
            return np.arange(len(test), dtype=float)

        return scores

    levels = tuple(replace(r, labels=replace(r.labels or Labels(), difficulty=2.0)) for r in features.records)
    given, folds = replace(features, records=levels), kfold(features.records, k=2)
    cross_validate(given, Protocol(folds), [SimpleSystem("reading", reading)])
    assert {record.labels for test in asked for record in test.records} == {Labels(difficulty=2.0)}


def test_a_system_of_one_task_equals_train_on_its_training_part() -> None:
    made = made_features(24, channels=5, scene=6)
    recipe = TrainConfig(networks=2, epochs=3)
    predict = AimSystem("AIM", MODEL, recipe).train(made.take(range(16)), None, TrainingControl())
    run, new = TrainedModel.fit(made, recipe, MODEL, rows=range(16)), made.take(range(16, 24))
    assert np.array_equal(predict(new).losses, run.losses)
    np.testing.assert_allclose(predict(new).score, run.predict(new).members, rtol=1e-5)


def test_pooled_tasks_share_networks_and_keep_their_scales() -> None:
    made = two_tasks(40)
    records = tuple(
        replace(r, labels=Labels(r.labels.score * 100 + 5000)) if r.task == "b" and r.labels and r.labels.score else r
        for r in made.records
    )
    features = replace(made, records=records)
    system = AimSystem(
        "pooled", MODEL, TrainConfig(networks=2, epochs=30, switch_epochs=(10, 20, 30)), joins_tasks=True
    )
    cut = join_tasks(features, folds_by_task(features, kfold(features.records, k=4)), InnerSplit())[0]
    (predicted,) = predict_folds(system, features, [cut])
    assert predicted.losses is not None
    assert predicted.losses.shape[1] == 2
    tasks = np.array([features.records[row].task for row in cut.test])
    assert set(tasks) == {"a", "b"}
    assert ((predicted.score > 3000) == (tasks == "b")).all()


def test_baselines_by_hand(features: FeatureSet) -> None:
    scores = np.array([r.labels.score for r in features.records if r.labels is not None], dtype=float)
    train, test = np.arange(0, 24), np.arange(24, 32)

    def predicted(baseline: Callable[[FeatureSet], SimplePredictor], given: FeatureSet, run: int = 0) -> np.ndarray:
        return baseline(given.take(train))(given.take(test), run)

    assert np.allclose(predicted(training_mean, features), scores[train].mean())
    subjects = [r.groups["subject"] for r in features.records]
    same = [row for row in train if subjects[row] == subjects[24]]
    assert predicted(subject_mean, features)[0] == pytest.approx(scores[same].mean())
    stranger = replace(features, records=tuple(replace(r, groups={}) for r in features.records))
    assert np.allclose(predicted(subject_mean, stranger), scores[train].mean())
    timed = replace(features, duration=np.exp(scores))
    assert np.allclose(predicted(duration, timed), scores[test])
    still = replace(features, duration=np.full(32, 3.0))
    assert np.allclose(predicted(duration, still), scores[train].mean())
    drawn = predicted(random_scores, features)
    assert np.array_equal(drawn, predicted(random_scores, features))
    assert not np.array_equal(drawn, predicted(random_scores, features, 1))
    assert drawn.min() >= scores[train].min()
    assert drawn.max() <= scores[train].max()


def test_perfect_and_unlabelled(features: FeatureSet) -> None:
    records = tuple(replace(r, labels=None) if i % 4 == 0 else r for i, r in enumerate(features.records))
    given = replace(features, records=records)
    oracle = knowing("oracle", features)
    results = cross_validate(given, Protocol(kfold(given.records, k=3)), [oracle])
    assert len(results.predictions) == 24
    task = results.systems["oracle"].tasks["a"]
    assert task.rho.value == task.metrics.spearman == pytest.approx(1)
    assert task.metrics.mse == 0
    assert task.per_fold.clipped == 3
    with pytest.raises(DataError, match="no fold has labelled"):
        cross_validate(given, Protocol([Fold("1", (given.ids[0],), (given.ids[4],))]), [oracle])


@pytest.mark.parametrize(("count", "folds"), [(1, 0), (2, 0), (3, 3), (4, 2)])
def test_the_advice_for_few_performances_works_or_says_how_many_are_needed(count: int, folds: int) -> None:
    few = made_features(count, channels=2, scene=2)
    with pytest.raises(DataError, match="cannot make 5 folds") as caught:
        kfold(few.records, 5)
    if not folds:
        assert "at least 3 independent performances" in (caught.value.fix or "")
        for protocol in ("kfold", "holdout"):
            with pytest.raises(DataError, match="at least 3 independent performances"):
                folds_by_task(few, make_folds(protocol, few.records, **({"k": 2} if protocol == "kfold" else {})))
        return
    assert caught.value.fix == f"Make fewer: --set split.folds={folds}"
    assert len(folds_by_task(few, kfold(few.records, folds))) == folds
    assert folds_by_task(few, make_folds("holdout", few.records))


def test_views_that_share_their_agents_are_trained_on_and_scored_once(features: FeatureSet) -> None:
    half = features.take(np.arange(16))
    other = replace(half, records=tuple(replace(r, id=f"{r.id}-2") for r in half.records), scene=half.scene + 1)
    trials = tuple(replace(r, groups={"trial": r.id.removesuffix("-2")}) for r in (*half.records, *other.records))
    two_tasks = replace(half.followed_by(other), records=trials)
    mean = replace(half, records=trials[:16], scene=half.scene + np.float32(0.5))
    systems = (AimSystem("AIM", MODEL, TrainConfig(networks=1, epochs=2)), *trivial_baselines(features))
    twice, once = (cross_validate(f, Protocol(kfold(f.records, k=2)), systems) for f in (two_tasks, mean))
    assert (twice.videos, twice.performances, once.videos) == (32, 16, 16)
    assert [one.id for one in twice.predictions] == [one.id for one in once.predictions]
    assert [fold.test for fold in twice.protocol.folds] == [8, 8]
    for mine, theirs in zip(twice.predictions, once.predictions, strict=True):
        assert mine.systems["AIM"].mean == pytest.approx(theirs.systems["AIM"].mean, abs=1e-3)


def test_selection_prefers_the_system_that_ranks_best_inside_the_training_part(features: FeatureSet) -> None:
    candidates = (
        knowing("bad", features, np.negative),
        knowing("good", features),
        SimpleSystem("flat", training_mean),
    )
    system = Selected("selected", candidates)
    scores = label_table(features.records)[:, 0]
    cut = join_tasks(features, folds_by_task(features, leave_one_out(features.records, "subject")), InnerSplit())
    for fold, predicted in zip(cut, predict_folds(system, features, cut), strict=True):
        assert predicted.chosen == ("good",)
        assert np.array_equal(predicted.score[0], scores[fold.test])


def test_inner_folds_stay_in_the_training_part_and_keep_people_together(features: FeatureSet) -> None:
    asked: list[tuple[set[str], set[str]]] = []

    def spy(train: FeatureSet) -> SimplePredictor:
        def scores(test: FeatureSet, run: int) -> np.ndarray:
            asked.append(tuple({r.groups["subject"] for r in part.records} for part in (train, test)))  # type: ignore[arg-type]
            return np.arange(len(test), dtype=float)

        return scores

    system = Selected("selected", (SimpleSystem("spy", spy),))
    parts = [part for part in folds_by_task(features, leave_one_out(features.records, "subject")) if part.fold == "s3"]
    predict_folds(system, features, join_tasks(features, parts, InnerSplit(("subject",))))
    assert len(asked) == 3 + 1, "this person has one task"
    for train_people, test_people in asked[:3]:
        assert not train_people & test_people
        assert "s3" not in train_people | test_people


def test_inner_folds_test_every_performance_once(features: FeatureSet) -> None:
    """A fold has no performance of a task if too few others of the task would be left to train on."""
    inner = inner_folds(features, ("trial",))
    assert len(inner) == 3
    assert sorted(np.concatenate([part.test for part in inner])) == list(range(len(features)))
    for part in inner:
        assert not set(part.train) & set(part.test)
    records = tuple(replace(r, task="rare" if i in (0, 1) else "a", groups={}) for i, r in enumerate(features.records))
    for part in inner_folds(replace(features, records=records), ("trial",)):
        assert not {0, 1} & {*part.train, *part.test}
    tied = tuple(replace(r, groups={"trial": "one"}) for r in features.records)
    assert inner_folds(replace(features, records=tied)) == []


def test_inner_folds_are_the_other_folds_of_the_protocol(features: FeatureSet) -> None:
    """If these test every performance once. The folds after the held-out one come first."""
    folds = kfold(features.records, k=4, unsplit=("trial",))
    held = tuple(frozenset(fold.test) for fold in folds)

    def inner(split: InnerSplit, rows: np.ndarray) -> list[set[str]]:
        train = features.take(rows)
        return [{train.ids[row] for row in part.test} for part in split.inner(train)]

    for number, fold in enumerate(folds):
        rows = fold.indices(features.ids)[0]
        assert inner(InnerSplit(folds=held), rows) == [set(held[(number + step) % 4]) for step in (1, 2, 3)]
        at_random = inner(InnerSplit(("trial",)), rows)
        assert at_random != inner(InnerSplit(folds=held), rows)
        assert inner(InnerSplit(("trial",), folds=held[:2]), rows) == at_random, "some are never tested"
        assert inner(InnerSplit(("trial",), folds=held[number : number + 1]), rows) == at_random, "one split"
        single = tuple(frozenset([one]) for one in features.ids)
        assert len(single) > MOST_FOLDS
        assert inner(InnerSplit(("trial",), folds=single), rows) == at_random, "too many"


def test_folds_share_inner_trainings(features: FeatureSet, tmp_path: Path) -> None:
    """A training without two of four folds serves both: six inner trainings, not twelve."""
    features = features.take(np.arange(0, 32, 2))
    network = watching(AimSystem("AIM", MODEL, TrainConfig(networks=1, epochs=2)))
    assert {record.task for record in features.records} == {"a"}
    folds, rows = kfold(features.records, k=4), [network, ChosenEpoch(network)]
    runner = TrainingRunner(folder=tmp_path / "shared")
    shared = cross_validate(features, Protocol(folds), rows, runner=runner)
    assert len(list((tmp_path / "shared").iterdir())) == 4 + 6
    parts, split = folds_by_task(features, folds), InnerSplit(folds=tuple(frozenset(fold.test) for fold in folds))
    for part in parts:
        alone = predict_part(rows[1], features, part, split=split)
        found = [one for one in shared.predictions if one.fold == part.fold]
        assert np.allclose([one.systems[rows[1].name].mean for one in found], alone.score[0], atol=1e-4)
        chosen = [one.chosen for one in shared.systems[rows[1].name].chosen if one.fold == part.fold]
        assert chosen == [alone.chosen]


def test_equal_trainings_run_once(features: FeatureSet, tmp_path: Path) -> None:
    """Under any name: one evaluation has them once in its list, a later call finds them in the folder."""
    system, finished = AimSystem("AIM", MODEL, TrainConfig(networks=2, epochs=2)), list[int]()
    control = TrainingControl(tmp_path, lambda done, total: finished.append(done))
    train, test = np.arange(20), np.arange(20, 32)
    of_tasks = trainings_of(system, features, train, test)
    assert [one.key for one in of_tasks] == [
        one.key for one in trainings_of(replace(system, name="another"), features, train, test[:3])
    ]
    first = [run_training(features, one, control) for one in of_tasks]
    assert finished
    count = len(finished)
    again = [run_training(features, one, control) for one in of_tasks]
    assert len(finished) == count, "nothing trains"
    for one, other in zip(first, again, strict=True):
        assert np.array_equal(one.score, other.score)
        assert np.array_equal(one.losses, other.losses)  # type: ignore[arg-type]
        assert one.loss_epochs == other.loss_epochs
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".safetensors"] * 2, "checkpoints are gone"
    changed = replace(features, scene=features.scene + 1)
    for one in trainings_of(system, changed, train, test):
        run_training(changed, one, control)
    assert len(list(tmp_path.iterdir())) == 4


def test_rows_that_share_trainings_add_none(features: FeatureSet) -> None:
    """A combination, a chosen epoch and a selection cost their inner trainings; only the selected one trains whole."""
    network = watching(AimSystem("one", MODEL, TrainConfig(networks=2, epochs=2)))
    baseline, *_ = trivial_baselines(features)
    asked: list[int] = []

    class Counted(TrainingRunner):
        def __call__(self, features: FeatureSet, trainings: Any) -> Any:
            asked.append(len(trainings))
            return super().__call__(features, trainings)

    rows: list[ResultRow] = [network, ChosenEpoch(network), BestOnTest(network), Combined((network, baseline))]
    folds = kfold(features.records, k=2)
    split = InnerSplit(folds=tuple(frozenset(fold.test) for fold in folds))
    inner = 0
    for cut in join_tasks(features, folds_by_task(features, folds), split):
        for part in cut.inner:
            inner += len({features.records[row].task for row in cut.train[part.test]})
    cross_validate(features, Protocol(folds), rows, runner=Counted())
    assert asked == [2 * (4 + inner)], "two systems, on two folds of two tasks and their inner folds"
    asked.clear()
    cross_validate(features, Protocol(folds), [Selected("selected", (network, baseline))], runner=Counted())
    assert asked == [2 * inner, 4]


def test_the_last_epoch_counts_and_others_are_beside_it(features: FeatureSet) -> None:
    """One training gives three rows: last epoch, chosen by inner validation, best on the test part on request."""
    folds, ours = kfold(features.records, k=3), AimSystem("AIM", MODEL, TrainConfig(networks=2, epochs=40))
    plain = cross_validate(features, Protocol(folds), [ours]).systems["AIM"].tasks
    watched = watching(ours)
    rows = [watched, ChosenEpoch(watched), BestOnTest(watched)]
    results = cross_validate(features, Protocol(folds), rows, runner=TrainingRunner(WorkConfig(train_device="cpu")))
    assert results.origin.devices == ("cpu",)
    evaluated = results.systems
    assert list(evaluated) == ["AIM", f"AIM, {CHOSEN}", f"AIM, {ORACLE}"]
    assert evaluated["AIM"].tasks == plain
    assert "oracle" in ORACLE
    for task in plain:
        for fold, fold_result in evaluated[f"AIM, {ORACLE}"].tasks[task].folds.items():
            others = [evaluated[name].tasks[task].folds[fold].spearman for name in list(evaluated)[:2]]
            assert fold_result.spearman >= max(others)
    chosen = {name for entry in evaluated[f"AIM, {CHOSEN}"].chosen for name in entry.chosen}
    assert chosen <= {f"epoch {epoch}" for epoch in watched_epochs(40)}


def test_watched_epochs_end_with_the_last() -> None:
    assert watched_epochs(40) == tuple(range(2, 41, 2))
    assert watched_epochs(3) == (1, 2, 3)
    assert watched_epochs(1) == (1,)
    assert watched_epochs(3000)[-1] == 3000


def test_epochs_by_epoch_end_as_trained(features: FeatureSet, tmp_path: Path) -> None:
    """The scores watched at the last epoch are the result; watching changes nothing and survives an interruption."""
    part = folds_by_task(features, kfold(features.records, k=3))[0]
    ours = AimSystem("AIM", MODEL, TrainConfig(networks=4, epochs=6), watch=(1, 3, 6))
    held = predict_part(ours, features, part)
    assert held.by_epoch is not None
    assert held.by_epoch.shape == (3, 4, len(part.test))
    assert np.allclose(held.by_epoch[-1], held.score)
    assert not np.allclose(held.by_epoch[0], held.score)
    plain = predict_part(replace(ours, watch=()), features, part)
    assert np.array_equal(plain.score, held.score)
    asked = iter(range(100))
    with pytest.raises(Cancelled):
        predict_part(ours, features, part, tmp_path, stop=lambda: next(asked) > 7)
    assert list(tmp_path.glob("*/stack-*.safetensors"))
    resumed = predict_part(ours, features, part, tmp_path)
    assert np.array_equal(held.by_epoch, resumed.by_epoch)  # type: ignore[arg-type]


def test_the_examples_of_the_pages_evaluate_a_rule_and_read_its_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_pack(tmp_path / "features.h5", made_features(40))
    rule = next(code for code in code_of("extend.md", "A system") if "nearest_length" in code)
    exec(compile(rule, "extend.md", "exec"), {})
    (reader,) = (code for code in code_of("evaluation.md", "`results.json`") if "read_results" in code)
    exec(compile(reader.replace("runs/evaluation", "runs/nearest"), "evaluation.md", "exec"), {})
    assert "nearest length" in capsys.readouterr().out
