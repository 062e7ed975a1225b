"""What training keeps about its videos, and a training that dies in its calibration."""

from types import SimpleNamespace

import numpy as np
import pytest

from data.errors import Cancelled
from data.store.arrays import Array, StageOutput
from data.video import Labels, Record
from pipeline.cache.failure import Failure
from pipeline.score import TrainedModel, model_training, train_model
from pipeline.score.model_training import trained_movement
from pipeline.settings.config import load_config, validate
from pipeline.train.stack_training import StackTraining
from tests.helpers.made_features import made_features
from tests.helpers.made_outputs import pose_output
from tests.helpers.report_samples import keypoints

STEPS = StageOutput({"bounds": Array(np.array([(0.0, 1.0), (1.0, 2.0)]), ("step", "edge"), "s")}, {})


def test_movement_of_scored_training_videos_is_read_from_the_cache(monkeypatch):
    records = [Record("a.mp4", None, task="10 m", labels=Labels(70.0)), Record("unscored.mp4", None)]
    made = {"pose": pose_output(keypoints()), "timesteps": STEPS}
    lost = (
        SimpleNamespace(record=Record("lost.mp4", None, labels=Labels(1.0))),
        Failure("missing", "pose", "not computed yet"),
    )
    monkeypatch.setattr(
        model_training, "run", lambda *_, read: [*((SimpleNamespace(record=record), made) for record in records), lost]
    )
    cache = None
    (kept,) = trained_movement([], load_config(), cache)
    assert (kept.id, kept.task, kept.label) == ("a.mp4", "10 m", 70.0)
    assert {len(values) for _, _, values in kept.variables.items()} == {2}
    assert kept.variables.people[0]["knee"][0] == pytest.approx(180, abs=3)
    assert {(1, "trunk"), (None, "distance"), (None, "delay")} <= {
        (person, name) for person, name, _ in kept.variables.items()
    }


def test_a_training_that_dies_in_its_calibration_leaves_no_run_and_resumes(tmp_path, monkeypatch):
    features = made_features(12, channels=3, scene=4)
    config = validate({"train": {"networks": 1, "epochs": 3}, "model": {"width": 4, "regression_width": 4}})

    def dies(*_, **__):
        raise Cancelled

    with monkeypatch.context() as patch:
        patch.setattr("pipeline.score.model_training.calibrate", dies)
        with pytest.raises(Cancelled):
            train_model(features, config, tmp_path, None)
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoints"]
    monkeypatch.setattr(StackTraining, "epoch", None)  # the networks of the run are not trained again
    done = train_model(features, load_config(config, {"split.calibration_folds": 0}), tmp_path, None)
    assert TrainedModel.load(tmp_path).train_ids == done.train_ids
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"checkpoints", "model.json", "model.safetensors", "config.json", "sha256.json", "card.md"}
