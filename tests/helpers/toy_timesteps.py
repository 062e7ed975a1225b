"""A `timesteps` stage that needs no other stage: brightness over time, for tests of scoring from video to page."""

import numpy as np

from data.store import StageOutput
from extractors.base import Extractor
from extractors.timesteps.stage import Timesteps, TimestepsConfig


class ToyTimesteps(Extractor[TimestepsConfig]):
    """Primary: mean grey level of each step; secondary: its square; scene: both and a constant. Presets load."""

    name, version, Config = "timesteps", 1, TimestepsConfig
    arrays, reads_of = Timesteps.arrays, Timesteps.reads_of
    clock = "step"

    def extract(self, source):
        """The arrays of the real stage, from the mean grey levels of the frames."""
        steps = self.config.steps
        grey = np.array([frame.image.mean() for frame in source.frames(range(len(source.times)))], dtype=np.float64)
        level = np.array([part.mean() for part in np.array_split(grey, steps)], dtype=np.float32)[:, None]  # (T, 1)
        edges = np.linspace(0, float(source.times[-1]), steps + 1)
        mask = np.ones(steps, dtype=bool)
        values = {
            "primary": np.hstack([level, level**0.5]),
            "primary_mask": mask,
            "secondary": (level**2)[:, None],
            "secondary_mask": mask[:, None],
            "scene": np.hstack([level, level**2, np.ones_like(level)]),
            "bounds": np.stack([edges[:-1], edges[1:]], 1),
            "trial": np.zeros(0, np.float32),
            "duration": np.asarray(float(source.times[-1])),
        }
        names = {"primary": ("level", "root"), "secondary": ("square",)}
        quality = {"masked_steps_primary": 0.0, "masked_steps_secondary": 0.0}
        return StageOutput.of(self.arrays, values, quality, names)
