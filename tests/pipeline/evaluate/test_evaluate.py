"""Evaluation: metrics by hand, baselines, pooling; no label of a test part is ever read."""

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
from pipeline.evaluate.evaluation_results import FoldAverage
from pipeline.folds import folds_of
from pipeline.settings.train_config import TrainConfig
from pipeline.systems.aim_system import AimSystem
from pipeline.systems.baselines import duration, random_scores, subject_mean, training_mean, trivial_baselines
from pipeline.train.normalise import label_table
from tests.helpers.doc_pages import code_of
from tests.helpers.folds import knowing
from tests.helpers.made_features import made_features, with_records

MODEL = AimConfig(width=10, regression_width=5, multi_task=True)


def two_tasks(count=32):
    """A synthetic set whose halves are tasks, with two views of every performance."""
    made = made_features(count, channels=5, scene=6)
    return with_records(made, lambda r, i: {"task": "ab"[i % 2], "groups": {**r.groups, "trial": f"t{i // 4}{i % 2}"}})


@pytest.fixture(scope="module")
def features():
    return two_tasks()


@pytest.fixture(scope="module")
def results(features):
    folds = kfold(features.records, k=3)
    systems = (AimSystem("AIM", MODEL, TrainConfig(networks=3, epochs=4)), *trivial_baselines(features))
    report = audit(folds, features.records, forbid=("trial",))
    return cross_validate(features, Protocol(folds, "kfold", audit=report), systems)


def test_every_video_is_predicted_once_and_names_its_performance(results, features):
    """Views of one performance share the name, so that the intervals of the report count it once."""
    shown = [(prediction.id, prediction.performance) for prediction in results.predictions]
    assert sorted(shown) == sorted((record.id, f"trial:{record.groups['trial']}") for record in features.records)
    assert results.tasks == ("a", "b")
    assert results.audit.ok


def test_metrics_follow_from_the_predictions(results):
    for task in ("a", "b"):
        rows = [prediction for prediction in results.predictions if prediction.task == task]
        result = results.systems["AIM"].tasks[task]
        each = []
        for fold in ("1", "2", "3"):
            mine = [row for row in rows if row.fold == fold]
            pairs = np.array([(one.systems["AIM"].value, one.true) for one in mine])
            each.append(metrics.spearman(*pairs.T))
            assert result.folds[fold].spearman == pytest.approx(each[-1])
        assert result.per_fold.fisher == pytest.approx(metrics.fisher_average(each))
        assert result.per_fold.arithmetic == pytest.approx(np.mean(each))
        together = metrics.spearman([row.systems["AIM"].value for row in rows], [row.true for row in rows])
        assert result.metrics.spearman == pytest.approx(together)
        assert result.rho.interval is None, "eight performances less two fold means are too few"
        assert (result.performances, len(result.networks)) == (len(rows) / 2, 3)


def test_multi_task_and_baseline_entries(results):
    aim = results.systems["AIM"]
    assert set(aim.execution) == {"a", "b"}
    assert len(aim.losses.epochs) == 4
    others = {name: row for name, row in results.systems.items() if name != "AIM"}
    assert {*others} == {"training mean", "duration", "subject mean", "random"}
    assert {(row.kind, row.execution) for row in others.values()} == {("baseline", None)}
    mean = results.systems["training mean"].tasks["a"]
    assert mean.folds["1"].spearman is None
    assert (mean.per_fold, mean.rho) == (FoldAverage(None, None), Estimate(None))


def test_baselines_by_hand(features):
    scores, train, test = label_table(features.records)[:, 0], np.arange(24), np.arange(24, 32)

    def predicted(baseline, run=0, **other):
        given = replace(features, **other)
        return baseline(given.take(train))(given.take(test), run)

    mean, subjects = scores[train].mean(), np.array([r.groups["subject"] for r in features.records])
    of_subject = [scores[train][subjects[train] == name].mean() for name in subjects[test]]
    strangers = with_records(features, lambda *_: {"groups": {}}).records
    assert np.allclose(predicted(training_mean), mean)
    assert np.allclose(predicted(subject_mean), of_subject)
    assert np.allclose(predicted(subject_mean, records=strangers), mean)
    assert np.allclose(predicted(duration, duration=np.exp(scores)), scores[test])
    equal = {"duration": np.full(32, 3.0)}
    assert np.allclose(predicted(duration, **equal), mean)
    assert "duration" not in {system.name for system in trivial_baselines(replace(features, **equal))}
    drawn, again, other = (predicted(random_scores, run) for run in (0, 0, 1))
    assert np.array_equal(drawn, again)
    assert not np.array_equal(drawn, other)
    assert scores[train].min() <= drawn.min() <= drawn.max() <= scores[train].max()


def test_perfect_and_unlabelled(features):
    given = with_records(features, lambda r, i: {"labels": r.labels if i % 4 else None})
    oracle = knowing("oracle", features)
    results = cross_validate(given, Protocol(kfold(given.records, k=3)), [oracle])
    assert len(results.predictions) == 24
    task = results.systems["oracle"].tasks["a"]
    assert task.rho.value == task.metrics.spearman == pytest.approx(1)
    assert task.metrics.mse == 0
    with pytest.raises(DataError, match="no fold has labelled"):
        cross_validate(given, Protocol([Fold("1", (given.ids[0],), (given.ids[4],))]), [oracle])


@pytest.mark.parametrize(("count", "folds"), [(1, 0), (2, 0), (3, 3), (4, 2)])
def test_the_advice_for_few_performances_works_or_says_how_many_are_needed(count, folds):
    few = made_features(count, channels=2, scene=2)
    with pytest.raises(DataError, match="cannot make 5 folds") as caught:
        kfold(few.records, 5)
    if folds:
        assert caught.value.fix == f"Make fewer: --set split.folds={folds}"
        assert len(folds_of(few, kfold(few.records, folds))) == folds
        assert folds_of(few, make_folds("holdout", few.records))
    else:
        assert "at least 3 independent performances" in caught.value.fix
        with pytest.raises(DataError, match="at least 3 independent performances"):
            cross_validate(few, Protocol(make_folds("holdout", few.records)), trivial_baselines(few))


def test_views_that_share_their_agents_are_trained_on_and_scored_once(features):
    half = features.take(np.arange(16))
    first, second = (
        with_records(half, lambda r, _, view=view: {"id": f"{r.id}{view}", "groups": {"trial": r.id}})
        for view in ("", "-2")
    )
    two_views = first.followed_by(replace(second, scene=half.scene + 1))
    mean = replace(first, scene=half.scene + np.float32(0.5))
    systems = (AimSystem("AIM", MODEL, TrainConfig(networks=1, epochs=2)),)
    twice, once = (cross_validate(f, Protocol(kfold(f.records, k=2)), systems) for f in (two_views, mean))
    assert (twice.videos, twice.performances, once.videos) == (32, 16, 16)
    assert [fold.test for fold in twice.folds] == [8, 8]
    for mine, theirs in zip(twice.predictions, once.predictions, strict=True):
        assert mine.id == theirs.id
        assert mine.systems["AIM"].value == pytest.approx(theirs.systems["AIM"].value, abs=1e-3)


def test_the_example_of_the_page_reads_results(world, capsys):
    (reader,) = (code for code in code_of("evaluation.md", "`results.json`") if "read_results" in code)
    exec(compile(reader.replace("runs/evaluation", str(world.evaluation)), "evaluation.md", "exec"), {})
    assert "combined" in capsys.readouterr().out
