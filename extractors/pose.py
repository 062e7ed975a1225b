"""The `pose` stage: who the agents are and where their 17 joints lie, frame after frame.

People are found by a pose network (`pose_backends/`), looked for where they are expected (`people/search.py`), linked
over time (`people/tracking.py`), and the agents are chosen among them when the video has ended (`people/agents.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from data.arrays import StageOutput
from data.videos import Record
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
        """Hashes of the weights in use; raises as `extractors.pose_backends.identity`."""
        from extractors.pose_backends import identity

        return identity(config)

    @classmethod
    def fetch(cls, config: PoseConfig, progress: Callable[[str], None]) -> None:
        """Download the weights that rtmlib or mmpose name."""
        from extractors.pose_backends import networks

        for network in networks(config).values():
            network.fetch(progress)

    @classmethod
    def sidecars(cls, config: PoseConfig, record: Record) -> Mapping[str, Path]:
        """The keypoint file of a video, for the import backend."""
        if config.backend != "import":
            return {}
        from data.keypoints import find_keypoints

        found = None
        if config.import_.dir:
            found = find_keypoints(Path(config.import_.dir).expanduser(), record.id)
        elif record.path is not None:
            found = find_keypoints(record.path.parent, record.path.name)
        return {"keypoints": found} if found is not None else {}

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
        from extractors.pose_backends.imported import Imported

        imported = None
        if self.config.backend == "import":
            imported = self._backend = Imported(source, min_score=self.config.min_score)
        elif self._backend is None:
            self._backend = load_backend(self.config)
        run = PoseRun(self._backend, self.config)
        run.add_all(source.frames(range(0, len(source.times), self.config.stride)))
        times: NDArray[np.float64] = np.array(run.times)
        choice = choose(run.tracker.tracks, run.shots, run.size, times, run.choice)
        made = output(run, choice, (source.info.width, source.info.height))
        if imported is None:
            return made
        joints = made.arrays["keypoints"]
        joints = replace(joints, values=imported.hide(np.asarray(joints.values, dtype=np.float32)))
        quality = {**made.quality, "joint_map": imported.file.summary}
        return StageOutput({**made.arrays, "keypoints": joints}, quality)
