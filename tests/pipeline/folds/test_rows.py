"""Rows and their trainings: no label of a test part is read, each training runs once, inner folds stay inside."""

from dataclasses import replace

import numpy as np
import pytest

from data.errors import Cancelled
from data.splits import Fold as Split
from data.splits import kfold, leave_one_out
from data.video.records import Labels
from models.aim_config import AimConfig
from pipeline.evaluate.cross_validation import Protocol, cross_validate
from pipeline.folds import (
    Fold,
    TrainingRunner,
    best_candidate,
    best_on_test,
    chosen_epoch,
    combination,
    fit_predict,
    folds_of,
    inner_folds,
    last_epoch,
    watching,
)
from pipeline.folds.fit_predict import trainings_of
from pipeline.folds.fold import MOST_FOLDS
from pipeline.folds.rows import CHOSEN, ORACLE, watched_epochs
from pipeline.settings.machine import WorkConfig
from pipeline.settings.train_config import TrainConfig
from pipeline.systems import AimSystem, SimpleSystem, trivial_baselines
from pipeline.systems.baselines import training_mean
from pipeline.systems.regressors import regressions_for
from pipeline.train import TrainingControl, label_table
from tests.helpers.folds import knowing, predict_folds, predict_part
from tests.helpers.made_features import made_features

MODEL = AimConfig(width=10, regression_width=5, multi_task=True)


@pytest.fixture(scope="module")
def features():
    """Two tasks, with two views of every performance."""
    made = made_features(32, channels=5, scene=6)
    records = tuple(
        replace(r, task="ab"[i % 2], groups={**r.groups, "trial": f"t{i // 4}{i % 2}"})
        for i, r in enumerate(made.records)
    )
    return replace(made, records=records)


def test_no_row_reads_a_label_of_a_test_part(features):
    """Predictions stay the same when test labels are replaced by nonsense."""
    splits = kfold(features.records, k=3)[:1]
    test, recipe = set(splits[0].test), TrainConfig(networks=2, epochs=3)
    spoiled = tuple(replace(r, labels=Labels(1e6, -1e6, 7.0)) if r.id in test else r for r in features.records)
    network = watching(AimSystem("watched", MODEL, recipe))
    rows = [
        AimSystem("AIM", MODEL, recipe),
        best_candidate("best", (network, *trivial_baselines(features))),
        chosen_epoch(network),
        best_on_test(network),
        combination((network, *regressions_for(("trial",), features)), unseen_users=False),
        *trivial_baselines(features),
    ]
    folds = folds_of(features, splits, ("trial",))
    for row in rows:
        honest, other = (predict_folds(row, replace(features, records=r), folds) for r in (features.records, spoiled))
        assert np.array_equal(honest[0].score, other[0].score), row.name


def test_the_best_candidate_ranks_best_inside_the_training_part(features):
    candidates = (knowing("bad", features, np.negative), knowing("good", features), SimpleSystem("flat", training_mean))
    scores = label_table(features.records)[:, 0]
    folds = folds_of(features, leave_one_out(features.records, "subject"))
    for fold, predicted in zip(folds, predict_folds(best_candidate("best", candidates), features, folds), strict=True):
        assert predicted.chosen == ("good",)
        assert np.array_equal(predicted.score[0], scores[fold.test])


def test_inner_folds_test_every_performance_once(features):
    """A fold has no performance of a task if too few others of the task would be left to train on."""
    every = np.arange(len(features))
    inner = inner_folds(features, every, ("trial",))
    assert len(inner) == 3
    assert sorted(np.concatenate([fold.test for fold in inner])) == every.tolist()
    assert not any(set(fold.train) & set(fold.test) for fold in inner)
    records = tuple(replace(r, task="rare" if i in (0, 1) else "a", groups={}) for i, r in enumerate(features.records))
    for fold in inner_folds(replace(features, records=records), every, ("trial",)):
        assert not {0, 1} & {*fold.train, *fold.test}
    tied = tuple(replace(r, groups={"trial": "one"}) for r in features.records)
    assert inner_folds(replace(features, records=tied), every) == ()


def test_inner_folds_are_the_other_folds_of_the_protocol(features):
    """If these test every performance once. The folds after the held-out one come first."""
    splits = kfold(features.records, k=4, unsplit=("trial",))

    def inner(given, seed=0):
        folds = folds_of(features, given, ("trial",), seed)
        return [[{features.ids[row] for row in one.test} for one in fold.inner] for fold in folds]

    held = [set(split.test) for split in splits]
    assert inner(splits) == [[held[(number + step) % 4] for step in (1, 2, 3)] for number in range(4)]
    for few in (splits[:2], splits[:1]):
        assert all(fold not in inner(splits) for fold in inner(few)), "some are never tested: at random"
        assert inner(few) != inner(few, seed=5)
    many = [Split(str(i), *(tuple(features.ids[row] for row in rows) for rows in _without(i))) for i in range(16)]
    assert len(many) > MOST_FOLDS
    assert len(inner(many)[0]) == 3


def _without(pair):
    return [row for row in range(32) if row // 2 != pair], [2 * pair, 2 * pair + 1]


def test_folds_share_inner_trainings(features, tmp_path):
    """A training without two of four folds serves both: six inner trainings, not twelve; every row reads them."""
    features = features.take(np.arange(0, 32, 2))
    network = watching(AimSystem("AIM", MODEL, TrainConfig(networks=1, epochs=2)))
    candidates = (network, trivial_baselines(features)[0])
    rows = [last_epoch(network), chosen_epoch(network), best_on_test(network)]
    rows += [combination(candidates, unseen_users=False), best_candidate("best", candidates)]
    splits = kfold(features.records, k=4)
    shared = cross_validate(features, Protocol(splits), rows, runner=TrainingRunner(folder=tmp_path / "shared"))
    assert len(list((tmp_path / "shared").iterdir())) == 4 + 6
    for fold in folds_of(features, splits):
        (alone,) = predict_folds(rows[1], features, [fold])
        found = [prediction for prediction in shared.predictions if prediction.fold == fold.name]
        assert np.allclose([one.systems[rows[1].name].value for one in found], alone.score[0], atol=1e-4)
        assert alone.chosen in [one.chosen for one in shared.systems[rows[1].name].chosen if one.fold == fold.name]


def test_equal_trainings_run_once(features, tmp_path):
    """Under any name: one evaluation has them once in its list, a later call finds them in the folder."""
    system, finished = AimSystem("AIM", MODEL, TrainConfig(networks=2, epochs=2)), list[int]()
    control = TrainingControl(tmp_path, lambda done, total: finished.append(done))
    fold = Fold("1", np.arange(20), np.arange(20, 32))

    def run(given):
        return [fit_predict(given, one, control) for one in trainings_of(system, given, fold)]

    renamed = trainings_of(replace(system, name="another"), features, replace(fold, test=fold.test[:3]))
    assert [one.key for one in trainings_of(system, features, fold)] == [one.key for one in renamed]
    first, count = run(features), len(finished)
    assert count
    for one, other in zip(first, run(features), strict=True):
        assert np.array_equal(one.score, other.score)
        assert np.array_equal(one.losses, other.losses)  # type: ignore[arg-type]
        assert one.loss_epochs == other.loss_epochs
    assert len(finished) == count, "nothing trains"
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".safetensors"] * 2, "checkpoints are gone"
    run(replace(features, scene=features.scene + 1))
    assert len(list(tmp_path.iterdir())) == 4


def test_the_last_epoch_counts_and_others_are_beside_it(features):
    """One training gives three rows: last epoch, chosen by inner validation, best on the test part on request."""
    splits, ours = kfold(features.records, k=3), AimSystem("AIM", MODEL, TrainConfig(networks=2, epochs=40))
    plain = cross_validate(features, Protocol(splits), [ours]).systems["AIM"].tasks
    watched = watching(ours)
    rows = [last_epoch(watched), chosen_epoch(watched), best_on_test(watched)]
    results = cross_validate(features, Protocol(splits), rows, runner=TrainingRunner(WorkConfig(train_device="cpu")))
    assert results.origin.devices == ("cpu",)
    evaluated = results.systems
    assert list(evaluated) == ["AIM", f"AIM, {CHOSEN}", f"AIM, {ORACLE}"]
    assert evaluated["AIM"].tasks == plain
    for task in plain:
        for fold, of_fold in evaluated[f"AIM, {ORACLE}"].tasks[task].folds.items():
            others = [evaluated[name].tasks[task].folds[fold].spearman for name in list(evaluated)[:2]]
            assert of_fold.spearman >= max(others)
    chosen = {name for entry in evaluated[f"AIM, {CHOSEN}"].chosen for name in entry.chosen}
    assert chosen <= {f"epoch {epoch}" for epoch in watched_epochs(40)}


def test_epochs_by_epoch_end_as_trained(features, tmp_path):
    """The scores watched at the last epoch are the result; watching changes nothing and survives an interruption."""
    rows = np.arange(0, 32, 2)
    part = rows[:10], rows[10:]
    ours = AimSystem("AIM", MODEL, TrainConfig(networks=4, epochs=6), watch=(1, 3, 6))
    held = predict_part(ours, features, *part)
    assert held.by_epoch is not None
    assert held.by_epoch.shape == (3, 4, 6)
    assert np.allclose(held.by_epoch[-1], held.score)
    assert not np.allclose(held.by_epoch[0], held.score)
    assert np.array_equal(predict_part(replace(ours, watch=()), features, *part).score, held.score)
    asked = iter(range(100))
    with pytest.raises(Cancelled):
        predict_part(ours, features, *part, tmp_path, stop=lambda: next(asked) > 7)
    assert list(tmp_path.glob("*/stack-*.safetensors"))
    resumed = predict_part(ours, features, *part, tmp_path)
    assert np.array_equal(held.by_epoch, resumed.by_epoch)  # type: ignore[arg-type]
