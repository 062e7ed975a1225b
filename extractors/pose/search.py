"""Which views of a frame the pose network gets.

The network detects upright people well, and misses people who are upside down: docs/features.md has the order of views.
(Measured on composed clips of real people, `python -m benchmarks.pose`: docs/benchmarks.md.)
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from extractors.keypoints import centres_of, wrapped
from extractors.pose.backends import PoseBackend
from extractors.pose.config import PoseConfig
from extractors.pose.detections import Detections, Image, View
from extractors.pose.tracking import Track, Tracker

RETRY_S = 0.15  # seconds before quarter turns are tried again for a person who was detected in none of them
MAX_TILT = np.radians(55)  # radians from upright up to which the network still detects people well

CLOSE_UP, INNER = 2.2, 0.35
"""Side of a close-up in body sizes, and the share of it around its middle where its person's centre is."""


class Search:
    """Detects the people of each frame of one video; `forwards` counts how often the network ran."""

    def __init__(self, backend: PoseBackend, config: PoseConfig, tracker: Tracker) -> None:
        self.backend, self.config, self.tracker = backend, config, tracker
        self.forwards = 0
        self._searched = -np.inf
        self._retried: dict[int, float] = {}
        self._turns: dict[int, int] = {}

    def detect(self, image: Image, time: float, followed: Sequence[Track], new_shot: bool) -> Detections:
        """The people in `image` (H, W, 3) uint8 RGB, best first; `followed` may be agents, the likeliest first."""
        if self.config.rotations != "auto":
            turns = range(4) if self.config.rotations == "four" else (0,)
            return self._in_views(image, [View.whole(image, turn) for turn in turns])
        wait = self.config.search_s if len(followed) >= self.config.agents else RETRY_S
        views: list[View] = []
        if new_shot or time - self._searched >= wait:
            self._searched = time
            views = [View.whole(image, turn) for turn in range(4)]
        tried = {view.turns for view in views}
        for track in followed:
            view = self._first_view(image, time, track)
            if view.turns is None or view.turns not in tried:
                views.append(view)
                tried.add(view.turns)
        people = self._in_views(image, views or [View.whole(image)])
        for track in followed:
            people = self._retry(image, time, track, people, tried)
        return people

    def _retry(self, image: Image, time: float, track: Track, people: Detections, tried: set[int | None]) -> Detections:
        """Detections with those of further quarter turns, until the person of a track is among them with confidence."""
        if time - self._retried.get(track.number, -np.inf) < RETRY_S:
            return people
        for turn in [turn for turn in self._turns_by_tilt(time, track) if turn not in tried]:
            if self._confident(time, people, track):
                return people
            tried.add(turn)
            people = self._in_views(image, [View.whole(image, turn)], people)
        if not self._confident(time, people, track):
            self._retried[track.number] = time
        return people

    def _first_view(self, image: Image, time: float, track: Track) -> View:
        """The view for a person: the whole frame, or a close-up of a person who is small in its input.

        The quarter turn of the frame before is kept as long as the person is within `MAX_TILT` of upright in it.
        """
        angle, last = track.predicted_orientation(time), self._turns.get(track.number)
        if last is None or abs(wrapped(angle + last * np.pi / 2)) > MAX_TILT:
            self._turns[track.number] = self._turns_by_tilt(time, track)[0]
        if track.size * self.config.long_side / max(image.shape[:2]) >= self.config.close_up_px:
            return View.whole(image, self._turns[track.number])
        centre = centres_of(track.predicted(time)[None])[0]
        return View.around(centre, CLOSE_UP * track.size, angle, self.config.close_up_side)

    def _turns_by_tilt(self, time: float, track: Track) -> list[int]:
        """Quarter turns of the whole frame, the one that shows the person nearest to upright first."""
        upright = np.cos(track.predicted_orientation(time) + np.arange(4) * np.pi / 2)
        return [int(turn) for turn in np.argsort(-upright, kind="stable")]

    def _confident(self, time: float, people: Detections, track: Track) -> bool:
        rows = [row for row, other in self.tracker.match(time, people).items() if other is track]
        return bool(rows) and float(people.scores[rows[0]]) >= self.config.weak_score

    def _in_views(self, image: Image, views: Sequence[View], *before: Detections) -> Detections:
        """Each person of `before` and of several views once, in frame pixels."""
        return Detections.joined([*before, *(self.in_view(image, view) for view in views)]).distinct()

    def in_view(self, image: Image, view: View) -> Detections:
        """Detections of one view in frame pixels. A square cuts off people at its border: these are left out."""
        self.forwards += 1
        side = None if view.turns is not None else self.config.close_up_side
        people = self.backend.detect(view.draw(image), side)
        if side and len(people):
            middle = np.array(view.size) / 2
            people = people.take(np.linalg.norm(centres_of(people.keypoints) - middle, axis=1) < INNER * side)
        return view.in_frame(people)
