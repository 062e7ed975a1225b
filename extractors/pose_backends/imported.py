"""The `import` backend: people whose joints somebody else found, read from a file by frame index."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from data.errors import DataError
from data.keypoints import read_keypoints
from extractors.base import Source
from extractors.people.oks import JOINTS
from extractors.pose_backends.base import People

STAND_INS = (
    *((1, 0), (2, 0), (3, 1), (4, 2), (5, 6), (6, 5), (7, 5), (8, 6), (9, 7), (10, 8)),
    *((11, 12), (12, 11), (13, 11), (14, 12), (15, 13), (16, 14)),
)
"""Joints whose place is taken by another one's where a file does not have them."""


class Imported:
    """The people of every frame of one video.

    Args:
        source: the video; its record names the file (`sidecars["keypoints"]`).
        min_score: people below this are not returned.

    Raises:
        DataError: no keypoint file belongs to this video, or it cannot be used.
    """

    def __init__(self, source: Source, *, min_score: float = 0.0) -> None:
        path = source.record.sidecars.get("keypoints")
        if path is None:
            raise DataError(
                "no keypoint file belongs to this video",
                where=source.record.name,
                fix="Name its folder (pose.import.dir) and the file like the video: docs/extend/keypoints.md",
            )
        stem, size = source.record.id.rpartition("/")[2].rpartition("."), (source.info.width, source.info.height)
        self.min_score = min_score
        self.file = read_keypoints(path, stem[0] or stem[2], size, len(source.times))

    def at(self, frame: int) -> People:
        """The people of a frame by its index.

        A network gives every joint a place; so do these: joints without one are put on their neighbour in the body,
        with score 0. `hide` takes them out of what is stored.
        """
        found = self.file.frames[frame]
        points = found.keypoints.copy()
        for joint, neighbour in STAND_INS:
            gone = np.isnan(points[:, joint, 0])
            points[gone, joint, :2] = points[gone, neighbour, :2]
        for person in points:
            gone = np.isnan(person[:, 0])
            person[gone, :2] = person[~gone, :2].mean(axis=0)
        people = People.of(points, found.scores)
        return people.take(people.scores >= self.min_score)

    def hide(self, keypoints: NDArray[np.float32]) -> NDArray[np.float32]:
        """Keypoints (..., 17, 3) with NaN, NaN, 0 for the joints that the file does not have."""
        gone = (keypoints[..., 2] <= 0) | np.isin(JOINTS, self.file.missing)
        return np.where(gone[..., None], np.array([np.nan, np.nan, 0], dtype=np.float32), keypoints)

    def ids_at(self, frame: int) -> tuple[str, ...]:
        """The file's own names of these people, empty strings where it has none."""
        found = self.file.frames[frame]
        return tuple(name for name, score in zip(found.ids, found.scores, strict=True) if score >= self.min_score)
