"""A `timesteps` stage that needs no other stage: brightness over time, for tests of scoring from video to page."""

from __future__ import annotations

import numpy as np

from data.store.arrays import Array, StageOutput
from extractors.base import Extractor, Source, StageConfig, setting


class ToyTimestepsConfig(StageConfig):
    """The settings that the scorer asks for."""

    steps: int = setting(4, "time steps", ge=1)
    primary: str = setting("toy:0", "role")
    secondary: tuple[str, ...] = setting(("toy:1",), "roles")


class ToyTimesteps(Extractor[ToyTimestepsConfig]):
    """Primary: mean grey level of each step; secondary: its square; scene: both and a constant."""

    name, version, Config = "timesteps", 1, ToyTimestepsConfig

    def extract(self, source: Source) -> StageOutput:
        """The arrays of the real stage, small."""
        grey = np.array([frame.image.mean() for frame in source.frames(range(len(source.times)))], dtype=np.float64)
        steps = self.config.steps
        level = np.array([part.mean() for part in np.array_split(grey, steps)], dtype=np.float32)[:, None]  # (T, 1)
        edges = np.linspace(0, float(source.times[-1]), steps + 1)
        seen = np.ones(steps, dtype=bool)
        arrays = {
            "primary": Array(np.hstack([level, level**0.5]), ("step", "channel"), "1", names=("level", "root")),
            "primary_mask": Array(seen, ("step",), "1"),
            "secondary": Array((level**2)[:, None], ("step", "agent", "channel"), "1", names=("square",)),
            "secondary_mask": Array(seen[:, None], ("step", "agent"), "1"),
            "scene": Array(np.hstack([level, level**2, np.ones_like(level)]), ("step", "class"), "1"),
            "bounds": Array(np.stack([edges[:-1], edges[1:]], 1), ("step", "end"), "s"),
            "trial": Array(np.zeros(0, np.float32), ("figure",), "1"),
            "duration": Array(np.asarray(float(source.times[-1])), (), "s"),
        }
        return StageOutput(arrays, {"masked_steps_primary": 0.0, "masked_steps_secondary": 0.0})
