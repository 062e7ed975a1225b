"""The views of a frame for a pose network, rotated by quarter turns as necessary."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from data.video import Picture
from extractors.pose.backends import PoseBackend
from extractors.pose.detections import Detections

CLEAR_SCORE, CLEAR_TILT = 0.4, 60.0
"""A person is clear in a view with at least this score and a trunk within so many degrees of upright. Chosen among
.3 to .6 and 30 to 80 on the even halves of real people (docs/benchmarks.md)."""

SECOND_LOOK = 4  # every so many frames, a second view detects people whom the first one misses


class Views:
    """Detects the people in the frames of a shot.

    A frame gets further views, up to `most`, until all the best people are detected clearly. The first view is rotated
    for the best person of the previous frame, each further view for the best person of the last view. A person upside
    down beside a clear one is missed in the first view, so every fourth frame has two views.
    """

    def __init__(self, backend: PoseBackend, most: int, people: int) -> None:
        self._backend, self._most, self._people = backend, most, people
        self._turns = 0  # clockwise quarter turns in which the best person of the last frame is upright

    def of(self, image: Picture, frame: int) -> list[Detections]:
        """The detections in each view of the frame with this number, in pixels of the frame."""
        height, width = image.shape[:2]
        views, turns, best = dict[int, Detections](), self._turns, 0.0
        while True:
            seen = self._backend.detect(np.ascontiguousarray(np.rot90(image, -turns)))
            views[turns] = turned_back(seen, turns, width, height)
            tilts, upright = tilts_of(seen), turns
            if len(seen):
                upright = (turns - round(tilts[0] / 90)) % 4
                if seen.scores[0] > best:
                    best, self._turns = seen.scores[0], upright
            clear = (seen.scores >= CLEAR_SCORE) & (abs(tilts) < CLEAR_TILT)
            enough = clear[: self._people].sum() == self._people and (frame % SECOND_LOOK or len(views) > 1)
            if enough or len(views) == min(self._most, self._backend.max_views):
                return [*views.values()]
            others = ((frame + frame // SECOND_LOOK + further) % 4 for further in range(4))  # also in second views
            turns = next(turn for turn in (upright, *others) if turn not in views)


def tilts_of(people: Detections) -> NDArray[np.floating]:
    """(P,) degrees of the trunks' clockwise rotation from upright, -180 to 180."""
    x, y = np.moveaxis(people.keypoints[:, 5:7, :2].mean(axis=1) - people.keypoints[:, 11:13, :2].mean(axis=1), -1, 0)
    return np.asarray(np.degrees(np.arctan2(x, -y)))


def turned_back(people: Detections, turns: int, width: int, height: int) -> Detections:
    """Detections of a view rotated by clockwise quarter turns, in pixels of its frame (width, height)."""
    x, y, score = np.moveaxis(people.keypoints, -1, 0)
    places = ((x, y), (y, height - x), (width - x, height - y), (width - y, x))[turns]
    return Detections(np.stack([*places, score], axis=-1), people.scores)
