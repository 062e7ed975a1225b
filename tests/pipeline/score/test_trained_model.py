"""Trained models: equal bytes after storage, a combination whose parts sum to the score, refused features, export."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from data.errors import UsageError
from pipeline.folds.combination import NETWORK, NETWORK_ALONE
from pipeline.score import TrainedModel, train_model
from pipeline.score.onnx_export import SHARE, export_onnx
from pipeline.settings.config import validate
from pipeline.systems.regressors import FOR_KNOWN_PEOPLE, UNSEEN_RIDGE
from pipeline.train.fit import torch_threads
from tests.helpers.made_features import stages
from tests.helpers.world import TRAINED

PARTS = ("score", "members", "step_scores", "attention", "other_share")
SMALL = {
    "model": {"width": 8, "regression_width": 4},
    "train": {"networks": 2, "epochs": 20, "switch_epochs": [8, 15, 20]},
}


@pytest.fixture
def new(world):
    """Planted performances that the model was not trained on."""
    return world.planted.take(range(TRAINED, TRAINED + 12))


def trained_on(features, folder, **settings):
    return train_model(features.take(range(TRAINED)), validate({**SMALL, **settings}), folder, None)


def test_the_score_is_the_mean_and_its_shares_sum_to_it(world, new):
    model = world.planted_bundle
    rule, share = model.combination, model.network_share
    assert rule.names == (NETWORK, *(one.name for one in FOR_KNOWN_PEOPLE))
    assert all(rule.tests[name].p < 0.05 for name in rule.used)
    made, alone = model.predict(new), replace(model, combination=NETWORK_ALONE).predict(new)
    scores = dict(zip(rule.names, [alone.score, *rule.others(new)], strict=True))
    assert np.allclose(made.score, np.mean([scores[name] for name in rule.used], axis=0))
    low = model.normaliser.score_range[0, 0]
    for one, other in ((made, made.other_share), (alone, 0)):
        assert np.allclose(one.members.mean(0), one.score)
        assert np.allclose(one.step_scores.sum(1) + other + low, one.score)
        assert np.allclose(one.attention.sum(-1), 1)
    assert np.allclose(made.step_scores, share * alone.step_scores)
    assert alone.other_share is None
    fitted = [combination.arrays()["regressions"].tobytes() for combination in model.calibration.combinations]
    assert len(set(fitted)) == len(fitted) > 1


def test_bits_survive_storage_and_depend_on_neither_company_nor_threads(world, new, tmp_path):
    model, before = world.planted_bundle, torch.get_num_threads()
    model.save(tmp_path)
    loaded = TrainedModel.load(tmp_path)
    whole, again = model.predict(new), loaded.predict(new)
    with torch_threads(2 if before == 1 else 1):
        alone = loaded.predict(new.take([5]))
    for name in PARTS:
        assert getattr(whole, name).tobytes() == getattr(again, name).tobytes()
    assert alone.score.tobytes() == whole.score[5:6].tobytes()
    assert (loaded.train_ids, loaded.recipe) == (model.train_ids, model.recipe)
    assert np.array_equal(loaded.train_labels, model.train_labels)
    kept, own = loaded.calibration, model.calibration
    assert kept.facts == own.facts
    assert kept.novelty.ratios(new) == own.novelty.ratios(new)
    for level, ends in own.intervals(new).items():
        assert ends.tobytes() == kept.intervals(new)[level].tobytes()


def test_bits_repeat_and_without_folds_all_systems_count(world, new, tmp_path):
    first, again = (trained_on(world.planted, tmp_path / name, split={"calibration_folds": 0}) for name in "ab")
    for name in PARTS:
        assert getattr(first.predict(new), name).tobytes() == getattr(again.predict(new), name).tobytes()
    assert first.calibration is None
    assert first.combination.used == first.combination.names
    assert first.combination.share(NETWORK) == pytest.approx(1 / 4)


def test_for_new_users_the_score_is_of_the_regression_and_users_stay_together(world, new, tmp_path):
    model = trained_on(world.planted, tmp_path, protocol="louo", split={"calibration_folds": 4})
    combination = TrainedModel.load(tmp_path).combination
    assert combination.description() == model.combination.description()
    assert combination.used == combination.names[1:] == (UNSEEN_RIDGE.name,)
    assert np.array_equal(model.predict(new).score, combination.others(new)[0])
    assert model.network_share == 0
    assert not model.explains
    with pytest.raises(UsageError, match=r"regressions alone, .*--set combined=false"):
        export_onnx(tmp_path, tmp_path / "model.onnx")
    learned = world.planted.take(range(TRAINED))
    subjects = np.array([record.groups["subject"] for record in learned.records])
    assert all(len(set(model.calibration.fold[subjects == name])) == 1 for name in set(subjects))


def test_other_features_are_refused_by_name(world, new):
    model = world.planted_bundle
    others = stages(pose={"backend": "mmpose", "long_side": 384}, timesteps={"count": 10}, extra={})
    with pytest.raises(UsageError) as caught:
        model.predict(replace(new, stages=others))
    assert 'pose.backend: "movenet" in the model, "mmpose" here' in str(caught.value)
    assert "extra: absent in the model, {" in str(caught.value)
    assert "long_side" not in str(caught.value)
    for features, said in (
        (replace(new, names={**new.names, "primary": tuple("abcde")}), "channel names of 'primary'"),
        (replace(new, scene=new.scene[..., :3]), "scene size: 8 in the model, 3 here"),
        (new.take([]), "no performance to score"),
    ):
        with pytest.raises(UsageError, match=said):
            model.predict(features)


def test_export_says_the_networks_share(world, tmp_path, monkeypatch):
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxscript")
    model = world.planted_bundle
    half = replace(model, combination=replace(model.combination, used=model.combination.names[:2]))
    monkeypatch.setattr(TrainedModel, "load", lambda _: half)
    done = export_onnx(world.planted_model, tmp_path / "model.onnx")
    assert "the network is 50% of this model's score" in done.text()
    stored = {entry.key: entry.value for entry in onnx.load(done.path).metadata_props}
    assert stored[SHARE] == "0.5"
