"""What a run keeps of its training videos."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from data.store.arrays import Array, StageOutput
from data.video import Labels, Record
from pipeline.score import trained_movement
from tests.helpers.report_samples import keypoints, pose_output

STEPS = StageOutput({"bounds": Array(np.array([(0.0, 1.0), (1.0, 2.0)]), ("step", "edge"), "s")}, {})


def plan(name: str, labels: Labels | None) -> Any:
    """A plan of two stages, as the planner gives it with its quality values."""
    record = Record(name, None, task="10 m", labels=labels)
    return SimpleNamespace(record=record, keys=lambda: {"pose": "p", "timesteps": "t"}), {}


class TwoOutputs:
    """A cache that has lost the outputs of one video."""

    def read(self, stage: str, video: str, key: str) -> Any:
        """The output of a stage."""
        if video == "lost.mp4":
            raise FileNotFoundError
        assert key == stage[0]
        return SimpleNamespace(output=pose_output(keypoints()) if stage == "pose" else STEPS)


def test_movement_of_scored_training_videos_is_read_from_the_cache() -> None:
    plans = [plan("a.mp4", Labels(70.0)), plan("lost.mp4", Labels(1.0)), plan("unscored.mp4", None)]
    cache: Any = TwoOutputs()
    (kept,) = trained_movement(cache, plans)
    assert (kept.id, kept.task, kept.label) == ("a.mp4", "10 m", 70.0)
    assert {len(values) for values in kept.figures.values()} == {2}
    assert kept.figures["0.knee"][0] == pytest.approx(180, abs=3)
    assert {"1.trunk", "pair.distance", "pair.delay"} <= set(kept.figures)
