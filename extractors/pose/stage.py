"""The `pose` stage: who the agents are and where their 17 joints are, frame after frame.

From a frame to stored arrays: `search.py` gives views of the frame to a pose network (`backends/`) and gets detections
(`detections.py`); `tracking.py` links them over time; after the last frame `agents.py` chooses the agents among the
tracks, `cleaning.py` cleans their joints, and `output.py` fills the arrays.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from data.store.arrays import ArraySpec, StageOutput
from data.video.records import Record
from extractors.base import Extractor, Source, StageConfig
from extractors.keypoints import INTERPOLATED_SCORE
from extractors.pose.agents import TRACK_COLUMNS, Chooser
from extractors.pose.backends import identity, load_backend, networks
from extractors.pose.config import PoseConfig
from extractors.pose.output import output
from extractors.pose.search import Search
from extractors.pose.tracking import Tracker
from extractors.shots import ShotDetector


class Pose(Extractor[PoseConfig]):
    """People are detected, followed and chosen: up to `agents` people with 17 joints in every frame."""

    name: ClassVar[str] = "pose"
    version: ClassVar[int] = 4
    Config: ClassVar[type[StageConfig]] = PoseConfig
    arrays: ClassVar[Mapping[str, ArraySpec]] = {
        "time": ArraySpec(("frame",), "s", "presentation time from the first frame"),
        "keypoints": ArraySpec(
            ("frame", "agent", "joint", "xyc"),
            "px",
            "COCO-17 joints: x, y in pixels and score 0..1; x, y NaN and score 0 where there is no detection",
            ("x", "y", "score"),
        ),
        "boxes": ArraySpec(("frame", "agent", "xyxy"), "px", "box around the joints", ("x1", "y1", "x2", "y2")),
        "agent_score": ArraySpec(("frame", "agent"), "1", "the network's score of the person, 0 without detection"),
        "filled": ArraySpec(
            ("frame", "agent"), "1", f"true where joints are interpolated (their score is {INTERPOLATED_SCORE})"
        ),
        "size": ArraySpec(("side",), "px", "frame size", ("width", "height")),
        "frame_index": ArraySpec(("frame",), "1", "frame number in display order"),
        "cuts": ArraySpec(("cut",), "s", "first frame of every shot but the first"),
        "tracks": ArraySpec(("track", "figure"), "mixed", "everybody detected and why chosen or not", TRACK_COLUMNS),
    }
    seconds_per_unit: ClassVar[float] = 0.05
    headline: ClassVar[tuple[str, ...]] = ("found_rate_all", "longest_gap_s", "swaps_suspected", "cuts")

    _backend: Any = None

    @classmethod
    def identity(cls, config: PoseConfig) -> Mapping[str, str]:
        """Hashes of the weights in use; raises as `extractors.pose.backends.identity`."""
        return identity(config)

    @classmethod
    def fetch(cls, config: PoseConfig, progress: Callable[[str], None]) -> None:
        """Download the weights that rtmlib or mmpose name."""
        for network in networks(config).values():
            network.fetch(progress)

    @classmethod
    def sidecars(cls, config: PoseConfig, record: Record) -> Mapping[str, Path]:
        """The keypoint file of a video, for the import backend."""
        if config.backend != "import":
            return {}
        from data.keypoints import sidecar

        return sidecar(record, config.import_.dir)

    @classmethod
    def work(cls, config: PoseConfig, frames: int) -> int:
        """Frames in which people are detected."""
        return -(-frames // config.stride)

    def extract(self, source: Source) -> StageOutput:
        """Detect, track and choose the people of one video.

        Raises:
            DataError: the network's weights, or the video's keypoint file, are missing or damaged.
            VideoError: the stream is damaged.
        """
        import cv2

        from extractors.pose.backends.imported import KeypointFile

        config = self.config
        full_size = source.info.width, source.info.height
        factor = min(1.0, config.work_side / max(full_size))
        size = round(full_size[0] * factor), round(full_size[1] * factor)
        imported = KeypointFile(source, config.min_score, size) if config.backend == "import" else None
        if self._backend is None and not imported:
            self._backend = load_backend(config)
        shot_detector = ShotDetector(config.cut_threshold)
        tracker = Tracker(config.new_score, config.max_missing_s, config.max_step)
        search = Search(self._backend, config, tracker)
        chooser = Chooser(config.agents, size, config.tracks, config.region)
        taken = array("d")
        starts: list[int] = []
        for number, frame in enumerate(source.frames(range(0, len(source.times), config.stride))):
            image = frame.image
            if image.shape[1::-1] != size:
                image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
            new_shot = shot_detector.begins_shot(image)
            taken.append(frame.time)
            starts += [number] if new_shot else []
            tracker.begin(frame.time, new_shot)
            if imported:
                detections = imported.people(frame.index)
            else:
                shown = number + 1 - starts[-1]
                detections = search.detect(image, frame.time, chooser.followed(tracker.active, shown, taken), new_shot)
            tracker.update(number, frame.time, detections)
        times = np.array(taken)
        shots = list(pairwise([*starts, len(times)]))
        agents = chooser.choose(tracker.tracks, shots, times)
        tracker.forget()  # of all the people, only the agents are needed from here on
        scale = np.array(full_size) / np.array(size)
        values, quality = output(config, times, shots, agents, full_size, scale)
        quality["forwards_per_frame"] = round(search.forwards / max(len(times), 1), 2)
        return StageOutput.of(self.arrays, values, quality | ({"joint_map": imported.joint_map} if imported else {}))
