"""What training keeps about its videos, and a training that dies in its calibration."""

from types import SimpleNamespace

import numpy as np
import pytest

from data.store.arrays import Array, StageOutput
from data.video import Labels, Record
from pipeline.cache.failure import Failure
from pipeline.score import model_training
from pipeline.score.model_training import trained_movement
from pipeline.settings.config import load_config
from tests.helpers.made_outputs import pose_output
from tests.helpers.report_samples import keypoints

STEPS = StageOutput({"bounds": Array(np.array([(0.0, 1.0), (1.0, 2.0)]), ("step", "edge"), "s")}, {})


def test_movement_of_training_videos_is_read_from_the_cache(monkeypatch):
    record = Record("a.mp4", None)
    made = {"pose": pose_output(keypoints()), "timesteps": STEPS}
    lost = (
        SimpleNamespace(record=Record("lost.mp4", None, labels=Labels(1.0))),
        Failure("missing", "pose", "not computed yet"),
    )
    monkeypatch.setattr(model_training, "run", lambda *_, read: [(SimpleNamespace(record=record), made), lost])
    cache = None
    ((read, steps),) = trained_movement([], load_config(), cache)
    assert read is record
    assert {len(values) for _, _, values in steps.items()} == {2}
    assert steps.people[0]["knee"][0] == pytest.approx(180, abs=3)
    assert {(1, "trunk"), (None, "distance"), (None, "delay")} <= {(person, name) for person, name, _ in steps.items()}
