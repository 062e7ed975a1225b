"""Which views of a frame the pose network is shown.

The network reads upright people well, and loses people who are upside down. So the whole frame is shown once, in the
quarter turn that is nearest to each followed person's orientation; the other quarter turns follow only where a person
is missing or faint. A person who is too small in the whole frame's input is shown in a square of their own.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from extractors.pose.backends.base import PoseBackend
from extractors.pose.config import PoseConfig
from extractors.pose.detections import Detections, Image, View
from extractors.pose.keypoints import centres_of
from extractors.pose.tracking import Track, Tracker

RETRY_S = 0.15
"""Seconds before quarter turns are tried again for a person whom none of them showed."""

MAX_TILT = np.radians(55)
"""Radians from upright that the network still reads well."""

CLOSE_UP = 2.2
"""Side of a close-up in body sizes."""


class Search:
    """Finds the people of each frame of one video.

    Attributes:
        forwards: how often the network ran.
    """

    def __init__(self, backend: PoseBackend, config: PoseConfig, tracker: Tracker) -> None:
        self.backend, self.config, self.tracker = backend, config, tracker
        self.forwards = 0
        self._searched = -np.inf
        self._retried: dict[int, float] = {}
        self._turns: dict[int, int] = {}

    def detect(self, image: Image, time: float, followed: Sequence[Track], new_shot: bool) -> Detections:
        """The people in `image` (H, W, 3) uint8 RGB, best first.

        Args:
            followed: tracks that may be agents, the likeliest first.
            new_shot: nobody of the frames before is in this one.
        """
        if self.config.rotations != "auto":
            turns = range(4) if self.config.rotations == "four" else (0,)
            return self._distinct([self._seen(image, View.whole(image, turn)) for turn in turns])
        wait = self.config.search_s if len(followed) >= self.config.agents else RETRY_S
        if new_shot or time - self._searched >= wait:
            self._searched = time
            views = {View.whole(image, turn): None for turn in range(4)}
        else:
            views = {}
        for track in followed:
            views[self._view(image, time, track, 0)] = None
        found = [self._seen(image, view) for view in views or (View.whole(image),)]
        people = self._distinct(found)
        for track in followed:
            if time - self._retried.get(track.number, -np.inf) < RETRY_S:
                continue
            for attempt in range(1, 4):
                if self._confident(time, people, track):
                    break
                view = self._view(image, time, track, attempt)
                if view not in views:
                    views[view] = None
                    people = self._distinct([people, self._seen(image, view)])
            else:
                if not self._confident(time, people, track):
                    self._retried[track.number] = time
        return people

    def _view(self, image: Image, time: float, track: Track, attempt: int) -> View:
        """Where to look for a person: first in the quarter turn that shows them nearest to upright.

        The turn of the frame before is kept as long as the person is within `MAX_TILT` of upright in it.
        """
        upright = np.cos(track.predicted_orientation(time) + np.arange(4) * np.pi / 2)
        last = self._turns.get(track.number)
        if last is not None and upright[last] >= np.cos(MAX_TILT):
            upright[last] = 2.0
        turns = int(np.argsort(-upright, kind="stable")[attempt])
        if not attempt:
            self._turns[track.number] = turns
        input_px = track.size * self.config.long_side / max(image.shape[:2])
        if input_px >= self.config.close_up_px:
            return View.whole(image, turns)
        centre = centres_of(track.predicted(time)[None])[0]
        return View.around(centre, CLOSE_UP * track.size, turns)

    def _confident(self, time: float, people: Detections, track: Track) -> bool:
        rows = [row for row, other in self.tracker.match(time, people).items() if other is track]
        return bool(rows) and float(people.scores[rows[0]]) >= self.config.weak_score

    def _seen(self, image: Image, view: View) -> Detections:
        """Detections of one view in frame pixels. A square cuts off people at its border: these are left out."""
        self.forwards += 1
        whole = view.width == image.shape[1] and view.height == image.shape[0]
        side = None if whole else self.config.close_up_side
        found = view.in_frame(self.backend.detect(view.draw(image), side))
        found = found.take(found.scores >= self.config.min_score)
        if whole or not len(found):
            return found
        middle = np.array([view.left + view.width / 2, view.top + view.height / 2])
        return found.take(np.linalg.norm(centres_of(found.keypoints) - middle, axis=1) < 0.35 * view.width)

    def _distinct(self, groups: Sequence[Detections]) -> Detections:
        return Detections.joined(groups).distinct()
