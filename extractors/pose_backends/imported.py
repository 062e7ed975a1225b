"""The `import` backend: people whose joints somebody else found, read from a file by frame index."""

from __future__ import annotations

from data.errors import DataError
from data.keypoints import read_keypoints
from extractors.base import Source
from extractors.pose_backends.base import People


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
        """The people of a frame by its index: joints that the file does not have are NaN with score 0."""
        found = self.file.frames[frame]
        people = People.of(found.keypoints, found.scores)
        return people.take(people.scores >= self.min_score)

    def ids_at(self, frame: int) -> tuple[str, ...]:
        """The file's own names of these people, empty strings where it has none."""
        found = self.file.frames[frame]
        return tuple(name for name, score in zip(found.ids, found.scores, strict=True) if score >= self.min_score)
