"""Trained models: a saved one scores the same after loading, and refuses features of other settings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from data.errors import DataError, UsageError
from data.video import Labels
from models.aim_config import AimConfig
from pipeline.score.trained_model import TrainedModel
from pipeline.settings.recipes import TrainConfig
from pipeline.train.feature_set import FeatureSet
from tests.helpers.made_features import made_features, stages


@pytest.fixture(scope="module")
def features() -> FeatureSet:
    return made_features(24, channels=5, scene=6)


@pytest.fixture(scope="module")
def run(features: FeatureSet) -> TrainedModel:
    return TrainedModel.fit(
        features,
        TrainConfig(networks=3, epochs=4),
        AimConfig(width=8, regression_width=4, multi_task=True),
    )


def test_shapes_and_sums(run: TrainedModel, features: FeatureSet) -> None:
    out = run.predict(features)
    assert out.score.shape == (24,)
    assert out.members.shape == (3, 24)
    assert out.step_scores.shape == (24, 10)
    assert out.attention.shape == (24, 10, 2)
    assert out.execution is not None
    assert out.synchronisation is not None
    assert np.allclose(out.attention.sum(-1), 1)
    assert np.allclose(out.members.mean(0), out.score)
    low = run.normaliser.score_range[0, 0]
    assert np.allclose(out.step_scores.sum(1) + low, out.score)


def test_a_head_without_labels_predicts_nothing(features: FeatureSet, tmp_path: Path) -> None:
    """A set in the layout of TASD-2 may have no parts of the score; the model folder still loads and scores."""
    records = tuple(replace(record, labels=Labels(float(i))) for i, record in enumerate(features.records))
    unlabelled = replace(features, records=records)
    TrainedModel.fit(unlabelled, TrainConfig(networks=2, epochs=2), AimConfig(width=8, multi_task=True)).save(tmp_path)
    out = TrainedModel.load(tmp_path).predict(unlabelled)
    assert np.isfinite(out.score).all()
    assert (out.execution, out.synchronisation) == (None, None)


def test_saved_and_loaded_score_the_same_bytes(run: TrainedModel, features: FeatureSet, tmp_path: Path) -> None:
    before = run.predict(features)
    run.save(tmp_path / "model")
    loaded = TrainedModel.load(tmp_path / "model")
    after = loaded.predict(features)
    for name in ("score", "members", "step_scores", "attention", "execution"):
        assert getattr(before, name).tobytes() == getattr(after, name).tobytes()
    assert loaded.train_ids == run.train_ids
    assert loaded.recipe == run.recipe
    assert np.array_equal(loaded.train_labels, run.train_labels)


def test_a_score_does_not_depend_on_company_or_threads(run: TrainedModel, features: FeatureSet) -> None:
    bundle, before = run, torch.get_num_threads()
    whole = bundle.predict(features)
    try:
        torch.set_num_threads(2 if before == 1 else 1)
        alone = bundle.predict(features.take([5]))
    finally:
        torch.set_num_threads(before)
    assert alone.score.tobytes() == whole.score[5:6].tobytes()


def test_other_settings_are_refused_by_name(run: TrainedModel, features: FeatureSet) -> None:
    others = stages(pose={"backend": "mmpose", "long_side": 384}, timesteps={"count": 10}, extra={})
    with pytest.raises(UsageError) as caught:
        run.predict(replace(features, stages=others))
    message = str(caught.value)
    assert 'pose.backend: "movenet" in the model, "mmpose" here' in message
    assert "extra: absent in the model, {" in message
    assert "long_side" not in message


def test_other_channels_and_sizes_are_refused(run: TrainedModel, features: FeatureSet) -> None:
    names = {**features.names, "primary": tuple("abcde")}
    with pytest.raises(UsageError, match="channel names of 'primary'"):
        run.predict(replace(features, names=names))
    with pytest.raises(UsageError, match="scene size: 6 in the model, 3 here"):
        run.predict(replace(features, scene=features.scene[..., :3]))
    with pytest.raises(UsageError, match="no performance to score"):
        run.predict(features.take([]))


def test_a_training_that_dies_while_saving_leaves_no_mixture(
    run: TrainedModel, features: FeatureSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise new weights would score with the description of an earlier run, without an error."""
    run.save(tmp_path)
    other = TrainedModel.fit(
        features,
        TrainConfig(networks=3, epochs=2, seed=7),
        AimConfig(width=8, regression_width=4, multi_task=True),
    )

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pipeline.score.trained_model.write_text", die)
    with pytest.raises(KeyboardInterrupt):
        other.save(tmp_path)
    with pytest.raises(DataError, match="no trained model here"):
        TrainedModel.load(tmp_path)
