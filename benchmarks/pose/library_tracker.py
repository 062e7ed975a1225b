"""Trackers of the `trackers` library (Roboflow) in the place of the pose stage's own."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from extractors.keypoints import boxes_of, iou
from extractors.pose.detections import Detections
from extractors.pose.tracking import Track, Tracker

OURS = "ours"
STARTS = {"track_activation_threshold": 0.39, "high_conf_det_threshold": 0.39}
"""The square root of .15, the stage's new_score: the adapter gives the library square roots of scores."""

LOW = {f"minimum_iou_threshold_{name}_assoc": least for name, least in (("first", 0.05), ("second", 0.1))}
LIBRARY: dict[str, tuple[str, dict[str, Any]]] = {
    "ByteTrack": ("ByteTrackTracker", STARTS),
    "ByteTrack, GIoU": ("ByteTrackTracker", {**STARTS, "iou": ("GIoU",), "minimum_iou_threshold": -0.3}),
    "OC-SORT": ("OCSORTTracker", {"high_conf_det_threshold": 0.0}),
    "OC-SORT, BIoU": (
        "OCSORTTracker",
        {"high_conf_det_threshold": 0.0, "iou": ("BIoU", 0.3), "minimum_iou_threshold": 0.1},
    ),
    "C-BIoU": ("CBIoUTracker", STARTS),
    "C-BIoU, low": ("CBIoUTracker", {**STARTS, **LOW, "minimum_iou_threshold_unconfirmed_assoc": 0.05}),
}
"""Class and settings by name of the row; what is left out has the library's default. The second row of each class is
the best on the tuning cases of a few overlap measures and thresholds."""


def make_tracker(name: str, new_score: float, max_missing_s: float, max_step: float) -> Any:
    """The tracker of a row; the further arguments are those of the stage's own."""
    if name == OURS:
        return Tracker(new_score, max_missing_s, max_step)
    import trackers

    kind, settings = LIBRARY[name]
    settings = {"lost_track_buffer": round(30 * max_missing_s), "minimum_consecutive_frames": 1, **settings}
    if "iou" in settings:
        settings["iou"] = getattr(trackers, settings["iou"][0])(*settings["iou"][1:])
    return LibraryTracker(getattr(trackers, kind)(**settings), new_score, max_missing_s)


class LibraryTracker:
    """Has the interface of `extractors.pose.tracking.Tracker`; the library sees boxes around the joints.

    Args:
        library: a tracker of the library, such as `trackers.ByteTrackTracker`. Its scores are square roots of the
            network's: the library drops boxes scored below .1, and the network's scores of faint people are.
        new_score: a person scored below this begins no track.
        max_missing_s: seconds after which a track is no longer active.
    """

    def __init__(self, library: Any, new_score: float, max_missing_s: float) -> None:
        self.library, self.new_score, self.max_missing_s = library, new_score, max_missing_s
        self.tracks: list[Track] = []
        self.active: list[Track] = []
        self._numbered: dict[int, Track] = {}
        self._unnumbered: list[Track] = []

    def begin(self, time: float, new_shot: bool) -> None:
        """Announce the next frame."""
        if new_shot:
            self.library.reset()
            self._numbered, self._unnumbered = {}, []
        self.active = [] if new_shot else [t for t in self.active if time - t.time <= self.max_missing_s]

    def match(self, time: float, detections: Detections) -> dict[int, Track]:
        """The track that each detection (by row) would continue; the library runs on a copy."""
        return self._owners(detections, _numbers(copy.deepcopy(self.library), time, detections))

    def update(self, frame: int, time: float, detections: Detections) -> None:
        """Give every detection of a frame to the track that the library names, or begin a track."""
        numbers = _numbers(self.library, time, detections)
        owners = self._owners(detections, numbers)
        self._unnumbered = []
        for row in range(len(detections)):
            track, score, number = owners.get(row), float(detections.scores[row]), numbers.get(row, -1)
            if track is None:
                if score < self.new_score:
                    continue
                track = Track(len(self.tracks))
                self.tracks.append(track)
                if number < 0:
                    self._unnumbered.append(track)
            if number >= 0:
                self._numbered[number] = track
            if not any(track is other for other in self.active):
                self.active.append(track)
            track.add(frame, time, detections.keypoints[row], score)

    def _owners(self, detections: Detections, numbers: dict[int, int]) -> dict[int, Track]:
        """The library numbers a track at its second detection: the first is the newest one that overlaps most."""
        owners = {row: self._numbered[number] for row, number in numbers.items() if number in self._numbered}
        rows = [row for row, number in numbers.items() if number >= 0 and row not in owners]
        if rows and self._unnumbered:
            newest = np.stack([track.keypoints[-1] for track in self._unnumbered])
            overlap = iou(boxes_of(detections.keypoints[rows]), boxes_of(newest))
            for _ in range(min(overlap.shape)):
                row, column = np.unravel_index(int(overlap.argmax()), overlap.shape)
                if overlap[row, column] <= 0:
                    break
                owners[rows[row]] = self._unnumbered[column]
                overlap[row], overlap[:, column] = 0, 0
        return owners


def _numbers(library: Any, time: float, detections: Detections) -> dict[int, int]:
    """The library's number of each detection (by row), -1 for none."""
    import supervision

    boxes = np.nan_to_num(boxes_of(detections.keypoints)).astype(np.float64).reshape(-1, 4)
    given = supervision.Detections(
        xyxy=boxes,
        confidence=np.sqrt(detections.scores.astype(np.float64)),
        data={"row": np.arange(len(boxes))},
    )
    taken = library.update(given, timestamp=time)
    return {int(row): int(number) for row, number in zip(taken.data.get("row", ()), taken.tracker_id, strict=False)}
