"""The `import` back end: detections of another tool, read from a keypoint file by frame index."""

from __future__ import annotations

import numpy as np

from data.errors import DataError
from data.keypoints import read_keypoints
from extractors.base import Source
from extractors.pose.detections import Detections


class KeypointFile:
    """The people of every frame of a video, whose record names the file; `size` is (width, height) of the detections.

    Raises DataError: no keypoint file belongs to this video, or it cannot be used.
    """

    def __init__(self, source: Source, min_score: float, size: tuple[int, int]) -> None:
        path = source.record.sidecars.get("keypoints")
        if path is None:
            fix = "Name its folder (pose.import.dir) and the file like the video: docs/extend/keypoints.md"
            raise DataError("no keypoint file belongs to this video", where=source.record.name, fix=fix)
        name, full_size = source.record.id.rpartition("/")[2], (source.info.width, source.info.height)
        stem = name if source.record.frames else name.rpartition(".")[0] or name
        self._content = read_keypoints(path, stem, full_size, len(source.times))
        self._min_score, self._scale = min_score, np.array([*np.array(size) / np.array(full_size), 1.0])
        self.joint_map: str = self._content.summary
        """Which of the file's joints became which of COCO's, in one line."""

    def people(self, frame: int) -> Detections:
        """The people of a frame by its index; joints that the file does not have are NaN with score 0."""
        people = self._content.frames[frame]
        detections = Detections.of(people.keypoints * self._scale, people.scores)
        return detections.take(detections.scores >= self._min_score)
