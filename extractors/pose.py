"""The `pose` stage: who the agents are and where their 17 joints lie, frame after frame.

People are found by a pose network (`pose_backends/`), looked for where they are expected (`people/search.py`), linked
over time (`people/tracking.py`), and the agents are chosen among them when the video has ended (`people/agents.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from data.store.arrays import StageOutput
from extractors.base import Extractor, Source, StageConfig
from extractors.pose_config import PoseConfig


class Pose(Extractor[PoseConfig]):
    """The stage; see the module's text."""

    name: ClassVar[str] = "pose"
    version: ClassVar[int] = 3
    Config: ClassVar[type[StageConfig]] = PoseConfig
    headline: ClassVar[tuple[str, ...]] = ("found_rate_all", "longest_gap_s", "swaps_suspected", "cuts")

    def __init__(self, config: PoseConfig) -> None:
        super().__init__(config)
        self._backend: Any = None

    @classmethod
    def identity(cls, config: PoseConfig) -> Mapping[str, str]:
        """Hashes of the weights in use.

        Raises:
            DataError: a file of weights that the configuration names is not there.
        """
        from extractors.pose_backends import weight_digests

        return weight_digests(config)

    @classmethod
    def work(cls, config: PoseConfig, frames: int) -> int:
        """Frames in which people are looked for."""
        return -(-frames // config.stride)

    def extract(self, source: Source) -> StageOutput:
        """Find, follow and choose the people of one video.

        Raises:
            DataError: the network's weights are missing or damaged.
            VideoError: the stream is damaged.
        """
        from extractors.people.agents import choose
        from extractors.people.output import output
        from extractors.people.run import PoseRun
        from extractors.pose_backends import load_backend

        if self._backend is None:
            self._backend = load_backend(self.config)
        run = PoseRun(self._backend, self.config)
        run.add_all(source.frames(range(0, len(source.times), self.config.stride)))
        times: NDArray[np.float64] = np.array(run.times)
        choice = choose(run.tracker.tracks, run.shots, run.size, times, run.choice)
        return output(run, choice, (source.info.width, source.info.height))
