"""Evaluation: metrics by hand, baselines, pooling; no label of a test part is ever read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from data.errors import DataError
from data.leaks import audit
from data.splits import Fold, kfold, make_folds
from models import metrics
from models.aim_config import AimConfig
from models.estimate import Estimate
from pipeline.evaluate.cross_validation import Protocol, cross_validate
from pipeline.evaluate.evaluation_results import EvaluationResults, FoldAverage
from pipeline.folds import folds_of
from pipeline.score.trained_model import TrainedModel
from pipeline.settings.recipes import TrainConfig
from pipeline.systems.aim_system import AimSystem
from pipeline.systems.baselines import duration, random_scores, subject_mean, training_mean, trivial_baselines
from pipeline.systems.system import Score
from pipeline.train import TrainingControl
from pipeline.train.feature_set import FeatureSet
from tests.helpers.doc_pages import code_of
from tests.helpers.folds import knowing
from tests.helpers.made_features import made_features
from tests.helpers.world import World

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
    shown = {prediction.id: prediction.performance for prediction in results.predictions}
    assert shown == {record.id: f"trial:{record.groups['trial']}" for record in features.records}
    assert len(set(shown.values())) == len(shown) / 2


def test_metrics_follow_from_the_predictions(results: EvaluationResults) -> None:
    for task in ("a", "b"):
        rows = [prediction for prediction in results.predictions if prediction.task == task]
        result = results.systems["AIM"].tasks[task]
        each, centred = [], []
        for fold in ("1", "2", "3"):
            mine = [row for row in rows if row.fold == fold]
            pairs = np.array([(one.systems["AIM"].value, one.true) for one in mine])
            each.append(metrics.spearman(*pairs.T))
            assert result.folds[fold].spearman == pytest.approx(each[-1])
            shown = sorted({one.performance for one in mine})
            views = [pairs[[one.performance == name for one in mine]].mean(0) for name in shown]
            centred.append(np.array(views) - pairs.mean(0))
        assert result.per_fold.fisher == pytest.approx(metrics.fisher_average(each).value)
        assert result.per_fold.arithmetic == pytest.approx(np.mean(each))
        together = metrics.spearman([row.systems["AIM"].value for row in rows], [row.true for row in rows])
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
    assert sorted(prediction.id for prediction in results.predictions) == sorted(features.ids)
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


def test_a_system_of_one_task_equals_train_on_its_training_part() -> None:
    made = made_features(24, channels=5, scene=6)
    recipe = TrainConfig(networks=2, epochs=3)
    predict = AimSystem("AIM", MODEL, recipe).fit(made.take(range(16)), None, TrainingControl())
    run, new = TrainedModel.fit(made, recipe, MODEL, rows=range(16)), made.take(range(16, 24))
    assert np.array_equal(predict(new).losses, run.losses)
    np.testing.assert_allclose(predict(new).score, run.predict(new).members, rtol=1e-5)


def test_baselines_by_hand(features: FeatureSet) -> None:
    scores = np.array([r.labels.score for r in features.records if r.labels is not None], dtype=float)
    train, test = np.arange(0, 24), np.arange(24, 32)

    def predicted(baseline: Callable[[FeatureSet], Score], given: FeatureSet, run: int = 0) -> np.ndarray:
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

        def evaluated(protocol: str) -> None:
            splits = make_folds(protocol, few.records, **({"k": 2} if protocol == "kfold" else {}))
            cross_validate(few, Protocol(splits), trivial_baselines(few))

        for protocol in ("kfold", "holdout"):
            with pytest.raises(DataError, match="at least 3 independent performances"):
                evaluated(protocol)
        return
    assert caught.value.fix == f"Make fewer: --set split.folds={folds}"
    assert len(folds_of(few, kfold(few.records, folds))) == folds
    assert folds_of(few, make_folds("holdout", few.records))


def test_views_that_share_their_agents_are_trained_on_and_scored_once(features: FeatureSet) -> None:
    half = features.take(np.arange(16))
    other = replace(half, records=tuple(replace(r, id=f"{r.id}-2") for r in half.records), scene=half.scene + 1)
    trials = tuple(replace(r, groups={"trial": r.id.removesuffix("-2")}) for r in (*half.records, *other.records))
    two_tasks = replace(half.followed_by(other), records=trials)
    mean = replace(half, records=trials[:16], scene=half.scene + np.float32(0.5))
    systems = (AimSystem("AIM", MODEL, TrainConfig(networks=1, epochs=2)), *trivial_baselines(features))
    twice, once = (cross_validate(f, Protocol(kfold(f.records, k=2)), systems) for f in (two_tasks, mean))
    assert (twice.videos, twice.performances, once.videos) == (32, 16, 16)
    assert [prediction.id for prediction in twice.predictions] == [prediction.id for prediction in once.predictions]
    assert [fold.test for fold in twice.protocol.folds] == [8, 8]
    for mine, theirs in zip(twice.predictions, once.predictions, strict=True):
        assert mine.systems["AIM"].value == pytest.approx(theirs.systems["AIM"].value, abs=1e-3)


def test_the_example_of_the_page_reads_results(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    (reader,) = (code for code in code_of("evaluation.md", "`results.json`") if "read_results" in code)
    exec(compile(reader.replace("runs/evaluation", str(world.evaluation)), "evaluation.md", "exec"), {})
    assert "combined" in capsys.readouterr().out
