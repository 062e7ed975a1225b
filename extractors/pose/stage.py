"""The `pose` stage: who the agents are and where their 17 joints are, frame after frame.

From a frame to stored arrays: `search.py` gives views of the frame to a pose network (`backends/`) and gets detections
(`detections.py`); `tracking.py` links them over time; after the last frame `agents.py` chooses the agents among the
tracks, `cleaning.py` cleans their joints, and `output` fills the arrays.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise, product
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from data.store.arrays import ArraySpec, Floats, StageOutput
from data.video.records import Record
from extractors.base import Extractor, Source, StageConfig
from extractors.keypoints import INTERPOLATED_SCORE, boxes_of, in_blocks
from extractors.pose.agents import TRACK_COLUMNS, Agents, Chooser, rival, suspected_switches
from extractors.pose.backends import identity, load_backend, networks
from extractors.pose.cleaning import clean_poses
from extractors.pose.config import PoseConfig
from extractors.pose.search import Search
from extractors.pose.tracking import Tracker
from extractors.shots import ShotDetector
from extractors.signals import row_period


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
    def reads_of(cls, config: PoseConfig, record: Record) -> Mapping[str, Path]:
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
        tracker.tracks, tracker.active = [], []  # of all the people, only the agents are needed from here on
        scale = np.array(full_size) / np.array(size)
        values, quality = output(config, times, shots, agents, full_size, scale)
        quality["forwards_per_frame"] = round(search.forwards / max(len(times), 1), 2)
        return StageOutput.of(self.arrays, values, quality | ({"joint_map": imported.joint_map} if imported else {}))


def output(
    config: PoseConfig,
    times: Floats,
    shots: Sequence[tuple[int, int]],
    agents: Agents,
    full_size: tuple[int, int],
    scale: Floats,
) -> tuple[dict[str, NDArray[Any]], dict[str, float | int | str]]:
    """Values of the stage's arrays, in pixels of the video, and the quality values that follow from them.

    Args:
        times: (N,) seconds of every processed frame.
        shots: first frame and one past the last frame of every shot, by position in `times`.
        full_size: (width, height) of the video in pixels.
        scale: (2,) pixels of the video per pixel in which people were tracked.
    """
    count = config.agents
    keypoints = np.full((len(times), count, 17, 3), np.nan, dtype=np.float32)
    keypoints[..., 2] = 0
    scores = np.zeros((len(times), count))
    for ((start, stop), chains), agent in product(zip(shots, agents.shots, strict=True), range(count)):
        rows = slice(start, stop)
        for track in chains[agent] if agent < len(chains) else ():
            frames, score = np.asarray(track.frames), np.asarray(track.scores)
            best = score > scores[frames, agent]
            keypoints[frames[best], agent], scores[frames[best], agent] = track.keypoints[best], score[best]
        cleaned = clean_poses(times[rows], keypoints[rows, agent], scores[rows, agent], config.cleaning)
        cleaned[~np.isfinite(cleaned[..., 0]), 2] = 0.0
        cleaned[..., :2] *= scale
        keypoints[rows, agent] = cleaned
    detected, cuts = scores > 0, times[[start for start, _ in shots[1:]]]
    interpolated = ~detected & np.isfinite(keypoints[..., 0]).any(axis=2)
    values: dict[str, NDArray[Any]] = {
        "time": times,
        "keypoints": keypoints,
        "boxes": np.stack([in_blocks(boxes_of, keypoints[:, agent]) for agent in range(count)], axis=1),
        "agent_score": scores.astype(np.float32),
        "filled": interpolated,
        "size": np.array(full_size, dtype=np.int32),
        "frame_index": np.arange(len(times), dtype=np.int32) * config.stride,
        "cuts": cuts,
        "tracks": agents.table,
    }
    # An agent that is never detected counts as missing in every frame.
    return values, {
        "found_rate": round(float(detected.mean()), 4),
        "found_rate_all": round(float(detected.all(axis=1).mean()), 4),
        "filled_rate": round(float(interpolated.mean()), 4),
        "mean_score": round(float(scores[detected].mean()) if detected.any() else 0.0, 4),
        "longest_gap_s": round(max(_longest_gap(one, times) for one in detected.T), 3),
        "swaps_suspected": sum(suspected_switches(shot) for shot in agents.shots),
        "cuts": len(cuts),
        "people_seen": len(agents.table),
        "rival": round(rival(agents.table), 4),
        "frames_per_s": round(config.stride / row_period(times), 3),
    }


def _longest_gap(detected: NDArray[np.bool_], times: Floats) -> float:
    """Seconds of the longest run of frames without detection."""
    period = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
    ends = np.concatenate([times[:1] - period, times[detected], times[-1:] + period])
    return max(float(np.diff(ends).max()) - period, 0.0)
