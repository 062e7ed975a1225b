"""The `pose` stage: the agents and their 17 joints in every frame; `__init__.py` lists the steps."""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from data.errors import DataError
from data.keypoints import Keypoints, read_keypoints
from data.stage_files import StageFiles
from data.store.arrays import ArraySpec, StageOutput
from data.video.records import Record
from data.weights.pose_networks import identity_of
from data.weights.registry import Announce
from extractors.base import Extractor, Source
from extractors.keypoint_geometry import INTERPOLATED_SCORE, boxes_of, in_blocks
from extractors.pose.backends import load_backend, networks
from extractors.pose.chosen_agents import TRACK_COLUMNS, choose_agents
from extractors.pose.cleaning import clean_poses
from extractors.pose.config import PoseConfig
from extractors.pose.detections import Detections
from extractors.pose.shot_people import People, people_of
from extractors.pose.views import Views
from extractors.shots import ShotDetector
from extractors.signals import longest_gap, row_period


class Pose(Extractor[PoseConfig]):
    """Detects people and chooses up to `agents` of them, with 17 joints in every frame."""

    name = "pose"
    version = 10
    Config = PoseConfig
    arrays: ClassVar[Mapping[str, ArraySpec]] = {
        "time": ArraySpec(("frame",), "s", "presentation time from the first frame"),
        "keypoints": ArraySpec(
            ("frame", "agent", "joint", "xyc"),
            "px",
            "COCO-17 joints: x, y in pixels and score 0..1; x, y NaN and score 0 where there is no detection",
            ("x", "y", "score"),
        ),
        "boxes": ArraySpec(("frame", "agent", "xyxy"), "px", "box around the joints", ("x1", "y1", "x2", "y2")),
        "agent_score": ArraySpec(("frame", "agent"), "1", "mean of the person's score over the views; 0: undetected"),
        "filled": ArraySpec(("frame", "agent"), "1", f"true where joints are interpolated, score {INTERPOLATED_SCORE}"),
        "size": ArraySpec(("side",), "px", "frame size", ("width", "height")),
        "frame_index": ArraySpec(("frame",), "1", "frame number in display order"),
        "cuts": ArraySpec(("cut",), "s", "first frame of every shot but the first"),
        "tracks": ArraySpec(("track", "figure"), "mixed", "all detected people and why chosen or not", TRACK_COLUMNS),
    }
    headline = ("found_rate_all", "longest_gap_s", "cuts")

    _backend: Any = None

    @classmethod
    def identity(cls, config: PoseConfig, files: StageFiles) -> Mapping[str, str]:
        """Hashes of the weights in use, and versions of their libraries; raises as `load_backend`."""
        if config.backend == "import":
            return {"layout": config.import_.layout} if config.import_.layout else {}
        return identity_of(networks(config, files)) or {"weights": files.digest(config.used_weights)}

    @classmethod
    def fetch(cls, config: PoseConfig, files: StageFiles, announce: Announce) -> None:
        """Download the weights that rtmlib or mmpose name."""
        for network in networks(config, files).values():
            network.fetch(announce)

    @classmethod
    def reads_of(cls, config: PoseConfig, record: Record, files: StageFiles) -> Mapping[str, Path]:
        """The keypoint files of a video, for the import backend."""
        found = files.keypoints(record, config.import_.dir) if config.backend == "import" else {}
        return {**found, **files.further_people(found.get("keypoints"), config.agents)}

    @classmethod
    def work(cls, config: PoseConfig, frames: int) -> int:
        """Number of frames for detection."""
        return -(-frames // config.stride)

    def extract(self, source: Source) -> StageOutput:
        """Detect, track and choose the people of one video.

        Raises DataError: weights or the keypoint file are missing or damaged; VideoError: the stream is damaged.
        """
        import cv2

        config = self.config
        size = source.info.width, source.info.height
        # Other than whole factors take 10 to 20 times as long. At least one pixel remains.
        factor = max(1, min(max(size) // config.work_side, min(size)))
        small = size[0] // factor, size[1] // factor
        imported = _imported(source, size, config.import_.layout) if config.backend == "import" else None
        scale = (1.0, 1.0, 1.0) if imported else (factor, factor, 1.0)
        if self._backend is None and not imported:
            self._backend = load_backend(config, self.files)
        people, views, used, cuts = People(scale), Views(self._backend, config.views, config.agents), 0, ShotDetector()
        video = VideoAgents(config, size, self.work(config, len(source.times)))
        for number, frame in enumerate(source.frames(range(0, len(source.times), config.stride))):
            whole = frame.image[: small[1] * factor, : small[0] * factor]
            image = np.asarray(cv2.resize(whole, small, interpolation=cv2.INTER_AREA), dtype=np.uint8)
            if cuts.begins_shot(image) and number:
                video.end_shot(people)
                people = People(scale)
            video.taken.append(frame.time)
            if imported:
                rows = imported.in_frame(frame.index)
                in_file = Detections(imported.points[rows], imported.scores[rows])
                of_frame = [in_file.best(config.min_score)]
            else:
                of_frame = views.of(image, number)
            people.add(number, of_frame)
            used += len(of_frame)
        video.end_shot(people)
        values, quality = video.output()
        quality |= {"views": round(used / len(video.taken), 3)} | ({"joint_map": imported.layout} if imported else {})
        return StageOutput.of(self.arrays, values, quality)


def _imported(source: Source, size: tuple[int, int], layout: str) -> Keypoints:
    """The keypoint file of a video whose pictures have this size (width, height); `layout` as in the settings."""
    if "keypoints" not in source.record.sidecars:
        fix = "Name its folder (pose.import.dir) and the file like the video"
        raise DataError("no keypoints file", where=source.record.name, fix=fix)
    of_video = partial(read_keypoints, video_stem=source.record.stem, size=size, frames=len(source.times))
    return source.opened("keypoints", partial(of_video, others=source.record.further("keypoints"), layout=layout))


class VideoAgents:
    """The agents of a video, shot after shot; `taken` has the seconds of the processed frames so far."""

    def __init__(self, config: PoseConfig, size: tuple[int, int], frames: int) -> None:
        self._config, self._size = config, size
        self.taken, self._starts, self._tables = array("d"), [0], [np.zeros((0, len(TRACK_COLUMNS)))]
        self._keypoints = np.empty((frames, config.agents, 17, 3), np.float32)
        self._scores = np.zeros(self._keypoints.shape[:2])

    def end_shot(self, people: People) -> None:
        """Choose and clean the agents of a shot that ends with the last frame taken."""
        config, times, start = self._config, np.array(self.taken), self._starts[-1]
        known, frames, size = sum(map(len, self._tables)), len(times) - start, self._size
        agents, table = choose_agents(people_of(people, times, config.min_score), frames, times, size, config, known)
        table[:, 0] = len(self._starts) - 1
        self._keypoints[start : len(times)] = np.nan, np.nan, 0
        for agent, person in enumerate(agents):
            self._scores[person.frames, agent] = person.scores
            rows = slice(person.frames[0], person.frames[-1] + 1)
            clean_poses(self._keypoints[rows, agent], times[rows], person, config.cleaning)
        self._tables.append(table)
        self._starts.append(len(times))

    def output(self) -> tuple[dict[str, NDArray[Any]], dict[str, float | int | str]]:
        """Values of the stage's arrays, and the quality values that follow from them."""
        times, cuts, table = np.array(self.taken), self._starts[1:-1], np.concatenate(self._tables)
        keypoints, scores = self._keypoints[: len(times)], self._scores[: len(times)]
        detected = scores > 0
        values: dict[str, NDArray[Any]] = {
            "time": times,
            "keypoints": keypoints,
            "boxes": np.stack([in_blocks(boxes_of, track) for track in keypoints.swapaxes(0, 1)], axis=1),
            "agent_score": scores.astype(np.float32),
            "filled": ~detected & np.isfinite(keypoints[..., 0]).any(axis=2),
            "size": np.array(self._size, dtype=np.int32),
            "frame_index": np.arange(len(times), dtype=np.int32) * self._config.stride,
            "cuts": times[cuts],
            "tracks": table,
        }
        *_, salience, agents_of_rows = table.T
        # An agent that is never detected counts as missing in every frame.
        return values, {
            "found_rate": round(float(detected.mean()), 4),
            "found_rate_all": round(float(detected.all(axis=1).mean()), 4),
            "mean_score": round(float(scores[detected].mean()) if detected.any() else 0.0, 4),
            "longest_gap_s": round(max(longest_gap(times, track) for track in detected.T), 3),
            "cuts": len(cuts),
            "rival": round(float(salience[agents_of_rows < 0].max(initial=0.0)), 4),
            "frames_per_s": round(self._config.stride / row_period(times), 3),
        }
