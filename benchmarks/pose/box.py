"""The pose stage as this benchmark sees it: frames and settings in, keypoints and cost out.

Only this file imports the stage and its network, so that the benchmark does not change with them.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.store.arrays import StageOutput
from data.video import Frame, VideoInfo
from data.video.records import Record
from data.weights import locate
from extractors.pose.backends.movenet import MoveNet
from extractors.pose.config import PoseConfig
from extractors.pose.stage import Pose

Image = NDArray[np.uint8]
Images = Sequence[Image] | Image
"""Frames in order: a list of them or (N, height, width, 3)."""

Network = MoveNet
"""What detects people: `detect(image)`."""

SETTINGS: dict[str, dict[str, Any]] = {
    "default": {},
    "whole frame, upright": {"rotations": "none"},
    "whole frame, four turns": {"rotations": "four"},
    "no further turns": {"weak_score": 0},
    "no close-ups": {"close_up_px": 0},
    "sides as detected": {"cleaning": {"fix_sides": False}},
    "no interpolation": {"cleaning": {"max_gap_s": 0}},
    "no smoothing": {"cleaning": {"smoothing_s": 0}},
    "smoothing .03 s": {"cleaning": {"smoothing_s": 0.03}},
    "search every .3 s": {"search_s": 0.3},
    "long side 320": {"long_side": 320},
}
"""The rows of the benchmark: settings of the stage by name."""


@dataclass
class Frames:
    """Frames in memory as the source of a stage: decoding is not part of the measured time.

    Attributes:
        images: (height, width, 3) uint8 RGB.
        times: (N,) seconds from the first frame.
    """

    images: Images
    times: NDArray[np.float64]
    name: str = "clip"
    upstream: dict[str, StageOutput] = field(default_factory=dict)

    def __post_init__(self) -> None:
        height, width = self.images[0].shape[:2]
        rate = 1 / float(np.median(np.diff(self.times))) if len(self.times) > 1 else 25.0
        self.info = VideoInfo(width, height, 0, "raw", rate)
        self.record = Record(id=self.name, path=Path(self.name))

    def frames(self, indices: Sequence[int] | None = None) -> Iterator[Frame]:
        """The frames at `indices`, or all."""
        wanted = range(len(self.images)) if indices is None else indices
        return iter([Frame(i, float(self.times[i]), self.images[i]) for i in wanted])


def run_stage(
    images: Images, times: NDArray[np.float64], settings: Mapping[str, Any]
) -> tuple[NDArray[np.float32], float, float]:
    """Run the pose stage on one clip.

    Args:
        images: the clip's frames, (height, width, 3) uint8 RGB.
        times: (N,) seconds.
        settings: of the stage; what is left out has its default.

    Returns:
        (N, A, 17, 3) keypoints in pixels and scores, NaN where a person is missing; CPU milliseconds a frame of one
        thread; forwards of the network a frame.
    """
    stage = Pose(PoseConfig(**settings))
    stage.extract(Frames(images[:3], times[:3]))  # compiles the network
    began = time.process_time()
    result = stage.extract(Frames(images, times))
    spent = 1000 * (time.process_time() - began) / len(images)
    keypoints = result.arrays["keypoints"].values.astype(np.float32)
    return keypoints, spent, float(result.quality["forwards_per_frame"])


def load_network(long_side: int) -> Network:
    """MoveNet MultiPose with inputs whose longer side is `long_side` pixels.

    Raises:
        DataError: the weights have not been downloaded.
    """
    return MoveNet(locate("movenet-multipose"), long_side=long_side)
