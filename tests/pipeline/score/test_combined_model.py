"""A model folder with a combination: chosen by held-out folds, equal bits after storage, export."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data.weights.quiet_openvino import openvino as ov
from models.chance_test import InnerTest
from pipeline.folds.combination import NETWORK, NETWORK_ALONE
from pipeline.score.model_card import FILE as CARD
from pipeline.score.model_training import train_model
from pipeline.score.onnx_export import SHARE, export_onnx
from pipeline.score.trained_model import TrainedModel
from pipeline.settings.config import Config, load_config, validate
from pipeline.systems.regressors import FOR_NEW_USERS, REGRESSIONS
from pipeline.train.feature_set import FeatureSet
from tests.helpers.made_features import made_features

ROWS = range(48)


def config_of(**sections: Any) -> Config:
    recipe = {"networks": 2, "epochs": 20, "switch_epochs": [8, 15, 20]}
    model = {"width": 8, "regression_width": 4}
    return validate({"model": model, "train": recipe, **sections})


def train_on(features: FeatureSet, folder: Path, config: Config | None = None, folds: int = 4) -> TrainedModel:
    settings = load_config(config or config_of(), {"split.calibration_folds": folds})
    return train_model(features, settings, folder, None)


@pytest.fixture(scope="module")
def features() -> FeatureSet:
    made = made_features(300, channels=5, scene=8, trial=6, noise=1.0)
    return replace(made, names={**made.names, "trial": tuple(f"descriptor_{i}" for i in range(6))})


@pytest.fixture(scope="module")
def trained(features: FeatureSet, tmp_path_factory: pytest.TempPathFactory) -> tuple[TrainedModel, Path]:
    folder = tmp_path_factory.mktemp("combined") / "run"
    return train_on(features.take(list(ROWS)), folder), folder


@pytest.fixture(scope="module")
def trained_for_new_users(features: FeatureSet, tmp_path_factory: pytest.TempPathFactory) -> tuple[TrainedModel, Path]:
    folder = tmp_path_factory.mktemp("louo") / "run"
    return train_on(features.take(list(ROWS)), folder, config_of(protocol="louo")), folder


def test_the_score_is_the_mean_and_its_shares_sum_to_it(
    trained: tuple[TrainedModel, Path], features: FeatureSet
) -> None:
    done, folder = trained
    bundle = TrainedModel.load(folder)
    rule = bundle.combination
    assert rule.names == (NETWORK, *(one.name for one in REGRESSIONS))
    share = bundle.network_share
    new = features.take(range(48, 60))
    made, alone = bundle.predict(new), replace(bundle, combination=NETWORK_ALONE).predict(new)
    scores = dict(zip(rule.names, [alone.score, *rule.others(new)], strict=True))
    assert np.allclose(made.score, np.mean([scores[name] for name in rule.used], axis=0))
    assert np.allclose(made.members.mean(0), made.score)
    assert made.other_share is not None
    low = bundle.normaliser.score_range[0, 0]
    assert np.allclose(made.step_scores.sum(1) + made.other_share + low, made.score)
    assert np.allclose(made.step_scores, share * alone.step_scores)
    assert alone.other_share is None
    assert done.calibration is not None
    assert done.combination.description() == rule.description()
    assert {name for name, test in rule.tests.items() if test.p < 0.05} <= set(rule.used)
    assert "the score is the mean of: " in (folder / CARD).read_text()
    fitted = [one.arrays() for one in done.calibration.combinations]
    assert len({one["regressions"].tobytes() for one in fitted}) == len(fitted) > 1


def test_steps_say_something_where_the_network_is_better_than_chance(trained: tuple[TrainedModel, Path]) -> None:
    model = TrainedModel.load(trained[1])
    alone = replace(model.combination, used=(NETWORK,))
    for p, explains in ((0.01, True), (0.3, False)):
        tested = replace(alone, tests={**alone.tests, NETWORK: InnerTest(0.1, p)})
        assert replace(model, combination=tested).explains is explains
    assert not replace(model, combination=replace(alone, used=alone.names[1:])).explains


def test_bits_repeat_and_survive_storage(
    trained: tuple[TrainedModel, Path], features: FeatureSet, tmp_path: Path
) -> None:
    _, folder = trained
    train_on(features.take(list(ROWS)), tmp_path / "again")
    new = features.take(range(48, 60))
    first, again = TrainedModel.load(folder), TrainedModel.load(tmp_path / "again")
    for name in ("score", "members", "step_scores", "other_share"):
        assert getattr(first.predict(new), name).tobytes() == getattr(again.predict(new), name).tobytes()
    assert first.calibration is not None
    assert again.calibration is not None
    for level, ends in first.calibration.intervals(new).items():
        assert ends is not None or level == 0.95
        assert np.array_equal(ends, again.calibration.intervals(new)[level])
    single = np.concatenate([first.predict(new.take([i])).score for i in range(len(new))])
    assert single.tobytes() == first.predict(new).score.tobytes()


def test_without_folds_all_systems_count(features: FeatureSet, tmp_path: Path) -> None:
    done = train_on(features.take(list(ROWS)), tmp_path, folds=0)
    combination = TrainedModel.load(tmp_path).combination
    assert done.calibration is None
    assert combination.used == combination.names
    assert combination.share(NETWORK) == pytest.approx(1 / 5)


def test_new_users_have_one_more_candidate_and_users_stay_together(
    trained_for_new_users: tuple[TrainedModel, Path], features: FeatureSet
) -> None:
    done, folder = trained_for_new_users
    combination = TrainedModel.load(folder).combination
    assert combination.names[-1] == FOR_NEW_USERS.name
    assert bool(combination.ranks) == (len(combination.used) > 1), "several are averaged as ranks"
    assert done.calibration is not None
    own = done.predict(features.take(list(ROWS))).step_scores
    assert 0 < done.network_share < 1
    assert np.allclose(done.calibration.steps, own)
    subjects = [record.groups["subject"] for record in features.records[:48]]
    assert all(len(set(done.calibration.fold[[s == name for s in subjects]])) == 1 for name in set(subjects))


def test_export_holds_the_network_and_says_its_share(
    trained: tuple[TrainedModel, Path], features: FeatureSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxscript")
    _, folder = trained
    whole = TrainedModel.load(folder)
    half = replace(whole.combination, used=whole.combination.names[:2], ranks={})
    state = {name: values[:1] for name, values in whole.networks.state.items()}
    whole = replace(whole, combination=half, networks=replace(whole.networks, state=state))
    monkeypatch.setattr(TrainedModel, "load", lambda run: whole)
    done = export_onnx(folder, tmp_path / "model.onnx")
    assert "the network is 50% of this model's score" in done.text()
    stored = {entry.key: entry.value for entry in onnx.load(done.path).metadata_props}
    assert stored[SHARE] == "0.5"
    net = ov.Core().compile_model(str(done.path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    new = features.take(range(48, 60))
    truth = replace(whole, combination=NETWORK_ALONE).predict(new)
    made = net({key: np.asarray(getattr(new, key), dtype=np.float32) for key in done.inputs})
    for output in ("score", "members", "step_scores"):
        np.testing.assert_allclose(made[output], getattr(truth, output), rtol=1e-3, atol=1e-3)
