"""A run folder with a combination: weights from held-out folds, equal bits after storage, export."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data.weights.quiet_openvino import openvino as ov
from pipeline.score.export import export_onnx
from pipeline.score.model_card import FILE as CARD
from pipeline.score.model_training import train_model
from pipeline.score.trained_model import TrainedModel
from pipeline.settings.config import Config, validate
from pipeline.systems.combination import NETWORK, REGRESSIONS
from pipeline.train.features import FeatureSet
from tests.helpers.made_features import made_features

ROWS = range(48)


def config_of(**sections: Any) -> Config:
    recipe = {"runs": 2, "epochs": 20, "switch_epochs": [8, 15, 20]}
    model = {"system": "combined", "width": 8, "regression_width": 4}
    return validate({"model": model, "train": recipe, **sections})


def train_on(features: FeatureSet, folder: Path, config: Config | None = None, folds: int = 4) -> TrainedModel:
    settings = config or config_of()
    return train_model(features, settings, folder, None, folds=folds)


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


def test_the_score_is_the_weighted_mean_and_its_shares_sum_to_it(
    trained: tuple[TrainedModel, Path], features: FeatureSet
) -> None:
    done, folder = trained
    bundle = TrainedModel.load(folder)
    assert bundle.combination is not None
    assert bundle.combination.names == (NETWORK, *REGRESSIONS)
    weights = bundle.combination.weights
    assert weights.sum() == pytest.approx(1)
    assert weights.min() >= 0
    new = features.take(range(48, 60))
    made, alone = bundle.predict(new), replace(bundle, combination=None).predict(new)
    others = bundle.combination.others(new)
    assert np.allclose(made.score, weights[0] * alone.score + weights[1:] @ others)
    assert np.allclose(made.members.mean(0), made.score)
    assert made.other_share is not None
    low = bundle.normaliser.score_range[0, 0]
    assert np.allclose(made.step_scores.sum(1) + made.other_share + low, made.score)
    assert np.allclose(made.step_scores, weights[0] * alone.step_scores)
    assert alone.other_share is None
    assert done.calibration is not None
    held_out = done.calibration.facts["combination"]
    assert list(held_out["weights"].values()) == weights.tolist()
    assert set(held_out["figures"]) == {NETWORK, *REGRESSIONS, "combined"}
    assert "the score is a weighted mean: AIM" in (folder / CARD).read_text()
    fitted = [one.arrays() for one in done.calibration.networks.combinations]
    assert len({tuple(np.concatenate([v.ravel() for v in one.values()])) for one in fitted}) == len(fitted) > 1


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


def test_without_folds_all_weights_are_equal(features: FeatureSet, tmp_path: Path) -> None:
    done = train_on(features.take(list(ROWS)), tmp_path, folds=0)
    combination = TrainedModel.load(tmp_path).combination
    assert done.calibration is None
    assert combination is not None
    assert np.allclose(combination.weights, 1 / 6)


def test_new_users_have_more_candidates_and_users_stay_together(
    trained_for_new_users: tuple[TrainedModel, Path], features: FeatureSet
) -> None:
    done, folder = trained_for_new_users
    combination = TrainedModel.load(folder).combination
    assert combination is not None
    assert len(combination.names) == 10
    assert done.calibration is not None
    assert "users" in done.calibration.facts["combination"]["figures"][NETWORK]
    subjects = [record.groups["subject"] for record in features.records[:48]]
    assert all(len(set(done.calibration.fold[[s == name for s in subjects]])) == 1 for name in set(subjects))


@pytest.mark.parametrize("name", ["trained", "trained_for_new_users"])
def test_export_holds_the_whole_combination(
    features: FeatureSet, tmp_path: Path, name: str, request: pytest.FixtureRequest
) -> None:
    """The run for new users has two further kinds of regressions: ranks, and a second Gaussian process."""
    pytest.importorskip("onnxscript")
    _, folder = request.getfixturevalue(name)
    done = export_onnx(folder, tmp_path / "model.onnx")
    assert done.outputs["other_share"] == ["B"]
    net = ov.Core().compile_model(str(done.path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    new = features.take(range(48, 60))
    truth = TrainedModel.load(folder).predict(new)
    made = net({key: np.asarray(getattr(new, key), dtype=np.float32) for key in done.inputs})
    for output in ("score", "members", "step_scores", "other_share"):
        np.testing.assert_allclose(made[output], getattr(truth, output), rtol=1e-3, atol=1e-3)
    assert np.std(truth.score - truth.step_scores.sum(1)) > 1e-2, "the regressions change the score"
