"""The pose stage as this benchmark runs it: frames and settings in, keypoints and cost out.

Only this file imports the stage and its network, so that the benchmark does not change with them.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from hashlib import blake2b
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.pose.second_pass import second_pass as refinement
from data.store.arrays import StageOutput
from data.video import Frame, VideoInfo
from data.video.records import Record
from data.weights import locate
from extractors.keypoints import MIRRORED, oks
from extractors.pose.backends import load_backend
from extractors.pose.backends.movenet import MoveNet
from extractors.pose.config import PoseConfig
from extractors.pose.detections import Detections
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
    "no search in four turns": {"search_s": 1000},
    "left and right as detected": {"cleaning": {"fix_sides": False}},
    "no interpolation": {"cleaning": {"max_gap_s": 0}},
    "no smoothing": {"cleaning": {"smoothing_s": 0}},
    "smoothing of .03 s": {"cleaning": {"smoothing_s": 0.03}},
    "input of 320 px": {"long_side": 320},
    "turn chosen anew in every frame": {"constants": {"extractors.pose.search.MAX_TILT": 0.0}},
    "low scores from as far": {"constants": {"extractors.pose.tracking.LOW_SCORE_REACH": 1.0}},
    "smoothing without outlier weights": {"constants": {"extractors.pose.cleaning.OUTLIER": 1e9}},
    "no rival followed": {"constants": {"extractors.pose.agents.RIVAL": 1.0}},
    "second pass over weak frames": {"second_pass": True},
    "mirrored view of every view": {"mirrored": True},
}
"""The rows of the benchmark: settings of the stage by name, or constants of its modules (`constants`).

Every row but the first three and the last two omits or changes one part of the stage. A part that gains less than .005
is removed. The last two add parts that the stage does not have: `second_pass.py`, and a mirrored copy of every view,
whose people are averaged with those of the view.
"""


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
        self.info = VideoInfo(width, height)
        self.record = Record(id=self.name, path=Path(self.name))

    def frames(self, indices: Sequence[int] | None = None) -> Iterator[Frame]:
        """The frames at `indices`, or all."""
        wanted = range(len(self.images)) if indices is None else indices
        return iter([Frame(i, float(self.times[i]), self.images[i]) for i in wanted])


class SharedForwards:
    """A pose network that computes each picture once, so that the rows of a case share its cost.

    Attributes:
        saved: CPU seconds of repeated outputs, which every row's cost includes.
    """

    def __init__(self) -> None:
        self.network: Any = None
        self.saved = 0.0
        self._answers: dict[tuple[object, ...], tuple[Any, float]] = {}

    def detect(self, image: Image, long_side: int | None = None) -> Any:
        """The people that the network detects in `image`."""
        key = (image.shape, blake2b(image.tobytes()).digest(), long_side or self.network.long_side)
        if key in self._answers:
            people, spent = self._answers[key]
            self.saved += spent
            return people
        began = time.process_time()
        people = self.network.detect(image, long_side)
        self._answers[key] = people, time.process_time() - began
        return people


class Mirrored:
    """A pose network that sees every view twice, the second time mirrored; joints and scores are averaged by score."""

    def __init__(self, network: SharedForwards) -> None:
        self.network = network

    def detect(self, image: Image, long_side: int | None = None) -> Detections:
        """The people of `image`: those of one picture alone as they are, those of both averaged."""
        people = self.network.detect(image, long_side)
        others = self.network.detect(np.ascontiguousarray(image[:, ::-1]), long_side)
        keypoints = others.keypoints[:, MIRRORED].copy()
        keypoints[..., 0] = image.shape[1] - keypoints[..., 0]
        others = Detections(keypoints, others.scores)
        alike = oks(people.keypoints, others.keypoints)
        free = set(range(len(others)))
        merged = [people.take([])]
        for row in range(len(people)):
            partner = max(free, key=lambda other: alike[row, other], default=None)
            one = people.take([row])
            if partner is not None and alike[row, partner] > 0.35:
                free.remove(partner)
                other = others.take([partner])
                weights = np.stack([one.keypoints[0, :, 2], other.keypoints[0, :, 2]])[..., None] + 1e-6
                poses = np.stack([one.keypoints[0], other.keypoints[0]])
                mean = (weights * poses).sum(axis=0) / weights.sum(axis=0)
                one = Detections.of(mean[None], (one.scores + other.scores) / 2)
            merged.append(one)
        return Detections.joined([*merged, others.take(sorted(free))])


@contextmanager
def constants(values: Mapping[str, float]) -> Iterator[None]:
    """Context in which constants of modules, by dotted name, have other values."""
    before = {}
    for name, value in values.items():
        module, _, constant = name.rpartition(".")
        before[name] = getattr(import_module(module), constant)
        setattr(import_module(module), constant, value)
    try:
        yield
    finally:
        for name, value in before.items():
            module, _, constant = name.rpartition(".")
            setattr(import_module(module), constant, value)


def run_stage(
    images: Images, times: NDArray[np.float64], settings: Mapping[str, Any], shared: SharedForwards | None = None
) -> tuple[NDArray[np.float32], float, float]:
    """Run the pose stage on one clip.

    Args:
        images: the clip's frames, (height, width, 3) uint8 RGB.
        times: (N,) seconds.
        settings: of the stage, and `constants`; what is left out has its default.
        shared: answers of the network to the same clip under other settings.

    Returns:
        (N, A, 17, 3) keypoints in pixels and scores, NaN where a person is missing; CPU milliseconds a frame of one
        thread; forwards of the network a frame.
    """
    shared = shared or SharedForwards()
    changed = dict(settings)
    twice, mirrored = changed.pop("second_pass", False), changed.pop("mirrored", False)
    with constants(changed.pop("constants", {})):
        config = PoseConfig(**changed)
        stage = Pose(config)
        shared.network = load_backend(config)
        shared.network.detect(images[0])  # compiles the network
        stage._backend = Mirrored(shared) if mirrored else shared
        began, saved = time.process_time(), shared.saved
        with refinement(images, shared, config) if twice else nullcontext():
            result = stage.extract(Frames(images, times))
        spent = time.process_time() - began + shared.saved - saved
    keypoints = result.arrays["keypoints"].values.astype(np.float32)
    return keypoints, 1000 * spent / len(images), float(result.quality["forwards_per_frame"])


def load_network(long_side: int) -> Network:
    """MoveNet MultiPose with inputs whose longer side is `long_side` pixels.

    Raises:
        DataError: the weights have not been downloaded.
    """
    return MoveNet(locate("movenet-multipose"), long_side=long_side)
